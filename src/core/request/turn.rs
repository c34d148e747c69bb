//! One report being worked on: the transitions of a request, and what each asks of the pool.

use std::time::Duration;

use super::race::Race;
use super::{Action, Actions, Body, Failure, Local, NO_BYTE, Outcome, Phase, PoolAccess, Request};
use crate::endpoint::{Answer, EndpointIndex, Until};
use crate::outlier::{Ended, Report};
use crate::pool::{self, Admission, Verdict};
use crate::retry::On;
use crate::rng::Rng;
use crate::time::{Span, Timestamp};
use crate::trace;

/// One report being worked on.
pub(super) struct Turn<'a, P> {
    pub(super) request: &'a mut Request,
    pub(super) now: Timestamp,
    pub(super) pool: &'a mut P,
    pub(super) actions: &'a mut Actions,
}

impl<P: PoolAccess> Turn<'_, P> {
    #[inline(always)]
    pub(super) fn arrived(&mut self, idempotent: bool, rng: &mut Rng) {
        if self.request.phase != Phase::New {
            return;
        }
        if !idempotent {
            self.request.plan.on = self.request.plan.on.without(On::HEDGE);
        }
        let idempotent = idempotent || self.request.plan.on.contains(On::ANY_METHOD);
        self.request.idempotent = idempotent;
        self.request.arrived = self.now;
        self.record(trace::Kind::Arrived { idempotent });
        self.recognise();
        let (now, who, key) = (self.now, self.applicant(), self.request.key);
        let admission = self.ask(|pool| Some(pool.arrive(now, who, key, rng)));
        self.admit(admission, false);
    }

    /// Asks the pool for an endpoint; a try that gets one is on its way from now on.
    #[inline(always)]
    pub(super) fn ask(
        &mut self,
        ask: impl FnOnce(&mut pool::State) -> Option<Admission>,
    ) -> Option<Admission> {
        let (now, key) = (self.now, self.request.key);
        let session = self.pool.session().copied();
        let (admission, measured, asks) = self.pool.with(|pool| {
            let admission = match &session {
                None => ask(pool),
                Some(session) => pool.on_behalf(session, ask),
            };
            let measured = match admission {
                Some(Admission::Picked(endpoint)) => pool.send(now, endpoint, key),
                _ => None,
            };
            (admission, measured, pool.asks())
        });
        self.request.measured = measured;
        self.request.dispatched = now;
        self.account(admission);
        self.probe(asks);
        admission
    }

    /// Has those probed whom the pool wants probed, if it ever does.
    #[inline(always)]
    pub(super) fn probe(&mut self, asks: bool) {
        if asks {
            self.probe_wanted();
        }
    }

    #[inline(never)]
    fn probe_wanted(&mut self) {
        while let Some(wanted) = self.pool.with(pool::State::wanted) {
            self.pool.probe(wanted);
        }
    }

    /// `budgeted`: it drew on the retry budget.
    #[inline(always)]
    pub(super) fn admit(&mut self, admission: Option<Admission>, budgeted: bool) {
        let Some(admission) = admission else {
            return self.answer(Local::BadGateway);
        };
        match admission {
            Admission::Picked(endpoint) => self.connect(endpoint, budgeted),
            Admission::Queued => {
                self.tell();
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
            Admission::Shed => self.answer(Local::Shed),
            Admission::NoEndpoint if self.request.tried.is_empty() => {
                self.answer(Local::NoEndpoint);
            }
            Admission::NoEndpoint => self.answer(Local::BadGateway),
        }
    }

    #[inline(never)]
    pub(super) fn granted(&mut self, rng: &mut Rng) {
        if self.request.phase != Phase::Waiting {
            return;
        }
        let (now, who) = (self.now, self.applicant());
        let (tried, key) = (self.request.tried, self.request.key);
        let admission = self.ask(|pool| Some(pool.take_up(now, who, tried, key, rng)));
        if admission != Some(Admission::Queued) {
            self.waited();
        }
        self.admit(admission, false);
    }

    #[inline(always)]
    pub(super) fn connect(&mut self, endpoint: EndpointIndex, budgeted: bool) {
        self.request.tries += 1;
        self.request.attempt = self.request.tries;
        self.request.endpoint = Some(endpoint);
        self.request.replaced = false;
        self.request.dialled = Timestamp::MAX;
        self.request.first_byte_us = NO_BYTE;
        self.lodge(endpoint);
        self.record(trace::Kind::Picked { budgeted });
        self.enter(Phase::Connecting);
        if self.is_hedged() {
            self.await_head();
        }
        let attempt = self.request.attempt;
        self.actions.push(Action::Connect {
            attempt,
            endpoint,
            fresh: false,
        });
    }

    #[inline(always)]
    pub(super) fn connected(&mut self, attempt: u8, reused: bool) {
        if self.is_current(attempt, &[Phase::Connecting]) {
            self.request.dialled = if reused { Timestamp::MAX } else { self.now };
            self.record(trace::Kind::Connected { reused });
            self.enter(Phase::Sent);
            self.actions.push(Action::Send { attempt });
        }
    }

    #[inline(never)]
    pub(super) fn dial_failed(&mut self, attempt: u8, failure: Failure, rng: &mut Rng) {
        if !self.is_current(attempt, &[Phase::Connecting]) {
            return;
        }
        self.record(trace::Kind::DialFailed);
        self.fail(failure, false);
        if self.carry_on() {
            return;
        }
        if !self.may_try(On::CONNECT) {
            return self.answer(Local::BadGateway);
        }
        self.once_more(rng);
    }

    #[inline(never)]
    pub(super) fn stale(&mut self, attempt: u8, sent: bool, rng: &mut Rng) {
        if !self.is_current(attempt, &[Phase::Connecting, Phase::Sent]) {
            return;
        }
        if self.request.replaced || !self.may_send_again(sent) {
            return self.upstream_failed(attempt, sent, rng);
        }
        if let Some(endpoint) = self.request.endpoint {
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

    #[inline(always)]
    pub(super) fn head(&mut self, attempt: u8, (status, asked): (u16, Span), rng: &mut Rng) {
        if self.is_current(attempt, &[Phase::Sent]) {
            self.request.status = status;
            let took_us = self.now.0.saturating_sub(self.request.dispatched.0) / 1_000;
            self.request.first_byte_us = took_us.min(u64::from(NO_BYTE - 1)) as u32;
            self.record(trace::Kind::Head { status });
            if self.request.plan.may_refuse(status) && self.refused(asked, rng) {
                return;
            }
            if self.is_racing() || self.is_timed() {
                self.win();
            }
            self.settle_in();
            self.enter(Phase::Body);
            if matches!(self.request.measured, Some(sent) if sent.until == Until::Header) {
                self.heard(quality(status), |_| ());
            }
            self.actions.push(Action::Forward { attempt });
        }
    }

    #[inline(always)]
    pub(super) fn ended(&mut self, phase: Phase) {
        if self.request.phase == phase {
            self.record(trace::Kind::Completed);
            self.release(Verdict::Success, Ended::Answered(self.request.status));
            self.finish(Outcome::Complete {
                status: self.request.status,
            });
        }
    }

    #[inline(never)]
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
        let again = self.may_send_again(sent) && self.may_try(On::RESET);
        self.fail(Failure::Lost, sent);
        if self.carry_on() {
            return;
        }
        match again {
            true => self.again(Local::BadGateway, rng),
            false => self.answer(Local::BadGateway),
        }
    }

    #[inline(never)]
    pub(super) fn timer(&mut self, rng: &mut Rng) {
        if self.now < self.request.deadline() {
            return;
        }
        if !matches!(self.request.race, Race::Never) && self.race(rng) {
            return;
        }
        let total = self.now >= self.request.total_deadline();
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
            Phase::Resting if total => self.answer(Local::GatewayTimeout),
            Phase::Resting => self.once_more(rng),
            Phase::Connecting if !total => {
                self.actions.push(Action::Cancel { attempt });
                self.dial_failed(attempt, Failure::DialTimeout, rng);
            }
            Phase::Sent if !total && self.may_be_replaced() => {
                self.actions.push(Action::Cancel { attempt });
                self.fail(Failure::HeadTimeout, true);
                if !self.carry_on() {
                    self.again(Local::GatewayTimeout, rng);
                }
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
                if !total && self.carry_on() {
                    return;
                }
                self.end_race(failure);
                self.answer(Local::GatewayTimeout);
            }
            Phase::Tunnel if total => self.part(attempt),
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

    #[inline(never)]
    pub(super) fn client_left(&mut self) {
        match self.request.phase {
            Phase::Done => return,
            Phase::New | Phase::Resting => {}
            Phase::Waiting => self.leave_queue(),
            Phase::Connecting | Phase::Sent | Phase::Body | Phase::Tunnel => {
                self.actions.push(Action::Cancel {
                    attempt: self.request.attempt,
                });
                let sent = self.request.phase != Phase::Connecting;
                self.fail(Failure::ClientLeft, sent);
                self.end_race(Failure::ClientLeft);
            }
        }
        self.finish(Outcome::Cancelled);
    }

    /// The try ended without a complete response.
    #[inline(never)]
    pub(super) fn fail(&mut self, failure: Failure, sent: bool) {
        self.record(trace::Kind::Failed { failure, sent });
        let dialled = Some(self.request.dialled).filter(|at| *at != Timestamp::MAX);
        if let Some(endpoint) = self.request.endpoint {
            self.request.tried.push(endpoint);
        }
        let verdict = match failure {
            Failure::Dial | Failure::DialTimeout => Verdict::DialFailed,
            _ if failure.is_given_up() => Verdict::Cancelled { dialled },
            _ => Verdict::Failed { dialled },
        };
        let ended = match failure {
            _ if failure.is_given_up() => Ended::Left,
            Failure::Refused => Ended::Answered(self.request.status),
            // What an earlier try had left of the time was not this endpoint's to waste.
            Failure::TotalTimeout if self.request.attempt > 1 => Ended::Left,
            _ => Ended::Failed,
        };
        self.release(verdict, ended);
    }

    /// Ends the try at its endpoint, as what it is counted there.
    #[inline(always)]
    fn release(&mut self, verdict: Verdict, ended: Ended) {
        let Some(endpoint) = self.request.endpoint else {
            return;
        };
        let (now, report) = (self.now, self.told(ended));
        let answer = match verdict {
            Verdict::Success => quality(self.request.status),
            Verdict::DialFailed | Verdict::Failed { .. } => Answer::Bad,
            Verdict::Cancelled { .. } => Answer::Unknown,
        };
        let is_tunnel = self.request.phase == Phase::Tunnel;
        let (is_news, grant) = self.heard(answer, |pool| match is_tunnel {
            // It was judged by its beginning; its end may be hours later and tells nothing.
            true => {
                let grant = pool.hang_up(now, endpoint, verdict);
                (pool.has_emptied(), grant)
            }
            false => {
                let is_news = pool.judge(now, endpoint, &report);
                let grant = pool.complete(now, endpoint, verdict);
                (is_news | pool.has_emptied(), grant)
            }
        });
        self.request.endpoint = None;
        self.spread(is_news);
        if let Some(grant) = grant {
            self.hand(grant);
        }
    }

    /// Tells the pool how this try's measurement ended, if it is being measured, and `f` at once.
    #[inline(always)]
    pub(super) fn heard<R>(&mut self, answer: Answer, f: impl FnOnce(&mut pool::State) -> R) -> R {
        let measured = self.request.measured.take();
        let (endpoint, now, at) = (self.request.endpoint, self.now, self.request.dispatched);
        self.pool.with(|pool| {
            if let (Some(endpoint), Some(sent)) = (endpoint, measured) {
                pool.heard(now, endpoint, at, sent, answer);
            }
            f(pool)
        })
    }

    /// What this try tells of its endpoint.
    #[inline(always)]
    pub(super) fn told(&self, ended: Ended) -> Report {
        let first_byte_us = self.request.first_byte_us;
        Report {
            dispatched: self.request.dispatched,
            ended,
            first_byte: (first_byte_us != NO_BYTE)
                .then(|| Duration::from_micros(first_byte_us.into())),
        }
    }

    /// Records what the pool has found out about its endpoints.
    #[inline]
    pub(super) fn spread(&mut self, is_news: bool) {
        if is_news {
            self.spread_news();
        }
    }

    #[inline(never)]
    fn spread_news(&mut self) {
        while let Some(event) = self.pool.with(pool::State::news) {
            self.pool.record(event);
        }
    }

    #[inline(never)]
    pub(super) fn answer(&mut self, local: Local) {
        self.break_off();
        self.actions.push(Action::Answer(local));
        self.finish(Outcome::Local(local));
    }

    #[inline(always)]
    fn finish(&mut self, outcome: Outcome) {
        let arrived = self.request.arrived;
        let priority = self.request.plan.priority;
        self.record(trace::Kind::Finished {
            outcome,
            arrived,
            priority,
        });
        self.request.phase = Phase::Done;
        self.actions.push(Action::Finish(outcome));
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.request.phase = phase;
        self.request.progress = self.now;
    }

    /// Whether a report about `attempt` is about the present try, and in time. The other try
    /// becomes the present one first.
    pub(super) fn is_current(&mut self, attempt: u8, phases: &[Phase]) -> bool {
        if attempt != self.request.attempt && !self.request.turn_to(attempt) {
            return false;
        }
        phases.contains(&self.request.phase)
    }

    /// Whether the time that has passed is that of a try in whose place there may be another.
    fn may_be_replaced(&self) -> bool {
        let head = self.request.progress + self.request.plan.head;
        self.request.may_replay() && self.now < head
    }

    pub(super) fn may_send_again(&self, sent: bool) -> bool {
        !sent || (self.request.idempotent && self.request.body != Body::Lost)
    }

    // Inlined, so that what takes note of it needs no match on the kind.
    #[inline(always)]
    pub(super) fn record(&mut self, kind: trace::Kind) {
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

/// What a response of this status says of its endpoint.
const fn quality(status: u16) -> Answer {
    if status >= 500 || status == 429 {
        Answer::Bad
    } else {
        Answer::Good
    }
}
