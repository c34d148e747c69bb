//! Workloads: which requests are due when, and what each asks of an origin.
//!
//! Everything is a function of the seed and a request's number: `(workload, n)`, and the try for
//! its service. All cells of a comparison, both engines and every policy see the same arrivals and
//! the same services.

mod arrival;
pub mod log;
mod service;
mod source;
#[cfg(test)]
mod test;

use std::path::PathBuf;

pub use arrival::{Arrival, Arrivals, Error};
pub use service::Service;

/// One workload.
#[derive(Clone, Debug)]
pub struct Spec {
    /// When its requests are due.
    pub source: Source,
    /// The kinds of its requests; with none, all are of class 0 and cost 1.
    pub classes: Vec<Class>,
}

/// When a workload's requests are due. All of these are open: nobody waits for a response.
#[derive(Clone, Debug)]
pub enum Source {
    /// Independent requests: exponential gaps.
    Poisson {
        /// Requests per second; above zero.
        rate: f64,
    },
    /// Equal gaps; the first request is due at 0.
    Constant {
        /// Requests per second; above zero.
        rate: f64,
    },
    /// The requests of an access log, in its order. The first line's second is time 0.
    Trace {
        /// The log, in Common or Combined Log Format, plain or compressed with gzip.
        file: PathBuf,
        /// How much faster than it was recorded; above zero.
        speed: f64,
    },
}

/// A kind of request within a workload.
#[derive(Clone, Debug)]
pub struct Class {
    /// How often it is chosen, relative to the others.
    pub weight: u32,
    /// By how much it stretches a service; 1 is the law as it stands.
    pub cost: f64,
}
