//! `round_robin`: smooth weighted round robin, in nginx's order.
//!
//! Problem: give each endpoint its share without bursts. Rule: every eligible endpoint's credit
//! grows by its weight; the one with the most credit is taken (the first on a tie) and pays the sum
//! of all weights. Weights 5, 1, 1 give a a b a c a a. With equal weights this is a plain cycle, and
//! is done as one. Cost: O(1) with equal weights, otherwise O(n).
//! Pathology: blind to load; several proxies start at the same endpoint.
//! Source: nginx `ngx_http_upstream_round_robin.c` (its picks are reproduced exactly).

use super::{PickContext, Policy};
use crate::endpoint::{Endpoint, EndpointIndex};

/// See the module.
#[derive(Debug, Default)]
pub struct RoundRobin {
    /// Credit of each slot, for as long as the same endpoint has it.
    credits: Vec<(EndpointIndex, i64)>,
    /// The slot after the last pick.
    next: usize,
    equal: bool,
}

impl RoundRobin {
    fn cycle(&mut self, endpoints: &[Endpoint], cx: &PickContext<'_>) -> Option<EndpointIndex> {
        let n = endpoints.len();
        let at = (self.next..n)
            .chain(0..self.next.min(n))
            .find(|at| cx.eligible(&endpoints[*at]))?;
        self.next = at + 1;
        Some(endpoints[at].index)
    }

    fn smooth(&mut self, endpoints: &[Endpoint], cx: &PickContext<'_>) -> Option<EndpointIndex> {
        let mut total = 0;
        let mut best: Option<usize> = None;
        for (at, endpoint) in endpoints.iter().enumerate() {
            if !cx.eligible(endpoint) {
                continue;
            }
            let weight = i64::from(endpoint.weight);
            total += weight;
            self.credits[at].1 += weight;
            if best.is_none_or(|b| self.credits[at].1 > self.credits[b].1) {
                best = Some(at);
            }
        }
        let best = best?;
        self.credits[best].1 -= total;
        Some(endpoints[best].index)
    }
}

impl Policy for RoundRobin {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        if self.equal {
            self.cycle(endpoints, cx)
        } else {
            self.smooth(endpoints, cx)
        }
    }

    fn rebuild(&mut self, endpoints: &[Endpoint]) {
        self.credits.truncate(endpoints.len());
        for (at, endpoint) in endpoints.iter().enumerate() {
            match self.credits.get_mut(at) {
                Some((index, _)) if *index == endpoint.index => {}
                Some(slot) => *slot = (endpoint.index, 0),
                None => self.credits.push((endpoint.index, 0)),
            }
        }
        let mut weights = endpoints
            .iter()
            .filter(|e| e.is_in_service())
            .map(|e| e.weight);
        let first = weights.next();
        self.equal = weights.all(|w| Some(w) == first);
    }
}
