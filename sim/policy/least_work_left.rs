//! `least_work_left`: the endpoint that will be done first, known exactly.
//!
//! Problem: the bound of what any prediction of service times can give. Rule: the least work left,
//! of requests under way and waiting; the first among equals. With first come first served at
//! each endpoint it is the central queue, request by request. Cost: O(n). Needs the services of
//! requests before they have begun, which an oracle has and nobody else. Source: Harchol-Balter,
//! Performance Modeling and Design of Computer Systems, 2013, section 24.2.

use evenkeel_core::endpoint::{Endpoint, EndpointIndex};
use evenkeel_core::policy::{Best, PickContext, Policy, Weighing};

use super::Board;

/// See the module.
#[derive(Debug)]
pub(super) struct LeastWorkLeft {
    board: Board,
}

impl LeastWorkLeft {
    pub(super) fn new(board: Board) -> Self {
        Self { board }
    }
}

impl Policy for LeastWorkLeft {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let eligible = endpoints.iter().filter(|e| cx.eligible(e));
        eligible
            .min_by_key(|e| self.board.work_left(e.index.slot, cx.now))
            .map(|e| e.index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let left_ms = |e: &Endpoint| self.board.work_left(e.index.slot, cx.now) as f64 / 1e6;
        Weighing::of_all("ms of work left", Best::Least, endpoints, cx, left_ms)
    }
}
