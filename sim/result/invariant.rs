//! What holds in every run, checked event by event.
//!
//! The checker believes nothing: it rebuilds each request's life from the events alone, and the
//! retry budget from its definition. It costs a few nanoseconds for an event: requests live in a
//! ring indexed by their number, which slides past those that are finished.

use std::collections::VecDeque;

use evenkeel_core::budget::{MINIMUM_PER_S, WINDOW_S};
use evenkeel_core::request::Outcome;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};
use serde::Serialize;

use super::share::{Promise, Share};

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invariant {
    /// Every request has exactly one outcome, and nothing happens to it afterwards.
    OneOutcome,
    /// A request has at most one try in flight, and none when it is finished: in flight is never
    /// negative, and zero at the end.
    InFlight,
    /// Tries = completions + failures.
    Tries,
    /// Arrivals = outcomes + unfinished requests.
    Arrivals,
    /// Tries are numbered from 1 and stay within `attempts`.
    Attempts,
    /// Retries that draw on the budget stay within it.
    Budget,
    /// No request that is not idempotent is retried after it was sent.
    SafeRetry,
    /// Nothing is picked that is down or has no weight.
    InService,
    /// Picks follow the weights, where the policy alone decides.
    Weights,
}

impl Invariant {
    const ALL: [Self; 9] = [
        Self::OneOutcome,
        Self::InFlight,
        Self::Tries,
        Self::Arrivals,
        Self::Attempts,
        Self::Budget,
        Self::SafeRetry,
        Self::InService,
        Self::Weights,
    ];

    /// The name in results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneOutcome => "one_outcome",
            Self::InFlight => "in_flight",
            Self::Tries => "tries",
            Self::Arrivals => "arrivals",
            Self::Attempts => "attempts",
            Self::Budget => "retry_budget",
            Self::SafeRetry => "safe_retry",
            Self::InService => "in_service",
            Self::Weights => "weights",
        }
    }
}

/// What became of an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// Whether it held.
    pub ok: bool,
    /// How often it did not.
    #[serde(skip_serializing_if = "is_zero")]
    pub violations: u64,
    /// The first time that it did not: request, time and a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
}

// serde calls it with a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A pool's promises about retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// All tries of a request, the first included.
    pub attempts: u8,
    /// Retries per million requests.
    pub budget_ppm: u64,
}

/// What the events have said of a request.
#[derive(Clone, Copy, Debug, Default)]
struct Life {
    arrived: bool,
    finished: bool,
    idempotent: bool,
    in_flight: bool,
    /// Sent once and not idempotent: may not be sent again.
    spent: bool,
    attempt: u8,
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
    lives: VecDeque<Life>,
    /// The number of the ring's first request.
    base: u64,
    arrived: u64,
    finished: u64,
    picked: u64,
    completed: u64,
    failed: u64,
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
            lives: VecDeque::new(),
            base: 0,
            arrived: 0,
            finished: 0,
            picked: 0,
            completed: 0,
            failed: 0,
            checks: Invariant::ALL.map(check).to_vec(),
        }
    }

    /// Takes the next event.
    pub fn on(&mut self, event: &Event) {
        if matches!(event.kind, Kind::Opened | Kind::Closed) {
            return;
        }
        let Some(index) = self.index(event) else {
            return;
        };
        let life = self.lives[index];
        if life.finished {
            return self.violated(
                event,
                Invariant::OneOutcome,
                "something happened after its outcome",
            );
        }
        match event.kind {
            Kind::Arrived { idempotent } => self.arrive(event, index, idempotent),
            Kind::Picked { budgeted } => self.pick(event, index, budgeted),
            Kind::Queued { budgeted } => {
                self.disturb(event);
                self.draw(event, budgeted);
            }
            Kind::Failed { sent, .. } => {
                self.failed += 1;
                self.disturb(event);
                let life = &mut self.lives[index];
                life.spent |= sent && !life.idempotent;
                self.end(event, index);
            }
            Kind::Completed => {
                self.completed += 1;
                self.end(event, index);
            }
            Kind::Finished { outcome, .. } => self.finish(event, index, outcome),
            Kind::Rejected { .. } => {
                self.lives[index].finished = true;
                self.slide();
            }
            _ => {}
        }
    }

    /// The results at the end of the run, at `now`, when nothing may be in flight.
    #[must_use]
    pub fn into_checks(mut self, now: Timestamp) -> Vec<Check> {
        let open = (self.base..).zip(self.lives.clone());
        let open: Vec<(u64, Life)> = open.filter(|(_, l)| l.arrived && !l.finished).collect();
        for (request, life) in &open {
            let place = (*request, now);
            self.violate(
                place,
                Invariant::OneOutcome,
                "the run ended without its outcome",
            );
            if life.in_flight {
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
        self.checks
    }

    /// The ring's index of the event's request, which grows to hold it.
    fn index(&mut self, event: &Event) -> Option<usize> {
        let Some(ahead) = event.request.checked_sub(self.base) else {
            self.violated(
                event,
                Invariant::OneOutcome,
                "something happened after its outcome",
            );
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
        if index >= self.lives.len() {
            self.lives.resize(index + 1, Life::default());
        }
        Some(index)
    }

    fn arrive(&mut self, event: &Event, index: usize, idempotent: bool) {
        self.arrived += 1;
        let life = &mut self.lives[index];
        let twice = std::mem::replace(&mut life.arrived, true);
        life.idempotent = idempotent;
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
        life.in_flight = true;
        life.attempt = event.attempt;
        if !before.arrived {
            self.violated(
                event,
                Invariant::Arrivals,
                "it was dispatched before it arrived",
            );
        }
        if before.in_flight {
            self.violated(
                event,
                Invariant::InFlight,
                "it was dispatched with a try in flight",
            );
        }
        if before.spent {
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
        let share = self.shares.get_mut(usize::from(event.pool));
        if let (Some(share), Some(endpoint)) = (share, event.endpoint)
            && !share.pick(endpoint.slot)
        {
            let text = "it was sent to an endpoint that is down or has no weight";
            self.violated(event, Invariant::InService, text);
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

    fn disturb(&mut self, event: &Event) {
        if let Some(share) = self.shares.get_mut(usize::from(event.pool)) {
            share.disturb();
        }
    }

    /// Ends the try in flight.
    fn end(&mut self, event: &Event, index: usize) {
        let life = &mut self.lives[index];
        if !std::mem::replace(&mut life.in_flight, false) {
            self.violated(
                event,
                Invariant::InFlight,
                "a try ended that was not in flight",
            );
        }
    }

    fn finish(&mut self, event: &Event, index: usize, outcome: Outcome) {
        let life = &mut self.lives[index];
        life.finished = true;
        let before = *life;
        if before.arrived {
            self.finished += 1;
        } else if outcome != Outcome::Cancelled {
            // A client may leave before its request was routed.
            self.violated(
                event,
                Invariant::Arrivals,
                "it has an outcome and never arrived",
            );
        }
        if before.in_flight {
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
            && (front.finished || (!front.arrived && self.lives.len() > ABSENT))
        {
            self.lives.pop_front();
            self.base += 1;
        }
    }

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

/// Requests and budgeted retries of the last ten whole or begun seconds.
#[derive(Debug, Default)]
struct Window {
    second: u64,
    slots: [Slot; WINDOW_S as usize],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    requests: u64,
    retries: u64,
}

impl Window {
    /// The current second's slot.
    fn now(&mut self, at: Timestamp) -> &mut Slot {
        let second = at.0 / 1_000_000_000;
        if second > self.second {
            for gone in self.second + 1..=second.min(self.second + WINDOW_S) {
                self.slots[(gone % WINDOW_S) as usize] = Slot::default();
            }
            self.second = second;
        }
        &mut self.slots[(self.second % WINDOW_S) as usize]
    }

    /// Counts a retry; whether it is within the budget.
    fn retry(&mut self, at: Timestamp, budget_ppm: u64) -> bool {
        self.now(at).retries += 1;
        let requests: u64 = self.slots.iter().map(|slot| slot.requests).sum();
        let retries: u64 = self.slots.iter().map(|slot| slot.retries).sum();
        let share = u128::from(requests) * u128::from(budget_ppm) / 1_000_000;
        u128::from(retries) <= share.max(u128::from(MINIMUM_PER_S * WINDOW_S))
    }
}

#[cfg(test)]
mod core_test;
#[cfg(test)]
mod test;
