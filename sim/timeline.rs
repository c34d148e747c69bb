//! What happens to origins under one seed: faults with their repetitions, their draws and their
//! growth, as changes in order of time.

use std::time::Duration;

use evenkeel_core::rng::{Rng, Stream};
use evenkeel_core::time::Timestamp;

use crate::hole::Holes;
use crate::plan::Plan;
use crate::scenario::{Aim, Effect, Fault};

/// In how many steps a fault grows to its strength.
const STEPS: u32 = 20;

/// What happens to an origin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Its process dies.
    Crash,
    /// It starts again.
    Restart,
    /// Its work takes so many times as long from now on.
    Slow(f64),
    /// It stops in the middle of everything.
    Pause,
    /// It goes on.
    Resume,
    /// It answers nobody.
    Hang,
    /// It answers again, and all who wait.
    Release,
    /// It refuses new connections, or no longer.
    Refuse(bool),
    /// It resets this share of requests.
    Reset(f64),
    /// It closes this share of the kept connections on which a request arrives.
    Race(f64),
    /// It answers this share of requests without work.
    Errors {
        /// Which share.
        share: f64,
        /// With which status.
        status: u16,
        /// And how long it asks to wait; zero if it does not.
        retry_after: Duration,
    },
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// When, which origin, what.
    pub changes: Vec<(Timestamp, usize, Change)>,
    /// By origin.
    pub holes: Vec<Holes>,
}

/// A fault at one origin.
#[derive(Clone, Copy, Debug)]
struct Span {
    /// The place of its fault in the file.
    fault: usize,
    origin: usize,
    from: Timestamp,
    until: Timestamp,
}

impl Timeline {
    /// What happens in `plan` under `seed`. All faults end with the arrivals: the run then heals.
    #[must_use]
    pub fn new(plan: &Plan, seed: u64) -> Self {
        let faults = &plan.scenario.faults;
        let mut spans = Vec::new();
        for (n, fault) in faults.iter().enumerate() {
            let stream = Stream::new(seed, "fault").child(n as u64);
            occur(plan, (n, fault), stream, &mut spans);
        }
        let mut timeline = Self {
            changes: Vec::new(),
            holes: vec![Holes::default(); plan.origins.len()],
        };
        for (span, next) in spans.iter().zip(successors(faults, &spans)) {
            timeline.add(&faults[span.fault], span, next);
        }
        // Stable: what the file says first happens first.
        timeline.changes.sort_by_key(|(at, ..)| *at);
        timeline
    }

    /// For how long at most what is sent to an origin is held up: by a pause or a hole.
    #[must_use]
    pub fn standstill(&self) -> Duration {
        let mut since = vec![None; self.holes.len()];
        let mut longest = self.holes.iter().map(Holes::longest).max();
        for (at, origin, change) in &self.changes {
            match change {
                Change::Pause => _ = since[*origin].get_or_insert(*at),
                Change::Resume => {
                    let paused = since[*origin].take().map(|from| at.since(from));
                    longest = longest.max(paused);
                }
                _ => {}
            }
        }
        longest.unwrap_or_default()
    }

    /// Adds the changes of one fault at one origin, over which another one takes at `next`.
    fn add(&mut self, fault: &Fault, span: &Span, next: Timestamp) {
        let Span { origin, from, .. } = *span;
        let until = span.until.min(next);
        if fault.effect == Effect::Blackhole && from < until {
            self.holes[origin].push(from, until);
        }
        let steps = if fault.ramp.is_zero() { 0 } else { STEPS };
        let growth = (0..steps).map(|step| {
            let after = fault.ramp * step / STEPS;
            (from + after, (f64::from(step) + 0.5) / f64::from(STEPS))
        });
        for (at, strength) in growth.chain([(from + fault.ramp, 1.0)]) {
            let change = begin(fault.effect, strength).filter(|_| at < until);
            self.changes
                .extend(change.map(|change| (at, origin, change)));
        }
        let change = end(fault.effect).filter(|_| span.until < next);
        self.changes
            .extend(change.map(|change| (span.until, origin, change)));
    }
}

/// When another fault of its kind takes over from each: the next at its place, or of those of one
/// instant the last.
fn successors(faults: &[Fault], spans: &[Span]) -> Vec<Timestamp> {
    let place = |n: usize| (spans[n].origin, faults[spans[n].fault].effect.kind());
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by_key(|n| (place(*n), spans[*n].from));
    let mut next = vec![Timestamp::MAX; spans.len()];
    for pair in order.windows(2) {
        if place(pair[0]) == place(pair[1]) {
            next[pair[0]] = spans[pair[1]].from;
        }
    }
    next
}

/// The spans of all occurrences of a fault, in order of time.
fn occur(plan: &Plan, (n, fault): (usize, &Fault), stream: Stream, spans: &mut Vec<Span>) {
    let end = plan.end();
    for occurrence in 0_u32.. {
        let repeated = fault.every.unwrap_or_default() * occurrence;
        let at = Timestamp::ZERO + fault.at + repeated;
        if at >= end || (occurrence > 0 && fault.every.is_none()) {
            return;
        }
        let mut rng = stream.at(u64::from(occurrence));
        if rng.unit() >= fault.probability {
            continue;
        }
        let rolling = match fault.effect {
            Effect::RollingRestart { gap } => fault.lasts.unwrap_or_default() + gap,
            _ => Duration::ZERO,
        };
        for (place, origin) in (0..).zip(hit(plan, &fault.target, &mut rng)) {
            let from = at + rolling * place;
            let until = fault.lasts.map_or(end, |lasts| from + lasts).min(end);
            if from < end {
                spans.push(Span {
                    fault: n,
                    origin,
                    from,
                    until,
                });
            }
        }
    }
}

/// The origins that are hit.
fn hit(plan: &Plan, aim: &Aim, rng: &mut Rng) -> Vec<usize> {
    let mut hit = Vec::new();
    match aim {
        Aim::Endpoints(targets) => {
            for target in targets {
                let origin = plan.behind[target.pool][target.endpoint];
                if !hit.contains(&origin) {
                    hit.push(origin);
                }
            }
        }
        Aim::Random(count) => {
            let mut all: Vec<usize> = (0..plan.origins.len()).collect();
            for _ in 0..*count {
                if !all.is_empty() {
                    hit.push(all.remove(rng.below(all.len() as u64) as usize));
                }
            }
        }
    }
    hit
}

/// The change that a fault at this strength, from 0 to 1, makes; a hole makes none.
fn begin(effect: Effect, strength: f64) -> Option<Change> {
    Some(match effect {
        Effect::Crash | Effect::RollingRestart { .. } => Change::Crash,
        Effect::Slow { factor } => Change::Slow(1.0 + (factor - 1.0) * strength),
        Effect::Pause => Change::Pause,
        Effect::Hang => Change::Hang,
        Effect::Refuse => Change::Refuse(true),
        Effect::Reset { share } => Change::Reset(share * strength),
        Effect::KeepaliveRace { share } => Change::Race(share * strength),
        Effect::ErrorBurst {
            share,
            status,
            retry_after,
        } => Change::Errors {
            share: share * strength,
            status,
            retry_after,
        },
        Effect::Blackhole => return None,
    })
}

/// The change that ends it.
fn end(effect: Effect) -> Option<Change> {
    match effect {
        Effect::Crash | Effect::RollingRestart { .. } => Some(Change::Restart),
        Effect::Pause => Some(Change::Resume),
        Effect::Hang => Some(Change::Release),
        Effect::Refuse => Some(Change::Refuse(false)),
        other => begin(other, 0.0),
    }
}

#[cfg(test)]
mod test;
