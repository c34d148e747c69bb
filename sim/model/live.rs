//! A request in the model, and what it needs at hand.

use std::collections::VecDeque;

use evenkeel_core::account::Account;
use evenkeel_core::affinity::Session;
use evenkeel_core::pool;
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::request::{Plan, PoolAccess, Request};
use evenkeel_core::rng::Rng;
use evenkeel_core::time::{Span, Timestamp};
use evenkeel_core::trace;

use super::client::Waiting;
use super::race::Rival;
use super::session::Present;
use super::throttle::Throttled;
use crate::result::Collector;
use crate::workload::Arrival;

/// A request on its way, in a slot that is used again.
pub(super) struct Live {
    /// The slot's place.
    pub(super) at: usize,
    pub(super) request: Request,
    pub(super) rng: Rng,
    pub(super) arrival: Arrival,
    /// The proxy that it goes to, and the process there that has it.
    pub(super) place: usize,
    pub(super) process: usize,
    pub(super) pool: u16,
    /// The origin of the present try.
    pub(super) origin: usize,
    /// When its last byte reaches the proxy.
    pub(super) uploaded: Timestamp,
    /// When its response began to leave the proxy, and when its last byte reaches it.
    pub(super) forwarded: Timestamp,
    pub(super) downloaded: Timestamp,
    /// Counts the slot's requests and their tries: what an earlier one left behind is ignored.
    pub(super) serial: u32,
    pub(super) serials: u32,
    /// The present try, and the slot of its endpoint.
    pub(super) attempt: u8,
    pub(super) slot: u32,
    /// The other try, if there are two at once.
    pub(super) rival: Option<Rival>,
    /// How long the origin asks to wait.
    pub(super) asked: Span,
    /// How often it has reached an origin: each time draws a service of its own.
    pub(super) offers: u8,
    /// Tries of it that were sent and that no origin has read.
    pub(super) on_way: u16,
    /// A try was given up before all of the request was there: no origin gets that whole.
    pub(super) torn: bool,
    /// It has ended. Its slot is used again when nothing of it is on its way.
    pub(super) over: bool,
    /// The connection of the present try was idle before.
    pub(super) reused: bool,
    /// Its client does nothing but wait.
    pub(super) plain: bool,
    /// What its client is at.
    pub(super) waiting: Waiting,
    /// Its session, if its pool keeps any.
    pub(super) session: Option<Session>,
    /// The origin that has answered.
    pub(super) served: Option<usize>,
    /// What the client gets with the answer.
    pub(super) gift: Option<Present>,
    /// What limits have to do with it.
    pub(super) throttled: Option<Box<Throttled>>,
}

impl Live {
    /// A slot with its first request, which has not reached the proxy.
    pub(super) fn new(at: usize, arrival: Arrival, plain: bool, rng: Rng) -> Self {
        Self {
            at,
            request: Request::new(0, Token::default(), 0, Plan::PATIENT),
            rng,
            arrival,
            place: 0,
            process: 0,
            pool: 0,
            origin: 0,
            uploaded: Timestamp::ZERO,
            forwarded: Timestamp::ZERO,
            downloaded: Timestamp::ZERO,
            serial: 0,
            serials: 0,
            attempt: 0,
            slot: 0,
            rival: None,
            asked: Span(0),
            offers: 0,
            on_way: 0,
            torn: false,
            over: false,
            reused: false,
            plain,
            waiting: Waiting::default(),
            session: None,
            served: None,
            gift: None,
            throttled: None,
        }
    }
}

/// How a request reaches its pool.
pub(super) struct Access<'a> {
    pub(super) process: usize,
    /// Its number there.
    pub(super) request: u64,
    pub(super) pool: &'a mut pool::State,
    pub(super) grants: &'a mut VecDeque<Grant>,
    pub(super) collector: &'a mut Collector,
    /// The health of endpoints has changed.
    pub(super) disturbed: &'a mut bool,
    pub(super) session: &'a mut Option<Session>,
    /// Endpoints that are to be probed.
    pub(super) wanted: &'a mut Vec<pool::Wanted>,
}

impl PoolAccess for Access<'_> {
    fn with<R>(&mut self, f: impl FnOnce(&mut pool::State) -> R) -> R {
        f(self.pool)
    }

    fn grant(&mut self, grant: Grant) {
        self.grants.push_back(grant);
    }

    fn session(&mut self) -> Option<&mut Session> {
        self.session.as_mut()
    }

    fn probe(&mut self, wanted: pool::Wanted) {
        self.wanted.push(wanted);
    }

    fn accounts(&mut self) -> Option<&mut Vec<Account>> {
        self.collector.accounts(self.process, self.request)
    }

    #[inline(always)]
    fn record(&mut self, event: trace::Event) {
        *self.disturbed |= event.kind.is_outside();
        self.collector.record(self.process, &event);
    }
}
