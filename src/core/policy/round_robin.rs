//! `round_robin`: smooth weighted round robin, in nginx's order.
//!
//! Problem: give each endpoint its share without bursts. Rule: every eligible endpoint's credit
//! grows by its weight; the one with the most credit is taken (the first on a tie) and pays the sum
//! of the eligible weights. Weights 5, 1, 1 give a a b a c a a. Equal weights are a plain cycle.
//! Cost: O(1) with equal weights, otherwise O(n). Where it is nginx's: with unequal weights pick by
//! pick, whoever is full, down or tried meanwhile; with equal weights pick by pick as long as all
//! are eligible. An endpoint that was not eligible in its turn has lost it in the cycle, while its
//! credit with nginx may bring it the next one. nginx also lowers a weight after failures and
//! raises it again; a failed endpoint is passed over here instead. Pathology: blind to load;
//! several proxies start at the same endpoint. Source: nginx `ngx_http_upstream_round_robin.c`.

use super::{Best, PickContext, Policy, Table, Weighing};
use crate::endpoint::{Endpoint, EndpointIndex};

/// See the module.
#[derive(Debug, Default)]
pub struct RoundRobin {
    /// Credit of each slot.
    credits: Vec<i64>,
    /// Who earned it, at which weight: it means nothing among others. What is left of a much larger
    /// weight would starve or favour somebody for as long as it took to earn.
    earners: Vec<(EndpointIndex, u32)>,
    /// The slot after the last pick, by group.
    next: [usize; 3],
    equal: bool,
}

impl RoundRobin {
    fn cycle(&mut self, endpoints: &[Endpoint], cx: &PickContext<'_>) -> Option<EndpointIndex> {
        let next = &mut self.next[cx.tier.group as usize];
        let n = endpoints.len();
        let at = (*next..n)
            .chain(0..(*next).min(n))
            .find(|at| cx.eligible(&endpoints[*at]))?;
        *next = at + 1;
        Some(endpoints[at].index)
    }

    fn smooth(&mut self, endpoints: &[Endpoint], cx: &PickContext<'_>) -> Option<EndpointIndex> {
        // A place instead of an index: two numbers can be chosen without a branch, and who leads so
        // far cannot be foreseen.
        let (mut total, mut most, mut best) = (0, i64::MIN, usize::MAX);
        for (at, (endpoint, credit)) in endpoints.iter().zip(&mut self.credits).enumerate() {
            if !cx.eligible(endpoint) {
                continue;
            }
            let weight = i64::from(endpoint.weight);
            total += weight;
            *credit += weight;
            if *credit > most {
                (most, best) = (*credit, at);
            }
        }
        let index = endpoints.get(best)?.index;
        self.credits[best] -= total;
        Some(index)
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

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        if self.equal {
            let n = endpoints.len();
            let next = self.next[cx.tier.group as usize].min(n);
            let turn = |e: &Endpoint| {
                let slot = e.index.slot as usize;
                let turns = if slot < next {
                    n + slot - next
                } else {
                    slot - next
                };
                turns as f64
            };
            return Weighing::of_all("places until its turn", Best::Least, endpoints, cx, turn);
        }
        let credit = |e: &Endpoint| {
            let earned = self.credits[e.index.slot as usize] + i64::from(e.weight);
            earned as f64
        };
        Weighing::of_all("credit", Best::Most, endpoints, cx, credit)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        let earners = || endpoints.iter().map(|e| (e.index, e.weight));
        if !self.earners.iter().copied().eq(earners()) {
            self.earners = earners().collect();
            self.credits = vec![0; endpoints.len()];
        }
        let mut weights = endpoints
            .iter()
            .filter(|e| e.is_in_service())
            .map(|e| e.weight);
        let first = weights.next();
        self.equal = weights.all(|w| Some(w) == first);
    }
}
