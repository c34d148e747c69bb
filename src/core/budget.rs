//! The retry budget: retries may add only a share to the load.
//!
//! Without it, retries of a pool that is slow because it is overloaded keep it overloaded (a
//! metastable failure). The window slides in steps of a second, as Finagle's and Envoy's budgets do
//! in spirit; the arithmetic is in integers so that it replays exactly.

use crate::time::Timestamp;

/// Seconds that the budget looks back.
pub const WINDOW_S: u64 = 10;
/// Retries per second that are always allowed, so that a quiet pool may retry at all.
pub const MINIMUM_PER_S: u64 = 10;

const SECOND_NS: u64 = 1_000_000_000;

/// Counts requests and retries over the last ten seconds.
#[derive(Clone, Debug)]
pub struct Budget {
    /// What the current second brought, and when it is over, in nanoseconds: all that most requests
    /// touch.
    current: Slot,
    until_ns: u64,
    /// The current second, and what those before it brought; its own slot is empty.
    second: u64,
    slots: [Slot; WINDOW_S as usize],
    past: Slot,
    share_ppm: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    requests: u64,
    retries: u64,
}

impl Budget {
    /// A budget of `share_ppm` retries per million requests.
    #[must_use]
    pub const fn new(share_ppm: u64) -> Self {
        let slot = Slot {
            requests: 0,
            retries: 0,
        };
        Self {
            current: slot,
            until_ns: SECOND_NS,
            second: 0,
            slots: [slot; WINDOW_S as usize],
            past: slot,
            share_ppm,
        }
    }

    /// Changes the share and keeps the counts.
    pub const fn set_share(&mut self, share_ppm: u64) {
        self.share_ppm = share_ppm;
    }

    /// Counts a request (not its retries).
    #[inline]
    pub fn request(&mut self, now: Timestamp) {
        self.slot(now).requests += 1;
    }

    /// Whether another retry is within the budget.
    pub fn allows(&mut self, now: Timestamp) -> bool {
        let Slot { requests, retries } = *self.slot(now);
        let requests = u128::from(self.past.requests + requests);
        let share = requests * u128::from(self.share_ppm) / 1_000_000;
        let allowed = share.max(u128::from(MINIMUM_PER_S * WINDOW_S));
        u128::from(self.past.retries + retries) < allowed
    }

    /// Counts a retry; ask [`Budget::allows`] before.
    pub fn retry(&mut self, now: Timestamp) {
        self.slot(now).retries += 1;
    }

    /// The slot of the current second, after forgetting what left the window.
    #[inline]
    fn slot(&mut self, now: Timestamp) -> &mut Slot {
        if now.0 >= self.until_ns {
            self.slide(now.0 / SECOND_NS);
        }
        &mut self.current
    }

    #[cold]
    fn slide(&mut self, second: u64) {
        let ended = std::mem::take(&mut self.current);
        self.past.requests += ended.requests;
        self.past.retries += ended.retries;
        self.slots[(self.second % WINDOW_S) as usize] = ended;
        for gone in self.second + 1..=second.min(self.second + WINDOW_S) {
            let old = std::mem::take(&mut self.slots[(gone % WINDOW_S) as usize]);
            self.past.requests -= old.requests;
            self.past.retries -= old.retries;
        }
        self.second = second;
        self.until_ns = (second + 1).saturating_mul(SECOND_NS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    impl Budget {
        fn take(&mut self, now: Timestamp) -> bool {
            let allowed = self.allows(now);
            if allowed {
                self.retry(now);
            }
            allowed
        }
    }

    #[test]
    fn a_quiet_pool_gets_the_minimum() {
        let mut budget = Budget::new(200_000);
        let taken = (0..1000).filter(|_| budget.take(Timestamp::ZERO)).count();
        assert_eq!(taken, 100);
    }

    #[test]
    fn a_busy_pool_gets_its_share_and_no_more() {
        let mut budget = Budget::new(200_000);
        for _ in 0..10_000 {
            budget.request(Timestamp::ZERO);
        }
        let taken = (0..10_000).filter(|_| budget.take(Timestamp::ZERO)).count();
        assert_eq!(taken, 2000);
    }

    #[test]
    fn what_left_the_window_no_longer_counts() {
        let mut budget = Budget::new(0);
        let start = Timestamp::ZERO + SECOND;
        assert_eq!((0..200).filter(|_| budget.take(start)).count(), 100);
        assert!(!budget.take(start + SECOND * 9));
        assert!(budget.take(start + SECOND * 10));
    }

    proptest! {
        /// Against a list of everything that ever happened.
        #[test]
        fn agrees_with_a_list(
            steps in prop::collection::vec((0_u64..3_000, any::<bool>()), 1..400),
            share in 0_u64..1_000_000,
        ) {
            let mut budget = Budget::new(share);
            let mut now_ms = 0;
            let mut requests = Vec::new();
            let mut retries = Vec::new();
            for (gap_ms, retry) in steps {
                now_ms += gap_ms;
                let now = Timestamp(now_ms * 1_000_000);
                let recent = |s: &&u64| **s + WINDOW_S > now_ms / 1000;
                let inside = |list: &Vec<u64>| list.iter().filter(recent).count() as u64;
                if retry {
                    let allowed = (inside(&requests) * share / 1_000_000).max(100);
                    let expected = inside(&retries) < allowed;
                    prop_assert_eq!(budget.take(now), expected);
                    if expected { retries.push(now_ms / 1000); }
                } else {
                    budget.request(now);
                    requests.push(now_ms / 1000);
                }
            }
        }
    }
}
