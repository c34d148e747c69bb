//! The least of all endpoints, as policies that compare all of them pick it.

use super::PickContext;
use crate::endpoint::{Endpoint, EndpointIndex};

/// The eligible endpoint with the least score; among equals one drawn by weight, so that several
/// proxies do not all run to the first. O(n).
pub(super) fn least<S: PartialOrd>(
    endpoints: &[Endpoint],
    cx: &mut PickContext<'_>,
    score: impl Fn(&Endpoint) -> S,
) -> Option<EndpointIndex> {
    let mut best = None;
    let mut tied_weight = 0;
    for endpoint in endpoints {
        if !cx.eligible(endpoint) {
            continue;
        }
        let weight = u64::from(endpoint.weight);
        let candidate = score(endpoint);
        match &best {
            Some((_, least)) if *least < candidate => {}
            Some((_, least)) if *least == candidate => {
                // A reservoir: after all ties each was kept with probability by its weight.
                tied_weight += weight;
                if cx.rng.below(tied_weight) < weight {
                    best = Some((endpoint.index, candidate));
                }
            }
            _ => {
                best = Some((endpoint.index, candidate));
                tied_weight = weight;
            }
        }
    }
    best.map(|(index, _)| index)
}
