//! One request's life, from its arrival to its one outcome.
//!
//! A plain state machine: a shell reports what happened ([`Event`]), the machine says what to do
//! ([`Actions`]). It never sees bytes, never waits and never fails; dropping the shell's future is
//! [`Event::ClientLeft`]. The rules for trying again:
//!
//! 1. An idle connection found closed is replaced on the same endpoint, once a try: it costs no
//!    attempt and no budget and is no fault of the endpoint (a Node.js server closes idle
//!    connections by itself).
//! 2. A failed dial costs an attempt but no budget: nothing was sent.
//! 3. Every other retry draws on the budget.
//! 4. An endpoint that failed a request is not used again for it.
//! 5. A connection lost before the head is retried when nothing was sent, or when the method is
//!    idempotent (RFC 9110 section 9.2.2) and the body can be sent again.
//! 6. A body cut after its head is passed on as cut.

use std::time::Duration;

use crate::endpoint::{EndpointIndex, TRIED_MAX, Tried};
use crate::pool::{self, Admission, Verdict};
use crate::queue::{Grant, Token};
use crate::rng::Rng;
use crate::time::Timestamp;
use crate::trace;

/// Why a try ended without a complete response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Failure {
    /// The connection was refused or could not be routed.
    Dial,
    /// The connection was not open in time.
    DialTimeout,
    /// The connection was lost before the head of the response.
    Lost,
    /// The head did not come in time.
    HeadTimeout,
    /// The connection was lost inside the body.
    Cut,
    /// The body stood still for too long.
    IdleTimeout,
    /// The request's total time ran out.
    TotalTimeout,
    /// The client left.
    ClientLeft,
}

/// Why the proxy answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Local {
    /// No endpoint may take the request: 503.
    NoEndpoint,
    /// The queue is full: 503.
    QueueFull,
    /// Waited too long in the queue: 503.
    QueueTimeout,
    /// The last try could not connect, or lost its connection: 502.
    BadGateway,
    /// The endpoint's head did not come in time: 504.
    GatewayTimeout,
}

impl Local {
    /// The status code that the client gets (RFC 9110 section 15.6).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::NoEndpoint | Self::QueueFull | Self::QueueTimeout => 503,
            Self::BadGateway => 502,
            Self::GatewayTimeout => 504,
        }
    }
}

/// What became of a request. Every request has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A complete response of an endpoint, whatever its status.
    Complete {
        /// The response's status code.
        status: u16,
    },
    /// An answer of the proxy's own.
    Local(Local),
    /// The head was passed on, and then the body ended too early. The client can tell.
    Cut {
        /// The status code that had been passed on.
        status: u16,
    },
    /// The client left before it had its response.
    Cancelled,
}

impl Outcome {
    /// A number for the trace: the status of a complete response; 1000 and up for the others.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Complete { status } => status,
            Self::Local(local) => 1000 + local as u16,
            Self::Cut { .. } => 1100,
            Self::Cancelled => 1200,
        }
    }
}

/// Most tries of a request: beyond them it could not remember where it has failed.
pub const ATTEMPTS_MAX: u8 = TRIED_MAX as u8 + 1;

/// The times and bounds that a request's route and pool set for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Most tries, the first included; from 1 to [`ATTEMPTS_MAX`].
    pub attempts: u8,
    /// Longest wait in the queue.
    pub queue: Duration,
    /// Longest time to open a connection.
    pub dial: Duration,
    /// Longest silence between sending and the head of the response.
    pub head: Duration,
    /// Longest silence inside the body of the response.
    pub idle: Duration,
    /// Longest silence in both directions of a tunnel.
    pub tunnel: Duration,
    /// Longest time from arrival to the end of the response.
    pub total: Option<Duration>,
}

/// What a shell reports. A report about an earlier try is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The request was parsed and routed to the pool.
    Arrived {
        /// Whether its method is idempotent (RFC 9110 section 9.2.2).
        idempotent: bool,
    },
    /// The endpoint that a waiting request was promised.
    Granted {
        /// Booked already.
        endpoint: EndpointIndex,
    },
    /// A connection is ready.
    Connected {
        /// The try.
        attempt: u8,
        /// Whether it was idle before.
        reused: bool,
    },
    /// No connection could be opened.
    DialFailed {
        /// The try.
        attempt: u8,
    },
    /// The reused connection turned out closed before any byte of a response.
    StaleConnection {
        /// The try.
        attempt: u8,
        /// Whether any byte of the request had been sent on it.
        sent: bool,
    },
    /// The final head of the response arrived (not a 1xx).
    Head {
        /// The try.
        attempt: u8,
        /// Its status code.
        status: u16,
    },
    /// The request's body can no longer be sent a second time.
    ReplayLost,
    /// The endpoint's response is complete.
    BodyEnded,
    /// The connection to the endpoint was lost, or what it said was not HTTP.
    UpstreamFailed {
        /// The try.
        attempt: u8,
        /// Whether any byte of the request had been sent on it.
        sent: bool,
    },
    /// The endpoint agreed to switch protocols: the connection is a tunnel from now on.
    Upgraded {
        /// The try.
        attempt: u8,
    },
    /// Both directions of the tunnel have ended.
    TunnelEnded,
    /// [`Request::deadline`] has passed.
    Timer,
    /// The client left, or did not keep the listener's times.
    ClientLeft,
}

/// What the shell has to do, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Wait for a [`Grant`] with this token.
    Wait {
        /// The request's.
        token: Token,
    },
    /// Get a connection to `endpoint`.
    Connect {
        /// The try, from 1.
        attempt: u8,
        /// Where to.
        endpoint: EndpointIndex,
        /// Open a new one: an idle one has just failed.
        fresh: bool,
    },
    /// Send the request on the connection.
    Send {
        /// The try.
        attempt: u8,
    },
    /// Drop the connection of this try.
    Cancel {
        /// The try.
        attempt: u8,
    },
    /// Pass the head and body of the response on to the client.
    Forward {
        /// The try.
        attempt: u8,
    },
    /// Answer the client in the endpoint's place.
    Answer(Local),
    /// Nothing more will happen; the last action.
    Finish(Outcome),
}

/// Up to four actions, inline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Actions {
    list: [Option<Action>; 4],
}

impl Actions {
    fn push(&mut self, action: Action) {
        let free = self.list.iter_mut().find(|a| a.is_none());
        *free.expect("no transition has more than four actions") = Some(action);
    }
}

impl IntoIterator for Actions {
    type Item = Action;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<Action>, 4>>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter().flatten()
    }
}

/// How a request reaches its pool and reports what was decided.
pub trait PoolAccess {
    /// Runs `f` on the pool; never held across anything else.
    fn with<R>(&mut self, f: impl FnOnce(&mut pool::State) -> R) -> R;
    /// Delivers a grant to another request.
    fn grant(&mut self, grant: Grant);
    /// Takes note of a decision.
    fn record(&mut self, event: trace::Event);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Waiting,
    Connecting,
    Sent,
    Body,
    Tunnel,
    Done,
}

/// One request. Plain data, no heap.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    id: u64,
    token: Token,
    pool: u16,
    phase: Phase,
    attempt: u8,
    idempotent: bool,
    replayable: bool,
    /// The next try draws on the retry budget; kept while it waits in the queue.
    budgeted: bool,
    /// The idle connection of this try has been replaced once.
    replaced: bool,
    status: u16,
    endpoint: Option<EndpointIndex>,
    tried: Tried,
    plan: Plan,
    arrived: Timestamp,
    /// When the present phase began, or bytes last moved in it.
    progress: Timestamp,
}

const _: () = assert!(size_of::<Request>() <= 256);

impl Request {
    /// Request number `id` of its proxy, for pool number `pool`; grants will name `token`.
    #[must_use]
    pub fn new(id: u64, token: Token, pool: u16, plan: Plan) -> Self {
        Self {
            id,
            token,
            pool,
            phase: Phase::New,
            attempt: 0,
            idempotent: false,
            replayable: true,
            budgeted: false,
            replaced: false,
            status: 0,
            endpoint: None,
            tried: Tried::default(),
            plan: Plan {
                attempts: plan.attempts.min(ATTEMPTS_MAX),
                ..plan
            },
            arrived: Timestamp::ZERO,
            progress: Timestamp::ZERO,
        }
    }

    /// The endpoint of the present try.
    #[must_use]
    pub const fn endpoint(&self) -> Option<EndpointIndex> {
        self.endpoint
    }

    /// The present try, from 1; 0 before the first.
    #[must_use]
    pub const fn attempt(&self) -> u8 {
        self.attempt
    }

    /// Its times and bounds.
    #[must_use]
    pub const fn plan(&self) -> Plan {
        self.plan
    }

    /// Whether it has had its one outcome.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.phase == Phase::Done
    }

    /// Whether a lost connection could still be answered by another try, so that the shell has to
    /// keep the request's body.
    #[must_use]
    pub fn may_replay(&self) -> bool {
        self.idempotent && self.replayable && self.attempt < self.plan.attempts
    }

    /// Bytes moved: the deadlines of silence start again. A wait or a dial is no silence: the bytes
    /// of a slow client prolong neither.
    pub const fn touch(&mut self, now: Timestamp) {
        if matches!(self.phase, Phase::Sent | Phase::Body | Phase::Tunnel) {
            self.progress = now;
        }
    }

    /// When to report [`Event::Timer`]. It moves with [`Request::touch`]: an early report does
    /// nothing.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        let limit = match self.phase {
            Phase::New | Phase::Done => return Timestamp::MAX,
            Phase::Waiting => self.plan.queue,
            Phase::Connecting => self.plan.dial,
            Phase::Sent => self.plan.head,
            Phase::Body => self.plan.idle,
            // A tunnel has no end in time: it outlives `total`.
            Phase::Tunnel => return self.progress + self.plan.tunnel,
        };
        (self.progress + limit).min(self.total_deadline())
    }

    fn total_deadline(&self) -> Timestamp {
        self.plan
            .total
            .map_or(Timestamp::MAX, |total| self.arrived + total)
    }

    /// Takes one report and says what to do about it.
    pub fn on(
        &mut self,
        event: Event,
        now: Timestamp,
        pool: &mut impl PoolAccess,
        rng: &mut Rng,
    ) -> Actions {
        let mut turn = Turn {
            request: self,
            now,
            pool,
            actions: Actions::default(),
        };
        match event {
            Event::Arrived { idempotent } => turn.arrived(idempotent, rng),
            Event::Granted { endpoint } => turn.granted(endpoint),
            Event::Connected { attempt, reused } => turn.connected(attempt, reused),
            Event::DialFailed { attempt } => turn.dial_failed(attempt, Failure::Dial, rng),
            Event::StaleConnection { attempt, sent } => turn.stale(attempt, sent, rng),
            Event::Head { attempt, status } => turn.head(attempt, status),
            Event::ReplayLost => turn.request.replayable = false,
            Event::BodyEnded => turn.ended(Phase::Body),
            Event::UpstreamFailed { attempt, sent } => turn.upstream_failed(attempt, sent, rng),
            Event::Upgraded { attempt } => turn.upgraded(attempt),
            Event::TunnelEnded => turn.ended(Phase::Tunnel),
            Event::Timer => turn.timer(rng),
            Event::ClientLeft => turn.client_left(),
        }
        turn.actions
    }
}

/// One report being worked on.
struct Turn<'a, P> {
    request: &'a mut Request,
    now: Timestamp,
    pool: &'a mut P,
    actions: Actions,
}

impl<P: PoolAccess> Turn<'_, P> {
    fn arrived(&mut self, idempotent: bool, rng: &mut Rng) {
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

    fn admitted(&mut self, admission: Admission, budgeted: bool) {
        self.request.budgeted = budgeted;
        match admission {
            Admission::Picked(endpoint) => self.connect(endpoint),
            Admission::Queued => {
                self.record(trace::Kind::Queued);
                self.enter(Phase::Waiting);
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

    fn granted(&mut self, endpoint: EndpointIndex) {
        if self.request.phase != Phase::Waiting {
            return;
        }
        let token = self.request.token;
        self.pool.with(|pool| pool.taken(token));
        self.connect(endpoint);
    }

    fn connect(&mut self, endpoint: EndpointIndex) {
        self.request.attempt += 1;
        self.request.endpoint = Some(endpoint);
        self.request.replaced = false;
        self.record(trace::Kind::Picked {
            budgeted: self.request.budgeted,
        });
        self.enter(Phase::Connecting);
        let attempt = self.request.attempt;
        self.actions.push(Action::Connect {
            attempt,
            endpoint,
            fresh: false,
        });
    }

    fn connected(&mut self, attempt: u8, reused: bool) {
        if self.is_current(attempt, &[Phase::Connecting]) {
            self.record(trace::Kind::Connected { reused });
            self.enter(Phase::Sent);
            self.actions.push(Action::Send { attempt });
        }
    }

    fn dial_failed(&mut self, attempt: u8, failure: Failure, rng: &mut Rng) {
        if !self.is_current(attempt, &[Phase::Connecting]) {
            return;
        }
        self.record(trace::Kind::DialFailed);
        self.release(Verdict::DialFailed, Some((failure, false)));
        if self.request.attempt >= self.request.plan.attempts {
            return self.answer(Local::BadGateway);
        }
        let (now, token, tried) = (self.now, self.request.token, self.request.tried);
        let admission = self.pool.with(|pool| pool.admit(now, token, tried, rng));
        self.admitted(admission, false);
    }

    fn stale(&mut self, attempt: u8, sent: bool, rng: &mut Rng) {
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

    fn head(&mut self, attempt: u8, status: u16) {
        if self.is_current(attempt, &[Phase::Sent]) {
            self.request.status = status;
            self.record(trace::Kind::Head { status });
            self.enter(Phase::Body);
            self.actions.push(Action::Forward { attempt });
        }
    }

    fn upgraded(&mut self, attempt: u8) {
        if self.is_current(attempt, &[Phase::Sent]) {
            self.request.status = 101;
            self.record(trace::Kind::Head { status: 101 });
            self.enter(Phase::Tunnel);
            self.actions.push(Action::Forward { attempt });
        }
    }

    fn ended(&mut self, phase: Phase) {
        if self.request.phase == phase {
            self.record(trace::Kind::Completed);
            self.release(Verdict::Success, None);
            self.finish(Outcome::Complete {
                status: self.request.status,
            });
        }
    }

    fn upstream_failed(&mut self, attempt: u8, sent: bool, rng: &mut Rng) {
        if !self.is_current(
            attempt,
            &[Phase::Connecting, Phase::Sent, Phase::Body, Phase::Tunnel],
        ) {
            return;
        }
        if matches!(self.request.phase, Phase::Body | Phase::Tunnel) {
            self.release(Verdict::Failed, Some((Failure::Cut, sent)));
            return self.finish(Outcome::Cut {
                status: self.request.status,
            });
        }
        let again = self.may_send_again(sent) && self.request.attempt < self.request.plan.attempts;
        self.release(Verdict::Failed, Some((Failure::Lost, sent)));
        let (now, token, tried) = (self.now, self.request.token, self.request.tried);
        let admission = again.then(|| self.pool.with(|pool| pool.retry(now, token, tried, rng)));
        match admission.flatten() {
            Some(admission) => self.admitted(admission, true),
            None => self.answer(Local::BadGateway),
        }
    }

    fn timer(&mut self, rng: &mut Rng) {
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
                self.release(Verdict::Failed, Some((failure, sent)));
                self.answer(Local::GatewayTimeout);
            }
            Phase::Body | Phase::Tunnel => {
                let failure = if total {
                    Failure::TotalTimeout
                } else {
                    Failure::IdleTimeout
                };
                self.actions.push(Action::Cancel { attempt });
                self.release(Verdict::Failed, Some((failure, true)));
                self.finish(Outcome::Cut {
                    status: self.request.status,
                });
            }
        }
    }

    fn client_left(&mut self) {
        match self.request.phase {
            Phase::Done => return,
            Phase::New => {}
            Phase::Waiting => self.leave_queue(),
            Phase::Connecting | Phase::Sent | Phase::Body | Phase::Tunnel => {
                self.actions.push(Action::Cancel {
                    attempt: self.request.attempt,
                });
                let sent = self.request.phase != Phase::Connecting;
                self.release(Verdict::Cancelled, Some((Failure::ClientLeft, sent)));
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

    /// Ends the try at its endpoint.
    fn release(&mut self, verdict: Verdict, failed: Option<(Failure, bool)>) {
        if let Some((failure, sent)) = failed {
            self.record(trace::Kind::Failed { failure, sent });
        }
        let Some(endpoint) = self.request.endpoint.take() else {
            return;
        };
        if verdict != Verdict::Success {
            self.request.tried.push(endpoint);
        }
        let now = self.now;
        if let Some(grant) = self.pool.with(|pool| pool.complete(now, endpoint, verdict)) {
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

#[cfg(test)]
mod tests;
