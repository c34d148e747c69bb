//! What is under way, ordered by time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use evenkeel_core::time::Timestamp;

use super::client::Act;
use super::probe::Step;
use super::upstream::Sent;

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
    /// It reaches its origin, which works on it whether or not it is outdated.
    Offer { at: usize, sent: Sent },
    /// The response, or without a status the loss of its connection, reaches the proxy.
    Reply {
        at: usize,
        serial: u32,
        attempt: u8,
        status: Option<u16>,
    },
    /// Its client does something, if it is still at try number `client` of its.
    Client { at: usize, client: u32, act: Act },
    /// The last byte of the request reaches the proxy.
    Received { at: usize, serial: u32 },
    /// The last byte of the response reaches the proxy.
    Ended { at: usize, serial: u32 },
    /// A request that a limit held back goes on.
    Release { at: usize, serial: u32 },
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

impl What {
    /// The slot that it concerns.
    pub(super) const fn slot(self) -> Option<usize> {
        match self {
            Self::Arrive { at }
            | Self::Dial { at, .. }
            | Self::Connected { at, .. }
            | Self::Refused { at, .. }
            | Self::Offer { at, .. }
            | Self::Reply { at, .. }
            | Self::Client { at, .. }
            | Self::Received { at, .. }
            | Self::Ended { at, .. }
            | Self::Release { at, .. } => Some(at),
            Self::Idle { .. } | Self::Replace { .. } | Self::Probe { .. } => None,
        }
    }

    /// The slot's serial number when it was planned, if another one makes it outdated.
    pub(super) const fn serial(self) -> Option<u32> {
        match self {
            Self::Dial { serial, .. }
            | Self::Connected { serial, .. }
            | Self::Refused { serial, .. }
            | Self::Reply { serial, .. }
            | Self::Received { serial, .. }
            | Self::Ended { serial, .. }
            | Self::Release { serial, .. } => Some(serial),
            _ => None,
        }
    }
}

/// When something happens and its serial number: equal instants are taken in the order of planning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(pub(super) u128);

impl Key {
    /// Of something that never happens.
    pub(super) const NEVER: Self = Self(u128::MAX);
    /// Low bits that nothing of it is in.
    pub(super) const FREE_BITS: u32 = 20;

    #[inline]
    pub(super) const fn new(at: Timestamp, serial: u64) -> Self {
        Self((at.0 as u128) << 64 | (serial as u128) << Self::FREE_BITS)
    }

    #[inline]
    pub(super) const fn at(self) -> Timestamp {
        Timestamp((self.0 >> 64) as u64)
    }
}

/// What is under way; of equal instants, what was planned first comes first.
#[derive(Debug, Default)]
pub(super) struct Planned {
    heap: BinaryHeap<Entry>,
}

impl Planned {
    /// Plans `what` for `at`. Serial numbers must rise.
    pub(super) fn push(&mut self, at: Timestamp, serial: u64, what: What) {
        let key = Key::new(at, serial);
        self.heap.push(Entry { key, what });
    }

    /// The earliest.
    #[inline]
    pub(super) fn first(&self) -> Key {
        self.heap.peek().map_or(Key::NEVER, |entry| entry.key)
    }

    /// Takes the earliest.
    pub(super) fn pop(&mut self) -> Option<What> {
        self.heap.pop().map(|entry| entry.what)
    }
}

/// The heap gives out the greatest, so they are compared the other way round.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
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
