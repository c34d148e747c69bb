//! Engine `net` against Lindley's recursion, in ticks.

use std::thread;

use evenkeel_core::time::nanos;
use evenkeel_sim::result::End;
use evenkeel_sim::scenario::Engine;

use crate::lindley::{self, Row};
use crate::{LOADS, plan, run, size};

/// No request may be further from the recursion, in ticks.
const BOUND: f64 = 4.0;

/// How far the requests of one run are from the recursion, in ticks.
struct Distance {
    name: String,
    ticks: Vec<f64>,
    worst: String,
}

#[test]
fn net_is_within_4_ticks_of_lindley() {
    let requests = size(20_000, 1_000);
    let distances: Vec<Distance> = thread::scope(|scope| {
        let cells = ["random", "round_robin"]
            .into_iter()
            .flat_map(|policy| LOADS.map(|load| (policy, load)));
        let lanes: Vec<_> = cells
            .map(|(policy, load)| scope.spawn(move || measure(policy, load, requests)))
            .collect();
        let join = |lane: thread::ScopedJoinHandle<'_, _>| lane.join().expect("it does not panic");
        lanes.into_iter().map(join).collect()
    });
    for distance in &distances {
        distance.print();
    }
    for Distance { name, ticks, worst } in distances {
        let far = ticks.iter().filter(|ticks| ticks.abs() > BOUND).count();
        assert_eq!(far, 0, "{name}: more than {BOUND} ticks away; {worst}");
    }
}

fn measure(policy: &str, load: &str, requests: u32) -> Distance {
    let plan = plan(policy, load, Engine::Net, requests);
    let seed = 1;
    let expected = lindley::rows(&plan, seed, policy);
    let seen = run(&plan, seed).seen;
    assert_eq!(seen.len(), expected.len(), "{policy} at {load}");
    assert!(seen.len() >= requests as usize, "{}", seen.len());
    let tick_ns = nanos(plan.scenario.network.resolution) as f64;
    let mut distance = Distance {
        name: format!("net, {policy} at {load}"),
        ticks: Vec::with_capacity(seen.len()),
        worst: String::new(),
    };
    let mut most = 0.0;
    for (seen, Row { due, done, origin }) in seen.iter().zip(&expected) {
        let completion = seen.completion;
        assert_eq!((completion.due, completion.end), (*due, End::Status(200)));
        let ticks = (completion.done.0 as f64 - done.0 as f64) / tick_ns;
        if ticks.abs() > most {
            most = ticks.abs();
            let n = seen.n;
            distance.worst =
                format!("request {n}, due {due}, at origin {origin}: {ticks:.2} ticks late");
        }
        distance.ticks.push(ticks);
    }
    distance
}

impl Distance {
    /// Prints the distribution.
    fn print(&self) {
        let mut sorted = self.ticks.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
        let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
        let far = sorted.iter().filter(|ticks| ticks.abs() > BOUND).count();
        println!(
            "{}: {} requests, ticks late: min {:.2}, p1 {:.2}, p50 {:.2}, p99 {:.2}, max {:.2}, \
             mean {mean:.2}; beyond {BOUND}: {far}",
            self.name,
            sorted.len(),
            at(0.0),
            at(0.01),
            at(0.5),
            at(0.99),
            at(1.0),
        );
    }
}
