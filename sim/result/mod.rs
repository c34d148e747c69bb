//! Results: what a run came to, as an object, a line of JSON and a table, and whether it passed.
//!
//! A [`Collector`] takes what the clients saw and the core's event stream. Nothing here depends on
//! the engine, the order of hash tables or the wall clock, so equal runs have equal results.

mod check;
mod collector;
mod completion;
mod course;
mod drift;
mod fitness;
mod hash;
mod invariant;
mod json;
mod latency;
mod metric;
mod occupancy;
mod roster;
mod run;
mod share;
mod table;
mod tally;
#[cfg(test)]
mod test;
mod threshold;
mod warning;
mod window;
mod witness;

pub use check::Check;
pub use collector::{Collector, Setup};
pub use completion::{Completion, End, Turn};
pub use course::{Course, Lane, Step};
pub use drift::Drift;
pub use hash::{Digest, TraceHash};
pub use invariant::{Checker, Invariant, Limit};
pub use json::hdr_log;
pub use latency::Latency;
pub use metric::{Metric, Scope, Unit};
pub use run::{Cell, Class, Endpoint, Requests, Run, Sessions, Sockets, Tries, unseen};
pub use share::Promise;
pub use table::{matrix, table};
pub use threshold::{Error, Op, Over, Threshold, Verdict};
pub use warning::warnings;
pub use witness::{Subject, Witness};
