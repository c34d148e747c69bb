//! What is under way, ordered by time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use evenkeel_core::time::Timestamp;

use super::client::Act;
use super::probe::Step;

/// What happens to the request in slot `at`. Whatever has another `serial` than the slot is
/// outdated.
#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// It reaches the proxy.
    Arrive { at: usize },
    /// The beginning of a connection reaches its origin.
    Dial { at: usize, serial: u32, attempt: u8 },
    /// A connection is ready.
    Connected { at: usize, serial: u32, attempt: u8 },
    /// A connection is refused.
    Refused { at: usize, serial: u32, attempt: u8 },
    /// It reaches its origin.
    Offer { at: usize, serial: u32, attempt: u8 },
    /// The response, or without a status the loss of its connection, reaches the proxy.
    Reply {
        at: usize,
        serial: u32,
        attempt: u8,
        status: Option<u16>,
    },
    /// Its client does something, if it is still at try number `client` of its.
    Client { at: usize, client: u32, act: Act },
    /// The last byte of the response reaches the proxy.
    Ended { at: usize, serial: u32 },
    /// A connection of client `key` has nothing to do, at a proxy.
    Idle {
        key: u64,
        place: usize,
        process: usize,
    },
    /// The time of a process to finish what it has is over.
    Replace { place: usize, process: usize },
    /// Probe number `serial` of slot `at`, which is not one of requests, takes a step.
    Probe { at: usize, serial: u32, step: Step },
}

/// What is under way; of equal instants, what was planned first comes first.
#[derive(Debug, Default)]
pub(super) struct Planned {
    heap: BinaryHeap<Entry>,
}

impl Planned {
    /// Plans `what` for `at`. Serial numbers must rise.
    pub(super) fn push(&mut self, at: Timestamp, serial: u64, what: What) {
        let key = u128::from(at.0) << 64 | u128::from(serial);
        self.heap.push(Entry { key, what });
    }

    /// The earliest instant and its serial number.
    pub(super) fn first(&self) -> (Timestamp, u64) {
        let first = self.heap.peek().map_or(u128::MAX, |entry| entry.key);
        (Timestamp((first >> 64) as u64), first as u64)
    }

    /// Takes the earliest.
    pub(super) fn pop(&mut self) -> Option<What> {
        self.heap.pop().map(|entry| entry.what)
    }
}

/// The key is the instant above the serial number. The heap gives out the greatest, so they are
/// compared the other way round.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: u128,
    what: What,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key)
    }
}
