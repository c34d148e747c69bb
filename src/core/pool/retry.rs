//! What a pool says to a request that tries again.

use super::{Admission, State};
use crate::endpoint::{EndpointIndex, Tried};
use crate::policy::Key;
use crate::queue::Applicant;
use crate::rng::Rng;
use crate::time::{Span, Timestamp};

impl State {
    /// A retry that draws on the budget if it finds an endpoint or a place in the queue; `None` if
    /// the budget is spent.
    pub fn retry(
        &mut self,
        now: Timestamp,
        who: impl Into<Applicant>,
        tried: Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Option<Admission> {
        if !self.budget.allows(now) {
            return None;
        }
        let admission = self.admit(now, who, tried, key, rng);
        if matches!(admission, Admission::Picked(_) | Admission::Queued) {
            self.budget.retry(now);
        }
        Some(admission)
    }

    /// How long to wait after try `attempt` before the next one, if its endpoint asked for so much;
    /// `None` if that is too long.
    #[must_use]
    pub fn pause(&self, attempt: u8, asked: Span, rng: &mut Rng) -> Option<Span> {
        self.settings.retry.pause(attempt, asked, rng)
    }

    /// Whether a response of this status is one to try again for.
    #[must_use]
    pub fn is_refusal(&self, status: u16) -> bool {
        self.settings.retry.statuses.contains(status)
    }

    /// Draws on the budget for a retry that is to come later; false if it is spent, or nobody is
    /// left for it.
    #[must_use]
    pub fn draw(&mut self, now: Timestamp, tried: &Tried) -> bool {
        let draws = self.budget.allows(now) && self.may_serve(now, tried);
        if draws {
            self.budget.retry(now);
        }
        draws
    }

    /// Another endpoint for a request that is not lost without one: it draws on the budget, and
    /// waits for nobody. The request counts as in flight there.
    #[must_use]
    pub fn spare(
        &mut self,
        now: Timestamp,
        who: impl Into<Applicant>,
        tried: &Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Option<EndpointIndex> {
        if !self.budget.allows(now) {
            return None;
        }
        let Applicant {
            token, explained, ..
        } = who.into();
        if explained {
            self.account(token, now, tried, key, *rng);
        }
        let index = self.pick(now, tried, key, rng)?;
        self.budget.retry(now);
        Some(index)
    }

    /// A request is on its way that may have a hedge: after how long it is late, if that is known.
    pub fn late(&mut self, now: Timestamp) -> Option<Span> {
        self.hedge.as_mut()?.late(now)
    }

    /// The head of such a request has taken so long, or is given up after so long.
    pub fn took(&mut self, now: Timestamp, took: Span) {
        if let Some(hedge) = &mut self.hedge {
            hedge.took(now, took);
        }
    }

    /// Another endpoint for a second try beside one that is late: within both budgets, and only
    /// while nobody waits. The request counts as in flight there, too.
    #[must_use]
    pub fn hedge(
        &mut self,
        now: Timestamp,
        who: impl Into<Applicant>,
        tried: &Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Option<EndpointIndex> {
        if self.queue.len() > 0 || !self.hedge.as_mut()?.allows(now) {
            return None;
        }
        let index = self.spare(now, who, tried, key, rng)?;
        if let Some(hedge) = &mut self.hedge {
            hedge.begin(now);
        }
        Some(index)
    }
}
