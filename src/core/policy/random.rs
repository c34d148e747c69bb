//! `random`: an endpoint drawn by weight.
//!
//! Problem: spread requests without any state shared between proxies. Rule: each endpoint with
//! probability weight / sum of weights. Cost: O(1) with equal weights, O(log n) otherwise.
//! Pathology: pays the full price of variance: under load each endpoint is a queue of its own
//! (M/M/1 with exponential service). Source: folklore; nginx's and HAProxy's `random` with one
//! draw.

use super::wheel::Wheel;
use super::{PickContext, Policy, Table, Weighing};
use crate::endpoint::{Endpoint, EndpointIndex};

/// See the module.
#[derive(Debug, Default)]
pub struct Random {
    wheel: Wheel,
}

impl Policy for Random {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        self.wheel
            .draw(endpoints, cx, None)
            .map(|at| endpoints[at].index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let drawn = self.wheel.draw(endpoints, cx, None);
        Weighing::by_chance(endpoints, cx, drawn)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.wheel.rebuild(endpoints);
    }
}
