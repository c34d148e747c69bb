//! Origins: the applications behind the endpoints, as state machines without a clock.
//!
//! Both engines drive the same [`Station`]: engine `net` behind a simulated kernel and its
//! connections, engine `model` alone.

pub mod connection;
mod job;
mod meter;
mod station;
#[cfg(test)]
mod test;

use std::time::Duration;

pub use job::{Job, JobId};
pub use meter::Load;
pub use station::Station;

use evenkeel_core::time::Timestamp;

/// How an application spends its time on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// One server that takes one request at a time from start to end, in order of arrival. A wait
    /// (`io`) holds it too.
    Fifo,
    /// Event loops, one for each process. What computes blocks its loop and runs in order of
    /// arrival; what waits holds nothing. A request that waits computes half before, half after,
    /// and comes back to the end of its loop's ready list.
    Node {
        /// How many processes; a connection belongs to one of them (at least 1).
        workers: u16,
    },
}

/// One origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spec {
    /// Its model.
    pub model: Model,
    /// How fast its processor is: a service of 10 ms takes 20 ms at 0.5. Above zero.
    pub speed: f64,
    /// What every request costs before its own service: parsing, the framework.
    pub overhead: Duration,
    /// From when its load is measured.
    pub from: Timestamp,
    /// Until when its load is measured.
    pub until: Timestamp,
}
