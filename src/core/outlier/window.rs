//! What is counted of an endpoint over one window. Its memory is taken when the endpoint is
//! configured, and counting takes constant time.

use std::time::Duration;

/// Parts of a power of two that latencies are told apart by: to 12.5 %.
const PARTS: u32 = 8;
/// Enough for 32 bits of microseconds, which is more than an hour.
const BUCKETS: usize = (30 * PARTS) as usize;

/// The counts of one window.
#[derive(Debug)]
pub(super) struct Window {
    pub(super) requests: u32,
    pub(super) failures: u32,
    /// First-byte times of successes, if they are measured.
    latency: Option<Box<[u32; BUCKETS]>>,
    measured: u32,
}

impl Window {
    pub(super) fn new(with_latency: bool) -> Self {
        let mut window = Self {
            requests: 0,
            failures: 0,
            latency: None,
            measured: 0,
        };
        window.measure(with_latency);
        window
    }

    /// Whether first-byte times are to be measured from now on.
    pub(super) fn measure(&mut self, with_latency: bool) {
        if with_latency != self.latency.is_some() {
            self.latency = with_latency.then(|| Box::new([0; BUCKETS]));
            self.measured = 0;
        }
    }

    pub(super) fn count(&mut self, failed: bool, first_byte: Option<Duration>) {
        self.requests = self.requests.saturating_add(1);
        self.failures = self.failures.saturating_add(u32::from(failed));
        if let (false, Some(first_byte), Some(latency)) = (failed, first_byte, &mut self.latency) {
            latency[bucket(first_byte)] += 1;
            self.measured = self.measured.saturating_add(1);
        }
    }

    pub(super) fn clear(&mut self) {
        self.requests = 0;
        self.failures = 0;
        self.measured = 0;
        if let Some(latency) = &mut self.latency {
            latency.fill(0);
        }
    }

    /// How many first-byte times were measured.
    pub(super) const fn measured(&self) -> u32 {
        self.measured
    }

    /// The lower median of the first-byte times, to 12.5 %; zero without any.
    pub(super) fn median(&self) -> Duration {
        let Some(latency) = &self.latency else {
            return Duration::ZERO;
        };
        let rank = self.measured.div_ceil(2);
        let mut seen = 0;
        let reached = latency.iter().position(|n| {
            seen += n;
            seen >= rank.max(1)
        });
        Duration::from_micros(reached.map_or(0, floor))
    }
}

fn bucket(time: Duration) -> usize {
    let us = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
    if us < PARTS {
        return us as usize;
    }
    let power = us.ilog2();
    let part = us >> (power - 3) & (PARTS - 1);
    ((power - 2) * PARTS + part) as usize
}

/// The least microseconds that are counted in `bucket`.
fn floor(bucket: usize) -> u64 {
    let (power, part) = (bucket as u64 / 8, bucket as u64 % 8);
    match power {
        0 => part,
        _ => (8 + part) << (power - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_median_is_an_eighth_low_at_most(
            times_us in prop::collection::vec(0_u64..10_000_000_000, 1..60),
        ) {
            let mut window = Window::new(true);
            for us in &times_us {
                window.count(false, Some(Duration::from_micros(*us)));
            }
            let mut sorted = times_us;
            sorted.sort_unstable();
            let exact = sorted[(sorted.len() - 1) / 2].min(u64::from(u32::MAX));
            let found = window.median().as_micros() as u64;
            prop_assert!(found <= exact && exact - found <= exact / 8, "{found} {exact}");
        }
    }

    #[test]
    fn failures_and_what_is_not_measured_have_no_latency() {
        let mut window = Window::new(true);
        window.count(true, Some(Duration::from_secs(9)));
        window.count(false, None);
        assert_eq!(
            (window.requests, window.failures, window.measured()),
            (2, 1, 0)
        );
        assert_eq!(window.median(), Duration::ZERO);
        window.count(false, Some(Duration::from_micros(7)));
        assert_eq!(window.median(), Duration::from_micros(7));
        window.clear();
        assert_eq!((window.requests, window.measured()), (0, 0));
    }
}
