//! `least_request`: the endpoint with the fewest requests in flight for its weight.
//!
//! Problem: requests of unequal cost. Rule: the least (in flight + 1) / weight over all eligible
//! endpoints; among equals one drawn by weight, so that several proxies do not all run to the first.
//! Cost: O(n). Pathology: an endpoint that fails fast looks idle (see `p2c`); an endpoint that just
//! joined has nothing in flight and gets everything until it has caught up.
//! Source: join the shortest queue (Winston 1977); nginx `least_conn`, HAProxy `leastconn`.

use super::{PickContext, Policy};
use crate::endpoint::{Endpoint, EndpointIndex};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct LeastRequest;

impl Policy for LeastRequest {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let mut best: Option<&Endpoint> = None;
        let mut tied_weight = 0;
        for endpoint in endpoints {
            if !cx.eligible(endpoint) {
                continue;
            }
            let weight = u64::from(endpoint.weight);
            match best {
                Some(b) if less_loaded(b, endpoint) => {}
                Some(b) if !less_loaded(endpoint, b) => {
                    // A reservoir: after all ties each was kept with probability by its weight.
                    tied_weight += weight;
                    if cx.rng.below(tied_weight) < weight {
                        best = Some(endpoint);
                    }
                }
                _ => {
                    best = Some(endpoint);
                    tied_weight = weight;
                }
            }
        }
        best.map(|e| e.index)
    }
}

/// Whether a further request would load `a` less than `b`, for their weights.
pub(super) fn less_loaded(a: &Endpoint, b: &Endpoint) -> bool {
    let after = |e: &Endpoint| u64::from(e.in_flight) + 1;
    after(a) * u64::from(b.weight) < after(b) * u64::from(a.weight)
}
