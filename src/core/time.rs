//! Time as the core sees it: a number that a shell passes in.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// Nanoseconds since the world began: since the start of the process, or of the simulation.
///
/// Arithmetic saturates, so that "never" ([`Timestamp::MAX`]) stays never.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The beginning of the world.
    pub const ZERO: Self = Self(0);
    /// Never: later than every deadline.
    pub const MAX: Self = Self(u64::MAX);

    /// The time from `earlier` to `self`; zero if `earlier` is the later one.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time in nanoseconds, at most 584 years: what a deadline is made of. To add one is
/// one instruction, where a [`Duration`] has to be multiplied out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub u64);

impl Span {
    /// Longer than every wait: a deadline made of it is never.
    pub const MAX: Self = Self(u64::MAX);

    /// The same as a span, saturating.
    #[must_use]
    pub const fn of(duration: Duration) -> Self {
        Self(nanos(duration))
    }
}

impl Add<Span> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Span) -> Self {
        Self(self.0.saturating_add(rhs.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(nanos(rhs)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, rhs: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(rhs)))
    }
}

impl fmt::Display for Timestamp {
    /// Seconds with nine digits, such as `12.000345000s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}.{:09}s",
            self.0 / 1_000_000_000,
            self.0 % 1_000_000_000
        )
    }
}

/// A duration in nanoseconds, saturating after 584 years.
#[must_use]
pub const fn nanos(duration: Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(duration.subsec_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_stays_never() {
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp(5) + Span::MAX, Timestamp::MAX);
        assert_eq!(Span::of(Duration::MAX), Span::MAX);
        assert_eq!(Timestamp(5) - Duration::from_secs(1), Timestamp::ZERO);
        assert_eq!(Timestamp(5).since(Timestamp(9)), Duration::ZERO);
        assert_eq!(Timestamp(1_500_000_000).to_string(), "1.500000000s");
        assert_eq!(nanos(Duration::from_nanos(u64::MAX)), u64::MAX);
        assert_eq!(nanos(Duration::from_nanos(u64::MAX - 1)), u64::MAX - 1);
        assert_eq!(nanos(Duration::MAX), u64::MAX);
    }
}
