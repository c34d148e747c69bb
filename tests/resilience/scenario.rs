//! Every file of `scenarios/resilience/`: it holds, and without its protection it does not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::{Run, unseen};
use evenkeel_sim::scenario::{self, Engine, Scenario};
use evenkeel_sim::sweep::{self, Stop};

use crate::{SEEDS, size};

/// Its connections take minutes where nothing is optimised.
const LARGE: &str = "reconnect-storm.toml";

/// A line of a scenario: keys and values that switch a protection off, and the threshold that
/// breaks then.
#[derive(Debug)]
struct Off {
    sets: Vec<(String, String)>,
    breaks: String,
}

/// A scenario file.
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    /// The files of `scenarios/resilience/`, by name.
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/resilience");
        let files = std::fs::read_dir(folder).expect("it is there");
        let mut paths: Vec<PathBuf> = files.map(|file| file.expect("readable").path()).collect();
        paths.sort();
        let read = |path: PathBuf| Self {
            text: std::fs::read_to_string(&path).expect("readable"),
            path,
        };
        paths.into_iter().map(read).collect()
    }

    fn offs(&self) -> Vec<Off> {
        let lines = self.text.lines();
        let offs = lines.filter_map(|line| line.strip_prefix("# Off: "));
        let read = |line: &str| {
            let (sets, breaks) = line.split_once(" breaks: ")?;
            let sets = sets.strip_prefix("--set ")?.split(" --set ");
            let pair = |pair: &str| {
                let (key, value) = pair.split_once('=')?;
                Some((key.to_owned(), value.trim_matches('\'').to_owned()))
            };
            Some(Off {
                sets: sets.map(pair).collect::<Option<_>>()?,
                breaks: breaks.to_owned(),
            })
        };
        let read = |line| read(line).unwrap_or_else(|| panic!("{}: {line}", self.path.display()));
        offs.map(read).collect()
    }

    fn scenario(&self, sets: &[(String, String)]) -> Scenario {
        let (cells, problems) = scenario::cells(&self.path, self.text.as_bytes(), sets, &[]);
        let told: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
        let mut cells = cells.unwrap_or_else(|| panic!("{}: {told:?}", self.path.display()));
        assert_eq!(cells.len(), 1, "{}: one cell", self.path.display());
        cells.remove(0)
    }

    /// The runs of `seeds`, or none if the scenario insists on the other engine.
    fn runs(&self, sets: &[(String, String)], engine: Engine, seeds: u64) -> Option<Vec<Run>> {
        let scenario = self.scenario(sets);
        if scenario.engine.is_some_and(|only| only != engine) {
            return None;
        }
        let plan = Arc::new(Plan::new(Arc::new(scenario), Some(engine)));
        let work: Vec<_> = (1..=seeds).map(|seed| (Arc::clone(&plan), seed)).collect();
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let told = sweep::run(&work, jobs, &Stop::default(), &mut |_| {}).expect("they run");
        let run = |told: Option<sweep::Told>| told.expect("nobody stops it").run;
        Some(told.into_iter().map(run).collect())
    }

    /// The command that repeats `run`.
    fn command(&self, sets: &[(String, String)], run: &Run) -> String {
        let name = self.path.file_name().expect("a file").to_string_lossy();
        let (engine, seed) = (run.engine, run.seed);
        let sets: String = sets
            .iter()
            .map(|(k, v)| format!(" --set '{k}={v}'"))
            .collect();
        format!(
            "evenkeel sim run scenarios/resilience/{name} --engine {engine} --seed {seed}{sets}"
        )
    }

    /// With everything on, all that is promised holds, and the fault was felt.
    fn holds(&self, engine: Engine, seeds: u64) {
        let Some(runs) = self.runs(&[], engine, seeds) else {
            return;
        };
        for run in &runs {
            let broken = || format!("{:?}\n{}", run.cells[0].thresholds, self.command(&[], run));
            assert!(run.passed() && run.sound(), "{}", broken());
        }
        let unseen = unseen(&runs);
        assert!(unseen.is_empty(), "{}: {unseen:?}", self.path.display());
    }

    /// With a protection off, every seed breaks what is stated; no invariant is broken.
    fn misses(&self, off: &Off, engine: Engine, seeds: u64) {
        for run in self.runs(&off.sets, engine, seeds).iter().flatten() {
            let command = self.command(&off.sets, run);
            let verdicts = &run.cells[0].thresholds;
            let stated = verdicts.iter().find(|verdict| verdict.metric == off.breaks);
            let stated = stated.unwrap_or_else(|| panic!("no threshold {}: {command}", off.breaks));
            assert!(!stated.ok, "{stated:?} holds all the same: {command}");
            assert!(run.sound(), "{:?}: {command}", run.cells[0].invariants);
        }
    }
}

#[test]
fn each_scenario_holds_and_misses_its_protection_in_the_model() {
    for file in File::all() {
        let offs = file.offs();
        assert!(!offs.is_empty(), "{}: no `# Off:`", file.path.display());
        file.holds(Engine::Model, SEEDS);
        for off in offs {
            file.misses(&off, Engine::Model, SEEDS);
        }
    }
}

#[test]
fn each_scenario_holds_and_misses_its_protection_over_the_network() {
    for (n, file) in File::all().into_iter().enumerate() {
        file.holds(
            Engine::Net,
            size(SEEDS, u64::from(!file.path.ends_with(LARGE))),
        );
        let off = size(SEEDS, u64::from(n % 10 == 0));
        for which in file.offs() {
            file.misses(&which, Engine::Net, off);
        }
    }
}
