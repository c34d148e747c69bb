//! `least_time`: the endpoint that would answer first, by what it took and what it has.
//!
//! Problem: endpoints of unequal speed. Rule: the least latency * (1 + in flight / weight) over all
//! eligible endpoints, weights taken relative to their mean; among equals one drawn by weight.
//! Latency is the mean over past requests, each new one counting 5 %, or the mean age of the
//! requests whose answer is awaited, whichever is more: the age is the only sign of an endpoint
//! that is stuck right now. An endpoint of which nothing is known is taken to be as fast as the
//! best. After 10 s without a sample the mean is halved, and again every 10 s, so that a slow one
//! is asked again. A failed try, or a status of 500 and more or 429, counts as twice the mean at
//! least, so that who fails fast is left after some dozens. Parameter: `until` (header): the head
//! of the response, or its last byte. Cost: O(n). Weights: as in `least_request`, where latencies
//! are equal. Pathology: a slow route makes its endpoint look slow; everybody runs to the endpoint
//! that got better last. Source: nginx `ngx_http_upstream_least_time_module.c` (its `inflight`
//! form, without its steps of 20 ms, and where a failure is as good as its time).

use super::least::least;
use super::{Best, Measure, PickContext, Policy, Table, Until, Weighing, mean_weight};
use crate::endpoint::{Endpoint, EndpointIndex};

/// See the module.
#[derive(Debug)]
pub struct LeastTime {
    until: Until,
    mean_weight: f64,
}

impl LeastTime {
    /// A policy that measures up to there.
    #[must_use]
    pub const fn new(until: Until) -> Self {
        Self {
            until,
            mean_weight: 1.0,
        }
    }

    /// What each endpoint scores, in nanoseconds; relative to each other while nothing is known.
    fn score(
        &self,
        endpoints: &[Endpoint],
        cx: &PickContext<'_>,
    ) -> impl Fn(&Endpoint) -> f64 + use<> {
        let (now, mean_weight) = (cx.now, self.mean_weight);
        let known = move |e: &Endpoint| e.latency.mean_ns(now);
        let eligible = endpoints.iter().filter(|e| cx.eligible(e));
        let fastest = eligible.filter_map(known).fold(f64::INFINITY, f64::min);
        let unknown = if fastest.is_finite() { fastest } else { 1.0 };
        move |e| {
            let latency = known(e).unwrap_or(unknown);
            latency.max(e.latency.age_ns(now)) * crowd(e, mean_weight)
        }
    }
}

impl Policy for LeastTime {
    fn compares_all(&self) -> bool {
        true
    }

    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let score = self.score(endpoints, cx);
        least(endpoints, cx, score)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let score = self.score(endpoints, cx);
        let unit = "ms, for its load and weight";
        Weighing::of_all(unit, Best::Least, endpoints, cx, |e| score(e) / 1e6)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.mean_weight = mean_weight(endpoints);
    }

    fn measure(&self) -> Option<Measure> {
        Some(Measure::Mean { until: self.until })
    }
}

/// How many requests one more would share the endpoint with, itself included, for its weight
/// relative to the mean: the weight of an endpoint is how many it takes at once. An idle endpoint
/// counts 1 whatever its weight, or the heaviest would get everything while all are idle.
pub(super) fn crowd(endpoint: &Endpoint, mean_weight: f64) -> f64 {
    1.0 + f64::from(endpoint.in_flight) * mean_weight / f64::from(endpoint.weight)
}
