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
//! 3. Every other retry draws on the budget, and waits for a time that is drawn, if its pool says
//!    so.
//! 4. An endpoint that failed a request is not used again for it.
//! 5. A connection lost before the head is retried when nothing was sent, or when the method is
//!    idempotent (RFC 9110 section 9.2.2) and the body can be sent again.
//! 6. A body cut after its head is passed on as cut.
//! 7. A try without a head in time is retried as in 5, if a shorter time is set for that; else its
//!    request is answered with 504.
//! 8. A response whose status the pool names is given up for another endpoint's as in 5, if there
//!    is one: what an endpoint asks to wait (`Retry-After`) is waited for, if the time is there.
//! 9. A try that is late may get another one beside it, at another endpoint: whoever is answered
//!    first goes on, the other is given up and is no fault of its endpoint.

mod account;
mod again;
mod event;
mod race;
mod session;
mod tunnel;
mod turn;
mod wait;

use crate::account::Account;
use crate::affinity::Session;
use crate::endpoint::{EndpointIndex, Tried};
use crate::policy::Key;
use crate::pool::{self, Sent, Wanted};
use crate::queue::{Grant, Token};
use crate::retry::On;
use crate::rng::Rng;
use crate::time::{Span, Timestamp};
use crate::trace;

pub use event::{ATTEMPTS_MAX, Action, Actions, Event, Failure, Local, Outcome, Plan};
use race::Race;
use turn::Turn;

/// How a request reaches its pool and reports what was decided.
pub trait PoolAccess {
    /// Runs `f` on the pool; never held across anything else.
    fn with<R>(&mut self, f: impl FnOnce(&mut pool::State) -> R) -> R;
    /// Delivers a grant to another request.
    fn grant(&mut self, grant: Grant);
    /// Takes note of a decision.
    fn record(&mut self, event: trace::Event);
    /// Begins a probe, which must not be waited for; [`pool::State::told`] tells of its end.
    fn probe(&mut self, wanted: Wanted);
    /// Where to write down why the request's picks come out as they do, if somebody asks.
    fn accounts(&mut self) -> Option<&mut Vec<Account>> {
        None
    }
    /// What is known of the request's session, if its pool keeps any.
    fn session(&mut self) -> Option<&mut Session> {
        None
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Waiting,
    /// Until its next try, which is paid for.
    Resting,
    Connecting,
    Sent,
    Body,
    Tunnel,
    Done,
}

/// How much of a request's body could be sent to another endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    /// All of it.
    Whole,
    /// What has come; the rest follows.
    Partial,
    /// What is gone cannot.
    Lost,
}

/// No head of a response has come.
const NO_BYTE: u32 = u32::MAX;

/// One request. Plain data, no heap.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    id: u64,
    token: Token,
    pool: u16,
    phase: Phase,
    /// The present try, or the last one, and how many have begun.
    attempt: u8,
    tries: u8,
    /// It may be sent twice: by its method, or because its pool says so.
    idempotent: bool,
    body: Body,
    /// The idle connection of this try has been replaced once.
    replaced: bool,
    status: u16,
    endpoint: Option<EndpointIndex>,
    /// When this try opened its connection; never, if it has none or an idle one.
    dialled: Timestamp,
    tried: Tried,
    /// What it is hashed by.
    key: Key,
    /// How this try is being measured, if it still is.
    measured: Option<Sent>,
    /// When this try was sent on its way.
    dispatched: Timestamp,
    /// From then to the head of its response, or [`NO_BYTE`].
    first_byte_us: u32,
    /// The other try, if there are two at once or may be.
    race: Race,
    plan: Plan,
    arrived: Timestamp,
    /// When the present phase began, or bytes last moved in it; of a rest, its end.
    progress: Timestamp,
}

const _: () = assert!(size_of::<Request>() <= 256);

impl Request {
    /// Request number `id` of its proxy, for pool number `pool`; grants will name `token`.
    // Inlined: it is made where it stays.
    #[inline(always)]
    #[must_use]
    pub fn new(id: u64, token: Token, pool: u16, plan: Plan) -> Self {
        Self {
            id,
            token,
            pool,
            phase: Phase::New,
            attempt: 0,
            tries: 0,
            idempotent: false,
            body: Body::Whole,
            replaced: false,
            status: 0,
            endpoint: None,
            dialled: Timestamp::MAX,
            tried: Tried::default(),
            key: Key::None,
            measured: None,
            dispatched: Timestamp::ZERO,
            first_byte_us: NO_BYTE,
            race: Race::Never,
            plan: Plan {
                attempts: plan.attempts.min(ATTEMPTS_MAX),
                ..plan
            },
            arrived: Timestamp::ZERO,
            progress: Timestamp::ZERO,
        }
    }

    /// The same, hashed by `key`; to be said before it arrives.
    #[must_use]
    pub const fn keyed(mut self, key: Key) -> Self {
        self.key = key;
        self
    }

    /// The same, of which a part is still to come: it has no second try beside the first until
    /// [`Event::Received`].
    #[must_use]
    pub const fn partial(mut self) -> Self {
        self.body = Body::Partial;
        self
    }

    /// Whether the shell has to report [`Event::Received`].
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.body == Body::Partial && self.plan.on.contains(On::HEDGE)
    }

    /// Its number at its proxy.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.id
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
        self.idempotent && self.body != Body::Lost && self.tries < self.plan.attempts
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
        if matches!(self.phase, Phase::New | Phase::Done) {
            return Timestamp::MAX;
        }
        let deadline = (self.progress + self.silence(self.phase)).min(self.total_deadline());
        match self.race {
            Race::Never => deadline,
            // Who has become a tunnel has won.
            _ if self.phase == Phase::Tunnel => deadline,
            _ => deadline.min(self.race_deadline()),
        }
    }

    /// How long a phase may last, or be silent.
    #[inline(always)]
    fn silence(&self, phase: Phase) -> Span {
        match phase {
            Phase::New | Phase::Done => Span::MAX,
            Phase::Waiting => self.plan.queue,
            Phase::Resting => Span(0),
            Phase::Connecting => self.plan.dial,
            Phase::Sent if self.may_replay() => self.plan.head.min(self.patience()),
            Phase::Sent => self.plan.head,
            Phase::Body => self.plan.idle,
            Phase::Tunnel => self.plan.tunnel,
        }
    }

    const fn patience(&self) -> Span {
        Span(self.plan.patience_ms as u64 * 1_000_000)
    }

    fn total_deadline(&self) -> Timestamp {
        self.arrived + self.plan.total
    }

    /// Takes one report and says what to do about it.
    // Inlined: most callers know the event, and then nothing is left of the match.
    #[inline(always)]
    pub fn on(
        &mut self,
        event: Event,
        now: Timestamp,
        pool: &mut impl PoolAccess,
        rng: &mut Rng,
    ) -> Actions {
        let mut actions = Actions::default();
        let mut turn = Turn {
            request: self,
            now,
            pool,
            actions: &mut actions,
        };
        match event {
            Event::Arrived { idempotent } => turn.arrived(idempotent, rng),
            Event::Granted => turn.granted(rng),
            Event::Connected { attempt, reused } => turn.connected(attempt, reused),
            Event::DialFailed { attempt } => turn.dial_failed(attempt, Failure::Dial, rng),
            Event::StaleConnection { attempt, sent } => turn.stale(attempt, sent, rng),
            Event::Head {
                attempt,
                status,
                retry_after,
            } => turn.head(attempt, (status, retry_after), rng),
            Event::ReplayLost => turn.request.body = Body::Lost,
            Event::Received if turn.request.body == Body::Lost => {}
            Event::Received => turn.request.body = Body::Whole,
            Event::BodyEnded => turn.ended(Phase::Body),
            Event::UpstreamFailed { attempt, sent } => turn.upstream_failed(attempt, sent, rng),
            Event::Upgraded { attempt } => turn.upgraded(attempt),
            Event::TunnelEnded => turn.ended(Phase::Tunnel),
            Event::Reloaded => turn.reloaded(),
            Event::Timer => turn.timer(rng),
            Event::ClientLeft => turn.client_left(),
        }
        actions
    }
}

#[cfg(test)]
mod tests;
