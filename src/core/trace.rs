//! The event stream: every decision, once.
//!
//! The core emits these itself, so that both shells report the same decisions by construction. Live they feed counters; simulated they feed results, invariants and the trace
//! hash. Nothing else counts anything.

use crate::endpoint::EndpointIndex;
use crate::request::{Failure, Outcome};
use crate::time::Timestamp;

/// The pool of an event that concerns none.
pub const NO_POOL: u16 = u16::MAX;

/// One decision. `Copy`, at most 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was decided.
    pub at: Timestamp,
    /// The request's number at its proxy, in order of arrival.
    pub request: u64,
    /// The pool's number, by its place in the configuration; [`NO_POOL`] for what concerns none.
    pub pool: u16,
    /// The try, from 1; 0 before the first.
    pub attempt: u8,
    /// The endpoint concerned, if any.
    pub endpoint: Option<EndpointIndex>,
    /// What was decided.
    pub kind: Kind,
}

/// What an [`Event`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request was routed to the pool.
    Arrived {
        /// Whether its method may be retried after it was sent (RFC 9110 section 9.2.2).
        idempotent: bool,
    },
    /// All endpoints are full; the request waits.
    Queued,
    /// An endpoint was chosen; the request counts as in flight there from now on.
    Picked {
        /// False for the first try, true for a retry that drew on the retry budget.
        budgeted: bool,
    },
    /// A connection to the endpoint is ready.
    Connected {
        /// Whether it was an idle one.
        reused: bool,
    },
    /// The connection could not be opened; the endpoint is skipped for a while.
    DialFailed,
    /// An idle connection turned out closed and is replaced by a new one.
    Stale,
    /// The head of the response arrived.
    Head {
        /// Its status code.
        status: u16,
    },
    /// The try failed; in flight ends.
    Failed {
        /// How.
        failure: Failure,
        /// Whether any byte of the request had been sent.
        sent: bool,
    },
    /// The response is complete; in flight ends.
    Completed,
    /// The request's one outcome. Nothing follows it.
    Finished {
        /// The outcome.
        outcome: Outcome,
        /// When the request arrived.
        arrived: Timestamp,
    },
    /// A client's connection was accepted.
    Opened,
    /// A client's connection has ended.
    Closed,
    /// A request was answered before any pool was asked: malformed, too large, too slow, without a
    /// route, or redirected. It has no other events.
    Rejected {
        /// The status of the answer.
        status: u16,
    },
}

impl Event {
    /// The fixed little-endian record that the trace hash is taken over: time (8), request (4, its
    /// low bits), pool (2), endpoint's slot (2, all ones for none), try (1), kind (1), status or
    /// detail (2).
    #[must_use]
    pub fn bytes(&self) -> [u8; 20] {
        let (kind, detail): (u32, u16) = match self.kind {
            Kind::Arrived { idempotent } => (0, u16::from(idempotent)),
            Kind::Queued => (1, 0),
            Kind::Picked { budgeted } => (2, u16::from(budgeted)),
            Kind::Connected { reused } => (3, u16::from(reused)),
            Kind::DialFailed => (4, 0),
            Kind::Stale => (5, 0),
            Kind::Head { status } => (6, status),
            Kind::Failed { failure, sent } => (7, failure as u16 * 2 + u16::from(sent)),
            Kind::Completed => (8, 0),
            Kind::Finished { outcome, .. } => (9, outcome.code()),
            Kind::Opened => (10, 0),
            Kind::Closed => (11, 0),
            Kind::Rejected { status } => (12, status),
        };
        let slot = self.endpoint.map_or(u16::MAX, |e| e.slot as u16);
        let who = self.request & 0xffff_ffff | u64::from(self.pool) << 32 | u64::from(slot) << 48;
        let what = u32::from(self.attempt) | kind << 8 | u32::from(detail) << 16;
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&who.to_le_bytes());
        bytes[16..].copy_from_slice(&what.to_le_bytes());
        bytes
    }
}

const _: () = assert!(size_of::<Event>() <= 64);
