//! Runs of many seeds and cells: a fresh thread each, several at once, results in the order asked
//! for. A [`Study`] is a scenario with all its cells and seeds; a [`Shard`] is a part of it that
//! another machine runs.
#![expect(
    clippy::disallowed_methods,
    reason = "the wall clock tells how long a run took"
)]
#![expect(
    clippy::disallowed_types,
    reason = "the wall clock tells how long a run took"
)]

mod outline;
mod precision;
mod shard;
mod study;

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use evenkeel_core::time::{Timestamp, nanos};

use crate::engine::{Ended, Error};
use crate::plan::Plan;
use crate::result::{Digest, Over, Run, Threshold, warnings};
use crate::scenario::Engine;
use crate::{model, net};

pub use outline::{Member, Outline};
pub use shard::{Error as ShardError, Shard, ShardFile, Unit, merge};
pub use study::{Results, Study, part, studies};

/// How often a run tells how far it is, at most.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// A run with what its user should know.
#[derive(Clone, Debug)]
pub struct Told {
    /// The result.
    pub run: Run,
    /// A line each.
    pub notes: Vec<String>,
}

/// How far a sweep is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Runs that have ended.
    pub done: usize,
    /// All runs.
    pub all: usize,
    /// The share of all simulated time that is done, from 0 to 1.
    pub share: f64,
}

impl Progress {
    /// The same as a part of more, of which `before` are done.
    fn within(self, before: usize, all: usize) -> Self {
        let part = self.share * self.all as f64;
        Self {
            done: before + self.done,
            all,
            share: (before as f64 + part) / all.max(1) as f64,
        }
    }
}

/// Asks a sweep to end early.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Ends it at the next opportunity.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

enum News {
    Time {
        at: usize,
        share: f64,
    },
    Ended {
        at: usize,
        result: Box<Result<Told, Error>>,
    },
}

/// Runs every pair of plan and seed, `jobs` at a time. `progress` is called as time passes. Returns
/// the results that there are, in order; `None` for runs that were not begun or not finished.
///
/// # Errors
///
/// The first error of the first run that had one.
pub fn run(
    work: &[(Arc<Plan>, u64)],
    jobs: usize,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Option<Told>>, Error> {
    let next = Arc::new(AtomicUsize::new(0));
    let work = Arc::new(work.to_vec());
    let (news, inbox) = channel();
    let lanes: Vec<_> = (0..jobs.clamp(1, work.len().max(1)))
        .map(|_| {
            let (next, work) = (Arc::clone(&next), Arc::clone(&work));
            let (stop, news) = (stop.clone(), news.clone());
            thread::spawn(move || lane(&next, &work, &stop, &news))
        })
        .collect();
    drop(news);
    let mut results: Vec<Option<Result<Told, Error>>> = work.iter().map(|_| None).collect();
    let mut shares = vec![0.0; work.len()];
    for message in inbox {
        match message {
            News::Time { at, share } => shares[at] = share,
            News::Ended { at, result } => {
                shares[at] = 1.0;
                results[at] = Some(*result);
            }
        }
        let done = results.iter().flatten().count();
        let share = shares.iter().sum::<f64>() / work.len().max(1) as f64;
        progress(Progress {
            done,
            all: work.len(),
            share,
        });
    }
    for lane in lanes {
        if let Err(panic) = lane.join() {
            resume_unwind(panic);
        }
    }
    results
        .into_iter()
        .map(|result| match result {
            Some(Err(Error::Interrupted)) | None => Ok(None),
            Some(result) => result.map(Some),
        })
        .collect()
}

/// Takes one run after another. Each has a thread of its own, so that nothing of one can be seen
/// by the next.
fn lane(next: &AtomicUsize, work: &[(Arc<Plan>, u64)], stop: &Stop, news: &Sender<News>) {
    while !stop.is_asked() {
        let at = next.fetch_add(1, Ordering::Relaxed);
        let Some((plan, seed)) = work.get(at) else {
            return;
        };
        let (plan, seed, teller) = (Arc::clone(plan), *seed, news.clone());
        let stop = stop.clone();
        let result = thread::spawn(move || one(&plan, seed, at, &stop, &teller)).join();
        match result {
            // Whoever waits for the news has gone: nothing is left to be told.
            Ok(result) => drop(news.send(News::Ended {
                at,
                result: Box::new(result),
            })),
            Err(panic) => resume_unwind(panic),
        }
    }
}

fn one(
    plan: &Arc<Plan>,
    seed: u64,
    at: usize,
    stop: &Stop,
    news: &Sender<News>,
) -> Result<Told, Error> {
    let began = Instant::now();
    let mut told = began;
    let whole = nanos(plan.scenario.duration).max(1) as f64;
    let mut on_time = |now: Timestamp| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            let share = (now.0 as f64 / whole).min(1.0);
            let _ = news.send(News::Time { at, share });
        }
        !stop.is_asked()
    };
    let ended = execute(plan, seed, false, &mut on_time)?;
    let mut told = tell(plan, seed, ended);
    told.run.wall_s = began.elapsed().as_secs_f64();
    Ok(told)
}

/// Runs one plan under one seed on this thread, which must be a fresh one for engine `net`.
/// `on_time` is called now and then with the simulated time; false ends the run.
///
/// # Errors
///
/// See [`Error`].
pub fn execute(
    plan: &Arc<Plan>,
    seed: u64,
    observe: bool,
    on_time: &mut dyn FnMut(Timestamp) -> bool,
) -> Result<Ended, Error> {
    let plan = &plan.under(seed);
    match plan.engine {
        Engine::Net => net::run(plan, seed, observe, net::Packing::One, on_time),
        Engine::Model => model::run(plan, seed, observe, on_time),
    }
}

/// The result of a run that ended, with its thresholds. Its wall time is the caller's.
#[must_use]
pub fn tell(plan: &Plan, seed: u64, ended: Ended) -> Told {
    let Ended {
        mut cell,
        now,
        notes,
        ..
    } = ended;
    let each = |threshold: &&Threshold| threshold.over == Over::Each;
    let each = plan.thresholds.iter().filter(each);
    cell.thresholds = each.map(|t| t.evaluate(&cell)).collect();
    cell.sometimes = plan.sometimes.iter().map(|t| t.evaluate(&cell)).collect();
    if !plan.scenario.is_steady() {
        cell.drift = None;
    }
    cell.warnings = warnings(&cell, &plan.thresholds);
    let run = Run {
        schema: 1,
        scenario: plan.scenario.name.clone(),
        engine: plan.engine.name(),
        seed,
        trace_hash: Digest::of([cell.trace_hash].into_iter()),
        simulated_s: now.0 as f64 / 1e9,
        wall_s: 0.0,
        cells: vec![cell],
    };
    Told { run, notes }
}
