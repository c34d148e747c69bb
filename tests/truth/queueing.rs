//! Engine `model` against queueing theory: the mean and the 99th percentile over 20 seeds.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Cell;
use evenkeel_sim::sweep::{self, Stop};
use serde_json::Value;

use crate::{LOADS, rate, scenario, size};

/// A unit of tests/data/queueing.json, the mean service time, in milliseconds.
const UNIT_MS: f64 = 10.0;
/// How far the mean and the percentile may be off.
const BOUNDS: [f64; 2] = [0.01, 0.02];
/// The small size tells nothing to 1 %: there the bound is so many standard errors, which 20 seeds
/// of a skewed quantity estimate roughly.
const ERRORS: f64 = 5.0;

/// A number that was measured over seeds and the one that it must meet.
struct Comparison {
    measured: f64,
    /// The standard error of the measured one.
    error: f64,
    truth: f64,
    /// The standard error of the other, itself simulated; 0 for a closed form.
    truth_error: f64,
}

impl Comparison {
    fn difference(&self) -> f64 {
        self.measured / self.truth - 1.0
    }

    /// The standard error of the difference.
    fn both(&self) -> f64 {
        self.error.hypot(self.truth_error) / self.truth
    }
}

#[test]
fn model_meets_queueing_theory() {
    println!("policy, load, requests | mean, truth, difference, se | p99, truth, difference, se");
    let mut wrong = Vec::new();
    for policy in ["random", "round_robin", "p2c"] {
        for load in LOADS {
            let cells = cells(policy, load);
            let both = compare(policy, load, &cells);
            let mut pooled = cells[0].clone();
            cells[1..].iter().for_each(|cell| pooled.absorb(cell));
            print!("{policy} {load} {}", pooled.requests.ok);
            for (comparison, bound) in both.iter().zip(BOUNDS) {
                let Comparison {
                    measured, truth, ..
                } = comparison;
                let (difference, error) = (comparison.difference(), comparison.both());
                print!(
                    " | {measured:.4} {truth:.4} {:+.2} % {:.2} %{}",
                    difference * 100.0,
                    error * 100.0,
                    if 3.0 * error > bound { " (wide)" } else { "" }
                );
                let bound = size(bound, ERRORS * error);
                if difference.abs() > bound || error > 0.05 {
                    wrong.push(format!(
                        "{policy} at {load}: {difference:+.4}, se {error:.4}"
                    ));
                }
            }
            println!();
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The results of the scenario's seeds.
fn cells(policy: &str, load: &str) -> Vec<Cell> {
    let mut scenario = scenario(policy, load);
    if !size(true, false) {
        // The closer to 1 a load is, the longer a queue remembers.
        let requests = match load {
            "0.5" => 10_000.0,
            "0.7" => 20_000.0,
            _ => 80_000.0,
        };
        scenario.warmup = Duration::from_secs(20);
        scenario.duration = scenario.warmup + Duration::from_secs_f64(requests / rate(&scenario));
        scenario.thresholds.clear();
    }
    let plan = Arc::new(Plan::new(Arc::new(scenario), None));
    let seeds = plan.scenario.seeds.iter();
    let work: Vec<_> = seeds.map(|seed| (Arc::clone(&plan), *seed)).collect();
    assert_eq!(work.len(), 20);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let told = sweep::run(&work, jobs, &Stop::default(), &mut |_| {}).expect("they run");
    told.into_iter()
        .map(|told| {
            let run = told.expect("nobody stops it").run;
            assert!(
                run.sound() && run.passed(),
                "seed {}: {:?}",
                run.seed,
                run.cells
            );
            let [cell] = run.cells.try_into().expect("one cell without a matrix");
            assert_eq!(cell.requests.ok, cell.requests.sent);
            cell
        })
        .collect()
}

/// Mean and p99 in units of the mean service, over all seeds.
fn compare(policy: &str, load: &str, cells: &[Cell]) -> [Comparison; 2] {
    let [(mean, mean_error), (p99, p99_error)] = truth(policy, load);
    let values = |of: fn(&Cell) -> Option<f64>| {
        let value = |cell| of(cell).expect("something was measured") / UNIT_MS;
        cells.iter().map(value).collect::<Vec<_>>()
    };
    let mut pooled = cells[0].clone();
    cells[1..].iter().for_each(|cell| pooled.absorb(cell));
    let whole = |of: fn(&Cell) -> Option<f64>| of(&pooled).expect("something") / UNIT_MS;
    let mean_of: fn(&Cell) -> Option<f64> = |cell| cell.latency_ms.mean_ms();
    let p99_of: fn(&Cell) -> Option<f64> = |cell| cell.latency_ms.quantile_ms(0.99);
    [
        Comparison {
            measured: whole(mean_of),
            error: error(&values(mean_of)),
            truth: mean,
            truth_error: mean_error,
        },
        Comparison {
            measured: whole(p99_of),
            error: error(&values(p99_of)),
            truth: p99,
            truth_error: p99_error,
        },
    ]
}

/// The standard error of the mean of `values`.
fn error(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (squares / (n - 1.0) / n).sqrt()
}

/// Mean and p99 of ten origins with their standard errors; closed forms have none.
fn truth(policy: &str, load: &str) -> [(f64, f64); 2] {
    let text = include_str!("../data/queueing.json");
    let all: Value = serde_json::from_str(text).expect("it is JSON");
    let row = match policy {
        "random" => &all["mm1"][load],
        "round_robin" => &all["rr_exp"]["10"][load],
        _ => &all["sim_exp"][format!("n=10,d2,rho={load}0")],
    };
    let number = |key: &str| row[key].as_f64();
    let value = |key| number(key).unwrap_or_else(|| panic!("{policy} {load} has no {key}"));
    [
        (value("T"), number("se").unwrap_or(0.0)),
        (value("p99"), 0.0),
    ]
}
