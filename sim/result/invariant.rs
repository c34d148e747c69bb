//! What holds in every run, checked event by event.
//!
//! The checker believes nothing: it rebuilds each request's life from the events alone, and the
//! retry budget from its definition. It costs a few nanoseconds for an event.

mod kind;
mod life;
mod rest;
mod room;

use evenkeel_core::affinity::Step;
use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::pool;
use evenkeel_core::request::Outcome;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};

use super::check::Check;
use super::fitness::Fitness;
use super::occupancy::Occupancy;
use super::roster;
use super::share::{Promise, Share};
use super::window::Window;
pub use kind::Invariant;
use life::{Life, Lives, Lost, fact};

/// A pool's promises about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// All tries of a request, the first included.
    pub attempts: u8,
    /// Retries per million requests.
    pub budget_ppm: u64,
    /// Second tries beside late ones per million tries.
    pub hedge_ppm: u64,
    /// Requests that an endpoint may have before it is found out how many; `u32::MAX` if it is not.
    pub concurrency: u32,
}

/// What is known of a pool by the events, and what it promises.
#[derive(Debug)]
struct Pool {
    limit: Limit,
    window: Window,
    hedges: Window,
    /// Of nothing where nothing is promised, as are places.
    share: Share,
    occupancy: Occupancy,
    fitness: Fitness,
    /// When something was last heard of its endpoints or its configuration.
    calm_since: Timestamp,
}

impl Pool {
    fn new(limit: Limit, promise: &Promise) -> Self {
        Self {
            limit,
            window: Window::default(),
            hedges: Window::default(),
            share: Share::new(promise),
            occupancy: Occupancy::new(&promise.bounds, limit.concurrency),
            fitness: Fitness::default(),
            calm_since: Timestamp::ZERO,
        }
    }
}

/// Where something is wrong: a request, and when.
type Place = (u64, Timestamp);

fn place(event: &Event) -> Place {
    (event.request, event.at)
}

/// Checks the events of one run at one proxy.
#[derive(Debug)]
pub struct Checker {
    pools: Vec<Pool>,
    lives: Lives,
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
        let nothing = Promise::default();
        let promises = promises.iter().chain(std::iter::repeat(&nothing));
        let pools = limits.iter().zip(promises);
        Self {
            pools: pools
                .map(|(limit, promise)| Pool::new(*limit, promise))
                .collect(),
            lives: Lives::default(),
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
    pub(super) fn change(
        &mut self,
        at: Timestamp,
        pool: u16,
        places: &[roster::Place],
        limit: Limit,
    ) {
        if let Some(pool) = self.pools.get_mut(usize::from(pool)) {
            let known = &mut pool.limit;
            known.attempts = known.attempts.max(limit.attempts);
            known.budget_ppm = known.budget_ppm.max(limit.budget_ppm);
            known.hedge_ppm = known.hedge_ppm.max(limit.hedge_ppm);
            pool.share.change(at, places);
            pool.occupancy.change(places, limit.concurrency);
            pool.calm_since = at;
        }
    }

    /// Takes the next event; its endpoint's slot is a seat.
    // Inlined down to where the kind is known.
    #[inline(always)]
    pub fn on(&mut self, event: &Event) {
        if event.kind.is_outside() {
            return self.watch(event);
        }
        let found = match self.lives.find(event.request) {
            Ok(found) => found,
            Err(Lost::Gone) => return self.late(place(event)),
            Err(Lost::Ahead) => return self.ahead(place(event)),
        };
        let life = self.lives.at(found);
        if life.is(fact::FINISHED) {
            return self.late(place(event));
        }
        let life = match event.kind {
            Kind::Arrived { idempotent } => self.arrive(event, life, idempotent),
            Kind::Picked { budgeted } => self.pick(event, life, budgeted),
            Kind::Queued { budgeted } => {
                self.disturb(event);
                self.draw(event, budgeted);
                life.with(fact::WAITED)
            }
            Kind::Delayed { .. } => {
                self.draw(event, true);
                life
            }
            Kind::Waited { since } => return self.waited(event, life, since),
            Kind::Hedged => self.hedge(event, life),
            Kind::Session { step: Step::Kept } => life.with(fact::KEPT),
            Kind::Head { status: 101 } => self.upgrade(event, life),
            Kind::Failed { sent, .. } => {
                self.failed += 1;
                self.disturb(event);
                let life = self.end(event, life);
                match sent && !life.is(fact::IDEMPOTENT) {
                    true => life.with(fact::SPENT),
                    false => life,
                }
            }
            Kind::Completed => {
                self.completed += 1;
                self.end(event, life)
            }
            Kind::Finished { outcome, .. } => self.finish(event, life, outcome),
            Kind::Rejected { .. } => life.with(fact::FINISHED),
            _ => return,
        };
        self.lives.set(found, life);
        if life.is(fact::FINISHED) {
            self.lives.slide();
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
        let open = self.lives.iter();
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
        let pools = self.pools.iter();
        let faults: Vec<String> = pools.filter_map(|pool| pool.share.fault()).collect();
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
    fn late(&mut self, place: Place) {
        let text = "something happened after its outcome";
        self.violate(place, Invariant::OneOutcome, text);
    }

    #[cold]
    fn ahead(&mut self, place: Place) {
        let text = "its number is far ahead of the others'";
        self.violate(place, Invariant::Arrivals, text);
    }

    #[inline(always)]
    fn arrive(&mut self, event: &Event, life: Life, idempotent: bool) -> Life {
        self.arrived += 1;
        if let Some(pool) = self.pools.get_mut(usize::from(event.pool)) {
            pool.window.now(event.at).requests += 1;
        }
        if life.is(fact::ARRIVED) {
            self.violated(event, Invariant::Arrivals, "it arrived twice");
        }
        life.with(match idempotent {
            true => fact::ARRIVED | fact::IDEMPOTENT,
            false => fact::ARRIVED,
        })
    }

    #[inline(always)]
    fn pick(&mut self, event: &Event, before: Life, budgeted: bool) -> Life {
        self.picked += 1;
        let usual = before.facts & (fact::ARRIVED | fact::IN_FLIGHT | fact::SPENT) == fact::ARRIVED;
        if !usual || event.attempt != before.attempt.saturating_add(1) {
            self.misplaced(place(event), event.attempt, before);
        }
        self.occupy(event, before);
        self.draw(event, budgeted);
        let facts = match before.facts & (fact::IN_FLIGHT | fact::HEDGED) {
            0 => before.facts | fact::IN_FLIGHT,
            _ => before.facts | fact::RACING,
        };
        Life {
            facts: facts & !(fact::KEPT | fact::HEDGED),
            attempt: event.attempt,
        }
    }

    /// A pick that should not be, by what is known of its request.
    #[cold]
    fn misplaced(&mut self, place: Place, attempt: u8, before: Life) {
        if !before.is(fact::ARRIVED) {
            let text = "it was dispatched before it arrived";
            self.violate(place, Invariant::Arrivals, text);
        }
        if before.is(fact::IN_FLIGHT) && !before.is(fact::HEDGED) {
            let text = "it was dispatched with a try in flight";
            self.violate(place, Invariant::InFlight, text);
        }
        if before.is(fact::SPENT) {
            let text = "it is not idempotent, was sent, and was dispatched again";
            self.violate(place, Invariant::SafeRetry, text);
        }
        if attempt != before.attempt.saturating_add(1) {
            let text = "its tries are not numbered one by one";
            self.violate(place, Invariant::Attempts, text);
        }
    }

    /// The request's try is late, and gets another one beside it.
    #[cold]
    fn hedge(&mut self, event: &Event, life: Life) -> Life {
        let place = place(event);
        if life.facts & (fact::IN_FLIGHT | fact::RACING | fact::TUNNEL) != fact::IN_FLIGHT {
            let text = "it was hedged without one try in flight";
            self.violate(place, Invariant::InFlight, text);
        }
        if !life.is(fact::IDEMPOTENT) {
            let text = "it is not idempotent, and was hedged";
            self.violate(place, Invariant::SafeRetry, text);
        }
        self.disturb(event);
        if let Some(pool) = self.pools.get_mut(usize::from(event.pool))
            && !pool.hedges.retry(event.at, pool.limit.hedge_ppm)
        {
            let text = "its hedge was beyond the budget of 10 s";
            self.violate(place, Invariant::Budget, text);
        }
        life.with(fact::HEDGED)
    }

    /// A retry draws on the budget, if it is `budgeted`.
    #[inline(always)]
    fn draw(&mut self, event: &Event, budgeted: bool) {
        if budgeted
            && let Some(pool) = self.pools.get_mut(usize::from(event.pool))
            && !pool.window.retry(event.at, pool.limit.budget_ppm)
        {
            self.violated(
                event,
                Invariant::Budget,
                "its retry was beyond the budget of 10 s",
            );
        }
    }

    /// A place at the event's endpoint is taken, for a request of which so much was known `before`.
    #[inline(always)]
    fn occupy(&mut self, event: &Event, before: Life) {
        let Some(pool) = self.pools.get_mut(usize::from(event.pool)) else {
            return;
        };
        let too_many = event.attempt > pool.limit.attempts;
        if !before.is(fact::HEDGED) && pool.limit.hedge_ppm > 0 {
            pool.hedges.now(event.at).requests += 1;
        }
        let (mut serves, mut has_room, mut fit) = (true, true, true);
        let mut is_within_limit = true;
        if let Some(endpoint) = event.endpoint {
            // One that drains keeps its sessions.
            serves = pool.share.pick(endpoint.slot, event.at) || before.is(fact::KEPT);
            has_room = pool.occupancy.pick(endpoint.slot, event.at);
            is_within_limit =
                pool.occupancy.is_within_limit(endpoint.slot) || before.is(fact::WAITED);
            fit = pool.fitness.pick(endpoint.slot) || before.is(fact::WAITED);
        }
        if !serves {
            let text = "it was sent to an endpoint that is down or has no weight";
            self.violated(event, Invariant::InService, text);
        }
        if !has_room {
            let text = "it was sent to an endpoint that held `max_connections`";
            self.violated(event, Invariant::MaxConnections, text);
        }
        if !is_within_limit {
            let text = "it was sent to an endpoint that had as many as its limit";
            self.violated(event, Invariant::MaxConnections, text);
        }
        if !fit {
            let text = "it was sent to an endpoint that is not fit";
            self.violated(event, Invariant::Fit, text);
        }
        if too_many {
            let text = "it has more tries than `attempts` allows";
            self.violated(event, Invariant::Attempts, text);
        }
    }

    /// The try in flight is a tunnel from now on.
    fn upgrade(&mut self, event: &Event, life: Life) -> Life {
        if !life.is(fact::IN_FLIGHT) || life.is(fact::TUNNEL) {
            let text = "what became a tunnel was no request in flight";
            self.violated(event, Invariant::InFlight, text);
            return life;
        }
        if let Some((pool, endpoint)) = self.held(event) {
            pool.occupancy.upgrade(endpoint.slot);
        }
        life.with(fact::TUNNEL)
    }

    /// Where the event's request holds a place.
    fn held(&mut self, event: &Event) -> Option<(&mut Pool, EndpointIndex)> {
        let pool = self.pools.get_mut(usize::from(event.pool))?;
        Some((pool, event.endpoint?))
    }

    /// What is known of the health of endpoints: from then on more than the weights decide.
    fn watch(&mut self, event: &Event) {
        if let Some(pool) = self.pools.get_mut(usize::from(event.pool)) {
            pool.fitness.on(event.endpoint.map(|e| e.slot), event.kind);
            pool.share.disturb();
            pool.calm_since = event.at;
            if let (Kind::Bounded { limit }, Some(endpoint)) = (event.kind, event.endpoint) {
                pool.occupancy.limit(endpoint.slot, limit);
            }
        }
    }

    #[inline(always)]
    fn disturb(&mut self, event: &Event) {
        if let Some(pool) = self.pools.get_mut(usize::from(event.pool)) {
            pool.share.disturb();
        }
    }

    /// Ends the try in flight.
    #[inline(always)]
    fn end(&mut self, event: &Event, life: Life) -> Life {
        if !life.is(fact::IN_FLIGHT) {
            let text = "a try ended that was not in flight";
            self.violated(event, Invariant::InFlight, text);
        } else if let Some((pool, endpoint)) = self.held(event) {
            let is_tunnel = life.is(fact::TUNNEL);
            pool.occupancy.end(endpoint.slot, is_tunnel, event.at);
        }
        let ended = match life.is(fact::RACING) {
            true => fact::RACING,
            false => fact::IN_FLIGHT | fact::TUNNEL,
        };
        Life {
            facts: life.facts & !ended,
            ..life
        }
    }

    #[inline(always)]
    fn finish(&mut self, event: &Event, life: Life, outcome: Outcome) -> Life {
        if life.is(fact::ARRIVED) {
            self.finished += 1;
        } else if outcome != Outcome::Cancelled {
            // A client may leave before its request was routed.
            let text = "it has an outcome and never arrived";
            self.violated(event, Invariant::Arrivals, text);
        }
        if life.is(fact::IN_FLIGHT) {
            let text = "it finished with a try in flight";
            self.violated(event, Invariant::InFlight, text);
        }
        life.with(fact::FINISHED)
    }

    // Not cold itself: the event would have to be put into memory for it.
    #[inline(always)]
    fn violated(&mut self, event: &Event, invariant: Invariant, text: &str) {
        self.violate(place(event), invariant, text);
    }

    #[cold]
    fn violate(&mut self, (request, at): Place, invariant: Invariant, text: &str) {
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
mod hedge_test;
#[cfg(test)]
mod room_test;
#[cfg(test)]
mod test;
