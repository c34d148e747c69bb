//! Hedging: a second try beside a first one that is late, so that one slow endpoint, or one slow
//! moment of it, is not the client's (Dean and Barroso, "The Tail at Scale", CACM 2013).
//!
//! A hedge is work that may be for nothing: where endpoints are busy it makes all of them busier.
//! So there is a budget of its own, beside that for retries.

use std::time::Duration;

use crate::budget::Budget;
use crate::quantile::Quantile;
use crate::time::{Span, Timestamp};

/// What a configuration says of hedges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When a try is late.
    pub after: After,
    /// Hedges per million requests.
    pub budget_ppm: u64,
}

/// When a try is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It has taken so long.
    Time(Duration),
    /// It has taken longer than this share of the pool's tries lately, in parts per million.
    Quantile {
        /// From 0 to 1,000,000.
        ppm: u32,
    },
}

/// What a pool keeps for its hedges.
#[derive(Clone, Debug)]
pub struct Hedge {
    settings: Settings,
    budget: Budget,
    /// How long heads take, if anybody wants to know.
    heads: Option<Quantile>,
}

impl Hedge {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::new(settings.budget_ppm),
            heads: match settings.after {
                After::Time(_) => None,
                After::Quantile { ppm } => Some(Quantile::new(ppm)),
            },
        }
    }

    /// Other settings; what was learned stays where it is still asked for.
    pub fn set(&mut self, settings: Settings) {
        if settings.after != self.settings.after {
            self.heads = Self::new(settings).heads;
        }
        self.budget.set_share(settings.budget_ppm);
        self.settings = settings;
    }

    /// A request is on its way that may have a hedge: after how long, if that is known.
    pub fn late(&mut self, now: Timestamp) -> Option<Span> {
        self.budget.request(now);
        match (self.settings.after, &mut self.heads) {
            (After::Time(after), _) => Some(Span::of(after)),
            (After::Quantile { .. }, heads) => heads.as_mut()?.value(now),
        }
    }

    /// A head has taken so long, or was given up after so long.
    pub fn took(&mut self, now: Timestamp, took: Span) {
        if let Some(heads) = &mut self.heads {
            heads.record(now, took);
        }
    }

    /// Whether another hedge is within the budget.
    pub fn allows(&mut self, now: Timestamp) -> bool {
        self.budget.allows(now)
    }

    /// Counts a hedge; ask [`Hedge::allows`] before.
    pub fn begin(&mut self, now: Timestamp) {
        self.budget.retry(now);
    }
}
