//! Engine `model` against queueing theory: the mean and the 99th percentile over 20 seeds.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Cell;
use evenkeel_sim::sweep::{self, Stop};
use serde_json::Value;

use crate::{rate, scenario, size};

/// A unit of tests/data/queueing.json, the mean service time, in milliseconds.
const UNIT_MS: f64 = 10.0;
/// How far the mean and the percentile may be off.
const BOUNDS: [f64; 2] = [0.01, 0.02];
/// The small size tells nothing to 1 %: there the bound is so many standard errors.
const ERRORS: f64 = 4.0;
/// What [`Case::deviations`] are of.
const REQUESTS: f64 = 1e6;

/// One policy at one load.
struct Case {
    policy: &'static str,
    load: &'static str,
    /// Requests of one seed of the small size: the closer to 1 a load is, the longer a queue
    /// remembers.
    small: f64,
    /// Standard deviations of mean and p99 of one seed of a million requests, as shares, taken from
    /// the full size: the tail is too skewed for a few short runs to tell their own.
    deviations: [f64; 2],
}

const CASES: [Case; 9] = [
    case("random", "0.5", 10_000.0, [0.0025, 0.0055]),
    case("random", "0.7", 20_000.0, [0.0047, 0.0130]),
    case("random", "0.9", 80_000.0, [0.0185, 0.0433]),
    case("round_robin", "0.5", 10_000.0, [0.0023, 0.0046]),
    case("round_robin", "0.7", 20_000.0, [0.0045, 0.0085]),
    case("round_robin", "0.9", 80_000.0, [0.0190, 0.0365]),
    case("p2c", "0.5", 10_000.0, [0.0019, 0.0024]),
    case("p2c", "0.7", 20_000.0, [0.0032, 0.0035]),
    case("p2c", "0.9", 80_000.0, [0.0108, 0.0137]),
];

const fn case(policy: &'static str, load: &'static str, small: f64, deviations: [f64; 2]) -> Case {
    Case {
        policy,
        load,
        small,
        deviations,
    }
}

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
    for case in &CASES {
        let Case { policy, load, .. } = case;
        let cells = cells(case);
        let mut pooled = cells[0].clone();
        cells[1..].iter().for_each(|cell| pooled.absorb(cell));
        let requests = pooled.requests.ok;
        print!("{policy} {load} {requests}");
        let comparisons = compare(case, &cells, &pooled);
        for (n, comparison) in comparisons.iter().enumerate() {
            let Comparison {
                measured, truth, ..
            } = comparison;
            let (difference, error) = (comparison.difference(), comparison.both());
            print!(
                " | {measured:.4} {truth:.4} {:+.2} % {:.2} %{}",
                difference * 100.0,
                error * 100.0,
                // Three standard errors do not fit inside the bound.
                if 3.0 * error > BOUNDS[n] {
                    " (wide)"
                } else {
                    ""
                }
            );
            let expected = case.deviations[n] * (REQUESTS / requests as f64).sqrt();
            let small = ERRORS * expected.hypot(comparison.truth_error / truth);
            if difference.abs() > size(BOUNDS[n], small) {
                wrong.push(format!("{policy} at {load}: {difference:+.4}"));
            }
        }
        println!();
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The results of the scenario's seeds.
fn cells(case: &Case) -> Vec<Cell> {
    let mut scenario = scenario(case.policy, case.load);
    if !size(true, false) {
        scenario.warmup = Duration::from_secs(20);
        let measured = Duration::from_secs_f64(case.small / rate(&scenario));
        scenario.duration = scenario.warmup + measured;
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
fn compare(case: &Case, cells: &[Cell], pooled: &Cell) -> [Comparison; 2] {
    let [(mean, mean_error), (p99, p99_error)] = truth(case);
    let values = |of: fn(&Cell) -> Option<f64>| {
        let value = |cell| of(cell).expect("something was measured") / UNIT_MS;
        cells.iter().map(value).collect::<Vec<_>>()
    };
    let whole = |of: fn(&Cell) -> Option<f64>| of(pooled).expect("something") / UNIT_MS;
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
fn truth(case: &Case) -> [(f64, f64); 2] {
    let &Case { policy, load, .. } = case;
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
