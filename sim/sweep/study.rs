//! A scenario with all its cells and seeds, and how studies run: batch by batch of seeds, so that
//! one that knows enough can end.

use std::sync::Arc;

use super::outline::Outline;
use super::shard::{Shard, Unit};
use super::{Progress, Stop, Told, precision, run};
use crate::engine::Error;
use crate::plan::Plan;
use crate::result::Run;

/// Everything that is run of a scenario.
#[derive(Clone, Debug)]
pub struct Study {
    /// What its runs have in common.
    pub outline: Outline,
    /// One for each cell, in the order of the matrix; at least one.
    pub plans: Vec<Arc<Plan>>,
    /// Those of the first seed, if the course of its runs is kept.
    watched: Option<Vec<Arc<Plan>>>,
}

/// What came of a study.
#[derive(Clone, Debug, Default)]
pub struct Results {
    /// The seeds that ran with all their cells, in order.
    pub runs: Vec<Run>,
    /// What their user should know, a line each.
    pub notes: Vec<String>,
    /// Whether it has all seeds that it was to have, or enough of them.
    pub complete: bool,
}

impl Study {
    /// A study of `plans`, one for each cell and at least one, under `seeds`.
    #[must_use]
    pub fn new(plans: Vec<Arc<Plan>>, seeds: &[u64], precision: Option<f64>) -> Self {
        Self {
            outline: Outline::new(&plans, seeds, precision),
            plans,
            watched: None,
        }
    }

    /// The same, with the course of the first seed's runs in its results.
    #[must_use]
    pub fn watched(mut self) -> Self {
        let watched = |plan: &Arc<Plan>| {
            let again = Plan::new(Arc::clone(&plan.scenario), Some(plan.engine));
            Arc::new(again.watched())
        };
        self.watched = Some(self.plans.iter().map(watched).collect());
        self
    }

    fn units(&self, seeds: std::ops::Range<usize>) -> Vec<(Arc<Plan>, u64)> {
        let seeds = &self.outline.seeds[seeds];
        let first = self.outline.seeds[0];
        let cells = |seed: &u64| {
            let watched = self.watched.as_ref().filter(|_| *seed == first);
            let plans = watched.unwrap_or(&self.plans).iter();
            plans.map(|plan| (plan.clone(), *seed)).collect()
        };
        seeds
            .iter()
            .flat_map(|seed| -> Vec<_> { cells(seed) })
            .collect()
    }
}

impl Results {
    /// Joins a seed's cells, which are neighbours; a seed that lacks one is left out.
    pub(super) fn add(&mut self, told: Vec<Option<Told>>, cells: usize) {
        let mut told = told.into_iter();
        loop {
            let seed: Vec<_> = told.by_ref().take(cells).collect();
            if seed.is_empty() {
                return;
            }
            let Some(seed) = seed.into_iter().collect::<Option<Vec<Told>>>() else {
                continue;
            };
            for note in seed.iter().flat_map(|told| &told.notes) {
                if !self.notes.contains(note) {
                    self.notes.push(note.clone());
                }
            }
            let cells = seed.into_iter().map(|told| told.run).collect();
            self.runs.extend(Run::join(cells));
        }
    }
}

/// Runs studies, `jobs` runs at a time. All of them go through their batches side by side; between
/// batches it is decided which of them know enough.
///
/// # Errors
///
/// See [`run`].
pub fn studies(
    studies: &[Study],
    jobs: usize,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
) -> Result<Vec<Results>, Error> {
    let count = |study: &Study| study.outline.seeds.len() * study.plans.len();
    let all: usize = studies.iter().map(count).sum();
    let borders =
        |study: &Study| precision::borders(study.outline.seeds.len(), study.outline.precision);
    let borders: Vec<Vec<usize>> = studies.iter().map(borders).collect();
    let rounds = borders.iter().map(Vec::len).max().unwrap_or(0);
    let mut results = vec![Results::default(); studies.len()];
    let mut before = 0;
    for round in 0..rounds {
        let mut work = Vec::new();
        let mut lengths = vec![0; studies.len()];
        for (n, study) in studies.iter().enumerate() {
            let Some(border) = borders[n].get(round).filter(|_| !results[n].complete) else {
                continue;
            };
            let from = round.checked_sub(1).map_or(0, |last| borders[n][last]);
            let units = study.units(from..*border);
            lengths[n] = units.len();
            work.extend(units);
        }
        let mut tell = |news: Progress| progress(news.within(before, all));
        let mut told = run(&work, jobs, stop, &mut tell)?.into_iter();
        before += work.len();
        for (n, study) in studies.iter().enumerate().filter(|(n, _)| lengths[*n] > 0) {
            let told: Vec<_> = told.by_ref().take(lengths[n]).collect();
            let whole = told.iter().all(Option::is_some);
            results[n].add(told, study.plans.len());
            let last = round + 1 == borders[n].len();
            results[n].complete =
                whole && (last || precision::reached(&study.outline, &results[n].runs));
        }
        if stop.is_asked() {
            break;
        }
    }
    Ok(results)
}

/// Runs one part of studies: every run whose turn it is when they are dealt out in order. `None`
/// if it was asked to end.
///
/// # Errors
///
/// See [`run`].
pub fn part(
    studies: &[Study],
    shard: Shard,
    jobs: usize,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress),
) -> Result<Option<Vec<Unit>>, Error> {
    let mut places = Vec::new();
    let mut work = Vec::new();
    let mut turn = 0;
    for (study, of) in studies.iter().enumerate() {
        let cells = of.plans.len();
        for (n, unit) in of.units(0..of.outline.seeds.len()).into_iter().enumerate() {
            if shard.has(turn) {
                places.push((study, n / cells, n % cells));
                work.push(unit);
            }
            turn += 1;
        }
    }
    let told = run(&work, jobs, stop, progress)?;
    let unit = |(told, (study, seed, cell)): (Option<Told>, (usize, usize, usize))| {
        let Told { run, notes } = told?;
        Some(Unit {
            study,
            seed,
            cell,
            simulated_s: run.simulated_s,
            wall_s: run.wall_s,
            notes,
            result: run.cells.into_iter().next()?,
        })
    };
    Ok(told.into_iter().zip(places).map(unit).collect())
}
