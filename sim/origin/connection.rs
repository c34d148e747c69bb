//! What a Node.js HTTP server does with connections; the constants, in one place.
//!
//! They were measured on Node 20, 22 and 24. Both engines close what is idle and fill backlogs;
//! what an event loop accepts is the station's.
//!
//! What was sent is worked on, whoever has gone since. A process that was stopped accepts what
//! waits in its backlog, reads the request that lies in a socket or the stream that is reset behind
//! it, and runs its handler to the end; what becomes of the answer it learns later. It was so with
//! Node 20 for ends by FIN, by RST and by RST_STREAM, on kept connections and new ones, and for
//! what a handler does after a timer (`tests/node.rs` has the first). So both engines offer a
//! station whatever reaches its origin whole, and ask nobody whether it is still waited for.

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
