//! What both engines share: how they are called and what they return.

use evenkeel_core::time::Timestamp;

use crate::result::{Cell, Completion};

/// A run that came to its end.
#[derive(Clone, Debug)]
pub struct Ended {
    /// What was collected, without thresholds.
    pub cell: Cell,
    /// The simulated time at the end.
    pub now: Timestamp,
    /// Every request as its client saw it, in order of completion, if that was asked for.
    pub seen: Vec<Seen>,
    /// What a user should know of the run, a line each.
    pub notes: Vec<String>,
}

/// One request as its client saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number in its workload.
    pub n: u64,
    /// When it was due, when and how it ended.
    pub completion: Completion,
}

/// Why a run has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was asked to end.
    #[error("interrupted")]
    Interrupted,
    /// A recorded workload cannot be read.
    #[error(transparent)]
    Workload(#[from] crate::workload::Error),
    /// Engine `model` cannot do what the scenario asks for.
    #[error("engine model cannot run the scenario: {0}; run it with --engine net")]
    Model(&'static str),
    /// The simulated world broke down: an error of ours.
    #[error("{0}; this is a bug, please report it with the scenario and the seed")]
    World(#[from] crate::world::Error),
    /// A policy needs what this engine cannot tell it.
    #[error(
        "the policy of pool {0} knows what only engine model can tell; expected --engine model"
    )]
    Simulated(String),
    /// TLS has settings that cannot be used.
    #[error(transparent)]
    Tls(#[from] evenkeel_proxy::tls::Error),
    /// The proxy could not begin.
    #[error(transparent)]
    Bind(#[from] evenkeel_proxy::serve::BindError),
}

#[cfg(test)]
mod test;
