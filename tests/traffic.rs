//! What clients do, in both engines: request by request the same end, and latencies within ticks.
#![cfg(feature = "sim")]
#![expect(clippy::print_stdout, reason = "with --nocapture: what was measured")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use evenkeel_core::time::{Timestamp, nanos};
use evenkeel_sim::engine::{Ended, Seen};
use evenkeel_sim::model;
use evenkeel_sim::net::{self, Packing};
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::{End, Metric, Scope};
use evenkeel_sim::scenario::Scenario;

/// Three origins that take 20 ms, one of which is slow for a while, and a workload.
fn plan(workload: &str, rest: &str) -> Arc<Plan> {
    let text = format!(
        r#"
duration = "20s"
[config]
[[config.listener]]
name = "http"
address = "0.0.0.0:8080"
[[config.pool]]
name = "app"
policy = "round_robin"
endpoints = [
  {{ name = "a", address = "10.0.0.1:3000" }},
  {{ name = "b", address = "10.0.0.2:3000" }},
  {{ name = "c", address = "10.0.0.3:3000" }},
]
[origin]
model = "fifo"
service = {{ dist = "exponential", mean = "20ms" }}
[[workload]]
name = "all"
{workload}
[network]
resolution = "50us"
{rest}
"#
    );
    let scenario: Scenario = text.parse().expect("it is sound");
    Arc::new(Plan::new(Arc::new(scenario), None))
}

/// The run of both engines, `net` first.
fn both(plan: &Arc<Plan>) -> [Ended; 2] {
    let net = || net::run(plan, 1, true, Packing::One, &mut |_| true).expect("it runs to its end");
    let net = thread::scope(|scope| scope.spawn(net).join().expect("it does not panic"));
    let model = model::run(plan, 1, true, &mut |_| true).expect("it runs to its end");
    for ended in [&net, &model] {
        let broken: Vec<_> = ended
            .cell
            .invariants
            .iter()
            .filter(|check| !check.ok)
            .collect();
        assert!(broken.is_empty(), "{broken:?}");
        assert_eq!(ended.cell.requests.in_flight, 0);
    }
    [net, model]
}

/// By number and, of a socket's requests, their order.
fn by_number(ended: &Ended) -> BTreeMap<(u64, usize), Seen> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    let mut seen = ended.seen.clone();
    seen.sort_by_key(|seen| seen.completion.due);
    seen.into_iter()
        .map(|seen| {
            let count = counts.entry(seen.n).or_default();
            *count += 1;
            ((seen.n, *count), seen)
        })
        .collect()
}

fn latency(seen: &Seen) -> u64 {
    seen.completion.done.0 - seen.completion.due.0
}

/// Every request has the same end in both engines, but for `few`, and its latency agrees within
/// `bound` ticks. Returns the ends and how often each is there.
fn compare(
    name: &str,
    plan: &Arc<Plan>,
    bound: u64,
    few: usize,
) -> (Vec<(End, usize)>, [Ended; 2]) {
    let [net, model] = both(plan);
    let tick = nanos(plan.scenario.network.resolution);
    let [a, b] = [&net, &model].map(by_number);
    let (mut worst, mut differ, mut ends) = (0, 0, Vec::<(End, usize)>::new());
    for (key, seen) in &a {
        let end = seen.completion.end;
        match ends.iter_mut().find(|(known, _)| *known == end) {
            Some((_, count)) => *count += 1,
            None => ends.push((end, 1)),
        }
        match b.get(key) {
            Some(other) if other.completion.end == end => {
                let apart = latency(seen).abs_diff(latency(other)).div_ceil(tick);
                worst = worst.max(apart);
                if apart > bound {
                    differ += 1;
                    println!("{name}: {key:?} {seen:?} {other:?}");
                }
            }
            other => {
                differ += 1;
                println!("{name}: {key:?} {seen:?} {other:?}");
            }
        }
    }
    differ += b.keys().filter(|key| !a.contains_key(key)).count();
    println!(
        "{name}: {} requests, {worst} ticks apart, {differ} differ, {ends:?}",
        a.len()
    );
    assert!(differ <= few, "{name}: {differ} differ");
    (ends, [net, model])
}

fn count(ends: &[(End, usize)], end: End) -> usize {
    ends.iter()
        .find(|(known, _)| *known == end)
        .map_or(0, |(_, count)| *count)
}

const FAR: &str = "default = { latency = \"2ms\" }\n";
const SLOW: &str =
    "[[fault]]\nat = \"5s\"\nkind = \"slow\"\ntarget = \"a\"\nfactor = 40.0\nfor = \"2s\"";
const CRASH: &str = "[[fault]]\nat = \"8s\"\nkind = \"crash\"\ntarget = \"a\"\nfor = \"1s\"";

#[test]
fn shapes_agree() {
    let shape = "arrivals = { rate = \"40/s\" }\n\
                 shape = { burst = { every = \"4s\", for = \"1s\", x = 3 } }";
    let (ends, [net, model]) = compare("shape", &plan(shape, ""), 5, 0);
    assert!(matches!(ends[..], [(End::Status(200), _)]), "{ends:?}");
    let due = |ended: &Ended| -> Vec<Timestamp> {
        let mut due: Vec<_> = ended.seen.iter().map(|seen| seen.completion.due).collect();
        due.sort_unstable();
        due
    };
    assert_eq!(due(&net), due(&model));
}

/// Late by some ticks at each request, a user's later ones are due later by their sum: at the end
/// one request more or less.
#[test]
fn users_agree() {
    let users = "arrivals = { users = 12, think = { dist = \"exponential\", mean = \"500ms\" } }";
    compare("users", &plan(users, ""), 40, 2);
}

#[test]
fn sessions_agree() {
    let sessions = "arrivals = { rate = \"30/s\" }\n\
                    sessions = { requests = { dist = \"geometric\", mean = 5 }, think = \"300ms\" }";
    let (_, [net, model]) = compare("sessions", &plan(sessions, FAR), 40, 0);
    assert_eq!(net.cell.sessions, model.cell.sessions);
    assert!(net.cell.sessions.started > 80, "{:?}", net.cell.sessions);
}

#[test]
fn timeouts_and_retries_agree() {
    let client = "arrivals = { rate = \"40/s\" }\n\
                  client = { timeout = \"200ms\", retries = 1, backoff = \"50ms\" }";
    let (ends, [net, model]) = compare("retries", &plan(client, SLOW), 60, 0);
    assert!(count(&ends, End::Timeout) > 10, "{ends:?}");
    let retries = |ended: &Ended| ended.cell.value(Metric::ClientRetries, &Scope::All);
    assert!(retries(&net) > Some(20.0), "{:?}", retries(&net));
    let apart = retries(&net).unwrap_or(0.0) - retries(&model).unwrap_or(0.0);
    assert!(apart.abs() <= 4.0, "{apart}");
}

#[test]
fn aborts_agree() {
    let client = "arrivals = { rate = \"60/s\" }\n\
                  client = { abort = { share = \"50%\", \
                  after = { dist = \"exponential\", mean = \"40ms\" } } }";
    let (ends, [net, model]) = compare("aborts", &plan(client, SLOW), 60, 0);
    assert!(count(&ends, End::Cancelled) > 100, "{ends:?}");
    let failed = |ended: &Ended| ended.cell.value(Metric::ErrorRate, &Scope::All);
    assert_eq!(
        (failed(&net), failed(&model)),
        (Some(0.0), Some(0.0)),
        "leaving is no failure"
    );
}

#[test]
fn sockets_agree() {
    let sockets = "arrivals = { process = \"constant\", rate = \"5/s\" }\n\
                   sockets = { hold = { dist = \"exponential\", mean = \"4s\" }, \
                   messages = { every = \"300ms\" }, \
                   reconnect = { first = \"400ms\", most = \"2s\" } }";
    let (ends, [net, model]) = compare("sockets", &plan(sockets, &format!("{FAR}{CRASH}")), 8, 0);
    assert!(count(&ends, End::Status(101)) > 100, "{ends:?}");
    assert_eq!(net.cell.sockets, model.cell.sockets);
    assert!(
        net.cell.sockets.cut > 3 && net.cell.sockets.reconnects > 3,
        "{:?}",
        net.cell.sockets
    );
}
