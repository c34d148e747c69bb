//! Workloads: which requests are due when, what each asks of an origin, and what its client does
//! while it waits.
//!
//! Everything is a function of the seed and a request's number: `(workload, n)`, the try for its
//! service, and the client's own try. All cells of a comparison, both engines and every policy see
//! the same arrivals and the same services. Of closed workloads and sessions the numbers and draws
//! are the same; when a request is due depends on when the one before it ended.

mod arrival;
mod conduct;
mod count;
pub mod log;
mod route;
mod service;
mod shape;
mod source;
#[cfg(test)]
mod test;
mod visit;
mod visitor;

use std::path::PathBuf;
use std::time::Duration;

use crate::law::Law;

pub use arrival::{Arrival, Arrivals, Error, Visit};
pub use conduct::{Conduct, Next, Talk};
pub use count::Count;
pub use route::Route;
pub use service::Service;
pub use shape::Shape;
pub(crate) use source::spread;
pub use visitor::Visitors;

/// One workload.
#[derive(Clone, Debug)]
pub struct Spec {
    /// When its requests are due.
    pub source: Source,
    /// How an open process's rate changes with time; absent: it stays.
    pub shape: Option<Shape>,
    /// Visitors of several requests each; the open process is then that of their first ones.
    pub sessions: Option<Sessions>,
    /// What its clients do while they wait.
    pub client: Client,
    /// Its requests open long-lived sockets.
    pub sockets: Option<Sockets>,
    /// The kinds of its requests; with none, all are of class 0 and cost 1.
    pub classes: Vec<Class>,
}

impl Spec {
    /// A workload of `source` whose requests are alike and whose clients wait for ever.
    #[must_use]
    pub const fn plain(source: Source) -> Self {
        Self {
            source,
            shape: None,
            sessions: None,
            client: Client::PATIENT,
            sockets: None,
            classes: Vec::new(),
        }
    }
}

/// When a workload's requests are due.
#[derive(Clone, Debug)]
pub enum Source {
    /// Independent requests: exponential gaps. Open: nobody waits for a response.
    Poisson {
        /// Requests per second, or sessions; above zero.
        rate: f64,
    },
    /// Equal gaps; the first request is due at 0. Open.
    Constant {
        /// Requests per second, or sessions; above zero.
        rate: f64,
    },
    /// Closed: each user waits for the end of a request, thinks, and sends the next one. First
    /// requests are spread over one mean think time.
    Users {
        /// How many.
        users: u32,
        /// The time between the end of a request and the next one.
        think: Law,
    },
    /// The requests of an access log, in its order. The first line's second is time 0.
    Trace {
        /// The log, plain or compressed with gzip.
        file: PathBuf,
        /// How much faster than it was recorded; above zero.
        speed: f64,
        /// The kinds of its requests, of which the first that fits is a request's; what fits none
        /// is of one more.
        routes: Vec<Route>,
    },
}

/// Visitors that send several requests, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    /// How many requests each sends.
    pub requests: Count,
    /// The time between the end of a request and the next one.
    pub think: Law,
}

/// What a client does while it waits for a response.
#[derive(Clone, Debug, PartialEq)]
pub struct Client {
    /// After how long it gives up a try; absent: never.
    pub timeout: Option<Duration>,
    /// How often it tries again what failed, whatever the method: so does a user who presses
    /// reload.
    pub retries: u8,
    /// How long it waits before it does.
    pub backoff: Backoff,
    /// Whether it leaves on purpose.
    pub abort: Option<Abort>,
}

impl Client {
    /// One that waits for ever and takes every answer.
    pub const PATIENT: Self = Self {
        timeout: None,
        retries: 0,
        backoff: Backoff {
            first: Duration::ZERO,
            most: Duration::ZERO,
            jitter: false,
        },
        abort: None,
    };
}

/// Waits that double with each failure in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest.
    pub most: Duration,
    /// Whether a wait is drawn: uniform from its half to its whole.
    pub jitter: bool,
}

/// Clients that leave before they have their answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Abort {
    /// Which part of them, from 0 to 1.
    pub share: f64,
    /// When, counted from the moment that the request was due.
    pub after: Law,
}

/// Long-lived sockets: connections that are upgraded and then carry messages both ways.
#[derive(Clone, Debug, PartialEq)]
pub struct Sockets {
    /// How long a client wants to be connected, from when it is due.
    pub hold: Law,
    /// What it says meanwhile; the origin says the same back.
    pub messages: Option<Messages>,
    /// When it comes back after its socket was cut or could not be opened; absent: never.
    pub reconnect: Option<Backoff>,
}

/// What is said on a socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Messages {
    /// The time between two.
    pub every: Law,
    /// The bytes of one.
    pub bytes: u64,
}

/// A kind of request within a workload.
#[derive(Clone, Debug)]
pub struct Class {
    /// How often it is chosen, relative to the others.
    pub weight: u32,
    /// By how much it stretches a service; 1 is the law as it stands.
    pub cost: f64,
    /// How long its requests compute; absent: the law of origins.
    pub service: Option<Law>,
    /// How long they wait for something else; absent: the law of origins.
    pub io: Option<Law>,
}
