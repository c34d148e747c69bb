//! `join_idle_queue`: an idle endpoint if there is one, else any.
//!
//! Problem: several dispatchers that cannot ask at each request who is free. Rule: endpoints that
//! become idle report themselves; a request takes one that has, else an endpoint at random. With
//! one proxy every idle endpoint is in its line. Cost: O(n) here. Pathology: above a load of about
//! 0.9 few are idle and it is `random`. Source: Lu et al., Performance Evaluation 68, 2011.

use evenkeel_core::endpoint::{Endpoint, EndpointIndex};
use evenkeel_core::policy::{Best, PickContext, Policy, Weighing};

/// See the module.
#[derive(Debug)]
pub(super) struct JoinIdleQueue;

impl Policy for JoinIdleQueue {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        super::any(endpoints, cx, |e| e.in_flight == 0)
            .or_else(|| super::any(endpoints, cx, |_| true))
            .map(|e| e.index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let busy = |e: &Endpoint| f64::from(u8::from(e.in_flight > 0));
        Weighing::of_all("0 if it is idle, else 1", Best::Least, endpoints, cx, busy)
    }
}
