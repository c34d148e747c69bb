//! Both engines under each fault of origins: the same ends, request by request, at the same times.

use std::sync::Arc;
use std::thread;

use evenkeel_core::time::nanos;

use super::*;
use crate::net::Packing;
use crate::plan::Plan;
use crate::result::{Metric, Scope};
use crate::scenario::Scenario;
use crate::{model, net};

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
    read(&format!(
        "{}[[fault]]\n{fault}\n",
        TEXT.replace("MODEL", model)
    ))
}

fn read(text: &str) -> Arc<Plan> {
    let scenario: Scenario = text.parse().expect("it is sound");
    Arc::new(Plan::new(Arc::new(scenario), None))
}

fn sorted(mut ended: Ended) -> Ended {
    ended.seen.sort_unstable_by_key(|seen| seen.n);
    ended
}

/// Runs both: of a hundred requests one may end otherwise, or more than 4 ticks apart for each of
/// two tries. Who comes within a tick of another, or of a fault's end, may change places with it.
fn compare(model: &str, fault: &str) -> Ended {
    let [seen, _] = agree(fault, &plan(model, fault));
    seen
}

/// What `net` and `model` come to.
fn both(plan: &Arc<Plan>) -> [Ended; 2] {
    let run = || net::run(plan, 1, true, Packing::One, &mut |_| true).expect("it runs");
    let seen = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    let expected = model::run(plan, 1, true, &mut |_| true).expect("it runs");
    [seen, expected].map(sorted)
}

/// The same of a whole plan; what `net` and `model` came to.
fn agree(fault: &str, plan: &Arc<Plan>) -> [Ended; 2] {
    let [seen, expected] = both(plan);
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
    assert!(differing.len() * 100 <= seen.seen.len(), "{fault}");
    [seen, expected]
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

/// Far from each other, requests find connections that the proxy or the origin has closed.
#[test]
fn engines_agree_on_idle_connections() {
    let far = [
        ("duration = \"4s\"", "duration = \"200s\""),
        ("rate = \"300/s\"", "process = \"constant\", rate = \"1/s\""),
        ("latency = \"0s\"", "latency = \"5ms\""),
        ("resolution = \"50us\"", "resolution = \"100us\""),
    ];
    let sparse = far
        .iter()
        .fold(TEXT.to_owned(), |text, (a, b)| text.replace(a, b));
    // Of 200 requests to three endpoints by chance, (2/3)^k come more than k of them after the one
    // before: the proxy's patience of 4 s is four, and 6 s of Node.js are six.
    let cases = [
        ("node", "idle = { per_worker = 2 }", 30, 60),
        (
            "node",
            "idle = { per_worker = 2, timeout = \"60s\" }",
            10,
            34,
        ),
        ("fifo", "idle = { per_worker = 2, timeout = \"60s\" }", 3, 5),
    ];
    for (model, idle, least, most) in cases {
        let text = sparse.replace("MODEL", model);
        let plan = read(&text.replace("idle = { per_worker = 2 }", idle));
        let ended = agree(&format!("{model}, {idle}"), &plan);
        let dials = ended.map(|ended| ended.cell.value(Metric::Connects, &Scope::All));
        println!("{model}, {idle}: {dials:?}");
        assert_eq!(dials[0], dials[1], "{model}, {idle}");
        let dials = dials[0].unwrap_or_default() as u32;
        assert!((least..=most).contains(&dials), "{model}, {idle}: {dials}");
    }
}

/// A paused process whose backlog is full: who dials is not heard, and tries again in a second.
#[test]
fn engines_agree_on_a_full_backlog() {
    let pause = "at = \"1s\"; kind = \"pause\"; target = \"a\"; for = \"1500ms\"";
    let patient = |backlog| {
        let text = TEXT.replace("dial = \"300ms\", header = \"700ms\"", "dial = \"5s\"");
        let text = text.replace("MODEL\"", &format!("fifo\"\nbacklog = {backlog}"));
        let text = format!("{text}[[fault]]\n{}\n", pause.replace("; ", "\n"));
        let [net, _] = agree(&format!("backlog of {backlog}"), &read(&text));
        net.cell.value(Metric::Max, &Scope::All).unwrap_or_default()
    };
    let (wide, narrow) = (patient(511), patient(4));
    assert!(narrow > wide + 300.0, "{narrow} ms, {wide} ms");
}

/// Requests are dealt out to workers; their pools are one, their idle connections are not.
#[test]
fn engines_agree_with_several_workers() {
    let text = TEXT.replace("MODEL", "fifo");
    let text = text.replace("[config]", "[config]\nserver = { workers = 3 }");
    let [net, model] = agree("three workers", &read(&text));
    let shares = |ended: &Ended| {
        let endpoints = ended.cell.endpoints.iter();
        endpoints.map(|e| e.requests).collect::<Vec<_>>()
    };
    assert_eq!(shares(&net), shares(&model));
}

mod affinity;
mod hedge;
mod load;
mod pause;
mod retry;
mod throttle;
