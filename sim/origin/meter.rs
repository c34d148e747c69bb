//! An origin's load over the measured window, in integer sums.

use evenkeel_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::presence::Presence;

/// What an origin carried in the measured window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Load {
    /// Time in which a process computed, summed over the processes.
    pub busy_ns: u128,
    /// How many jobs were there, and how long.
    pub presence: Presence,
    /// The measured window times the number of processes: `busy_ns` over it is the utilisation.
    pub capacity_ns: u128,
}

/// Integrates the two step functions of a [`Load`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    from: u64,
    until: u64,
    last: u64,
    busy: u32,
    in_flight: u32,
    load: Load,
}

impl Meter {
    pub(super) fn new(from: Timestamp, until: Timestamp, workers: u16) -> Self {
        let window_ns = until.0.saturating_sub(from.0);
        let load = Load {
            capacity_ns: u128::from(window_ns) * u128::from(workers),
            presence: Presence {
                window_ns,
                ..Presence::default()
            },
            ..Load::default()
        };
        Self {
            from: from.0,
            until: until.0.max(from.0),
            last: from.0,
            busy: 0,
            in_flight: 0,
            load,
        }
    }

    /// The numbers that hold from `now` on.
    pub(super) fn set(&mut self, now: Timestamp, busy: u32, in_flight: u32) {
        let now = now.0.clamp(self.from, self.until);
        let passed = u128::from(now.saturating_sub(self.last));
        self.load.busy_ns += passed * u128::from(self.busy);
        self.load.presence.in_flight_ns += passed * u128::from(self.in_flight);
        self.last = now.max(self.last);
        self.busy = busy;
        self.in_flight = in_flight;
    }

    /// A job is gone at `now` that was offered at `offered_ns`.
    pub(super) fn leave(&mut self, now: Timestamp, offered_ns: u64) {
        if self.from <= offered_ns && offered_ns < self.until {
            self.load.presence.stay_ns += u128::from(now.0.saturating_sub(offered_ns));
        }
    }

    /// The load up to `now`, or to the window's end if that is earlier.
    pub(super) fn read(mut self, now: Timestamp) -> Load {
        self.set(now, 0, 0);
        self.load
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn only_the_window_counts() {
        let mut meter = Meter::new(Timestamp(100), Timestamp(200), 2);
        meter.set(Timestamp(50), 1, 3);
        meter.set(Timestamp(120), 0, 1);
        meter.set(Timestamp(150), 2, 4);
        for (offered, left) in [(50, 120), (100, 150), (199, 300), (200, 300)] {
            meter.leave(Timestamp(left), offered);
        }
        let load = meter.read(Timestamp(900));
        assert_eq!(load.presence.stay_ns, 50 + 101);
        assert_eq!(load.busy_ns, 20 + 2 * 50);
        assert_eq!(load.presence.in_flight_ns, 3 * 20 + 30 + 4 * 50);
        assert_eq!((load.presence.window_ns, load.capacity_ns), (100, 200));
    }
}
