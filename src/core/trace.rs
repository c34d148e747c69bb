//! The event stream: every decision, once.
//!
//! The core emits these itself, so that both shells report the same decisions by construction. Live
//! they feed counters; simulated they feed results, invariants and the trace hash. Nothing else
//! counts anything.

mod reason;

use crate::affinity;
use crate::endpoint::EndpointIndex;
use crate::health::{self, Standing};
use crate::limit;
use crate::outlier::Cause;
use crate::panic;
use crate::queue::Priority;
use crate::request::{Failure, Outcome};
use crate::time::Timestamp;

pub use reason::{Goaway, HandshakeFailure, Limit};

/// The pool of an event that concerns none.
pub const NO_POOL: u16 = u16::MAX;

/// One decision. `Copy`, at most 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it was decided.
    pub at: Timestamp,
    /// The request's number at its proxy, in order of arrival; 0 for what concerns none.
    pub request: u64,
    /// The pool's number, by its place in the configuration; [`NO_POOL`] for what concerns none.
    pub pool: u16,
    /// The try, from 1; 0 before the first. What comes between two tries bears the number of the
    /// one before.
    pub attempt: u8,
    /// The endpoint of the present try; `None` before, between and after tries.
    pub endpoint: Option<EndpointIndex>,
    /// What was decided.
    pub kind: Kind,
}

/// What an [`Event`] says.
///
/// A request's events, in order: `Arrived`, its tries, `Finished`. A try: `Queued` if it has to
/// wait, as often as it has to begin anew, and `Waited`; `Picked`, `Connected`, `Head`, and then
/// `Completed` or `Failed`; it may fail from
/// `Picked` on. `Delayed` comes before a try that begins later. After `Hedged` there are two, told
/// apart by their numbers, until one of them has failed. `Picked` and the one of `Completed`
/// and `Failed` that follows are what in flight is counted by; from a `Head` of 101 between them on
/// it is a tunnel. [`Kind::Rejected`] is the only event of its request, and what
/// [`Kind::is_outside`] concerns no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request was routed to the pool.
    Arrived {
        /// Whether its method may be retried after it was sent (RFC 9110 section 9.2.2).
        idempotent: bool,
    },
    /// All endpoints that may take it are full; the request waits. Again for the same try, if a
    /// reload removed the endpoint that it was promised and the others are full. It ends with
    /// `Picked`, or without any further try with `Finished`.
    Queued {
        /// Whether this is a retry that drew on the retry budget now.
        budgeted: bool,
    },
    /// The wait that [`Kind::Queued`] began is over. A try or the outcome follows at once, so it is
    /// not in the trace hash.
    Waited {
        /// When it began.
        since: Timestamp,
    },
    /// A retry that drew on the budget now waits before it asks for an endpoint.
    Delayed {
        /// Until when.
        until: Timestamp,
    },
    /// The present try is late, and goes on beside another one, whose `Picked` follows at once.
    Hedged,
    /// An endpoint was chosen; the request counts as in flight there from now on.
    Picked {
        /// Whether this is a retry that drew on the retry budget now: false for the first try, for
        /// one after a failed dial, and for one that drew when it was `Queued` or `Delayed`.
        budgeted: bool,
    },
    /// A connection to the endpoint is ready. A second time in a try whose idle one was `Stale`.
    Connected {
        /// Whether it was an idle one.
        reused: bool,
    },
    /// The connection could not be opened, or not in time; the endpoint is skipped for a while. The
    /// `Failed` of the try follows at once.
    DialFailed,
    /// An idle connection turned out closed and is replaced by a new one, in the same try.
    Stale,
    /// The head of the response arrived (not a 1xx), or the endpoint agreed to switch protocols.
    Head {
        /// Its status code; 101 for a tunnel.
        status: u16,
    },
    /// The try failed; in flight ends.
    Failed {
        /// How.
        failure: Failure,
        /// Whether any byte of the request had been sent: if it had, the endpoint may have acted.
        sent: bool,
    },
    /// The response is complete, or the tunnel has ended; in flight ends.
    Completed,
    /// The request's one outcome. Nothing follows it.
    Finished {
        /// The outcome.
        outcome: Outcome,
        /// When the request arrived; [`Timestamp::ZERO`] if its client left before it had. Not in
        /// the trace hash, which has it from `Arrived`.
        arrived: Timestamp,
        /// What its route says that it is worth. Not in the trace hash: it is no decision.
        priority: Priority,
    },
    /// A client's connection was accepted.
    Opened,
    /// A client's connection has ended, by whomever.
    Closed,
    /// A request was answered before any pool was asked: malformed, too large, too slow, without a
    /// route, redirected, or beyond a limit. It has a number, no pool, and no other events.
    Rejected {
        /// The status of the answer; 0 if its client left while a limit held it back.
        status: u16,
    },
    /// A TLS handshake with a client was completed.
    Handshake {
        /// Whether it resumed an earlier session.
        resumed: bool,
        /// The version of TLS: 12 for 1.2, 13 for 1.3.
        version: u8,
    },
    /// A TLS handshake with a client failed.
    HandshakeFailed {
        /// Why.
        reason: HandshakeFailure,
    },
    /// A client reset an HTTP/2 stream (RFC 9113 section 6.4).
    Reset,
    /// We ended an HTTP/2 connection because of what its client did.
    Goaway {
        /// What it did.
        reason: Goaway,
    },
    /// A limit of a listener was reached. What came of it has an event of its own, if it has one.
    Limited {
        /// Which.
        limit: Limit,
    },
    /// A probe of an endpoint has ended.
    Probed {
        /// The check, by its place in the pool's configuration.
        check: u8,
        /// What it came to.
        outcome: health::Outcome,
    },
    /// An endpoint was asked for its load.
    Asked {
        /// What that has come to.
        outcome: health::Outcome,
    },
    /// What is known of an endpoint by its probes has changed.
    Health {
        /// What is known now.
        standing: Standing,
    },
    /// An endpoint was ejected: it takes nothing for a while.
    Ejected {
        /// Why.
        cause: Cause,
    },
    /// An endpoint's ejection is over: one request tries it.
    OnTrial,
    /// The request that tried an ejected endpoint went well: it serves again.
    Returned,
    /// A pool begins to panic, or no longer does.
    Panic {
        /// How.
        mode: panic::Mode,
    },
    /// Requests of a pool are tried first in other groups than before.
    Spilled {
        /// How much stays with the first group.
        kept_percent: u8,
    },
    /// The request's tunnel is closed, as its endpoint drains. It precedes `Completed`.
    Parted,
    /// An endpoint may have more or fewer requests in flight from now on.
    Bounded {
        /// How many.
        limit: u32,
    },
    /// An endpoint that drains is empty: nothing is there, and nothing will come.
    Drained,
    /// A rule of `[[limit]]` has something to say of a request, before any pool is asked. It has
    /// the request's number, and is no event of its life.
    Throttled {
        /// The rule's number.
        rule: u16,
        /// What it does.
        verdict: limit::Verdict,
        /// It only says so.
        dry_run: bool,
    },
    /// A step in the life of the request's session. `Kept` precedes `Picked`; `Begun` and `Moved`
    /// follow `Head`; `Forged` and `Stale` follow `Arrived`; `Broken` precedes `Finished`.
    Session {
        /// Which.
        step: affinity::Step,
    },
}

impl Kind {
    /// Whether it is no event of a request's life, but concerns clients, their connections or the
    /// health of endpoints.
    #[inline]
    #[must_use]
    pub const fn is_outside(self) -> bool {
        matches!(
            self,
            Self::Opened
                | Self::Closed
                | Self::Handshake { .. }
                | Self::HandshakeFailed { .. }
                | Self::Reset
                | Self::Goaway { .. }
                | Self::Limited { .. }
                | Self::Probed { .. }
                | Self::Asked { .. }
                | Self::Health { .. }
                | Self::Ejected { .. }
                | Self::OnTrial
                | Self::Returned
                | Self::Panic { .. }
                | Self::Throttled { .. }
                | Self::Spilled { .. }
                | Self::Bounded { .. }
                | Self::Drained
        )
    }
}

impl Event {
    /// The fixed little-endian record that the trace hash is taken over: time (8), request (4, its
    /// low bits), pool (2), endpoint's slot (2, all ones for none), try (1), kind (1), status or
    /// detail (2).
    // Inlined where the kind is known, all but three stores of it are gone.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> [u8; 20] {
        let (kind, detail): (u32, u16) = match self.kind {
            Kind::Arrived { idempotent } => (0, u16::from(idempotent)),
            Kind::Queued { budgeted } => (1, u16::from(budgeted)),
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
            Kind::Handshake { resumed, version } => {
                (13, u16::from(version) * 2 + u16::from(resumed))
            }
            Kind::HandshakeFailed { reason } => (14, reason as u16),
            Kind::Reset => (15, 0),
            Kind::Goaway { reason } => (16, reason as u16),
            Kind::Limited { limit } => (17, limit as u16),
            Kind::Probed { check, outcome } => (18, u16::from(check) << 8 | outcome as u16),
            Kind::Health { standing } => (19, standing as u16),
            Kind::Ejected { cause } => (20, cause as u16),
            Kind::OnTrial => (21, 0),
            Kind::Returned => (22, 0),
            Kind::Panic { mode } => (23, mode as u16),
            Kind::Session { step } => (24, step as u16),
            Kind::Waited { .. } => (25, 0),
            Kind::Delayed { .. } => (26, 0),
            Kind::Throttled {
                rule,
                verdict,
                dry_run,
            } => (27, rule << 8 | (verdict as u16) << 1 | u16::from(dry_run)),
            Kind::Spilled { kept_percent } => (28, u16::from(kept_percent)),
            Kind::Hedged => (29, 0),
            Kind::Parted => (30, 0),
            Kind::Drained => (31, 0),
            Kind::Bounded { limit } => (32, limit.min(u32::from(u16::MAX)) as u16),
            Kind::Asked { outcome } => (33, outcome as u16),
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

#[cfg(test)]
mod tests;
