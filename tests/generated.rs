//! Scenarios that nobody wrote (`sim/fuzz`): through a phase of faults all invariants hold, and
//! once all is well again the system is back in full service, in both engines.
//!
//!     GENERATED=1000 cargo test --release --test generated -- --nocapture
//!
//! Without `GENERATED` there are 64. What fails is shrunk into a file that still fails.
#![cfg(feature = "sim")]

use std::fmt::Write as _;
use std::path::Path;
use std::thread;

use evenkeel_sim::fuzz;
use evenkeel_sim::scenario::Engine;
use evenkeel_sim::sweep::{self, Stop};

/// Runs that shrinking a failure may take.
const BUDGET: u32 = 300;

fn many() -> u64 {
    match std::env::var("GENERATED") {
        Ok(many) => many.parse().expect("GENERATED is a number of scenarios"),
        Err(_) => 64,
    }
}

#[test]
fn every_generated_scenario_recovers_and_keeps_all_invariants() {
    let mut told = String::new();
    for engine in [Engine::Model, Engine::Net] {
        let work: Vec<_> = (0..many()).map(|n| (fuzz::plan(n, engine), n)).collect();
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let runs = sweep::run(&work, jobs, &Stop::default(), &mut |_| {}).expect("they run");
        let engine_name = engine.name();
        let mut requests = 0;
        for (number, run) in (0..).zip(runs) {
            let run = run.expect("nobody stops it").run;
            requests += run.cells.iter().map(|cell| cell.requests.sent).sum::<u64>();
            let broken = fuzz::broken(&run).join(", ");
            if broken.is_empty() {
                continue;
            }
            let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
            let file = folder.join(format!("generated-{number}-{engine_name}.toml"));
            let small = fuzz::smallest(number, engine, BUDGET, &file, &Stop::default());
            std::fs::write(&file, small).expect("the folder is there");
            let file = file.display();
            let _ = writeln!(told, "{number} in {engine_name}: {broken}: {file}");
        }
        let many = many();
        println!("{engine_name}: {many} scenarios, {requests} requests after all was well");
    }
    assert!(told.is_empty(), "\n{told}");
}
