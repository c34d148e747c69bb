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

use std::cmp::Ordering;

use super::least::least;
use super::{Best, PickContext, Policy, Weighing};
use crate::endpoint::{Endpoint, EndpointIndex};

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct LeastRequest;

impl Policy for LeastRequest {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        least(endpoints, cx, load)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        Weighing::of_all(LOAD, Best::Least, endpoints, cx, |e| load(e).ratio())
    }

    fn compares_all(&self) -> bool {
        true
    }
}

/// What [`load`] is, to people.
pub(super) const LOAD: &str = "requests in flight for each unit of weight";

/// Requests in flight for each unit of weight.
pub(super) fn load(endpoint: &Endpoint) -> Load {
    Load {
        in_flight: endpoint.in_flight,
        weight: endpoint.weight,
    }
}

/// A fraction, compared without dividing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    in_flight: u32,
    weight: u32,
}

impl Load {
    pub(super) fn ratio(self) -> f64 {
        f64::from(self.in_flight) / f64::from(self.weight)
    }

    fn crosswise(self, other: Self) -> (u64, u64) {
        let product = |a: u32, b: u32| u64::from(a) * u64::from(b);
        (
            product(self.in_flight, other.weight),
            product(other.in_flight, self.weight),
        )
    }
}

impl PartialEq for Load {
    fn eq(&self, other: &Self) -> bool {
        let (own, others) = self.crosswise(*other);
        own == others
    }
}

impl PartialOrd for Load {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let (own, others) = self.crosswise(*other);
        own.partial_cmp(&others)
    }
}
