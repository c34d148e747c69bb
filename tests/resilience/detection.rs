//! How long it takes until checks take an endpoint out and bring it back, against the formula that
//! `evenkeel check` prints.
//!
//! One endpoint, and no panic: while the checks have it out, a request gets 503 at once. So the
//! first and the last 503 say when that was, to the distance of two requests.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::End;
use evenkeel_sim::scenario::{Engine, Scenario};
use evenkeel_sim::sweep;

use crate::{SEEDS, size};

/// From the beginning and from the end of the fault to the change that it brings.
struct Found {
    out: Duration,
    back: Duration,
}

const BEGINS: Timestamp = Timestamp(20_700_000_000);
const ENDS: Timestamp = Timestamp(45_300_000_000);
/// Between two requests.
const GAP: Duration = Duration::from_millis(10);

fn scenario(kind: &str) -> Scenario {
    let text = format!(
        r#"
duration = "70s"
[config]
[[config.listener]]
name = "http"
address = "0.0.0.0:8080"
[[config.pool]]
name = "app"
policy = "round_robin"
panic = "0%"
timeouts = {{ header = "300ms" }}
health = {{ interval = "4s", interval_in_doubt = "1s", timeout = "500ms", rise = 2, fall = 3 }}
endpoints = [{{ name = "a", address = "10.0.0.1:3000" }}]
[origin]
model = "fifo"
service = {{ dist = "constant", value = "1ms" }}
[[workload]]
name = "all"
arrivals = {{ process = "constant", rate = "100/s" }}
[network]
resolution = "100us"
default = {{ latency = "300us" }}
[[fault]]
at = "20700ms"
kind = "{kind}"
target = "a"
for = "24600ms"
"#
    );
    text.parse().expect("it is sound")
}

fn run(scenario: &Arc<Scenario>, engine: Engine, seed: u64) -> Found {
    let plan = Arc::new(Plan::new(Arc::clone(scenario), Some(engine)));
    let run = || sweep::execute(&plan, seed, true, &mut |_| true).expect("it runs to its end");
    let ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    // The endpoint is taken for down until its first probe.
    let late = |due: &Timestamp| *due > Timestamp::ZERO + Duration::from_secs(10);
    let refused = ended.seen.iter().map(|seen| seen.completion);
    let refused = refused.filter(|c| c.end == End::Status(503)).map(|c| c.due);
    let mut refused: Vec<_> = refused.filter(late).collect();
    refused.sort_unstable();
    let (Some(first), Some(last)) = (refused.first(), refused.last()) else {
        panic!("seed {seed}: the checks have found nothing");
    };
    Found {
        out: first.since(BEGINS),
        back: last.since(ENDS) + GAP,
    }
}

/// The mean of `found` is what is expected, within half an interval; none is later than the
/// longest, and none earlier than `least`, what is left if the first probe comes at once.
fn agree(what: &str, found: &[Duration], expected: (Duration, Duration), interval: Duration) {
    let (mean, most) = expected;
    // Probes come up to a tenth of their interval early.
    let least = (most - interval).mul_f64(0.9);
    let sum: Duration = found.iter().sum();
    let measured = sum / u32::try_from(found.len()).expect("few");
    let few = found
        .iter()
        .all(|f| least <= *f + GAP && *f <= most + GAP * 2);
    assert!(few, "{what}: {found:?}, from {least:?} to {most:?}");
    let apart = measured.abs_diff(mean);
    assert!(
        apart <= interval / 2,
        "{what}: {measured:?}, expected {mean:?}"
    );
}

#[test]
fn faults_and_their_ends_are_found_when_check_says() {
    for (kind, failing) in [("crash", Duration::ZERO), ("hang", Duration::MAX)] {
        let scenario = Arc::new(scenario(kind));
        let health = scenario.config.pools[0].health.as_ref();
        let check = health.expect("it is configured").checks[0].schedule();
        for (engine, seeds) in [(Engine::Model, 40), (Engine::Net, size(SEEDS, 2))] {
            let found: Vec<_> = (1..=seeds)
                .map(|seed| run(&scenario, engine, seed))
                .collect();
            let times = |time: fn(&Found) -> Duration| found.iter().map(time).collect::<Vec<_>>();
            let what = |which: &str| format!("{kind}, {engine:?}: {which}");
            agree(
                &what("out"),
                &times(|f| f.out),
                check.detection(failing),
                check.interval,
            );
            agree(
                &what("back"),
                &times(|f| f.back),
                check.recovery(Duration::ZERO),
                check.interval,
            );
        }
    }
}
