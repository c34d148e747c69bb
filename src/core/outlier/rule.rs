//! The rules that compare endpoints over a window.

use std::time::Duration;

use super::window::Window;
use super::{Cause, Settings};
use crate::endpoint::EndpointIndex;

/// Too many failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorRate {
    /// How far above the pool's median it may be, in parts per million.
    pub above_ppm: u32,
    /// Requests in the window that it takes to judge an endpoint.
    pub requests: u32,
}

/// Too few successes against the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessRate {
    /// How many standard deviations below the mean, in thousandths.
    pub deviations_milli: u32,
    /// Endpoints with enough requests that it takes to judge.
    pub endpoints: u32,
    /// Requests in the window that it takes to judge an endpoint.
    pub requests: u32,
}

/// Too slow against the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latency {
    /// How many times the pool's median, in thousandths.
    pub factor_milli: u32,
    /// And by how much more at least.
    pub least: Duration,
    /// Endpoints with enough requests that it takes to judge.
    pub endpoints: u32,
    /// Successes in the window that it takes to judge an endpoint.
    pub requests: u32,
}

/// What a window says of an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    endpoint: EndpointIndex,
    requests: u32,
    failures_ppm: u32,
    measured: u32,
    median: Duration,
}

impl Standing {
    pub(super) fn of(endpoint: EndpointIndex, window: &Window) -> Self {
        let share = u64::from(window.failures) * 1_000_000;
        Self {
            endpoint,
            requests: window.requests,
            failures_ppm: share.checked_div(u64::from(window.requests)).unwrap_or(0) as u32,
            measured: window.measured(),
            median: window.median(),
        }
    }
}

/// Who should be ejected and why, the worst first; each once.
pub(super) fn judge(settings: &Settings, all: &[Standing]) -> Vec<(EndpointIndex, Cause)> {
    let mut guilty = Vec::new();
    if let Some(rule) = &settings.error_rate {
        guilty.extend(rule.judge(all).into_iter().map(|e| (e, Cause::ErrorRate)));
    }
    if let Some(rule) = &settings.success_rate {
        guilty.extend(rule.judge(all).into_iter().map(|e| (e, Cause::SuccessRate)));
    }
    if let Some(rule) = &settings.latency {
        guilty.extend(rule.judge(all).into_iter().map(|e| (e, Cause::Latency)));
    }
    let mut seen = Vec::new();
    guilty.retain(|(endpoint, _)| {
        let first = !seen.contains(endpoint);
        seen.push(*endpoint);
        first
    });
    guilty
}

impl ErrorRate {
    fn judge(&self, all: &[Standing]) -> Vec<EndpointIndex> {
        let eligible = all.iter().filter(|s| s.requests >= self.requests.max(1));
        let mut rates: Vec<_> = eligible.map(|s| (s.failures_ppm, s.endpoint)).collect();
        rates.sort_unstable();
        // The lower one of two, so that one of two can be found bad.
        let Some((median, _)) = rates.get(rates.len().saturating_sub(1) / 2).copied() else {
            return Vec::new();
        };
        let bad = |(rate, _): &(u32, _)| *rate > 0 && rate - median >= self.above_ppm;
        let worst_first = rates
            .into_iter()
            .rev()
            .take_while(|r| r.0 >= median)
            .filter(bad);
        worst_first.map(|(_, endpoint)| endpoint).collect()
    }
}

impl SuccessRate {
    fn judge(&self, all: &[Standing]) -> Vec<EndpointIndex> {
        let eligible = all.iter().filter(|s| s.requests >= self.requests.max(1));
        let mut rates: Vec<_> = eligible.map(|s| (s.failures_ppm, s.endpoint)).collect();
        if rates.len() < self.endpoints.max(2) as usize {
            return Vec::new();
        }
        let n = rates.len() as f64;
        let sum: u64 = rates.iter().map(|(rate, _)| u64::from(*rate)).sum();
        let mean = sum as f64 / n;
        let square = |(rate, _): &(u32, _)| (f64::from(*rate) - mean) * (f64::from(*rate) - mean);
        let deviation = (rates.iter().map(square).sum::<f64>() / n).sqrt();
        let most = mean + deviation * f64::from(self.deviations_milli) / 1000.0;
        rates.retain(|(rate, _)| f64::from(*rate) > most);
        rates.sort_unstable();
        rates
            .into_iter()
            .rev()
            .map(|(_, endpoint)| endpoint)
            .collect()
    }
}

impl Latency {
    fn judge(&self, all: &[Standing]) -> Vec<EndpointIndex> {
        let eligible = all.iter().filter(|s| s.measured >= self.requests.max(1));
        let mut medians: Vec<_> = eligible.map(|s| (s.median, s.endpoint)).collect();
        if medians.len() < self.endpoints.max(2) as usize {
            return Vec::new();
        }
        medians.sort_unstable();
        let usual = medians[(medians.len() - 1) / 2].0;
        let bound = (usual * self.factor_milli / 1000).max(usual + self.least);
        medians.retain(|(median, _)| *median > bound);
        medians
            .into_iter()
            .rev()
            .map(|(_, endpoint)| endpoint)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests, failures of them, and the time to the first byte in milliseconds.
    type Row = (u32, u32, u64);

    fn standings(rows: &[Row]) -> Vec<Standing> {
        let standing = |(slot, (requests, failures, median_ms)): (u32, &Row)| {
            let mut window = Window::new(true);
            for n in 0..*requests {
                window.count(n < *failures, Some(Duration::from_millis(*median_ms)));
            }
            Standing::of(
                EndpointIndex {
                    slot,
                    generation: 0,
                },
                &window,
            )
        };
        (0..).zip(rows).map(standing).collect()
    }

    fn slots(found: &[EndpointIndex]) -> Vec<u32> {
        found.iter().map(|e| e.slot).collect()
    }

    /// `bad` of `n` endpoints answer `failures` of 1,000 requests with errors, the rest `usual`.
    fn pool(n: usize, bad: usize, failures: u32, usual: u32) -> Vec<Standing> {
        let row = |at: usize| (1_000, if at < bad { failures } else { usual }, 10);
        standings(&(0..n).map(row).collect::<Vec<_>>())
    }

    #[test]
    fn errors_above_the_median() {
        let rule = ErrorRate {
            above_ppm: 200_000,
            requests: 20,
        };
        let cases: [(&str, Vec<Standing>, &[u32]); 7] = [
            ("one of ten", pool(10, 1, 300, 0), &[0]),
            (
                "three of ten, which deviations cannot find",
                pool(10, 3, 300, 0),
                &[2, 1, 0],
            ),
            ("all alike", pool(10, 0, 0, 300), &[]),
            ("one of two", pool(2, 1, 300, 0), &[0]),
            ("not by enough", pool(10, 1, 300, 101), &[]),
            (
                "the worst first",
                standings(&[(100, 40, 1), (100, 90, 1), (100, 0, 1)]),
                &[1],
            ),
            (
                "too few requests",
                standings(&[(19, 19, 1), (100, 0, 1)]),
                &[],
            ),
        ];
        for (name, all, expected) in cases {
            assert_eq!(slots(&rule.judge(&all)), expected, "{name}");
        }
        let three = standings(&[(100, 40, 1), (100, 90, 1), (100, 0, 1), (100, 0, 1)]);
        assert_eq!(slots(&rule.judge(&three)), [1, 0]);
        assert_eq!(rule.judge(&[]), []);
    }

    /// k of n equal outliers deviate by the root of (n - k) / k, however bad they are.
    #[test]
    fn envoys_rule_is_blind_from_a_share_on() {
        let rule = SuccessRate {
            deviations_milli: 1900,
            endpoints: 5,
            requests: 100,
        };
        for n in 5..40 {
            for k in 1..n {
                let reachable = 100 * (n - k) > 361 * k;
                let found = rule.judge(&pool(n, k, 1_000, 0));
                assert_eq!(!found.is_empty(), reachable, "{k} of {n}");
            }
        }
        assert_eq!(rule.judge(&pool(4, 1, 1_000, 0)), [], "too few endpoints");
        assert_eq!(rule.judge(&pool(10, 0, 0, 17)), [], "all alike");
    }

    #[test]
    fn slower_than_the_others() {
        let rule = Latency {
            factor_milli: 3_000,
            least: Duration::from_millis(20),
            endpoints: 3,
            requests: 10,
        };
        let cases: [(&str, &[Row], &[u32]); 6] = [
            (
                "one of three",
                &[(50, 0, 10), (50, 0, 100), (50, 0, 11)],
                &[1],
            ),
            (
                "all alike",
                &[(50, 0, 100), (50, 0, 100), (50, 0, 100)],
                &[],
            ),
            ("not by enough", &[(50, 0, 1), (50, 0, 15), (50, 0, 1)], &[]),
            ("too few endpoints", &[(50, 0, 1), (50, 0, 900)], &[]),
            (
                "too few requests",
                &[(50, 0, 1), (9, 0, 900), (50, 0, 1), (50, 0, 1)],
                &[],
            ),
            (
                "errors are not slow",
                &[(50, 0, 1), (50, 45, 900), (50, 0, 1), (50, 0, 1)],
                &[],
            ),
        ];
        for (name, rows, expected) in cases {
            assert_eq!(slots(&rule.judge(&standings(rows))), expected, "{name}");
        }
    }
}
