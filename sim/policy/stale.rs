//! `stale`: the fewest requests in flight as a board said that is renewed once a period.
//!
//! Problem: how old may information be before fewer choices are better? Rule: of `of`
//! different endpoints drawn at random (absent: of all), the one with the least on the board,
//! equals by chance. The board shows what was in flight at the last multiple of `period`;
//! requests sent since are not added. It is taken at the first pick of a period, so completions
//! between the period's beginning and that pick are on it already: less than one, on average.
//! Cost: O(n).
//! Source: Mitzenmacher, IEEE TPDS 11(1), 2000.

use std::time::Duration;

use evenkeel_core::endpoint::{Endpoint, EndpointIndex};
use evenkeel_core::policy::{Best, PickContext, Policy, Weighing};
use evenkeel_core::time::nanos;

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    of: usize,
    period_ns: u64,
    /// The number of the period that the board is of.
    period: Option<u64>,
    /// In flight, by slot.
    board: Vec<u32>,
    /// Places of eligible endpoints: a draw's working space.
    places: Vec<usize>,
}

impl Stale {
    pub(super) fn new(of: u32, period: Duration) -> Self {
        Self {
            of: of as usize,
            period_ns: nanos(period).max(1),
            period: None,
            board: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl Policy for Stale {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let period = cx.now.0 / self.period_ns;
        if self.period != Some(period) || self.board.len() != endpoints.len() {
            self.period = Some(period);
            self.board.clear();
            self.board.extend(endpoints.iter().map(|e| e.in_flight));
        }
        self.places.clear();
        let places = 0..endpoints.len();
        self.places
            .extend(places.filter(|at| cx.eligible(&endpoints[*at])));
        let drawn = self.of.min(self.places.len());
        // A partial shuffle; the order is random, so the first of equals is one by chance.
        let all = drawn == self.places.len();
        let mut best: Option<usize> = None;
        let mut ties = 0;
        for n in 0..drawn {
            if !all {
                let other = n + cx.rng.below((self.places.len() - n) as u64) as usize;
                self.places.swap(n, other);
            }
            let at = self.places[n];
            match best.map(|best| self.board[at].cmp(&self.board[best])) {
                Some(std::cmp::Ordering::Greater) => {}
                Some(std::cmp::Ordering::Equal) => {
                    ties += 1;
                    if cx.rng.below(ties) == 0 {
                        best = Some(at);
                    }
                }
                Some(std::cmp::Ordering::Less) | None => {
                    best = Some(at);
                    ties = 1;
                }
            }
        }
        best.map(|at| endpoints[at].index)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let mut copy = self.clone();
        copy.pick(endpoints, cx);
        // Who was drawn stands in front.
        let drawn = &copy.places[..copy.of.min(copy.places.len())];
        let marks = drawn.iter().map(|at| (*at, f64::from(copy.board[*at])));
        let unit = "requests in flight, as the board says";
        Weighing::new(unit, Best::Least, marks).drawn(drawn.iter().copied())
    }
}
