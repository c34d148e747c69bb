//! `central_queue`: requests wait in one line, and an endpoint that is done takes the first.
//!
//! Problem: what the best possible balancer of identical endpoints would reach (M/M/c). Rule: an
//! endpoint with nothing in flight; if there is none, the pool's queue, first come first served.
//! Needs `queue.limit` and `queue.timeout` large enough for the load. Cost: O(n). Pathology: it
//! needs an endpoint's end of work to reach the proxy before the next request can set out, so each
//! request would pay a round trip of idleness on a real network. Source: Erlang 1917 (Erlang C).

use evenkeel_core::endpoint::{Endpoint, EndpointIndex};
use evenkeel_core::policy::{Best, PickContext, Policy, Weighing};

/// See the module.
#[derive(Debug)]
pub(super) struct CentralQueue;

impl Policy for CentralQueue {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        super::any(endpoints, cx, |e| e.in_flight == 0).map(|e| e.index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let idle = endpoints
            .iter()
            .filter(|e| e.in_flight == 0 && cx.eligible(e));
        let marks = idle.map(|e| (e.index.slot as usize, 0.0));
        Weighing::new("requests in flight", Best::Least, marks)
    }
}
