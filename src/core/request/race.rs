//! Two tries of one request at once: the second begins beside a first one that is late, and the one
//! that is answered first goes on.
//!
//! The machine works on one try at a time, the present one. A report about the other makes them
//! change places, so that every transition knows of one try only, and a request without a second
//! one pays a comparison.

use super::turn::Turn;
use super::{Action, Body, Failure, NO_BYTE, Phase, PoolAccess, Request};
use crate::affinity::Home;
use crate::endpoint::EndpointIndex;
use crate::pool::{Admission, Sent};
use crate::retry::On;
use crate::rng::Rng;
use crate::time::{Span, Timestamp};
use crate::trace;

/// The try that is not being worked on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rival {
    attempt: u8,
    phase: Phase,
    replaced: bool,
    endpoint: Option<EndpointIndex>,
    measured: Option<Sent>,
    dialled: Timestamp,
    dispatched: Timestamp,
    progress: Timestamp,
}

/// Whether there is another try beside the present one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Race {
    /// There is none, and there will be none.
    Never,
    /// There may be one as soon as the present one has no head so long after it was dispatched.
    Late(Span),
    /// There is.
    Two(Rival),
}

impl Request {
    /// When something is due because there are two tries, or may be.
    #[cold]
    pub(super) fn race_deadline(&self) -> Timestamp {
        match self.race {
            Race::Two(rival) => rival.progress + self.silence(rival.phase),
            Race::Late(after) if self.may_hedge() => self.dispatched + after,
            Race::Late(_) | Race::Never => Timestamp::MAX,
        }
    }

    /// Whether there may be a second try beside the present one.
    fn may_hedge(&self) -> bool {
        let under_way = matches!(self.phase, Phase::Connecting | Phase::Sent);
        under_way && self.body == Body::Whole && self.may_replay()
    }

    /// The present try as the other one.
    const fn aside(&self) -> Rival {
        Rival {
            attempt: self.attempt,
            phase: self.phase,
            replaced: self.replaced,
            endpoint: self.endpoint,
            measured: self.measured,
            dialled: self.dialled,
            dispatched: self.dispatched,
            progress: self.progress,
        }
    }

    /// Goes on with another try, which has no head yet.
    const fn go_on(&mut self, rival: Rival) {
        self.attempt = rival.attempt;
        self.phase = rival.phase;
        self.replaced = rival.replaced;
        self.endpoint = rival.endpoint;
        self.measured = rival.measured;
        self.dialled = rival.dialled;
        self.dispatched = rival.dispatched;
        self.progress = rival.progress;
        self.first_byte_us = NO_BYTE;
    }

    /// The other try becomes the present one, if its number is `attempt`.
    #[cold]
    pub(super) fn turn_to(&mut self, attempt: u8) -> bool {
        match self.race {
            Race::Two(other) if other.attempt == attempt => {
                self.race = Race::Two(self.aside());
                self.go_on(other);
                true
            }
            _ => false,
        }
    }
}

impl<P: PoolAccess> Turn<'_, P> {
    /// A try has been sent on its way: from when on it is late.
    #[inline(never)]
    pub(super) fn await_head(&mut self) {
        // A hedge is none that would have one.
        if !self.is_racing() {
            let now = self.now;
            let late = self.pool.with(|pool| pool.late(now));
            self.request.race = late.map_or(Race::Never, Race::Late);
        }
    }

    /// What is due may be so because of the race. True if that was all.
    #[cold]
    pub(super) fn race(&mut self, rng: &mut Rng) -> bool {
        let request = &mut *self.request;
        let own = request.progress + request.silence(request.phase);
        if self.now < request.race_deadline() || self.now >= own.min(request.total_deadline()) {
            return false;
        }
        match request.race {
            Race::Two(rival) => {
                request.turn_to(rival.attempt);
                false
            }
            _ => {
                self.hedge(rng);
                true
            }
        }
    }

    /// Begins a second try beside the present one, if the pool has an endpoint for it.
    fn hedge(&mut self, rng: &mut Rng) {
        let session = self.pool.session();
        // Elsewhere its session would not be known.
        let is_at_home = session.is_some_and(|session| matches!(session.home, Home::At(_)));
        let (now, tried, key) = (self.now, self.tried(), self.request.key);
        let who = self.applicant();
        let endpoint = match is_at_home {
            true => None,
            false => self.on_behalf(|pool| pool.hedge(now, who, &tried, key, rng)),
        };
        self.account(endpoint.map(Admission::Picked));
        let Some(endpoint) = endpoint else {
            self.request.race = Race::Never;
            return;
        };
        self.record(trace::Kind::Hedged);
        self.actions.push(Action::Keep {
            attempt: self.request.attempt,
        });
        self.request.race = Race::Two(self.request.aside());
        self.dispatch(endpoint);
        self.connect(endpoint, true);
    }

    /// The head of the present try has come: the other one is given up.
    #[inline(never)]
    pub(super) fn win(&mut self) {
        self.note_time();
        let (winner, first_byte_us) = (self.request.aside(), self.request.first_byte_us);
        if self.carry_on() {
            // It would have taken at least so long.
            self.note_time();
            let failure = match self.request.attempt < winner.attempt {
                true => Failure::Outrun,
                false => Failure::Spare,
            };
            self.give_up(failure);
            self.request.go_on(winner);
            self.request.first_byte_us = first_byte_us;
        }
    }

    /// The present try has ended. Whether there is another one, which goes on alone.
    pub(super) fn carry_on(&mut self) -> bool {
        match std::mem::replace(&mut self.request.race, Race::Never) {
            Race::Two(rival) => {
                self.request.go_on(rival);
                true
            }
            _ => false,
        }
    }

    /// The present try has ended, and with it the other one, if there is any.
    pub(super) fn end_race(&mut self, failure: Failure) {
        if self.carry_on() {
            self.give_up(failure);
        }
    }

    fn give_up(&mut self, failure: Failure) {
        self.actions.push(Action::Cancel {
            attempt: self.request.attempt,
        });
        self.fail(failure, self.request.phase == Phase::Sent);
    }

    /// How long the head of the present try has taken, or its absence.
    fn note_time(&mut self) {
        if !self.is_timed() {
            return;
        }
        let (now, took) = (self.now, self.now.since(self.request.dispatched));
        self.pool.with(|pool| pool.took(now, Span::of(took)));
    }

    /// Whether there are two tries.
    pub(super) const fn is_racing(&self) -> bool {
        matches!(self.request.race, Race::Two(_))
    }

    /// Whether the request may have a second try beside its first at all.
    pub(super) const fn is_hedged(&self) -> bool {
        self.request.plan.on.contains(On::HEDGE)
    }

    /// Whether its pool learns how long heads take.
    #[inline(always)]
    pub(super) const fn is_timed(&self) -> bool {
        self.request.plan.on.contains(On::HEDGE.and(On::QUANTILE))
    }
}
