//! What holds in every run, checked event by event.
//!
//! The checker believes nothing: it rebuilds each request's life from the events alone, and the
//! retry budget from its definition. It costs a few nanoseconds for an event: requests live in a
//! ring indexed by their number, which slides past those that are finished.

mod kind;
mod rest;

use std::collections::VecDeque;

use evenkeel_core::affinity::Step;
use evenkeel_core::pool;
use evenkeel_core::request::Outcome;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};

use super::check::Check;
use super::fitness::Fitness;
use super::occupancy::Occupancy;
use super::roster::Place;
use super::share::{Promise, Share};
use super::window::Window;
pub use kind::Invariant;

/// A pool's promises about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// All tries of a request, the first included.
    pub attempts: u8,
    /// Retries per million requests.
    pub budget_ppm: u64,
}

/// What the events have said of a request: its present try, and a bit for each fact. Loaded and
/// stored as a whole, for a field that was stored a moment ago holds up a load of its neighbours.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    facts: u8,
    attempt: u8,
}

/// Facts about a request.
mod fact {
    pub(super) const ARRIVED: u8 = 1;
    pub(super) const FINISHED: u8 = 1 << 1;
    pub(super) const IDEMPOTENT: u8 = 1 << 2;
    /// A try of it is in flight.
    pub(super) const IN_FLIGHT: u8 = 1 << 3;
    /// And it is a tunnel.
    pub(super) const TUNNEL: u8 = 1 << 4;
    /// Sent once and not idempotent: may not be sent again.
    pub(super) const SPENT: u8 = 1 << 5;
    /// It has waited: what it was promised then is not judged by what is known now.
    pub(super) const WAITED: u8 = 1 << 6;
    /// Its next try goes to a draining endpoint, which keeps its session.
    pub(super) const KEPT: u8 = 1 << 7;
}

impl Life {
    const fn is(self, fact: u8) -> bool {
        self.facts & fact != 0
    }
}

/// How far ahead of the newest request an event's number may be: numbers are dense, so a larger gap
/// is a mistake and not worth its memory.
const GAP: u64 = 1 << 20;

/// How many requests that never arrived may hold the ring's front.
const ABSENT: usize = 4096;

/// Checks the events of one run at one proxy.
#[derive(Debug)]
pub struct Checker {
    pools: Vec<(Limit, Window)>,
    /// By pool; empty where nothing is promised.
    shares: Vec<Share>,
    /// By pool; empty as well.
    occupancies: Vec<Occupancy>,
    fitness: Vec<Fitness>,
    lives: VecDeque<Life>,
    /// The number of the ring's first request.
    base: u64,
    arrived: u64,
    finished: u64,
    picked: u64,
    completed: u64,
    failed: u64,
    /// What the pools still counted at the end of the run.
    leftovers: Vec<String>,
    checks: Vec<Check>,
}

impl Checker {
    /// A checker of pools with these limits and promises, in their order.
    #[must_use]
    pub fn new(limits: &[Limit], promises: &[Promise]) -> Self {
        let check = |invariant: Invariant| Check {
            name: invariant.name(),
            ok: true,
            violations: 0,
            first: None,
        };
        Self {
            pools: limits
                .iter()
                .map(|limit| (*limit, Window::default()))
                .collect(),
            shares: promises.iter().map(Share::new).collect(),
            occupancies: promises
                .iter()
                .map(|promise| Occupancy::new(&promise.bounds))
                .collect(),
            fitness: limits.iter().map(|_| Fitness::default()).collect(),
            lives: VecDeque::new(),
            base: 0,
            arrived: 0,
            finished: 0,
            picked: 0,
            completed: 0,
            failed: 0,
            leftovers: Vec::new(),
            checks: Invariant::ALL.map(check).to_vec(),
        }
    }

    /// A pool has changed at `at`: what its seats may take from now on, and what it promises.
    /// Requests that began before keep what they were promised.
    pub(super) fn change(&mut self, at: Timestamp, pool: u16, places: &[Place], limit: Limit) {
        let pool = usize::from(pool);
        if let Some((known, _)) = self.pools.get_mut(pool) {
            known.attempts = known.attempts.max(limit.attempts);
            known.budget_ppm = known.budget_ppm.max(limit.budget_ppm);
        }
        if let Some(share) = self.shares.get_mut(pool) {
            share.change(at, places);
        }
        if let Some(occupancy) = self.occupancies.get_mut(pool) {
            occupancy.change(places);
        }
    }

    /// Takes the next event; its endpoint's slot is a seat.
    // Inlined down to where the kind is known.
    #[inline(always)]
    pub fn on(&mut self, event: &Event) {
        if event.kind.is_outside() {
            return self.watch(event);
        }
        let Some(index) = self.index(event) else {
            return;
        };
        if self.lives[index].is(fact::FINISHED) {
            return self.late(event);
        }
        match event.kind {
            Kind::Arrived { idempotent } => self.arrive(event, index, idempotent),
            Kind::Picked { budgeted } => self.pick(event, index, budgeted),
            Kind::Queued { budgeted } => {
                self.lives[index].facts |= fact::WAITED;
                self.disturb(event);
                self.draw(event, budgeted);
            }
            Kind::Session { step: Step::Kept } => self.lives[index].facts |= fact::KEPT,
            Kind::Head { status: 101 } => self.upgrade(event, index),
            Kind::Failed { sent, .. } => {
                self.failed += 1;
                self.disturb(event);
                let life = &mut self.lives[index];
                if sent && !life.is(fact::IDEMPOTENT) {
                    life.facts |= fact::SPENT;
                }
                self.end(event, index);
            }
            Kind::Completed => {
                self.completed += 1;
                self.end(event, index);
            }
            Kind::Finished { outcome, .. } => self.finish(event, index, outcome),
            Kind::Rejected { .. } => {
                self.lives[index].facts |= fact::FINISHED;
                self.slide();
            }
            _ => {}
        }
    }

    /// The run is over: what the pool called `name` counts by itself must be nothing, if all
    /// requests have ended.
    pub(super) fn rest(&mut self, name: &str, state: &pool::State) {
        self.leftovers.extend(rest::leftovers(name, state));
    }

    /// The results at the end of the run, at `now`, when nothing may be in flight.
    #[must_use]
    pub fn into_checks(mut self, now: Timestamp) -> Vec<Check> {
        let open = (self.base..).zip(self.lives.clone());
        let open: Vec<(u64, Life)> = open
            .filter(|(_, l)| l.is(fact::ARRIVED) && !l.is(fact::FINISHED))
            .collect();
        for (request, life) in &open {
            let place = (*request, now);
            self.violate(
                place,
                Invariant::OneOutcome,
                "the run ended without its outcome",
            );
            if life.is(fact::IN_FLIGHT) {
                self.violate(
                    place,
                    Invariant::InFlight,
                    "the run ended with its try in flight",
                );
            }
        }
        let unfinished = open.len() as u64;
        if self.arrived != self.finished + unfinished {
            let text = format!(
                "{} arrived, but {} finished and {unfinished} did not",
                self.arrived, self.finished
            );
            self.violate((0, now), Invariant::Arrivals, &text);
        }
        if self.picked != self.completed + self.failed {
            let text = format!(
                "{} tries, but {} completed and {} failed",
                self.picked, self.completed, self.failed
            );
            self.violate((0, now), Invariant::Tries, &text);
        }
        let faults: Vec<String> = self.shares.iter().filter_map(Share::fault).collect();
        for fault in faults {
            self.violate((0, now), Invariant::Weights, &fault);
        }
        if open.is_empty() {
            for leftover in std::mem::take(&mut self.leftovers) {
                self.violate((0, now), Invariant::AtRest, &leftover);
            }
        }
        self.checks
    }

    #[cold]
    fn late(&mut self, event: &Event) {
        let text = "something happened after its outcome";
        self.violated(event, Invariant::OneOutcome, text);
    }

    /// The ring's index of the event's request, which grows to hold it.
    #[inline]
    fn index(&mut self, event: &Event) -> Option<usize> {
        let ahead = event.request.wrapping_sub(self.base);
        if ahead < self.lives.len() as u64 {
            return Some(ahead as usize);
        }
        self.grow(event)
    }

    fn grow(&mut self, event: &Event) -> Option<usize> {
        let Some(ahead) = event.request.checked_sub(self.base) else {
            self.late(event);
            return None;
        };
        if ahead > self.lives.len() as u64 + GAP {
            self.violated(
                event,
                Invariant::Arrivals,
                "its number is far ahead of the others'",
            );
            return None;
        }
        let index = ahead as usize;
        while self.lives.len() <= index {
            self.lives.push_back(Life::default());
        }
        Some(index)
    }

    fn arrive(&mut self, event: &Event, index: usize, idempotent: bool) {
        self.arrived += 1;
        let life = &mut self.lives[index];
        let twice = life.is(fact::ARRIVED);
        life.facts |= match idempotent {
            true => fact::ARRIVED | fact::IDEMPOTENT,
            false => fact::ARRIVED,
        };
        if let Some((_, window)) = self.pools.get_mut(usize::from(event.pool)) {
            window.now(event.at).requests += 1;
        }
        if twice {
            self.violated(event, Invariant::Arrivals, "it arrived twice");
        }
    }

    fn pick(&mut self, event: &Event, index: usize, budgeted: bool) {
        self.picked += 1;
        let life = &mut self.lives[index];
        let before = *life;
        *life = Life {
            facts: before.facts & !fact::KEPT | fact::IN_FLIGHT,
            attempt: event.attempt,
        };
        if !before.is(fact::ARRIVED) {
            self.violated(
                event,
                Invariant::Arrivals,
                "it was dispatched before it arrived",
            );
        }
        if before.is(fact::IN_FLIGHT) {
            self.violated(
                event,
                Invariant::InFlight,
                "it was dispatched with a try in flight",
            );
        }
        if before.is(fact::SPENT) {
            let text = "it is not idempotent, was sent, and was dispatched again";
            self.violated(event, Invariant::SafeRetry, text);
        }
        if event.attempt != before.attempt.saturating_add(1) {
            self.violated(
                event,
                Invariant::Attempts,
                "its tries are not numbered one by one",
            );
        }
        self.occupy(event, before.is(fact::KEPT));
        let fitness = self.fitness.get(usize::from(event.pool));
        let fit = fitness
            .zip(event.endpoint)
            .is_none_or(|(f, e)| f.pick(e.slot));
        if !fit && !before.is(fact::WAITED) {
            let text = "it was sent to an endpoint that is not fit";
            self.violated(event, Invariant::Fit, text);
        }
        let pool = self.pools.get(usize::from(event.pool));
        if pool.is_some_and(|(limit, _)| event.attempt > limit.attempts) {
            self.violated(
                event,
                Invariant::Attempts,
                "it has more tries than `attempts` allows",
            );
        }
        self.draw(event, budgeted);
    }

    /// A retry draws on the budget, if it is `budgeted`.
    fn draw(&mut self, event: &Event, budgeted: bool) {
        if budgeted
            && let Some((limit, window)) = self.pools.get_mut(usize::from(event.pool))
            && !window.retry(event.at, limit.budget_ppm)
        {
            self.violated(
                event,
                Invariant::Budget,
                "its retry was beyond the budget of 10 s",
            );
        }
    }

    /// A place at the event's endpoint is taken, which may drain if the session is `kept`.
    fn occupy(&mut self, event: &Event, kept: bool) {
        let (pool, Some(endpoint)) = (usize::from(event.pool), event.endpoint) else {
            return;
        };
        let seat = endpoint.slot;
        let (share, occupancy) = (self.shares.get_mut(pool), self.occupancies.get_mut(pool));
        let serves = share.is_none_or(|share| share.pick(seat, event.at));
        let has_room = occupancy.is_none_or(|occupancy| occupancy.pick(seat));
        if !serves && !kept {
            let text = "it was sent to an endpoint that is down or has no weight";
            self.violated(event, Invariant::InService, text);
        }
        if !has_room {
            let text = "it was sent to an endpoint that held `max_connections`";
            self.violated(event, Invariant::MaxConnections, text);
        }
    }

    /// The try in flight is a tunnel from now on.
    fn upgrade(&mut self, event: &Event, index: usize) {
        let life = &mut self.lives[index];
        if !life.is(fact::IN_FLIGHT) || life.is(fact::TUNNEL) {
            return self.violated(
                event,
                Invariant::InFlight,
                "what became a tunnel was no request in flight",
            );
        }
        life.facts |= fact::TUNNEL;
        let occupancy = self.occupancies.get_mut(usize::from(event.pool));
        if let (Some(occupancy), Some(endpoint)) = (occupancy, event.endpoint) {
            occupancy.upgrade(endpoint.slot);
        }
    }

    /// What is known of the health of endpoints: from then on more than the weights decide.
    fn watch(&mut self, event: &Event) {
        if let Some(fitness) = self.fitness.get_mut(usize::from(event.pool)) {
            fitness.on(event.endpoint.map(|e| e.slot), event.kind);
            self.disturb(event);
        }
    }

    fn disturb(&mut self, event: &Event) {
        if let Some(share) = self.shares.get_mut(usize::from(event.pool)) {
            share.disturb();
        }
    }

    /// Ends the try in flight.
    fn end(&mut self, event: &Event, index: usize) {
        let life = &mut self.lives[index];
        let before = *life;
        life.facts &= !(fact::IN_FLIGHT | fact::TUNNEL);
        if !before.is(fact::IN_FLIGHT) {
            return self.violated(
                event,
                Invariant::InFlight,
                "a try ended that was not in flight",
            );
        }
        let occupancy = self.occupancies.get_mut(usize::from(event.pool));
        if let (Some(occupancy), Some(endpoint)) = (occupancy, event.endpoint) {
            occupancy.end(endpoint.slot, before.is(fact::TUNNEL));
        }
    }

    fn finish(&mut self, event: &Event, index: usize, outcome: Outcome) {
        let life = &mut self.lives[index];
        life.facts |= fact::FINISHED;
        let life = *life;
        if life.is(fact::ARRIVED) {
            self.finished += 1;
        } else if outcome != Outcome::Cancelled {
            // A client may leave before its request was routed.
            self.violated(
                event,
                Invariant::Arrivals,
                "it has an outcome and never arrived",
            );
        }
        if life.is(fact::IN_FLIGHT) {
            self.violated(
                event,
                Invariant::InFlight,
                "it finished with a try in flight",
            );
        }
        self.slide();
    }

    /// Forgets the requests that are finished and those that never came, from the front.
    fn slide(&mut self) {
        while let Some(front) = self.lives.front()
            && (front.is(fact::FINISHED) || (!front.is(fact::ARRIVED) && self.lives.len() > ABSENT))
        {
            self.lives.pop_front();
            self.base += 1;
        }
    }

    #[cold]
    fn violated(&mut self, event: &Event, invariant: Invariant, text: &str) {
        self.violate((event.request, event.at), invariant, text);
    }

    #[cold]
    fn violate(&mut self, (request, at): (u64, Timestamp), invariant: Invariant, text: &str) {
        let check = &mut self.checks[invariant as usize];
        check.ok = false;
        check.violations += 1;
        check
            .first
            .get_or_insert_with(|| format!("request {request} at {at}: {text}"));
    }
}

#[cfg(test)]
mod core_test;
#[cfg(test)]
mod test;
