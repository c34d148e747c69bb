//! Policies: which endpoint takes the next request.
//!
//! Mechanism counts, policy chooses: load data lives on the endpoint and is updated by the pool; a
//! policy reads it and returns a choice. One policy, one file.

mod event_loop;
mod hash;
mod ip_hash;
mod key;
mod least;
mod least_request;
mod least_time;
mod maglev;
mod p2c;
mod peak_ewma;
mod prequal;
mod random;
mod rendezvous;
mod ring_hash;
mod round_robin;
mod scale;
mod table;
mod walk;
mod weighing;
mod wheel;

use std::fmt;
use std::time::Duration;

use crate::endpoint::{Answer, Endpoint, EndpointIndex, Group, Measure, Tried, Until};
use crate::rng::Rng;
use crate::time::Timestamp;

pub use event_loop::EventLoop;
pub use hash::Hash;
pub use ip_hash::IpHash;
pub use key::Key;
pub(crate) use key::crc32;
pub use least_request::LeastRequest;
pub use least_time::LeastTime;
pub use maglev::Maglev;
pub use p2c::{CHOICES_MAX, P2c};
pub use peak_ewma::PeakEwma;
pub use prequal::Prequal;
pub use random::Random;
pub use rendezvous::Rendezvous;
pub use ring_hash::RingHash;
pub use round_robin::RoundRobin;
pub use table::Table;
pub use weighing::{Best, Mark, Weighing};

/// Chooses an endpoint.
pub trait Policy: fmt::Debug + Send {
    /// An endpoint for which [`PickContext::eligible`] holds, or `None` if there is none.
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex>;

    /// What [`Policy::pick`] would look at in this context, and which of it it would take. The
    /// generator is a copy, from which it draws as the pick will.
    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing;

    /// Called when endpoints or weights have changed, before the next pick, with the table that
    /// was made for them.
    fn rebuild(&mut self, endpoints: &[Endpoint], table: Table) {
        let _ = (endpoints, table);
    }

    /// What the pool is to measure of the endpoints' latency.
    fn measure(&self) -> Option<Measure> {
        None
    }

    /// A request with `key` is sent to `index`, if [`Policy::measure`] asks for anything: a number
    /// of the policy's choice, with which [`Policy::heard`] tells of it, once.
    fn send(&mut self, index: EndpointIndex, key: Key) -> u32 {
        let _ = (index, key);
        0
    }

    /// The answer to what was sent under `ticket` has come after so long, or is given up.
    fn heard(&mut self, ticket: u32, now: Timestamp, took_ns: u64, answer: Answer) {
        let _ = (ticket, now, took_ns, answer);
    }

    /// Another endpoint that is to be probed, after a pick; [`Policy::told`] is told of it, once.
    fn wanted(&mut self) -> Option<EndpointIndex> {
        None
    }

    /// The probe of an endpoint that was [`Policy::wanted`] has been answered, or has failed.
    fn told(&mut self, endpoint: &Endpoint, now: Timestamp, load: Option<Load>) {
        let _ = (endpoint, now, load);
    }

    /// Whether a pick compares all endpoints, so that one that has nothing in flight takes every
    /// request: slow start must then hold it back by more.
    fn compares_all(&self) -> bool {
        false
    }
}

/// What an endpoint was like when it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests in flight there, by whomever sent, without the one that asked; absent: it does not
    /// say.
    pub in_flight: Option<u32>,
    /// How long the answer took.
    pub took: Duration,
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
    /// What the request is hashed by.
    pub key: Key,
    /// Requests in flight at all endpoints of the tier, cooling or not.
    pub in_flight: u64,
}

/// Endpoints are asked in six tiers, and the first that has an eligible one decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The endpoints of this group.
    pub group: Group,
    /// Also those that are passed over after failed dials.
    pub cooling: bool,
}

impl Tier {
    /// The order in which they are asked: an endpoint that refused a moment ago comes after the
    /// backups, for it is likely to refuse again.
    pub const ORDER: [Self; 6] = [
        Self::of(Group::Home, false),
        Self::of(Group::Elsewhere, false),
        Self::of(Group::Backup, false),
        Self::of(Group::Home, true),
        Self::of(Group::Elsewhere, true),
        Self::of(Group::Backup, true),
    ];

    /// A group, with those that are passed over after failed dials or without.
    #[must_use]
    pub const fn of(group: Group, cooling: bool) -> Self {
        Self { group, cooling }
    }
}

impl PickContext<'_> {
    /// Whether `endpoint` may be chosen.
    // Without branches up to where they are seldom taken: nearly all that is asked is eligible.
    #[inline]
    #[must_use]
    pub fn eligible(&self, endpoint: &Endpoint) -> bool {
        let able = endpoint.is_in_service()
            & endpoint.is_fit()
            & (endpoint.group == self.tier.group)
            & !endpoint.is_full();
        able && (self.tier.cooling || !endpoint.is_cooling(self.now))
            && (self.tried.is_empty() || !self.tried.contains(endpoint.index))
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
    /// The least latency for its load.
    LeastTime {
        /// Up to where it is measured.
        until: Until,
    },
    /// The better of two random ones by a latency that rises at once and falls slowly.
    PeakEwma {
        /// How fast it falls; above zero.
        decay: Duration,
    },
    /// The fastest that is not hot, by probes of a moment ago.
    Prequal {
        /// Above which of 100 recent probes one is hot; 0 to 100.
        quantile_percent: u32,
        /// Probes for each pick; 1 to 8.
        probes: u32,
        /// Endpoints are asked; else what this proxy knows of them is the probe.
        asks: bool,
    },
    /// Fewest requests in flight, weighed by what their routes do to others.
    EventLoop {
        /// How much requests are kept from those whom they would delay; 0 to 100.
        spare_percent: u32,
    },
    /// By the client's network, as nginx's.
    IpHash,
    /// By key, modulo the weights, as nginx's.
    Hash,
    /// By key on a ring, as nginx's.
    RingHash {
        /// Most in flight at an endpoint against its share, in percent; above 100.
        bound_percent: Option<u32>,
    },
    /// By key in an even table.
    Maglev,
    /// By key, whichever endpoint draws best with it.
    Rendezvous,
}

impl Kind {
    /// Whether a shell has to probe endpoints for it.
    #[must_use]
    pub const fn asks(self) -> bool {
        matches!(self, Self::Prequal { asks: true, .. })
    }

    /// A fresh policy.
    #[must_use]
    pub fn build(self) -> Box<dyn Policy> {
        match self {
            Self::RoundRobin => Box::new(RoundRobin::default()),
            Self::Random => Box::new(Random::default()),
            Self::LeastRequest => Box::new(LeastRequest),
            Self::P2c { choices } => Box::new(P2c::new(choices)),
            Self::LeastTime { until } => Box::new(LeastTime::new(until)),
            Self::PeakEwma { decay } => Box::new(PeakEwma::new(decay)),
            Self::Prequal {
                quantile_percent,
                probes,
                asks,
            } => Box::new(Prequal::new(quantile_percent, probes, asks)),
            Self::EventLoop { spare_percent } => Box::new(EventLoop::new(spare_percent)),
            Self::IpHash => Box::<IpHash>::default(),
            Self::Hash => Box::<Hash>::default(),
            Self::RingHash { bound_percent } => Box::new(RingHash::new(bound_percent)),
            Self::Maglev => Box::<Maglev>::default(),
            Self::Rendezvous => Box::<Rendezvous>::default(),
        }
    }
}

/// The mean weight of the endpoints in service, by which weights become relative; 1 without any.
fn mean_weight(endpoints: &[Endpoint]) -> f64 {
    let in_service = || endpoints.iter().filter(|e| e.is_in_service());
    let sum: u64 = in_service().map(|e| u64::from(e.weight)).sum();
    (sum as f64 / in_service().count().max(1) as f64).max(1.0)
}

#[cfg(test)]
pub(crate) mod tests;
