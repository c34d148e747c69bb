//! What is tried again, and how soon.
//!
//! Times between tries are drawn from all that is below their bound ("full jitter"), so that
//! requests that failed together do not come back together.

use std::time::Duration;

use crate::hedge;
use crate::outlier::Statuses;
use crate::rng::Rng;
use crate::time::{Span, nanos};

/// What a configuration says of retries, as far as it concerns the whole pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Retries per million requests.
    pub budget_ppm: u64,
    /// The statuses that are tried again.
    pub statuses: Statuses,
    /// Bound of the time before the second try; it doubles with each further one. Zero: at once.
    pub backoff: Duration,
    /// The longest such bound, and the longest `Retry-After` that is waited for.
    pub max_wait: Duration,
    /// A second try beside the first, if there is one.
    pub hedge: Option<hedge::Settings>,
}

impl Settings {
    /// Retries within a budget, at once, of no status, and no hedges.
    #[must_use]
    pub fn at_once(budget_ppm: u64) -> Self {
        Self {
            budget_ppm,
            statuses: Statuses::default(),
            backoff: Duration::ZERO,
            max_wait: Duration::ZERO,
            hedge: None,
        }
    }

    /// How long to wait after try `attempt`, whose endpoint asked for so much; `None` if that is
    /// more than anybody waits for.
    #[must_use]
    pub fn pause(&self, attempt: u8, asked: Span, rng: &mut Rng) -> Option<Span> {
        let most = Span::of(self.max_wait);
        if asked > most {
            return None;
        }
        let doublings = u32::from(attempt.saturating_sub(1)).min(31);
        let bound_ns = nanos(self.backoff).saturating_mul(1 << doublings);
        let drawn_ns = match bound_ns.min(most.0) {
            0 => 0,
            bound_ns => rng.below(bound_ns),
        };
        Some(Span(asked.0 + drawn_ns))
    }
}

/// What a request is tried again for, as bits: a plan has no room for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct On(u8);

impl On {
    /// A failed dial.
    pub const CONNECT: Self = Self(1);
    /// A connection lost before the head.
    pub const RESET: Self = Self(1 << 1);
    /// A status among the pool's.
    pub const STATUS: Self = Self(1 << 2);
    /// All of it, even if the method is not idempotent and the endpoint may have acted.
    pub const ANY_METHOD: Self = Self(1 << 3);
    /// A try that is late: for that beside it, and only if the method is idempotent.
    pub const HEDGE: Self = Self(1 << 4);
    /// That as well, where it is a quantile that makes a try late: how long heads take is learned.
    pub const QUANTILE: Self = Self(1 << 5);

    /// A failed dial, and a connection lost before the head.
    pub const FAILURES: Self = Self::CONNECT.and(Self::RESET);

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// It without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of `other` is among it.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    const MS: Duration = Duration::from_millis(1);

    fn settings() -> Settings {
        Settings {
            backoff: MS * 25,
            max_wait: MS * 80,
            ..Settings::at_once(0)
        }
    }

    /// The bound doubles up to its limit, all below it is drawn, and half of it on average.
    #[test]
    fn pauses_are_drawn_below_a_bound_that_doubles() {
        let mut rng = Stream::new(1, "pause").at(0);
        for (attempt, bound_ms) in [(1, 25), (2, 50), (3, 80), (4, 80), (255, 80)] {
            let mut draw = || settings().pause(attempt, Span(0), &mut rng).unwrap().0;
            let drawn: Vec<u64> = (0..4000).map(|_| draw()).collect();
            let bound_ns = bound_ms * 1_000_000;
            assert!(drawn.iter().all(|ns| *ns < bound_ns), "{attempt}");
            let mean = drawn.iter().sum::<u64>() as f64 / 4000.0 / bound_ns as f64;
            // Five standard deviations of a mean of 4,000.
            assert!((mean - 0.5).abs() < 0.023, "{attempt}: {mean}");
        }
    }

    #[test]
    fn what_an_endpoint_asks_for_is_the_least_and_has_a_most() {
        let mut rng = Stream::new(1, "asked").at(0);
        let asked = Span::of(MS * 80);
        let pause = settings().pause(1, asked, &mut rng).unwrap();
        assert!((asked.0..asked.0 + nanos(MS * 25)).contains(&pause.0));
        assert_eq!(settings().pause(1, Span(asked.0 + 1), &mut rng), None);
    }

    /// Whoever waits for nothing draws nothing: what is drawn later stays as it was.
    #[test]
    fn at_once_is_no_draw() {
        let mut rng = Stream::new(1, "none").at(0);
        let before = rng;
        let pause = Settings::at_once(0).pause(3, Span(0), &mut rng);
        assert_eq!((pause, rng), (Some(Span(0)), before));
    }
}
