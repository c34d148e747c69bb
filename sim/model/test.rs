//! A tunnel driven through the core, step by step.

use std::sync::Arc;

use evenkeel_core::policy::Key;

use super::*;
use crate::scenario::{self, Scenario};

/// One endpoint with room for one, and requests far apart.
const SCENARIO: &str = r#"
name = "tunnel"
duration = "10s"
[config]
[[config.listener]]
name = "http"
address = "0.0.0.0:80"
[[config.pool]]
name = "app"
policy = "least_request"
endpoints = [{ name = "a", address = "10.0.0.1:80", max_connections = 1 }]
queue = { limit = 1, timeout = "60s" }
[origin]
model = "fifo"
service = { dist = "constant", value = "10ms" }
[[workload]]
name = "all"
arrivals = { process = "constant", rate = "1/s" }
[network]
default = { latency = "0s", jitter = "0s" }
"#;

fn plan() -> Plan {
    let scenario: Scenario = SCENARIO.parse().expect("it is sound");
    Plan::new(Arc::new(scenario), Some(scenario::Engine::Model))
}

/// Requests in flight at the endpoint, tunnels to it, and who waits.
fn counts(engine: &Engine<'_>) -> (u32, u32, usize) {
    let endpoint = &engine.proxies[0].pools[0].endpoints()[0];
    (
        endpoint.in_flight,
        endpoint.tunnels,
        engine.proxies[0].pools[0].queued(),
    )
}

#[test]
fn a_tunnel_holds_its_place_until_it_ends() {
    let plan = plan();
    let arrivals = Arrivals::new(1, &plan.workloads, plan.end()).expect("nothing to open");
    let mut engine = Engine::new(&plan, 1, false, arrivals);
    let mut slots = Vec::new();
    for _ in 0..2 {
        let arrival = engine.arrivals.next().expect("ten arrive");
        engine.due(&mut slots, arrival);
    }
    assert_eq!(counts(&engine), (1, 0, 1));
    slots[0].waiting.upgraded = true;
    engine.report(&mut slots[0], Event::Upgraded { attempt: 1 });
    assert_eq!(counts(&engine), (0, 1, 1), "the other waits on");
    engine.report(&mut slots[0], Event::TunnelEnded);
    assert_eq!(counts(&engine), (1, 0, 0), "its place is promised");
    let Grant { token } = engine.grants.pop_front().expect("the other's");
    engine.report(&mut slots[token.0 as usize], Event::Granted);
    slots[1].waiting.upgraded = true;
    engine.report(&mut slots[1], Event::Upgraded { attempt: 1 });
    assert_eq!(counts(&engine), (0, 1, 0));
    engine.report(&mut slots[1], Event::ClientLeft);
    assert_eq!(counts(&engine), (0, 0, 0));
    let invariants = engine.into_ended().cell.invariants;
    let ok = invariants.iter().all(|check| check.ok);
    assert!(ok, "{invariants:?}");
}

/// A place that is taken and of which no event tells, as a leak would have it.
#[test]
fn a_count_that_leaked_is_found() {
    let plan = plan();
    let arrivals = Arrivals::new(1, &plan.workloads, plan.end()).expect("nothing to open");
    let mut engine = Engine::new(&plan, 1, false, arrivals);
    let (token, tried) = (Token(9), Default::default());
    let mut rng = engine.jitter.at(0);
    let pool = &mut engine.proxies[0].pools[0];
    for _ in 0..2 {
        let _ = pool.admit(engine.now, token, tried, Key::None, &mut rng);
    }
    let invariants = engine.into_ended().cell.invariants;
    let broken: Vec<_> = invariants.iter().filter(|check| !check.ok).collect();
    let [check] = broken[..] else {
        panic!("{broken:?}");
    };
    assert_eq!((check.name, check.violations), ("at_rest", 3));
    let first = check.first.as_deref().unwrap_or_default();
    assert!(
        first.ends_with("pool app still counts 1 in flight"),
        "{first}"
    );
}
