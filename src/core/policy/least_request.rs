//! `least_request`: the endpoint with the fewest requests in flight for its weight.
//!
//! Problem: requests of unequal cost. Rule: the least in flight / weight over all eligible
//! endpoints; among equals one drawn by weight, so that several proxies do not all run to the
//! first. Weights: one request at a time is shared exactly by weight. With m in flight all the time
//! at n endpoints, none holds more than one above its share of them or more than n - 1 below, so
//! that the shares of the picks are within (n - 1) / m of the weights. Cost: O(n). Pathology: an
//! endpoint that fails fast looks idle (see `p2c`); an endpoint that just joined has nothing in
//! flight and gets everything until it has caught up. Source: join the shortest queue (Winston
//! 1977); nginx `least_conn`, HAProxy `leastconn`.
//!
//! Tunnels are not compared, here and in `p2c`. A WebSocket is silent most of the time, and most of
//! them stay where they were opened: an endpoint that holds a thousand would get no request until
//! the others had a thousand in flight each, and one that just restarted, which holds none, would
//! get every one. nginx and HAProxy count both alike and have that. The price is that tunnels are
//! spread as the requests are that open them, so where requests are few, by weight and chance.
//! Where the sockets are the load, a pool of their own with `max_connections` bounds them exactly.

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

    fn compares_all(&self) -> bool {
        true
    }
}

/// Whether `a` has less in flight than `b`, for their weights.
pub(super) fn less_loaded(a: &Endpoint, b: &Endpoint) -> bool {
    u64::from(a.in_flight) * u64::from(b.weight) < u64::from(b.in_flight) * u64::from(a.weight)
}
