//! Both engines under each fault of origins: the same ends, request by request, at the same times.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use evenkeel_core::time::nanos;

use super::*;
use crate::net::Packing;
use crate::plan::Plan;
use crate::result::{Metric, Scope};
use crate::{model, net, scenario};

const TEXT: &str = r#"
duration = "4s"
[config]
listener = [{ address = ":80" }]
[[config.pool]]
name = "p"
policy = "random"
endpoints = [
  { name = "a", address = "10.0.0.1:80" },
  { name = "b", address = "10.0.0.2:80" },
  { name = "c", address = "10.0.0.3:80" },
]
timeouts = { dial = "300ms", header = "700ms" }
idle = { per_worker = 2 }
[origin]
model = "MODEL"
service = { dist = "exponential", mean = "4ms" }
[[workload]]
name = "w"
arrivals = { rate = "300/s" }
[network]
resolution = "50us"
default = { latency = "0s" }
"#;

fn plan(model: &str, fault: &str) -> Arc<Plan> {
    let fault = fault.replace("; ", "\n");
    let text = format!("{}[[fault]]\n{fault}\n", TEXT.replace("MODEL", model));
    let (scenario, problems) = scenario::load(Path::new("x"), text.as_bytes());
    let scenario = scenario.unwrap_or_else(|| panic!("{problems:?}"));
    Arc::new(Plan::new(Arc::new(scenario), None))
}

fn sorted(mut ended: Ended) -> Ended {
    ended.seen.sort_unstable_by_key(|seen| seen.n);
    ended
}

/// Runs both: of a hundred requests one may end otherwise, or more than 4 ticks apart for each of
/// two tries. Who comes within a tick of another, or of a fault's end, may change places with it.
fn compare(model: &str, fault: &str) -> Ended {
    let plan = plan(model, fault);
    let run = || net::run(&plan, 1, true, Packing::One, &mut |_| true).expect("it runs");
    let seen = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    let seen = sorted(seen);
    let expected = sorted(model::run(&plan, 1, true, &mut |_| true).expect("it runs"));
    assert_eq!(seen.seen.len(), expected.seen.len(), "{fault}");
    let tick_ns = nanos(plan.scenario.network.resolution);
    let differs = |(a, b): &(&Seen, &Seen)| {
        let (a, b) = (a.completion, b.completion);
        a.end != b.end || a.done.0.abs_diff(b.done.0) > 8 * tick_ns
    };
    let differing: Vec<_> = seen
        .seen
        .iter()
        .zip(&expected.seen)
        .filter(differs)
        .collect();
    println!("{fault}: {} of {} differ", differing.len(), seen.seen.len());
    for (a, b) in differing.iter().take(5) {
        println!("    {}: {:?} {:?}", a.n, a.completion, b.completion);
    }
    assert!(differing.len() * 100 <= seen.seen.len(), "{model}, {fault}");
    seen
}

#[test]
fn engines_agree_under_each_fault() {
    let calm = compare("fifo", "at = \"4s\"; kind = \"crash\"; target = \"a\"");
    let table = [
        "kind = \"crash\"; for = \"1s\"",
        "kind = \"refuse\"; for = \"1s\"",
        "kind = \"hang\"; for = \"400ms\"",
        "kind = \"hang\"; for = \"1s\"",
        "kind = \"pause\"; for = \"400ms\"",
        "kind = \"pause\"; for = \"1s\"",
        "kind = \"blackhole\"; for = \"250ms\"",
        "kind = \"blackhole\"; for = \"1s\"",
        "kind = \"reset\"; share = \"20%\"; for = \"1s\"",
        "kind = \"slow\"; factor = 2; for = \"1s\"; ramp = \"500ms\"",
        "kind = \"error_burst\"; share = \"30%\"; status = 500; for = \"1s\"",
        "kind = \"keepalive_race\"; share = \"50%\"; for = \"1s\"",
    ];
    for fault in table {
        let ended = compare("fifo", &format!("at = \"1s\"; target = \"a\"; {fault}"));
        assert_ne!(
            ended.cell.trace_hash, calm.cell.trace_hash,
            "nobody felt {fault}"
        );
    }
    let rolling =
        "kind = \"rolling_restart\"; for = \"300ms\"; gap = \"400ms\"; target = \"pool:p\"";
    compare("fifo", &format!("at = \"1s\"; {rolling}"));
    let two = "kind = \"crash\"; target = \"random:2\"; for = \"500ms\"; every = \"1s\"";
    let ended = compare("ps", &format!("at = \"1s\"; {two}"));
    assert!(ended.cell.value(Metric::DialFailures, &Scope::All) > Some(0.0));
}

/// Collections, cold processes and connections accepted one by one.
#[test]
fn engines_agree_on_runtimes() {
    let runtime = "accept = \"one\"\nwarmup = { requests = 200, factor = 5 }\n\
                   gc = [{ every = 20, pause = { dist = \"exponential\", mean = \"6ms\" } }]";
    let model = format!("node\"\n{runtime}\n#");
    compare(
        &model,
        "at = \"1s\"; kind = \"crash\"; target = \"a\"; for = \"500ms\"",
    );
}
