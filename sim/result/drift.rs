//! Whether latency has settled when measuring begins.
//!
//! The measured window is cut into twenty parts of equal length. Where the mean of the first two is
//! far from that of the last ten, as far as those differ among themselves, the run was not in its
//! steady state (batch means against a Geweke test: J. Geweke, "Evaluating the accuracy of
//! sampling-based approaches to the calculation of posterior moments", 1992).

use evenkeel_core::time::Timestamp;

/// Parts of the window, the first of them, and the last of them.
const PARTS: usize = 20;
const FIRST: usize = 2;
const LATER: usize = 10;

/// Parts with fewer requests say nothing.
const LEAST: u64 = 30;
/// Standard deviations of the later parts that chance alone does not explain.
const DEVIATIONS: f64 = 4.0;
/// The share of the later mean from which on a difference matters.
const SHARE: f64 = 0.1;

/// Mean latencies that differ beyond chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Drift {
    /// In the first tenth of the measured window, in milliseconds.
    pub first_ms: f64,
    /// In its second half, in milliseconds.
    pub later_ms: f64,
}

/// Latencies by the part of the window in which they ended.
#[derive(Clone, Debug)]
pub(super) struct Batches {
    from_ns: u64,
    length_ns: u64,
    /// Where the present part ends, and its place; those before and after the window count too.
    until_ns: u64,
    place: usize,
    parts: [Part; PARTS + 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Part {
    sum_ns: u128,
    count: u64,
}

impl Part {
    fn mean_ms(self) -> f64 {
        self.sum_ns as f64 / self.count as f64 / 1e6
    }
}

impl Batches {
    pub(super) fn new(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from_ns: from.0,
            length_ns: (until.0.saturating_sub(from.0) / PARTS as u64).max(1),
            until_ns: from.0,
            place: 0,
            parts: [Part::default(); PARTS + 2],
        }
    }

    /// Takes a latency that ended at `done`, which is never before the last one's.
    #[inline]
    pub(super) fn add(&mut self, done: Timestamp, latency_ns: u64) {
        if done.0 >= self.until_ns {
            self.turn(done);
        }
        let part = &mut self.parts[self.place];
        part.sum_ns += u128::from(latency_ns);
        part.count += 1;
    }

    #[cold]
    fn turn(&mut self, done: Timestamp) {
        let part = (done.0 - self.from_ns) / self.length_ns;
        (self.place, self.until_ns) = match usize::try_from(part) {
            Ok(part @ ..PARTS) => (part + 1, self.from_ns + (part as u64 + 1) * self.length_ns),
            _ => (PARTS + 1, u64::MAX),
        };
    }

    /// How latency changes, if it does.
    pub(super) fn drift(&self) -> Option<Drift> {
        let parts = &self.parts[1..=PARTS];
        if parts.iter().any(|part| part.count < LEAST) {
            return None;
        }
        let mean = |parts: &[Part]| {
            let means = parts.iter().map(|part| part.mean_ms());
            means.sum::<f64>() / parts.len() as f64
        };
        let (first, later) = (&parts[..FIRST], &parts[PARTS - LATER..]);
        let (first_ms, later_ms) = (mean(first), mean(later));
        let squares = later.iter().map(|part| {
            let off = part.mean_ms() - later_ms;
            off * off
        });
        let variance = squares.sum::<f64>() / (LATER - 1) as f64;
        // Parts that follow each other are not independent: the mean of two is taken for no surer
        // than one.
        let deviation = variance.sqrt();
        let off = (first_ms - later_ms).abs();
        (off > DEVIATIONS * deviation && off > SHARE * later_ms)
            .then_some(Drift { first_ms, later_ms })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// A request every 10 ms from the beginning to second 30, measured from second 10 on; each with
    /// the latency, in microseconds, that `law` gives for its time in seconds.
    fn drift(law: impl Fn(f64) -> f64) -> Option<Drift> {
        let mut batches = Batches::new(Timestamp(10 * S), Timestamp(30 * S));
        for n in 0..3_100 {
            let at = n * S / 100;
            // A little noise, so that parts differ.
            let noise = ((n * 7_919) % 101) as f64 - 50.0;
            let latency_us = law(at as f64 / S as f64) + noise;
            batches.add(Timestamp(at), (latency_us * 1e3) as u64);
        }
        batches.drift()
    }

    #[test]
    fn only_what_changes_within_the_window_is_drift() {
        assert_eq!(drift(|_| 5_000.0), None);
        let settled = |s: f64| if s < 9.0 { 900_000.0 } else { 5_000.0 };
        assert_eq!(drift(settled), None, "the warm-up is not looked at");
        let too_late = |s: f64| 5_000.0 + 20_000.0 * libm::exp((10.0 - s) / 2.0);
        let Drift { first_ms, later_ms } = drift(too_late).unwrap();
        assert!(first_ms > 15.0 && later_ms < 5.2, "{first_ms} {later_ms}");
        let growing = |s: f64| 1_000.0 * s;
        let Drift { first_ms, later_ms } = drift(growing).unwrap();
        assert!((first_ms - 11.0).abs() < 0.1 && (later_ms - 25.0).abs() < 0.1);
        let small = |s: f64| if s < 12.0 { 5_400.0 } else { 5_000.0 };
        assert_eq!(drift(small), None, "8 % do not matter");
    }

    #[test]
    fn what_few_requests_show_is_no_drift() {
        let mut batches = Batches::new(Timestamp(0), Timestamp(20 * S));
        for n in 0..580 {
            batches.add(Timestamp(n * 20 * S / 580), (n + 1) * 1_000);
        }
        assert_eq!(batches.drift(), None);
    }
}
