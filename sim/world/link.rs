//! One connection's way over a wire.

use std::rc::Rc;

use evenkeel_core::rng;
use evenkeel_core::time::Timestamp;

use crate::hole::Holes;
pub use crate::link::Link;
use crate::link::{Arrival, Wire};

/// One direction of one connection: when its segments arrive.
#[derive(Debug)]
pub(super) struct Path {
    wire: Rc<Wire>,
    holes: Rc<Holes>,
    draws: rng::Stream,
    segments: u64,
    latest: Timestamp,
}

impl Path {
    pub(super) fn new(wire: Rc<Wire>, holes: Rc<Holes>, draws: rng::Stream) -> Self {
        Self {
            wire,
            holes,
            draws,
            segments: 0,
            latest: Timestamp::ZERO,
        }
    }

    /// When the next segment arrives that carries no bytes, if it is sent at `sent`: never before
    /// an earlier one. One that is lost too often gets through at last: its sender gives up first.
    pub(super) fn arrival(&mut self, sent: Timestamp) -> Timestamp {
        self.carry(sent, 0).at()
    }

    /// When `bytes` arrive that are sent at `sent`, if they do: never before earlier ones.
    pub(super) fn carry(&mut self, sent: Timestamp, bytes: usize) -> Arrival {
        let rng = self.draws.at(self.segments);
        self.segments += 1;
        let sent = self.holes.leaves(sent);
        let arrival = self.wire.arrival(sent, bytes as u64, rng);
        self.latest = self.latest.max(arrival.at());
        match arrival {
            Arrival::At(_) => Arrival::At(self.latest),
            Arrival::Lost(_) => Arrival::Lost(self.latest),
        }
    }
}
