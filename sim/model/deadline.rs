//! Deadlines of requests, almost none of which ever fires.
//!
//! Requests wait for the same few durations, so those of one duration fall due in the order in
//! which they were set: a queue for each duration does what a heap would, for a fraction of it.

use std::collections::VecDeque;

use evenkeel_core::time::Timestamp;

/// More different durations than this go to the caller's heap.
const QUEUES: usize = 8;

/// A slot and its serial number when the deadline was set.
type Who = (usize, u32);

/// Deadlines, in a queue for each duration.
#[derive(Debug)]
pub(super) struct Deadlines {
    queues: Vec<(u64, VecDeque<(Timestamp, Who)>)>,
    /// The earliest of the queues' fronts.
    first: Timestamp,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            queues: Vec::new(),
            first: Timestamp::MAX,
        }
    }
}

impl Deadlines {
    /// Sets a deadline. False if there is no queue for it. `done` tells which requests no longer
    /// wait; they are forgotten from the front.
    pub(super) fn push(
        &mut self,
        now: Timestamp,
        deadline: Timestamp,
        who: Who,
        done: impl Fn(usize, u32) -> bool,
    ) -> bool {
        let duration = deadline.0 - now.0;
        let known = self.queues.iter().position(|(d, _)| *d == duration);
        let at = match known {
            Some(at) => at,
            None if self.queues.len() < QUEUES => {
                self.queues.push((duration, VecDeque::new()));
                self.queues.len() - 1
            }
            None => return false,
        };
        let queue = &mut self.queues[at].1;
        while queue
            .front()
            .is_some_and(|(_, (at, serial))| done(*at, *serial))
        {
            queue.pop_front();
        }
        queue.push_back((deadline, who));
        self.look();
        true
    }

    /// The earliest.
    pub(super) const fn first(&self) -> Timestamp {
        self.first
    }

    fn look(&mut self) {
        let fronts = self
            .queues
            .iter()
            .filter_map(|(_, queue)| Some(queue.front()?.0));
        self.first = fronts.min().unwrap_or(Timestamp::MAX);
    }

    /// Takes the earliest.
    pub(super) fn pop(&mut self) -> Option<Who> {
        let earliest = self
            .queues
            .iter_mut()
            .filter(|(_, queue)| !queue.is_empty());
        let (_, queue) = earliest.min_by_key(|(_, queue)| queue.front().map(|(at, _)| *at))?;
        let who = queue.pop_front().map(|(_, who)| who);
        self.look();
        who
    }
}
