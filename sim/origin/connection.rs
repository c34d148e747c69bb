//! What a Node.js HTTP server does with connections; the constants, in one place.
//!
//! They were measured on Node 20, 22 and 24. Both engines close what is idle and fill backlogs;
//! what an event loop accepts is the station's.

use std::time::Duration;

/// What its responses promise: `Keep-Alive: timeout=5`.
pub const KEEP_ALIVE_ADVERTISED: Duration = Duration::from_secs(5);

/// When it closes an idle connection: a second later than promised, measured from the end of the
/// last response.
pub const KEEP_ALIVE_REAL: Duration = Duration::from_secs(6);

/// The argument of `listen`. The kernel queues one connection more (512), drops further SYNs in
/// silence, and the peer's kernel tries again each second.
pub const BACKLOG: usize = 511;

/// How many new connections one turn of the event loop accepts. The first request of an accepted
/// connection is read in a later turn.
pub const ACCEPTS_PER_TURN: usize = 1;
