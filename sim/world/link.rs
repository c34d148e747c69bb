//! What lies between two processes, as the handle applies it.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use evenkeel_core::rng;
use evenkeel_core::time::{Timestamp, nanos};

use crate::hole::Holes;

/// One direction of the way between two processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// One way.
    pub latency: Duration,
    /// Added to each segment, uniform in `[0, jitter)`; segments of a connection keep their order.
    pub jitter: Duration,
}

/// One direction of one connection: when its segments arrive.
#[derive(Debug)]
pub(super) struct Path {
    link: Rc<Cell<Link>>,
    holes: Rc<Holes>,
    jitter: rng::Stream,
    segments: u64,
    latest: Timestamp,
}

impl Path {
    pub(super) fn new(link: Rc<Cell<Link>>, holes: Rc<Holes>, jitter: rng::Stream) -> Self {
        Self {
            link,
            holes,
            jitter,
            segments: 0,
            latest: Timestamp::ZERO,
        }
    }

    /// When the next segment arrives, if it is sent at `sent`: what is left of a hole, latency,
    /// jitter, never before an earlier one.
    pub(super) fn arrival(&mut self, sent: Timestamp) -> Timestamp {
        let link = self.link.get();
        let jitter = self.jitter.at(self.segments).below(nanos(link.jitter));
        self.segments += 1;
        let at = self.holes.leaves(sent) + link.latency + Duration::from_nanos(jitter);
        self.latest = self.latest.max(at);
        self.latest
    }
}
