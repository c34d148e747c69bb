//! `peak_ewma`: the better of two drawn ones, by latency that rises at once and falls slowly.
//!
//! Problem: endpoints that become slow within seconds, and several proxies that must not all run to
//! the same one. Rule: draw two different endpoints by weight; the least cost * (1 + in flight /
//! weight) is taken, weights relative to their mean, the first drawn on a tie. Cost is an average
//! of the time to the head of the response that forgets by exp(-t / decay), except that a time
//! above it replaces it; while nothing is measured it fades towards 0, so that a slow endpoint is
//! tried again. If nothing is known of one of the two, only what is in flight is compared.
//!
//! A failed try, or a status of 500 and more or 429, enters the average as 5 s, and never replaces
//! it: an endpoint whose share f of answers are errors costs about f * 5 s. One that fails fast is
//! left at once, and a single error does not cost an endpoint a minute. Parameter: `decay` (10 s).
//! Cost of a pick: O(1), two exponentials. Weights: as in `p2c`, where costs are equal. Pathology:
//! one slow route makes its endpoint look slow for about `decay`; a failing route that all
//! endpoints have makes them all look bad, and then what is in flight decides. Source: Finagle
//! `PeakEwma`, tower `peak_ewma`; the penalty's 5 s are Linkerd's. There a look at the cost is a
//! sample of 0, so that samples count less the more picks there are; here looking changes nothing.

use std::time::Duration;

use super::least_time::crowd;
use super::wheel::Wheel;
use super::{Best, Measure, PickContext, Policy, Table, Weighing, mean_weight};
use crate::endpoint::{Endpoint, EndpointIndex, decay_ns};

/// What decides while a latency is not known.
const CROWD: &str = "requests in flight with this one, for its weight; a latency is not known";

/// See the module.
#[derive(Debug)]
pub struct PeakEwma {
    wheel: Wheel,
    decay: Duration,
    decay_ns: f64,
    mean_weight: f64,
}

impl PeakEwma {
    /// A policy that forgets by `decay`; above zero.
    #[must_use]
    pub fn new(decay: Duration) -> Self {
        Self {
            wheel: Wheel::default(),
            decay,
            decay_ns: decay_ns(decay),
            mean_weight: 1.0,
        }
    }

    fn cost(&self, endpoint: &Endpoint, cx: &PickContext<'_>) -> Option<f64> {
        endpoint.latency.faded_ns(cx.now, self.decay_ns)
    }

    fn is_better(&self, a: &Endpoint, b: &Endpoint, cx: &PickContext<'_>) -> bool {
        let crowd = |e: &Endpoint| crowd(e, self.mean_weight);
        match (self.cost(a, cx), self.cost(b, cx)) {
            (Some(x), Some(y)) => x * crowd(a) < y * crowd(b),
            _ => crowd(a) < crowd(b),
        }
    }
}

impl Policy for PeakEwma {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let first = self.wheel.draw(endpoints, cx, None)?;
        let second = self.wheel.draw(endpoints, cx, Some(first));
        let first = &endpoints[first];
        let second = second.map(|at| &endpoints[at]);
        let better = second.filter(|second| self.is_better(second, first, cx));
        Some(better.unwrap_or(first).index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let drawn = self.wheel.pair(endpoints, cx);
        let known = |slot: &usize| self.cost(&endpoints[*slot], cx).is_some();
        let crowd = |e: &Endpoint| crowd(e, self.mean_weight);
        let all = match drawn.iter().all(known) {
            true => Weighing::of_all(
                "ms, for its load and weight",
                Best::Least,
                endpoints,
                cx,
                // Of those that are not known the drawn ones are none.
                |e| self.cost(e, cx).map_or(f64::NAN, |ns| ns / 1e6 * crowd(e)),
            ),
            false => Weighing::of_all(CROWD, Best::Least, endpoints, cx, crowd),
        };
        all.drawn(drawn)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.wheel.rebuild(endpoints);
        self.mean_weight = mean_weight(endpoints);
    }

    fn measure(&self) -> Option<Measure> {
        Some(Measure::Peak { decay: self.decay })
    }
}
