//! The places of a key, one after another, of which the first that can take the request does: what
//! `hash`, `ip_hash`, `ring_hash` and `maglev` have in common. If none can, round robin decides.

use super::{Best, PickContext, Policy, RoundRobin, Weighing};
use crate::endpoint::{Endpoint, EndpointIndex};

/// What the places score.
const PLACES: &str = "places from the key's";

/// The first of `slots` that is eligible.
#[inline(always)]
pub(super) fn first(
    mut slots: impl Iterator<Item = usize>,
    endpoints: &[Endpoint],
    cx: &PickContext<'_>,
) -> Option<EndpointIndex> {
    let slot = slots.find(|slot| cx.eligible(&endpoints[*slot]))?;
    Some(endpoints[slot].index)
}

/// How far each eligible endpoint is on the walk; round robin's, if there is none.
pub(super) fn weigh(
    slots: impl Iterator<Item = usize>,
    fallback: &RoundRobin,
    endpoints: &[Endpoint],
    cx: &mut PickContext<'_>,
) -> Weighing {
    let mut marks: Vec<(usize, f64)> = Vec::new();
    for (step, slot) in slots.enumerate() {
        let is_new = marks.iter().all(|(known, _)| *known != slot);
        if is_new && cx.eligible(&endpoints[slot]) {
            marks.push((slot, step as f64));
        }
    }
    match marks.is_empty() {
        true => fallback.weigh(endpoints, cx),
        false => Weighing::new(PLACES, Best::Least, marks),
    }
}
