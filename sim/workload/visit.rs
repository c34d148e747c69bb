//! Clients that come back: sessions and the users of a closed workload.
//!
//! The next request of such a client is due a think time after the end of the one before, so the
//! due time is the run's doing; everything else is drawn by number. Request `k` of client `c` has
//! the number `c * 2^32 + k`: it is the same request with the same class, service and patience in
//! both engines and under every policy, however many others have come before it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;

use super::arrival::Visit;
use super::{Count, Sessions};
use crate::law::Law;

/// Bits of a number that count the requests of one client.
const BITS: u32 = 32;

/// The number of the first request of client `client`.
pub(super) const fn first(client: u64) -> u64 {
    client << BITS
}

/// The client of request number `n`.
pub(super) const fn client(n: u64) -> u64 {
    n >> BITS
}

/// The requests of one workload's clients that are due already or later, after their first one.
#[derive(Debug)]
pub(super) struct Visits {
    think: Law,
    /// How many requests each sends; users go on for ever.
    requests: Option<Count>,
    thinks: Stream,
    counts: Stream,
    due: BinaryHeap<Reverse<(u64, u64)>>,
}

impl Visits {
    /// Those of `sessions`, which are begun by somebody else.
    pub(super) fn sessions(seed: u64, workload: u64, sessions: &Sessions) -> Self {
        Self {
            think: sessions.think.clone(),
            requests: Some(sessions.requests),
            thinks: Stream::new(seed, "think").child(workload),
            counts: Stream::new(seed, "session").child(workload),
            due: BinaryHeap::new(),
        }
    }

    /// Those of `users`, the first requests among them: spread over one mean think time.
    pub(super) fn users(seed: u64, workload: u64, users: u32, think: Law) -> Self {
        let thinks = Stream::new(seed, "think").child(workload);
        let spread_ns = think.mean_ns() as u64;
        let begin = |user: u32| {
            let n = first(u64::from(user));
            Reverse((thinks.at(n).below(spread_ns), n))
        };
        Self {
            think,
            requests: None,
            thinks,
            counts: Stream::new(seed, "session").child(workload),
            due: (0..users).map(begin).collect(),
        }
    }

    /// The earliest: when it is due (ns), and its number.
    pub(super) fn peek(&self) -> Option<(u64, u64)> {
        self.due.peek().map(|Reverse(first)| *first)
    }

    /// Takes the earliest.
    pub(super) fn pop(&mut self) -> Option<(u64, u64)> {
        self.due.pop().map(|Reverse(first)| first)
    }

    /// What request number `n` is to its client.
    pub(super) fn visit(&self, n: u64) -> Visit {
        let k = n - first(client(n));
        let Some(requests) = self.requests else {
            return Visit::User { first: k == 0 };
        };
        let count = requests.draw(&mut self.counts.at(client(n)));
        Visit::Session {
            first: k == 0,
            last: k + 1 >= u64::from(count),
        }
    }

    /// Request number `n` ended at `done`: its client thinks, and sends the next one if that is
    /// before `end`.
    pub(super) fn ended(&mut self, n: u64, done: Timestamp, end: Timestamp) {
        let next = n + 1;
        let due_ns = done
            .0
            .saturating_add(self.think.draw(&mut self.thinks.at(next)));
        if due_ns < end.0 {
            self.due.push(Reverse((due_ns, next)));
        }
    }
}
