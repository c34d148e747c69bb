//! Origins: the applications behind the endpoints, as state machines without a clock.
//!
//! Both engines drive the same [`Station`]: engine `net` behind a simulated kernel and its
//! connections, engine `model` alone.

pub mod connection;
mod job;
mod line;
mod meter;
mod runtime;
mod sharing;
mod station;
#[cfg(test)]
mod test;
mod trouble;
mod wait;

use std::time::Duration;

pub use job::{Job, JobId};
pub use meter::Load;
pub use runtime::{Collection, Runtime, Warmup};
pub use station::Station;
pub use trouble::{Trouble, Verdict};

use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;

/// How an application spends its time on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Servers that take one request at a time from start to end, in order of arrival, from one
    /// queue. A wait (`io`) holds its server too.
    Fifo {
        /// How many servers (at least 1).
        workers: u16,
    },
    /// Event loops, one for each process. What computes blocks its loop and runs in order of
    /// arrival; what waits holds nothing. A request that waits computes half before, half after,
    /// and comes back to the end of its loop's ready list.
    Node {
        /// How many processes; a connection belongs to one of them (at least 1).
        workers: u16,
    },
    /// All requests compute at once and share the processors evenly, none with more than one. A
    /// wait shares nothing; half of the computing comes after it.
    Ps {
        /// How many processors (at least 1).
        workers: u16,
    },
    /// Nobody is in anybody's way: every request takes its own time. Its utilisation is the mean
    /// number of those that compute.
    Delay,
}

/// One origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Its model.
    pub model: Model,
    /// How fast its processor is: a service of 10 ms takes 20 ms at 0.5. Above zero.
    pub speed: f64,
    /// What every request costs before its own service: parsing, the framework.
    pub overhead: Duration,
    /// What its runtime adds, if it is `node`.
    pub runtime: Runtime,
    /// From when its load is measured.
    pub from: Timestamp,
    /// Until when its load is measured.
    pub until: Timestamp,
}

/// From what origin number `origin` draws what no request brings with it.
#[must_use]
pub fn draws(seed: u64, origin: u64) -> Stream {
    Stream::new(seed, "runtime").child(origin)
}
