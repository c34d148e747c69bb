//! The date as rustls sees it: rustls wants a clock that threads may share, a world is none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// A date that whoever has a world sets before each handshake. Whole seconds are all that
/// certificates and tickets know.
#[derive(Debug, Default)]
pub(super) struct Clock(AtomicU64);

impl Clock {
    pub(super) fn set(&self, unix_now: Duration) {
        self.0.store(unix_now.as_secs(), Ordering::Relaxed);
    }

    pub(super) fn unix_s(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(
            self.unix_s(),
        )))
    }
}
