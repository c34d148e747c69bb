//! Policies: which endpoint takes the next request.
//!
//! Mechanism counts, policy chooses: load data lives on the endpoint and is updated by the pool; a
//! policy reads it and returns a choice. One policy, one file.

mod least_request;
mod p2c;
mod random;
mod round_robin;
mod wheel;

use std::fmt;

use crate::endpoint::{Endpoint, EndpointIndex, Tried};
use crate::rng::Rng;
use crate::time::Timestamp;

pub use least_request::LeastRequest;
pub use p2c::P2c;
pub use random::Random;
pub use round_robin::RoundRobin;

/// Chooses an endpoint.
pub trait Policy: fmt::Debug + Send {
    /// An endpoint for which [`PickContext::eligible`] holds, or `None` if there is none.
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex>;

    /// Called when endpoints or weights have changed, before the next pick.
    fn rebuild(&mut self, endpoints: &[Endpoint]) {
        let _ = endpoints;
    }
}

/// What a pick depends on besides the endpoints.
#[derive(Debug)]
pub struct PickContext<'a> {
    /// The present.
    pub now: Timestamp,
    /// The request's generator.
    pub rng: &'a mut Rng,
    /// The endpoints that failed this request.
    pub tried: &'a Tried,
    /// Which endpoints are asked.
    pub tier: Tier,
}

/// Endpoints are asked in four tiers, and the first that has an eligible one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Backups, or the others.
    pub backup: bool,
    /// Also those that are passed over after failed dials.
    pub cooling: bool,
}

impl Tier {
    /// The order in which they are asked: an endpoint that refused a moment ago comes after the
    /// backups, for it is likely to refuse again.
    pub const ORDER: [Self; 4] = [
        Self {
            backup: false,
            cooling: false,
        },
        Self {
            backup: true,
            cooling: false,
        },
        Self {
            backup: false,
            cooling: true,
        },
        Self {
            backup: true,
            cooling: true,
        },
    ];
}

impl PickContext<'_> {
    /// Whether `endpoint` may be chosen.
    #[must_use]
    pub fn eligible(&self, endpoint: &Endpoint) -> bool {
        endpoint.is_in_service()
            && endpoint.backup == self.tier.backup
            && !endpoint.is_full()
            && (self.tier.cooling || !endpoint.is_cooling(self.now))
            && !self.tried.contains(endpoint.index)
    }
}

/// A policy by its name and parameters, as a configuration gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Smooth weighted round robin, nginx's order.
    RoundRobin,
    /// Weighted random.
    Random,
    /// Fewest requests in flight for its weight.
    LeastRequest,
    /// The least loaded of a few random ones.
    P2c {
        /// How many.
        choices: u32,
    },
}

impl Kind {
    /// A fresh policy.
    #[must_use]
    pub fn build(self) -> Box<dyn Policy> {
        match self {
            Self::RoundRobin => Box::new(RoundRobin::default()),
            Self::Random => Box::new(Random::default()),
            Self::LeastRequest => Box::new(LeastRequest),
            Self::P2c { choices } => Box::new(P2c::new(choices)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
