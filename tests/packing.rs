//! Origins in one host of the simulated network, or in a host each: it must not matter.
//!
//! Equal are each request's end, the number of tries at each endpoint, retries and failed dials;
//! the latency of each request agrees within 4 ticks.
#![cfg(feature = "sim")]
#![expect(clippy::print_stdout, reason = "with --nocapture: what was measured")]

use std::fmt::Write;
use std::sync::Arc;
use std::thread;

use evenkeel_core::time::nanos;
use evenkeel_sim::engine::Ended;
use evenkeel_sim::net::{self, Packing};
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Metric;
use evenkeel_sim::scenario::Scenario;

const ORIGINS: usize = 20;
const BOUND_TICKS: u64 = 4;

/// Twenty origins at load 0.7, one of which is dead for a second.
fn plan(policy: &str) -> Arc<Plan> {
    let mut endpoints = String::new();
    for n in 1..=ORIGINS {
        let _ = writeln!(
            endpoints,
            "  {{ name = \"e{n}\", address = \"10.0.0.{n}:3000\" }},"
        );
    }
    let text = format!(
        r#"
engine = "net"
duration = "3s"

[config]
[[config.listener]]
name = "http"
address = "0.0.0.0:8080"
[[config.pool]]
name = "app"
policy = "{policy}"
endpoints = [
{endpoints}]

[origin]
model = "fifo"
service = {{ dist = "exponential", mean = "20ms" }}

[[workload]]
name = "all"
arrivals = {{ process = "poisson", rate = "700/s" }}

[network]
resolution = "100us"

[[fault]]
at = "1s"
kind = "crash"
target = "e7"
for = "1s"
"#
    );
    let scenario: Scenario = text.parse().expect("it is sound");
    Arc::new(Plan::new(Arc::new(scenario), None))
}

fn run(plan: &Arc<Plan>, seed: u64, packing: Packing) -> Ended {
    let run = || net::run(plan, seed, true, packing, &mut |_| true).expect("it runs to its end");
    let mut ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    ended.seen.sort_unstable_by_key(|seen| seen.n);
    ended
}

/// What was decided, apart from when: a line for each endpoint and one for all requests.
fn decisions(ended: &Ended) -> Vec<String> {
    let cell = &ended.cell;
    let endpoints = cell.endpoints.iter().map(|e| {
        let (name, requests, failed) = (&e.name, e.requests, e.failed);
        let (refused, connects) = (e.dial_failures, e.connects);
        format!("{name}: {requests} tries, {failed} failed, {connects} connects, {refused} refused")
    });
    let all = format!("{:?}, {:?}", cell.requests, cell.tries);
    endpoints.chain([all]).collect()
}

fn compare(policy: &str, seed: u64) {
    let plan = plan(policy);
    let [one, each] = [Packing::One, Packing::Each].map(|packing| run(&plan, seed, packing));
    let crash_was_felt = one
        .cell
        .value(Metric::DialFailures, &evenkeel_sim::result::Scope::All);
    assert!(crash_was_felt > Some(0.0), "{policy}: the crash hit nobody");
    assert_eq!(decisions(&one), decisions(&each), "{policy}, seed {seed}");
    assert_eq!(one.seen.len(), each.seen.len());
    let tick_ns = nanos(plan.scenario.network.resolution);
    let mut worst = 0;
    for (a, b) in one.seen.iter().zip(&each.seen) {
        let n = a.n;
        let (a, b) = (a.completion, b.completion);
        assert_eq!(
            (a.due, a.end),
            (b.due, b.end),
            "{policy}, seed {seed}, request {n}"
        );
        worst = worst.max(a.done.0.abs_diff(b.done.0).div_ceil(tick_ns));
        assert!(
            worst <= BOUND_TICKS,
            "{policy}, seed {seed}, request {n}: {worst} ticks"
        );
    }
    println!(
        "{policy}, seed {seed}: {} requests, {} retried, at most {worst} ticks apart, traces {}",
        one.seen.len(),
        one.cell.requests.retried.unwrap_or(0),
        if one.cell.trace_hash == each.cell.trace_hash {
            "equal"
        } else {
            "differ"
        },
    );
}

#[test]
fn packing_does_not_matter_to_random() {
    compare("random", 1);
}

#[test]
fn packing_does_not_matter_to_p2c() {
    compare("p2c", 1);
}
