//! What an engine tells policies that a proxy could never know.

use std::sync::{Arc, Mutex, PoisonError};

use evenkeel_core::time::Timestamp;

/// When each endpoint of a pool will have done all the work that it has now, by slot.
///
/// Shared between the engine, which writes, and a policy, which the pool owns. Both are on one
/// thread: the lock is never contended.
#[derive(Clone, Debug, Default)]
pub struct Board(Arc<Mutex<Vec<Timestamp>>>);

impl Board {
    /// The endpoint in `slot` has work until `until`.
    pub fn set(&self, slot: u32, until: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slot as usize;
        if all.len() <= slot {
            all.resize(slot + 1, Timestamp::ZERO);
        }
        all[slot] = until;
    }

    /// Nanoseconds of work left at `now` in `slot`.
    #[must_use]
    pub fn work_left(&self, slot: u32, now: Timestamp) -> u64 {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = all.get(slot as usize).copied().unwrap_or(Timestamp::ZERO);
        until.0.saturating_sub(now.0)
    }
}
