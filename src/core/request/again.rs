//! Tries that follow another: what they are paid with, and what they wait for.

use super::turn::Turn;
use super::{Action, Failure, Local, Phase, PoolAccess};
use crate::endpoint::{EndpointIndex, Tried};
use crate::pool::{self, Admission};
use crate::retry::On;
use crate::rng::Rng;
use crate::time::Span;
use crate::trace;

impl<P: PoolAccess> Turn<'_, P> {
    /// Whether there may be another try for the sake of `on`.
    pub(super) fn may_try(&self, on: On) -> bool {
        let plan = &self.request.plan;
        self.request.tries < plan.attempts && plan.on.contains(on)
    }

    /// Another try, which nobody has to pay for or which is paid for already.
    pub(super) fn once_more(&mut self, rng: &mut Rng) {
        let (now, who) = (self.now, self.applicant());
        let (tried, key) = (self.request.tried, self.request.key);
        let admission = self.ask(|pool| Some(pool.admit(now, who, tried, key, rng)));
        self.admit(admission, false);
    }

    /// Another try, out of the budget, now or later; if there can be none, the answer is
    /// `otherwise`.
    pub(super) fn again(&mut self, otherwise: Local, rng: &mut Rng) {
        let (now, who) = (self.now, self.applicant());
        let (tried, key) = (self.request.tried, self.request.key);
        let admission = match self.pause(Span(0), rng) {
            Some(Span(0)) => self.ask(|pool| pool.retry(now, who, tried, key, rng)),
            Some(pause) if self.draw() => return self.rest(pause),
            _ => None,
        };
        match admission {
            None | Some(Admission::NoEndpoint) => self.answer(otherwise),
            admission => self.admit(admission, true),
        }
    }

    /// A response has come: whether it is given up for one of another endpoint.
    #[inline(never)]
    pub(super) fn refused(&mut self, asked: Span, rng: &mut Rng) -> bool {
        let (attempt, status) = (self.request.attempt, self.request.status);
        let asks = self.pool.with(|pool| pool.is_refusal(status));
        if asks && self.is_racing() {
            self.actions.push(Action::Cancel { attempt });
            self.fail(Failure::Refused, true);
            return self.carry_on();
        }
        if !asks || !self.may_send_again(true) || !self.may_try(On::STATUS) {
            return false;
        }
        match self.pause(asked, rng) {
            Some(Span(0)) => {
                // Before the response is given up: it is better than none.
                let Some(endpoint) = self.spare(rng) else {
                    return false;
                };
                self.actions.push(Action::Cancel { attempt });
                self.fail(Failure::Refused, true);
                self.dispatch(endpoint);
                self.connect(endpoint, true);
                true
            }
            Some(pause) if self.draw() => {
                self.actions.push(Action::Cancel { attempt });
                self.fail(Failure::Refused, true);
                self.rest(pause);
                true
            }
            _ => false,
        }
    }

    /// How long to wait before the next try; `None` if the request has no time for it.
    fn pause(&mut self, asked: Span, rng: &mut Rng) -> Option<Span> {
        let attempt = self.request.attempt;
        let pause = self.pool.with(|pool| pool.pause(attempt, asked, rng))?;
        (self.now + pause < self.request.total_deadline()).then_some(pause)
    }

    /// Pays for a try that comes later.
    fn draw(&mut self) -> bool {
        let (now, tried) = (self.now, self.tried());
        self.on_behalf(|pool| pool.draw(now, &tried))
    }

    /// Another endpoint, paid for, before the present try is given up.
    fn spare(&mut self, rng: &mut Rng) -> Option<EndpointIndex> {
        let (now, tried, key) = (self.now, self.tried(), self.request.key);
        let who = self.applicant();
        let endpoint = self.on_behalf(|pool| pool.spare(now, who, &tried, key, rng));
        self.account(endpoint.map(Admission::Picked));
        endpoint
    }

    /// A request is on its way to `endpoint` from now on.
    pub(super) fn dispatch(&mut self, endpoint: EndpointIndex) {
        let (now, key) = (self.now, self.request.key);
        let (measured, asks) = self
            .pool
            .with(|pool| (pool.send(now, endpoint, key), pool.asks()));
        self.request.measured = measured;
        self.request.dispatched = now;
        self.probe(asks);
    }

    pub(super) fn on_behalf<R>(&mut self, f: impl FnOnce(&mut pool::State) -> R) -> R {
        let session = self.pool.session().copied();
        self.pool.with(|pool| match &session {
            None => f(pool),
            Some(session) => pool.on_behalf(session, f),
        })
    }

    /// The endpoints that have failed the request, and the present one.
    pub(super) fn tried(&self) -> Tried {
        let mut tried = self.request.tried;
        if let Some(endpoint) = self.request.endpoint {
            tried.push(endpoint);
        }
        tried
    }

    fn rest(&mut self, pause: Span) {
        let until = self.now + pause;
        self.record(trace::Kind::Delayed { until });
        self.enter(Phase::Resting);
        self.request.progress = until;
    }
}
