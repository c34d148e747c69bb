//! One report being worked on: the transitions of a request, and what each asks of the pool.

use super::{Action, Actions, Failure, Local, Outcome, Phase, PoolAccess, Request};
use crate::endpoint::EndpointIndex;
use crate::pool::{Admission, Verdict};
use crate::rng::Rng;
use crate::time::Timestamp;
use crate::trace;

/// One report being worked on.
pub(super) struct Turn<'a, P> {
    pub(super) request: &'a mut Request,
    pub(super) now: Timestamp,
    pub(super) pool: &'a mut P,
    pub(super) actions: Actions,
}

impl<P: PoolAccess> Turn<'_, P> {
    pub(super) fn arrived(&mut self, idempotent: bool, rng: &mut Rng) {
        if self.request.phase != Phase::New {
            return;
        }
        self.request.idempotent = idempotent;
        self.request.arrived = self.now;
        self.record(trace::Kind::Arrived { idempotent });
        let (now, token) = (self.now, self.request.token);
        let admission = self.pool.with(|pool| pool.arrive(now, token, rng));
        self.admitted(admission, false);
    }

    /// `budgeted`: it drew on the retry budget.
    fn admitted(&mut self, admission: Admission, budgeted: bool) {
        match admission {
            Admission::Picked(endpoint) => self.connect(endpoint, budgeted),
            Admission::Queued => {
                self.record(trace::Kind::Queued { budgeted });
                // A wait that goes on after a void grant is no longer for it.
                if self.request.phase != Phase::Waiting {
                    self.enter(Phase::Waiting);
                }
                self.actions.push(Action::Wait {
                    token: self.request.token,
                });
            }
            Admission::QueueFull => self.answer(Local::QueueFull),
            Admission::NoEndpoint if self.request.tried.is_empty() => {
                self.answer(Local::NoEndpoint);
            }
            Admission::NoEndpoint => self.answer(Local::BadGateway),
        }
    }

    pub(super) fn granted(&mut self, rng: &mut Rng) {
        if self.request.phase != Phase::Waiting {
            return;
        }
        let (now, token, tried) = (self.now, self.request.token, self.request.tried);
        let admission = self.pool.with(|pool| pool.take_up(now, token, tried, rng));
        self.admitted(admission, false);
    }

    fn connect(&mut self, endpoint: EndpointIndex, budgeted: bool) {
        self.request.attempt += 1;
        self.request.endpoint = Some(endpoint);
        self.request.replaced = false;
        self.request.dialled = None;
        self.record(trace::Kind::Picked { budgeted });
        self.enter(Phase::Connecting);
        let attempt = self.request.attempt;
        self.actions.push(Action::Connect {
            attempt,
            endpoint,
            fresh: false,
        });
    }

    pub(super) fn connected(&mut self, attempt: u8, reused: bool) {
        if self.is_current(attempt, &[Phase::Connecting]) {
            self.request.dialled = (!reused).then_some(self.now);
            self.record(trace::Kind::Connected { reused });
            self.enter(Phase::Sent);
            self.actions.push(Action::Send { attempt });
        }
    }

    pub(super) fn dial_failed(&mut self, attempt: u8, failure: Failure, rng: &mut Rng) {
        if !self.is_current(attempt, &[Phase::Connecting]) {
            return;
        }
        self.record(trace::Kind::DialFailed);
        self.fail(failure, false);
        if self.request.attempt >= self.request.plan.attempts {
            return self.answer(Local::BadGateway);
        }
        let (now, token, tried) = (self.now, self.request.token, self.request.tried);
        let admission = self.pool.with(|pool| pool.admit(now, token, tried, rng));
        self.admitted(admission, false);
    }

    pub(super) fn stale(&mut self, attempt: u8, sent: bool, rng: &mut Rng) {
        if self.request.replaced || !self.may_send_again(sent) {
            return self.upstream_failed(attempt, sent, rng);
        }
        if self.is_current(attempt, &[Phase::Connecting, Phase::Sent])
            && let Some(endpoint) = self.request.endpoint
        {
            self.request.replaced = true;
            self.record(trace::Kind::Stale);
            self.enter(Phase::Connecting);
            self.actions.push(Action::Connect {
                attempt,
                endpoint,
                fresh: true,
            });
        }
    }

    pub(super) fn head(&mut self, attempt: u8, status: u16) {
        if self.is_current(attempt, &[Phase::Sent]) {
            self.request.status = status;
            self.record(trace::Kind::Head { status });
            self.enter(Phase::Body);
            self.actions.push(Action::Forward { attempt });
        }
    }

    pub(super) fn upgraded(&mut self, attempt: u8) {
        if self.is_current(attempt, &[Phase::Sent]) {
            self.request.status = 101;
            self.record(trace::Kind::Head { status: 101 });
            self.enter(Phase::Tunnel);
            if let Some(endpoint) = self.request.endpoint {
                let now = self.now;
                self.pool.with(|pool| pool.upgrade(now, endpoint));
            }
            self.actions.push(Action::Forward { attempt });
        }
    }

    pub(super) fn ended(&mut self, phase: Phase) {
        if self.request.phase == phase {
            self.record(trace::Kind::Completed);
            self.release(Verdict::Success);
            self.finish(Outcome::Complete {
                status: self.request.status,
            });
        }
    }

    pub(super) fn upstream_failed(&mut self, attempt: u8, sent: bool, rng: &mut Rng) {
        if !self.is_current(
            attempt,
            &[Phase::Connecting, Phase::Sent, Phase::Body, Phase::Tunnel],
        ) {
            return;
        }
        if matches!(self.request.phase, Phase::Body | Phase::Tunnel) {
            self.fail(Failure::Cut, sent);
            return self.finish(Outcome::Cut {
                status: self.request.status,
            });
        }
        let again = self.may_send_again(sent) && self.request.attempt < self.request.plan.attempts;
        self.fail(Failure::Lost, sent);
        let (now, token, tried) = (self.now, self.request.token, self.request.tried);
        let admission = again.then(|| self.pool.with(|pool| pool.retry(now, token, tried, rng)));
        match admission.flatten() {
            Some(admission) => self.admitted(admission, true),
            None => self.answer(Local::BadGateway),
        }
    }

    pub(super) fn timer(&mut self, rng: &mut Rng) {
        if self.now < self.request.deadline() {
            return;
        }
        let total =
            self.request.phase != Phase::Tunnel && self.now >= self.request.total_deadline();
        let attempt = self.request.attempt;
        match self.request.phase {
            Phase::New | Phase::Done => {}
            Phase::Waiting => {
                self.leave_queue();
                self.answer(if total {
                    Local::GatewayTimeout
                } else {
                    Local::QueueTimeout
                });
            }
            Phase::Connecting if !total => {
                self.actions.push(Action::Cancel { attempt });
                self.dial_failed(attempt, Failure::DialTimeout, rng);
            }
            Phase::Connecting | Phase::Sent => {
                let failure = if total {
                    Failure::TotalTimeout
                } else {
                    Failure::HeadTimeout
                };
                let sent = self.request.phase == Phase::Sent;
                self.actions.push(Action::Cancel { attempt });
                self.fail(failure, sent);
                self.answer(Local::GatewayTimeout);
            }
            Phase::Body | Phase::Tunnel => {
                let failure = if total {
                    Failure::TotalTimeout
                } else {
                    Failure::IdleTimeout
                };
                self.actions.push(Action::Cancel { attempt });
                self.fail(failure, true);
                self.finish(Outcome::Cut {
                    status: self.request.status,
                });
            }
        }
    }

    pub(super) fn client_left(&mut self) {
        match self.request.phase {
            Phase::Done => return,
            Phase::New => {}
            Phase::Waiting => self.leave_queue(),
            Phase::Connecting | Phase::Sent | Phase::Body | Phase::Tunnel => {
                self.actions.push(Action::Cancel {
                    attempt: self.request.attempt,
                });
                let sent = self.request.phase != Phase::Connecting;
                self.fail(Failure::ClientLeft, sent);
            }
        }
        self.finish(Outcome::Cancelled);
    }

    fn leave_queue(&mut self) {
        let (now, token) = (self.now, self.request.token);
        if let Some(grant) = self.pool.with(|pool| pool.leave(now, token)) {
            self.pool.grant(grant);
        }
    }

    /// The try ended without a complete response.
    fn fail(&mut self, failure: Failure, sent: bool) {
        self.record(trace::Kind::Failed { failure, sent });
        let dialled = self.request.dialled;
        if let Some(endpoint) = self.request.endpoint {
            self.request.tried.push(endpoint);
        }
        self.release(match failure {
            Failure::Dial | Failure::DialTimeout => Verdict::DialFailed,
            Failure::ClientLeft => Verdict::Cancelled { dialled },
            _ => Verdict::Failed { dialled },
        });
    }

    /// Ends the try at its endpoint, as what it is counted there.
    fn release(&mut self, verdict: Verdict) {
        let Some(endpoint) = self.request.endpoint.take() else {
            return;
        };
        let now = self.now;
        let grant = if self.request.phase == Phase::Tunnel {
            self.pool.with(|pool| pool.hang_up(now, endpoint, verdict))
        } else {
            self.pool.with(|pool| pool.complete(now, endpoint, verdict))
        };
        if let Some(grant) = grant {
            self.pool.grant(grant);
        }
    }

    fn answer(&mut self, local: Local) {
        self.actions.push(Action::Answer(local));
        self.finish(Outcome::Local(local));
    }

    fn finish(&mut self, outcome: Outcome) {
        let arrived = self.request.arrived;
        self.record(trace::Kind::Finished { outcome, arrived });
        self.request.phase = Phase::Done;
        self.actions.push(Action::Finish(outcome));
    }

    fn enter(&mut self, phase: Phase) {
        self.request.phase = phase;
        self.request.progress = self.now;
    }

    fn is_current(&self, attempt: u8, phases: &[Phase]) -> bool {
        attempt == self.request.attempt && phases.contains(&self.request.phase)
    }

    fn may_send_again(&self, sent: bool) -> bool {
        !sent || (self.request.idempotent && self.request.replayable)
    }

    fn record(&mut self, kind: trace::Kind) {
        self.pool.record(trace::Event {
            at: self.now,
            request: self.request.id,
            pool: self.request.pool,
            attempt: self.request.attempt,
            endpoint: self.request.endpoint,
            kind,
        });
    }
}
