//! `p2c`: the power of two choices.
//!
//! Problem: most of what a look at all endpoints gives, for two looks. Rule: draw `choices`
//! different endpoints by weight and take the one with the fewest requests in flight for its
//! weight, the first drawn on a tie (tunnels are not compared: see `least_request`). Parameter:
//! `choices` (2). Cost: O(choices).
//! Weights: one request at a time is shared exactly by weight, as the first drawn is taken. With m
//! in flight all the time at n endpoints the shares of the picks are within (n - 1) / m of the
//! weights (tested, not proven), and none exceeds the chance to be drawn at all.
//! Pathology: an endpoint that fails fast looks idle and draws traffic (outlier detection is the
//! cure); with few endpoints and much state at hand, `least_request` is better.
//! Source: Mitzenmacher, IEEE TPDS 12(10), 2001; Vvedenskaya, Dobrushin, Karpelevich 1996.

use super::least_request::{LOAD, load};
use super::wheel::Wheel;
use super::{Best, PickContext, Policy, Table, Weighing};
use crate::endpoint::{Endpoint, EndpointIndex};

/// Most endpoints compared in one pick; beyond it `least_request` is the better name.
pub const CHOICES_MAX: usize = 8;

/// See the module.
#[derive(Debug)]
pub struct P2c {
    wheel: Wheel,
    choices: usize,
}

impl P2c {
    /// A policy that compares `choices` endpoints, from 2 to 8.
    #[must_use]
    pub fn new(choices: u32) -> Self {
        Self {
            wheel: Wheel::default(),
            choices: (choices as usize).clamp(2, CHOICES_MAX),
        }
    }

    /// The least loaded of `best` and of further draws than the first two.
    fn more(
        &self,
        endpoints: &[Endpoint],
        cx: &mut PickContext<'_>,
        [first, second]: [usize; 2],
        mut best: usize,
    ) -> usize {
        let mut drawn = [first; CHOICES_MAX];
        drawn[1] = second;
        for n in 2..self.choices {
            let Some(next) = self.further(endpoints, cx, &drawn[..n]) else {
                break;
            };
            drawn[n] = next;
            if load(&endpoints[next]) < load(&endpoints[best]) {
                best = next;
            }
        }
        best
    }

    /// A further draw, different from all before: the wheel leaves one out by itself, the rare
    /// repeats of three and more choices are passed over.
    fn further(
        &self,
        endpoints: &[Endpoint],
        cx: &mut PickContext<'_>,
        drawn: &[usize],
    ) -> Option<usize> {
        let last = drawn.last().copied();
        (0..=drawn.len() * 4)
            .map_while(|_| self.wheel.draw(endpoints, cx, last))
            .find(|at| !drawn.contains(at))
    }
}

impl Policy for P2c {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let first = self.wheel.draw(endpoints, cx, None)?;
        let Some(second) = self.wheel.draw(endpoints, cx, Some(first)) else {
            return Some(endpoints[first].index);
        };
        let mut best = match load(&endpoints[second]) < load(&endpoints[first]) {
            true => second,
            false => first,
        };
        if self.choices > 2 {
            best = self.more(endpoints, cx, [first, second], best);
        }
        Some(endpoints[best].index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let mut drawn = self.wheel.pair(endpoints, cx);
        while (2..self.choices).contains(&drawn.len()) {
            let Some(next) = self.further(endpoints, cx, &drawn) else {
                break;
            };
            drawn.push(next);
        }
        let all = Weighing::of_all(LOAD, Best::Least, endpoints, cx, |e| load(e).ratio());
        all.drawn(drawn)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.wheel.rebuild(endpoints);
    }
}
