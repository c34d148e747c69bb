//! The retry budget by its definition: retries of ten seconds against requests of ten seconds.

use evenkeel_core::budget::{MINIMUM_PER_S, WINDOW_S};
use evenkeel_core::time::Timestamp;

const SECOND_NS: u64 = 1_000_000_000;

/// Requests and budgeted retries of the last ten whole or begun seconds.
#[derive(Debug, Default)]
pub(super) struct Window {
    second: u64,
    /// When that second is over, in nanoseconds, and where its slot is.
    until_ns: u64,
    current: usize,
    slots: [Slot; WINDOW_S as usize],
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) requests: u64,
    retries: u64,
}

impl Window {
    /// The current second's slot.
    #[inline]
    pub(super) fn now(&mut self, at: Timestamp) -> &mut Slot {
        if at.0 >= self.until_ns {
            self.slide(at.0 / SECOND_NS);
        }
        &mut self.slots[self.current]
    }

    #[cold]
    fn slide(&mut self, second: u64) {
        for gone in self.second + 1..=second.min(self.second + WINDOW_S) {
            self.slots[(gone % WINDOW_S) as usize] = Slot::default();
        }
        self.second = second;
        self.until_ns = (second + 1).saturating_mul(SECOND_NS);
        self.current = (second % WINDOW_S) as usize;
    }

    /// Counts a retry; whether it is within the budget.
    pub(super) fn retry(&mut self, at: Timestamp, budget_ppm: u64) -> bool {
        self.now(at).retries += 1;
        let requests: u64 = self.slots.iter().map(|slot| slot.requests).sum();
        let retries: u64 = self.slots.iter().map(|slot| slot.retries).sum();
        let share = u128::from(requests) * u128::from(budget_ppm) / 1_000_000;
        u128::from(retries) <= share.max(u128::from(MINIMUM_PER_S * WINDOW_S))
    }
}
