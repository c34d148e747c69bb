//! What a pick looks at, for who asks why it came out as it did.
//!
//! A policy weighs before it picks, with a copy of the request's generator, and changes nothing: a
//! pick that nobody asks about pays nothing for those that are asked about.

use super::PickContext;
use crate::endpoint::{Endpoint, EndpointIndex};

/// Which of the marks is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Best {
    /// The least score; of those drawn, if any were.
    Least,
    /// The greatest score.
    Most,
    /// The one that was drawn: scores are chances.
    Drawn,
}

/// An endpoint that was looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mark {
    /// Its place in the pool's table.
    pub slot: usize,
    /// What it scores, in the unit of the [`Weighing`].
    pub score: f64,
    /// In which turn it was drawn, from 1; 0 if it was not.
    pub drawn: u8,
    /// Why it comes after all without such a reason, if there is one.
    pub behind: Option<&'static str>,
}

/// What a pick looks at.
#[derive(Clone, Debug, PartialEq)]
pub struct Weighing {
    /// What scores are.
    pub unit: &'static str,
    /// Which is taken.
    pub best: Best,
    /// Endpoints that can be taken and have a score.
    pub marks: Vec<Mark>,
}

impl Weighing {
    /// One in which `best` of `marks`, slots and scores, is taken.
    #[must_use]
    pub fn new(
        unit: &'static str,
        best: Best,
        marks: impl IntoIterator<Item = (usize, f64)>,
    ) -> Self {
        let mark = |(slot, score)| Mark {
            slot,
            score,
            drawn: 0,
            behind: None,
        };
        Self {
            unit,
            best,
            marks: marks.into_iter().map(mark).collect(),
        }
    }

    /// One in which all eligible endpoints have a score.
    pub fn of_all(
        unit: &'static str,
        best: Best,
        endpoints: &[Endpoint],
        cx: &PickContext<'_>,
        score: impl Fn(&Endpoint) -> f64,
    ) -> Self {
        let eligible = endpoints.iter().enumerate().filter(|(_, e)| cx.eligible(e));
        Self::new(unit, best, eligible.map(|(slot, e)| (slot, score(e))))
    }

    /// One by the chance that each has, of which `drawn` is taken.
    pub(super) fn by_chance(
        endpoints: &[Endpoint],
        cx: &PickContext<'_>,
        drawn: Option<usize>,
    ) -> Self {
        let eligible = || endpoints.iter().filter(|e| cx.eligible(e));
        let all: f64 = eligible().map(|e| f64::from(e.weight)).sum();
        let chance = |e: &Endpoint| 100.0 * f64::from(e.weight) / all;
        Self::of_all("% chance", Best::Drawn, endpoints, cx, chance).drawn(drawn)
    }

    /// The same, of which those in `slots` were drawn, in this order.
    #[must_use]
    pub fn drawn(mut self, slots: impl IntoIterator<Item = usize>) -> Self {
        for (turn, slot) in (1..).zip(slots) {
            if let Some(mark) = self.marks.iter_mut().find(|mark| mark.slot == slot) {
                mark.drawn = turn;
            }
        }
        self
    }

    /// The same, in which those for whom there is a reason come last.
    #[must_use]
    pub fn behind(mut self, reason: impl Fn(usize) -> Option<&'static str>) -> Self {
        for mark in &mut self.marks {
            mark.behind = reason(mark.slot);
        }
        self
    }

    /// Those of which the pick takes one: several only if they are equal.
    #[must_use]
    pub fn winners(&self, endpoints: &[Endpoint]) -> Vec<EndpointIndex> {
        let any_drawn = self.marks.iter().any(|mark| mark.drawn > 0);
        let in_draw = |mark: &&Mark| !any_drawn || mark.drawn > 0;
        let any_ahead = self.marks.iter().any(|mark| mark.behind.is_none());
        let ahead = |mark: &&Mark| !any_ahead || mark.behind.is_none();
        let running = || self.marks.iter().filter(in_draw).filter(ahead);
        let scores = running().map(|mark| mark.score);
        let best = match self.best {
            Best::Least => Some(scores.fold(f64::INFINITY, f64::min)),
            Best::Most => Some(scores.fold(f64::NEG_INFINITY, f64::max)),
            Best::Drawn => None,
        };
        running()
            .filter(|mark| best.is_none_or(|best| mark.score == best))
            .map(|mark| endpoints[mark.slot].index)
            .collect()
    }
}
