//! What the simulator must agree with: Lindley's recursion, request by request, and queueing theory
//! on the whole. docs/fidelity.md shows the full size and what came out:
//!
//!     TRUTH=full cargo test --release --test truth -- --nocapture
//!
//! Without `TRUTH=full` the same runs are shorter, so that they pass with all other tests.
#![cfg(feature = "sim")]
#![expect(clippy::print_stdout, reason = "with --nocapture: what was measured")]

mod lindley;
mod model;
mod net;
mod policy;
mod queueing;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use evenkeel_sim::engine::Ended;
use evenkeel_sim::plan::Plan;
use evenkeel_sim::scenario::{self, Engine, Scenario, Source};
use evenkeel_sim::sweep;

/// The loads of an origin.
const LOADS: [&str; 3] = ["0.5", "0.7", "0.9"];

/// `full` when the numbers of docs/fidelity.md are wanted.
fn size<T>(full: T, small: T) -> T {
    match std::env::var("TRUTH") {
        Ok(size) if size == "full" => full,
        Ok(size) => panic!("TRUTH={size}: the one size that has a name is full"),
        Err(_) => small,
    }
}

/// Ten exponential servers under `policy` at `load`.
fn scenario(policy: &str, load: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/truth/mm1.toml");
    let text = std::fs::read(&path).expect("the scenario is there");
    let load: f64 = load.parse().expect("a number");
    let rate = format!("{}/s", (load * 1000.0).round());
    let key = "workload.all.arrivals.rate".to_owned();
    let policy = [("policy".to_owned(), policy.to_owned())];
    let (cells, problems) = scenario::cells(&path, &text, &policy, &[]);
    let is_it = |cell: &Scenario| cell.settings == [(key.clone(), rate.clone())];
    let scenario = cells.and_then(|cells| cells.into_iter().find(is_it));
    assert!(problems.is_empty(), "{problems:?}");
    scenario.expect("no problem is reported")
}

/// Requests a second of the scenario's one workload.
fn rate(scenario: &Scenario) -> f64 {
    match &scenario.workloads[..] {
        [workload] => match &workload.source {
            Source::Open { rate_per_s, .. } => *rate_per_s,
            Source::Closed { .. } | Source::Recorded { .. } => {
                panic!("truth is about Poisson arrivals")
            }
        },
        _ => panic!("truth is about one workload"),
    }
}

/// The scenario in a size for comparing each of at least `requests` requests, none of them
/// unmeasured.
fn plan(policy: &str, load: &str, engine: Engine, requests: u32) -> Arc<Plan> {
    let mut scenario = scenario(policy, load);
    // Five standard deviations more than the mean asks for: enough arrive under any seed.
    let requests = f64::from(requests);
    let seconds = (requests + 5.0 * requests.sqrt()) / rate(&scenario);
    scenario.duration = Duration::from_secs_f64(seconds);
    scenario.warmup = Duration::ZERO;
    Arc::new(Plan::new(Arc::new(scenario), Some(engine)))
}

/// Runs it on a fresh thread with every request observed; those are in the order of their numbers.
fn run(plan: &Arc<Plan>, seed: u64) -> Ended {
    let run = || sweep::execute(plan, seed, true, &mut |_| true).expect("it runs to its end");
    let mut ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    for check in &ended.cell.invariants {
        assert!(check.ok, "seed {seed}: {check:?}");
    }
    ended.seen.sort_unstable_by_key(|seen| seen.n);
    ended
}
