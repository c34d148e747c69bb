//! What a request does for its session: it is recognised, kept, settled or broken off.
//!
//! A pool that keeps no sessions costs the question whether there is one.

use super::PoolAccess;
use super::turn::Turn;
use crate::affinity::{Home, Step};
use crate::endpoint::EndpointIndex;
use crate::trace;

impl<P: PoolAccess> Turn<'_, P> {
    /// Finds out where the request's session lives, if its pool keeps any.
    pub(super) fn recognise(&mut self) {
        let Some(mut session) = self.pool.session().copied() else {
            return;
        };
        for _ in 0..session.forged {
            self.step(Step::Forged);
        }
        let now = self.now;
        if self.pool.with(|pool| pool.recognise(now, &mut session)) {
            self.step(Step::Stale);
        }
        if let Some(known) = self.pool.session() {
            *known = session;
        }
    }

    /// The request goes to `endpoint`, by its session or not.
    pub(super) fn lodge(&mut self, endpoint: EndpointIndex) {
        let now = self.now;
        if let Some(session) = self.pool.session().copied()
            && self.pool.with(|pool| pool.lodge(now, &session, endpoint))
        {
            self.step(Step::Kept);
        }
    }

    /// The endpoint has answered: the session lives there.
    pub(super) fn settle_in(&mut self) {
        let (Some(mut session), Some(endpoint)) =
            (self.pool.session().copied(), self.request.endpoint)
        else {
            return;
        };
        let (now, status) = (self.now, self.request.status);
        let (step, forgets) = self
            .pool
            .with(|pool| pool.settle_in(now, &mut session, endpoint, status));
        if let Some(known) = self.pool.session() {
            *known = session;
        }
        let forgotten = forgets.then_some(Step::Forgotten);
        [step, forgotten]
            .into_iter()
            .flatten()
            .for_each(|step| self.step(step));
    }

    /// Nobody serves the request, which had an endpoint of its own.
    pub(super) fn break_off(&mut self) {
        let session = self.pool.session();
        if session.is_some_and(|session| matches!(session.home, Home::At(_))) {
            self.step(Step::Broken);
        }
    }

    fn step(&mut self, step: Step) {
        self.record(trace::Kind::Session { step });
    }
}
