//! What lies between the model's parties.

use evenkeel_core::rng::Rng;
use evenkeel_core::time::{Span, Timestamp, nanos};

use crate::link::{Arrival, Link, Wire};
use crate::plan::Plan;

/// One direction between two parties; proxies by their place in the scenario.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hop {
    /// From the clients to a proxy.
    Down(usize),
    /// From a proxy to the clients.
    Answer(usize),
    /// From a proxy to an origin.
    Up(usize, usize),
    /// From an origin to a proxy.
    Back(usize, usize),
}

/// All wires.
#[derive(Debug)]
pub(super) enum Wires {
    /// Nothing of it is counted by party, and it is always the same: the cheap case.
    Shared(Link),
    /// There and back, each.
    Each {
        /// By proxy.
        down: Vec<[Wire; 2]>,
        /// By proxy and origin.
        up: Vec<Vec<[Wire; 2]>>,
    },
}

impl Wires {
    pub(super) fn new(plan: &Plan) -> Self {
        if let Some(link) = plan.shared_link() {
            return Self::Shared(link);
        }
        let down = plan.downstream();
        let origins = 0..plan.origins.len();
        let up: Vec<_> = origins.map(|origin| plan.upstream(origin)).collect();
        let wires = |lanes: &[crate::plan::Lane; 2]| lanes.each_ref().map(|lane| lane.wire());
        let proxies = 0..plan.scenario.proxies.count;
        Self::Each {
            down: proxies.clone().map(|_| wires(&down)).collect(),
            up: proxies.map(|_| up.iter().map(wires).collect()).collect(),
        }
    }

    /// What everything takes, if that is always the same.
    pub(super) fn distance(&self) -> Option<Span> {
        match self {
            Self::Shared(link) if link.jitter.is_zero() => Some(Span::of(link.latency)),
            Self::Shared(_) | Self::Each { .. } => None,
        }
    }

    /// Whether bytes take time.
    pub(super) const fn count_bytes(&self) -> bool {
        matches!(self, Self::Each { .. })
    }

    /// When `bytes` arrive that are ready at `sent`. `rng` is made only if something is drawn.
    pub(super) fn arrival(
        &self,
        hop: Hop,
        sent: Timestamp,
        bytes: u64,
        rng: impl FnOnce() -> Rng,
    ) -> Arrival {
        let wire = match (self, hop) {
            (Self::Shared(link), _) => {
                let jitter = match nanos(link.jitter) {
                    0 => 0,
                    most => rng().below(most),
                };
                return Arrival::At(Timestamp(sent.0 + nanos(link.latency) + jitter));
            }
            (Self::Each { down, .. }, Hop::Down(proxy)) => &down[proxy][0],
            (Self::Each { down, .. }, Hop::Answer(proxy)) => &down[proxy][1],
            (Self::Each { up, .. }, Hop::Up(proxy, origin)) => &up[proxy][origin][0],
            (Self::Each { up, .. }, Hop::Back(proxy, origin)) => &up[proxy][origin][1],
        };
        wire.arrival(sent, bytes, rng())
    }
}
