//! What a run tells of its proxies' pools when it is over.

use evenkeel_core::policy::Key;
use evenkeel_core::queue::Token;
use evenkeel_core::rng::Stream;

use std::thread;

use super::*;
use crate::scenario::Scenario;

const SCENARIO: &str = r#"
duration = "1s"
[config]
listener = [{ address = ":80" }]
[[config.pool]]
name = "app"
endpoints = [{ name = "a", address = "10.0.0.1:80" }]
[origin]
service = { dist = "constant", value = "1ms" }
[[workload]]
name = "all"
arrivals = { rate = "1/s" }
"#;

/// A sweep makes thousands of runs in one process: nothing of a run stays, however it ended.
#[test]
fn a_run_that_is_over_leaves_nothing() {
    let further = r#"
sessions = { requests = { dist = "geometric", mean = 3 }, think = "10ms" }
[proxies]
count = 2
[[fault]]
at = "200ms"
kind = "crash"
target = "a"
for = "100ms"
[[fault]]
at = "500ms"
kind = "proxy_restart"
target = "proxy:1"
handover = true
"#;
    let text = SCENARIO
        .replace("\"1/s\"", "\"500/s\"")
        .replace("[origin]", "affinity = { kind = \"cookie\" }\n[origin]");
    let scenario: Scenario = (text + further).parse().expect("it is sound");
    let plan = Arc::new(Plan::new(Arc::new(scenario), None));
    for goes_on in [true, false] {
        let run = || run(&plan, 1, false, Packing::One, &mut |_| goes_on).is_ok();
        let ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
        assert_eq!((ended, Arc::strong_count(&plan)), (goes_on, 1));
    }
}

/// A count that no event speaks of.
#[test]
fn a_count_that_leaked_is_found() {
    let scenario: Scenario = SCENARIO.parse().expect("it is sound");
    let plan = Arc::new(Plan::new(Arc::new(scenario), None));
    let ended = |leaks: u32| {
        let run = Run::new(&plan, 1, false).unwrap();
        let proxy = Arc::new(Proxy::new(plan.config().clone(), Default::default()));
        for _ in 0..leaks {
            let mut rng = Stream::new(1, "leak").at(0);
            let now = Timestamp::ZERO;
            let admit = |state: &mut evenkeel_core::pool::State| {
                state.admit(now, Token(0), Default::default(), Key::None, &mut rng)
            };
            proxy.pools()[0].with(admit);
        }
        run.processes.borrow_mut().push((0, proxy));
        let ended = run.end(Timestamp::ZERO, &[], Vec::new());
        let broken = ended.cell.invariants.into_iter().filter(|check| !check.ok);
        let broken = broken.map(|check| (check.name, check.first.unwrap_or_default()));
        broken.collect::<Vec<_>>()
    };
    assert_eq!(ended(0), []);
    let expected = "request 0 at 0.000000000s: pool app still counts 2 in flight";
    assert_eq!(ended(2), [("at_rest", expected.to_owned())]);
}
