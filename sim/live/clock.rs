//! The real clock of a live run: time since its beginning, as simulated time is.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a live run is what happens in real time"
)]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use evenkeel_core::time::{Timestamp, nanos};

/// A beginning, in whose time everything is told.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    zero: Instant,
    /// The date of the beginning, since 1970.
    date: Duration,
}

impl Clock {
    /// One that began so long ago.
    #[must_use]
    pub fn began(ago: Duration) -> Self {
        let now = Instant::now();
        let date = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            zero: now.checked_sub(ago).unwrap_or(now),
            date: date.unwrap_or_default().saturating_sub(ago),
        }
    }

    /// Since the beginning.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp(nanos(self.zero.elapsed()))
    }

    /// How long it is until `at`; nothing if that has passed.
    #[must_use]
    pub fn until(&self, at: Timestamp) -> Duration {
        at.since(self.now())
    }

    /// Lets time pass.
    pub fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    /// The date of the beginning, in microseconds since 1970.
    #[must_use]
    pub fn date_us(&self) -> i64 {
        i64::try_from(self.date.as_micros()).unwrap_or(i64::MAX)
    }
}
