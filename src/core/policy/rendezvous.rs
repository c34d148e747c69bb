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

use super::{Key, PickContext, Policy, RoundRobin, Table};
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
        let draw = |e: &Endpoint| mix(key ^ e.identity.bits);
        let eligible = endpoints.iter().filter(|e| cx.eligible(e));
        let best = if self.equal {
            eligible.max_by_key(|e| draw(e))
        } else {
            let late = |e: &Endpoint| -libm::log(unit(draw(e))) / f64::from(e.weight);
            let timed = eligible.map(|e| (late(e), e));
            timed.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, e)| e)
        };
        best.map(|e| e.index)
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

/// A number in (0, 1) with 53 bits.
fn unit(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) * (1.0 / (1_u64 << 53) as f64)
}
