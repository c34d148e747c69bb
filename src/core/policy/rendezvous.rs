//! `rendezvous`: the same key to the same endpoint, without any table.
//!
//! Problem: as `ring_hash`, with few endpoints. Rule: key and address are hashed together to a
//! number u in (0, 1) for every endpoint, and the least -ln(u) / weight wins; with equal weights
//! that is the greatest u. Without a key round robin decides. Weights: exactly, for many keys: the
//! shares are those of independent draws. Disruption: the least there can be, for endpoints that go
//! (1 / n of the keys, spread over all others by weight), come, cannot take a request, or change
//! their weight. Cost: O(n), a logarithm each with unequal weights. Pathology: too slow for
//! hundreds of endpoints (`maglev`); popular keys make hot endpoints. Source: Thaler and
//! Ravishankar 1998 (highest random weight); the weights: Schindelhauer and Schomaker 2005.

use super::{Best, Key, PickContext, Policy, RoundRobin, Table, Weighing};
use crate::endpoint::{Endpoint, EndpointIndex};
use crate::rng::mix;

/// See the module.
#[derive(Debug, Default)]
pub struct Rendezvous {
    equal: bool,
    fallback: RoundRobin,
}

impl Policy for Rendezvous {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        if cx.key == Key::None {
            return self.fallback.pick(endpoints, cx);
        }
        let key = cx.key.bits();
        let eligible = endpoints.iter().filter(|e| cx.eligible(e));
        let best = if self.equal {
            eligible.max_by_key(|e| draw(key, e))
        } else {
            let timed = eligible.map(|e| (late(key, e), e));
            timed.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, e)| e)
        };
        best.map(|e| e.index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        if cx.key == Key::None {
            return self.fallback.weigh(endpoints, cx);
        }
        let key = cx.key.bits();
        Weighing::of_all("by key", Best::Least, endpoints, cx, |e| late(key, e))
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        let mut weights = endpoints
            .iter()
            .filter(|e| e.is_in_service())
            .map(|e| e.weight);
        let first = weights.next();
        self.equal = weights.all(|weight| Some(weight) == first);
        self.fallback.rebuild(endpoints, Table::Nothing);
    }
}

/// What key and endpoint come to.
fn draw(key: u64, endpoint: &Endpoint) -> u64 {
    mix(key ^ endpoint.identity.bits)
}

/// The same by weight: the least wins.
fn late(key: u64, endpoint: &Endpoint) -> f64 {
    -libm::log(unit(draw(key, endpoint))) / f64::from(endpoint.weight)
}

/// A number in (0, 1) with 53 bits.
fn unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) * (1.0 / (1_u64 << 53) as f64)
}
