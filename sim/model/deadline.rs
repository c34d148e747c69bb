//! Deadlines of requests and of clients' patience, almost none of which ever passes.
//!
//! A slot is woken at most once at a time, no later than its deadline, and looks again then: one
//! that serves a thousand requests within a timeout has one entry here, not a thousand.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use evenkeel_core::time::Timestamp;

/// When slots are to be woken; of equal instants, in the order in which they asked.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Timestamp, u64, usize)>>,
    /// When each slot is woken next; [`Timestamp::MAX`] for never.
    wakes: Vec<Timestamp>,
    serial: u64,
}

impl Deadlines {
    /// Slot `at` has to look at `deadline` or before.
    #[inline]
    pub(super) fn set(&mut self, at: usize, deadline: Timestamp) {
        match self.wakes.get(at) {
            Some(wakes) if *wakes <= deadline => {}
            _ => self.plan(at, deadline),
        }
    }

    fn plan(&mut self, at: usize, deadline: Timestamp) {
        if deadline == Timestamp::MAX {
            return;
        }
        if self.wakes.len() <= at {
            self.wakes.resize(at + 1, Timestamp::MAX);
        }
        self.wakes[at] = deadline;
        self.heap.push(Reverse((deadline, self.serial, at)));
        self.serial += 1;
    }

    /// The earliest.
    #[inline]
    pub(super) fn first(&self) -> Timestamp {
        let first = self.heap.peek();
        first.map_or(Timestamp::MAX, |Reverse((at, ..))| *at)
    }

    /// Takes the earliest: the slot that has to look now. `None` if it was woken before, for
    /// another deadline.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let Reverse((when, _, at)) = self.heap.pop()?;
        if self.wakes[at] != when {
            return None;
        }
        self.wakes[at] = Timestamp::MAX;
        Some(at)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// What is asked of it, and who is woken when.
    #[test]
    fn a_slot_is_woken_for_its_earliest_deadline_alone() {
        let mut deadlines = Deadlines::default();
        assert_eq!(deadlines.first(), Timestamp::MAX);
        for (at, deadline) in [(0, 50), (1, 40), (0, 60), (0, 30), (2, 40), (1, u64::MAX)] {
            deadlines.set(at, Timestamp(deadline));
        }
        let mut woken = Vec::new();
        while deadlines.first() != Timestamp::MAX {
            let when = deadlines.first().0;
            woken.extend(deadlines.pop().map(|at| (when, at)));
        }
        assert_eq!(woken, [(30, 0), (40, 1), (40, 2)]);
        deadlines.set(0, Timestamp(70));
        assert_eq!(
            (deadlines.first(), deadlines.pop()),
            (Timestamp(70), Some(0))
        );
    }
}
