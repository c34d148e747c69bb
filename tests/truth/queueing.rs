//! Engine `model` against queueing theory: every cell of every scenario in `scenarios/truth/`.
//!
//! What must come out stands in the scenarios themselves, as thresholds over all seeds together.
//! This test adds standard errors, and runs them in a size that fits among other tests.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::{Cell, Scope, Threshold};
use evenkeel_sim::scenario::{self, Engine, Scenario};
use evenkeel_sim::sweep::{self, Stop};

use crate::{rate, size};

/// The small size tells nothing to 1 %: there, a number may be so many standard errors off.
const ERRORS: f64 = 5.0;
/// Seeds of the small size.
const SEEDS: usize = 8;
/// Requests of one of its seeds at a load of 0.5; the closer to 1 a load is, the longer a queue
/// remembers, and the more there are.
const REQUESTS: f64 = 10_000.0;
/// The mean service of all of these scenarios.
const SERVICE_S: f64 = 0.01;

/// A number that was measured over seeds, and what it must be.
struct Comparison<'a> {
    threshold: &'a Threshold,
    measured: f64,
    /// The standard error of the measured one, over the seeds.
    error: f64,
}

impl Comparison<'_> {
    fn difference(&self) -> f64 {
        self.measured / self.threshold.bound - 1.0
    }

    /// The standard error as a share.
    fn error(&self) -> f64 {
        self.error / self.threshold.bound
    }

    fn is_met(&self) -> bool {
        let Threshold {
            op, bound, within, ..
        } = *self.threshold;
        let off = (self.measured - bound).abs();
        let told = match within > 0.0 {
            true => off <= within * bound,
            false => op.holds(self.measured, bound),
        };
        told || size(false, off <= ERRORS * self.error)
    }

    /// What is compared, with its scope.
    fn name(&self) -> String {
        let Threshold { scope, metric, .. } = self.threshold;
        match scope {
            Scope::All => metric.to_string(),
            Scope::Class(name) => format!("{metric} of class {name}"),
            Scope::Endpoint(name) => format!("{metric} of endpoint {name}"),
        }
    }
}

#[test]
fn queueing_theory_is_met() {
    println!("| scenario | cell | requests | | measured | truth | difference |");
    println!("|---|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    let mut compared = 0;
    for path in files() {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        for scenario in cells(&path) {
            let settings: Vec<_> = scenario.settings.iter().map(|(_, v)| v.as_str()).collect();
            let settings = settings.join(", ");
            let thresholds = scenario.thresholds.clone();
            let about = thresholds.iter().filter(|t| t.is_about(&scenario.settings));
            let runs = runs(scenario.clone());
            let mut pooled = runs[0].clone();
            runs[1..].iter().for_each(|cell| pooled.absorb(cell));
            let requests = pooled.requests.sent;
            for threshold in about {
                let comparison = compare(threshold, &runs, &pooled);
                let (difference, error) = (comparison.difference(), comparison.error());
                if !comparison.is_met() {
                    wrong.push(format!("{name} {settings}: {threshold} ({difference:+.4})"));
                }
                if threshold.within == 0.0 {
                    continue;
                }
                println!(
                    "| `{name}` | {settings} | {requests} | {} | {:.4} | {} | {:+.2} % ± {:.2}{} |",
                    comparison.name(),
                    comparison.measured,
                    threshold.bound,
                    difference * 100.0,
                    error * 100.0,
                    // Three standard errors do not fit inside the bound.
                    if 3.0 * error > threshold.within {
                        " *"
                    } else {
                        ""
                    },
                );
                compared += 1;
            }
        }
    }
    assert!(compared > 100, "{compared} comparisons are too few");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All scenarios, by name.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/truth");
    let entries = fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    files.sort();
    files
}

/// The cells of one, as they are or in the small size.
fn cells(path: &Path) -> Vec<Scenario> {
    let text = fs::read(path).expect("the scenario is there");
    let (cells, problems) = scenario::cells(path, &text, &[], &[]);
    assert!(problems.is_empty(), "{problems:?}");
    let mut cells = cells.expect("no problem is reported");
    cells.retain(|cell| size(true, !is_slow(cell)));
    let few = if cells.len() > 6 { 0.2 } else { 1.0 };
    for cell in cells.iter_mut().filter(|_| size(false, true)) {
        let endpoints = cell.config.pools[0].endpoints.len() as f64;
        let load = rate(cell) * SERVICE_S / endpoints;
        // Of few endpoints a long time is measured, and of many a short one.
        let warm = if endpoints > 10.0 { 1.0 } else { 10.0 };
        let requests = few * REQUESTS * (0.5 / (1.0 - load)).powi(2).min(8.0);
        cell.warmup = cell.warmup.min(Duration::from_secs_f64(warm));
        cell.duration = cell.warmup + Duration::from_secs_f64(requests / rate(cell));
        cell.seeds.truncate(SEEDS);
    }
    cells
}

/// Whether the small size is too short for it: a board that hardly changes in it.
fn is_slow(cell: &Scenario) -> bool {
    let of_period = |(key, value): &(String, String)| {
        key == "policy.period" && ["50ms", "100ms", "200ms", "500ms"].contains(&value.as_str())
    };
    cell.settings.iter().any(of_period)
}

/// The results of the scenario's seeds.
fn runs(mut scenario: Scenario) -> Vec<Cell> {
    scenario.thresholds.clear();
    let plan = Arc::new(Plan::new(Arc::new(scenario), Some(Engine::Model)));
    let seeds = plan.scenario.seeds.iter();
    let work: Vec<_> = seeds.map(|seed| (Arc::clone(&plan), *seed)).collect();
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let told = sweep::run(&work, jobs, &Stop::default(), &mut |_| {}).expect("they run");
    told.into_iter()
        .map(|told| {
            let run = told.expect("nobody stops it").run;
            assert!(run.sound(), "seed {}: {:?}", run.seed, run.cells);
            let [cell] = run.cells.try_into().expect("one cell");
            cell
        })
        .collect()
}

fn compare<'a>(threshold: &'a Threshold, runs: &[Cell], pooled: &Cell) -> Comparison<'a> {
    let value = |cell: &Cell| cell.value(threshold.metric, &threshold.scope);
    let value = |cell| value(cell).expect("something was measured");
    let values: Vec<f64> = runs.iter().map(value).collect();
    Comparison {
        threshold,
        measured: value(pooled),
        error: error(&values),
    }
}

/// The standard error of the mean of `values`.
fn error(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}
