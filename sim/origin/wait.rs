//! Jobs that wait for something else: a database, a disk, another service.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::job::Part;

/// A wait, ordered by its end and then by its beginning.
#[derive(Clone, Copy, Debug)]
struct Wait {
    until: u64,
    sequence: u64,
    part: Part,
}

impl PartialEq for Wait {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Wait {}

impl PartialOrd for Wait {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Wait {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.until, self.sequence).cmp(&(other.until, other.sequence))
    }
}

/// All waits of an origin.
#[derive(Debug, Default)]
pub(super) struct Waits {
    heap: BinaryHeap<Reverse<Wait>>,
    sequence: u64,
}

impl Waits {
    /// `part` waits until `until`.
    pub(super) fn push(&mut self, until: u64, part: Part) {
        self.sequence += 1;
        self.heap.push(Reverse(Wait {
            until,
            sequence: self.sequence,
            part,
        }));
    }

    /// When the first wait ends.
    pub(super) fn next(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse(wait)| wait.until)
    }

    /// Takes the first wait, if it is over.
    pub(super) fn pop(&mut self, now: u64) -> Option<Part> {
        self.next().filter(|until| *until <= now)?;
        self.heap.pop().map(|Reverse(wait)| wait.part)
    }

    /// Ends all, in their order.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Part> + use<> {
        let mut waits: Vec<Wait> = self.heap.drain().map(|Reverse(wait)| wait).collect();
        waits.sort_unstable();
        waits.into_iter().map(|wait| wait.part)
    }
}
