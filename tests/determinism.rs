//! One trace for each scenario and seed: on two threads at once, on one job and on two, and in
//! another process.
#![cfg(feature = "sim")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use evenkeel_sim::plan::Plan;
use evenkeel_sim::scenario::{Source, load};
use evenkeel_sim::sweep::{self, Stop};
use serde_json::Value;

const SEEDS: [u64; 2] = [1, 2];
/// Scenarios of more ticks take too long here; `evenkeel sim verify` runs those.
const MOST_TICKS: u128 = 750_000;

/// The scenarios in `scenarios/` that are short enough, with their plans. Recorded workloads may be
/// of any length.
fn scenarios() -> Vec<(PathBuf, Arc<Plan>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).expect("it is there");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    paths.sort();
    let plan = |path: PathBuf| {
        let text = std::fs::read(&path).expect("readable");
        let (scenario, problems) = load(&path, &text);
        let scenario = scenario.unwrap_or_else(|| panic!("{problems:?}"));
        (path, Arc::new(Plan::new(Arc::new(scenario), None)))
    };
    let short = |(_, plan): &(PathBuf, Arc<Plan>)| {
        let scenario = &plan.scenario;
        let ticks = scenario.duration.as_nanos() / scenario.network.resolution.as_nanos();
        let mut sources = scenario.workloads.iter().map(|workload| &workload.source);
        ticks <= MOST_TICKS && sources.all(|source| matches!(source, Source::Open { .. }))
    };
    paths.into_iter().map(plan).filter(short).collect()
}

/// The trace hashes of all seeds, run in this process.
fn here(plan: &Arc<Plan>, seeds: &[u64], jobs: usize) -> Vec<String> {
    let work: Vec<_> = seeds.iter().map(|seed| (Arc::clone(plan), *seed)).collect();
    let told = sweep::run(&work, jobs, &Stop::default(), &mut |_| {}).expect("they run");
    let hash = |told: Option<sweep::Told>| told.expect("nobody stops it").run.trace_hash;
    told.into_iter()
        .map(|told| hash(told).to_string())
        .collect()
}

/// The trace hashes of all seeds, run by the command.
fn elsewhere(path: &Path, jobs: &str) -> Vec<String> {
    let [first, last] = SEEDS;
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["sim", "run", "--format", "json", "--jobs", jobs])
        .args(["--seeds", &format!("{first}..{last}")])
        .arg(path)
        .output()
        .expect("it starts");
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let line = |line: &str| {
        let run: Value = serde_json::from_str(line).expect("a line is an object");
        run["trace_hash"]
            .as_str()
            .expect("it has a hash")
            .to_owned()
    };
    text.lines().map(line).collect()
}

/// The committed trace hash, made by a release build.
fn golden(path: &Path, seed: u64) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/golden.txt");
    let text = std::fs::read_to_string(file).expect("readable");
    let stem = path.file_stem().expect("a file").to_string_lossy();
    let key = format!("{stem} net {seed} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&key));
    line.unwrap_or_else(|| panic!("no golden trace of {key}"))
        .to_owned()
}

#[test]
fn a_seed_has_one_trace_wherever_it_runs() {
    let scenarios = scenarios();
    let names: Vec<_> = scenarios.iter().map(|(path, _)| path.file_stem()).collect();
    assert!(names.contains(&Some("first".as_ref())), "{names:?}");
    for (path, plan) in scenarios {
        let name = path.display();
        let (same, jobs) = thread::scope(|scope| {
            // Both threads run the same seed at the same time.
            let same = scope.spawn(|| here(&plan, &[SEEDS[0]; 2], 2));
            let jobs = scope.spawn(|| ["1", "2"].map(|jobs| elsewhere(&path, jobs)));
            let panics = "it does not panic";
            (same.join().expect(panics), jobs.join().expect(panics))
        });
        let expected = here(&plan, &SEEDS, 1);
        assert_ne!(expected[0], expected[1], "{name}: the seed does not matter");
        assert_eq!(
            same,
            [expected[0].clone(), expected[0].clone()],
            "{name}: beside itself"
        );
        for (hashes, jobs) in jobs.iter().zip(["1", "2"]) {
            assert_eq!(*hashes, expected, "{name}: another process, --jobs {jobs}");
        }
        assert_eq!(
            expected[0],
            golden(&path, SEEDS[0]),
            "{name}: another build"
        );
        println!("{name}: seeds {SEEDS:?} have one trace each");
    }
}
