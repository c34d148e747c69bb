//! Policies that know what only a simulation can know, or that only mathematics needs.
//!
//! They implement the core's trait and are driven by the core's pool, so what theory says of them
//! tests the very mechanism under the policies that are deployed: queue, grants, counts. `serve`
//! refuses them by name.

mod board;
mod central_queue;
mod join_idle_queue;
mod least_work_left;
mod stale;
#[cfg(test)]
mod test;

use evenkeel_core::endpoint::Endpoint;
use evenkeel_core::policy::{PickContext, Policy};
use evenkeel_proxy::config::Simulated;

pub use board::Board;
use central_queue::CentralQueue;
use join_idle_queue::JoinIdleQueue;
use least_work_left::LeastWorkLeft;
use stale::Stale;

/// A fresh policy; `board` is where the engine says how much work each of the pool's endpoints has
/// left.
#[must_use]
pub fn build(simulated: Simulated, board: &Board) -> Box<dyn Policy> {
    match simulated {
        Simulated::CentralQueue => Box::new(CentralQueue),
        Simulated::JoinIdleQueue => Box::new(JoinIdleQueue),
        Simulated::LeastWorkLeft => Box::new(LeastWorkLeft::new(board.clone())),
        Simulated::Stale { of, period } => Box::new(Stale::new(of, period)),
    }
}

/// One of the eligible endpoints for which `wanted` holds, each with the same chance.
fn any<'a>(
    endpoints: &'a [Endpoint],
    cx: &mut PickContext<'_>,
    wanted: impl Fn(&Endpoint) -> bool,
) -> Option<&'a Endpoint> {
    let is_one = |e: &&Endpoint, cx: &PickContext<'_>| wanted(e) && cx.eligible(e);
    let count = endpoints.iter().filter(|e| is_one(e, cx)).count() as u64;
    let place = match count {
        0 => return None,
        1 => 0,
        _ => cx.rng.below(count),
    };
    endpoints
        .iter()
        .filter(|e| is_one(e, cx))
        .nth(place as usize)
}
