//! `evenkeel sim`: the simulator's commands.

mod progress;
mod run;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_proxy::live;
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Run;
use evenkeel_sim::scenario::{self, Engine, Scenario};
use evenkeel_sim::sweep::{self, Stop, Told};

use self::progress::Bar;
use super::terminal::{complain, warn};
use super::{Exit, read};
use crate::cli;

pub(crate) fn run(command: cli::Sim) -> Exit {
    let result = match command {
        cli::Sim::Run(arguments) => run::run(&arguments),
        cli::Sim::Verify(arguments) => verify::run(&arguments),
    };
    result.unwrap_or_else(|exit| exit)
}

/// A scenario file that was read.
struct Loaded {
    path: PathBuf,
    scenario: Arc<Scenario>,
    seeds: Vec<u64>,
}

/// What files of results and golden traces call a scenario.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

/// Refuses scenarios that `option` would not tell apart: it goes by their file names.
fn distinct(paths: &[PathBuf], option: &str) -> Result<(), Exit> {
    let mut known: BTreeMap<String, &Path> = BTreeMap::new();
    for path in paths {
        let stem = stem(path);
        let first = *known.entry(stem.clone()).or_insert(path);
        if first != path {
            warn(format_args!(
                "evenkeel: {option} goes by file names, and {} and {} are both \"{stem}\"; \
                 rename one of them, or run them one by one with a different {option}",
                first.display(),
                path.display()
            ));
            return Err(Exit::Usage);
        }
    }
    Ok(())
}

impl Loaded {
    fn plan(&self, engine: Option<cli::Engine>) -> Arc<Plan> {
        let engine = engine.map(|engine| match engine {
            cli::Engine::Net => Engine::Net,
            cli::Engine::Model => Engine::Model,
        });
        Arc::new(Plan::new(Arc::clone(&self.scenario), engine))
    }
}

/// Reads every scenario, and tells all mistakes of all of them.
fn load(what: &cli::SimWhat) -> Result<Vec<Loaded>, Exit> {
    let seeds = seeds(what)?;
    let sets = sets(what)?;
    let mut loaded = Vec::new();
    let mut failed = false;
    for path in &what.scenarios {
        let Ok(text) = read(path) else {
            failed = true;
            continue;
        };
        let (scenario, diagnostics) = scenario::load_with(path, &text, &sets);
        failed |= complain(&diagnostics);
        if let Some(scenario) = scenario {
            let seeds = seeds.clone().unwrap_or_else(|| scenario.seeds.clone());
            loaded.push(Loaded {
                path: path.clone(),
                scenario: Arc::new(scenario),
                seeds,
            });
        }
    }
    if failed {
        Err(Exit::Invalid)
    } else {
        Ok(loaded)
    }
}

/// The changes of `--set`, each cut at its first `=`.
fn sets(what: &cli::SimWhat) -> Result<Vec<(String, String)>, Exit> {
    let cut = |set: &String| {
        let (key, value) = set.split_once('=').ok_or_else(|| {
            warn(format_args!(
                "evenkeel: --set {set}: expected KEY=VALUE, such as policy=random"
            ));
            Exit::Usage
        })?;
        Ok((key.to_owned(), value.to_owned()))
    };
    what.set.iter().map(cut).collect()
}

fn seeds(what: &cli::SimWhat) -> Result<Option<Vec<u64>>, Exit> {
    match (what.seed, &what.seeds) {
        (Some(seed), _) => Ok(Some(vec![seed])),
        (None, Some(text)) => match scenario::parse_seeds(text) {
            Ok(seeds) => Ok(Some(seeds)),
            Err(error) => {
                warn(format_args!("evenkeel: --seeds {text}: {error}"));
                Err(Exit::Usage)
            }
        },
        (None, None) => Ok(None),
    }
}

/// Runs all work with progress on standard error; ends at the first interrupt.
fn sweep(
    work: &[(Arc<Plan>, u64)],
    jobs: Option<u16>,
    label: &str,
) -> Result<(Vec<Option<Told>>, bool), Exit> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = jobs.map_or_else(cores, usize::from);
    let stop = Stop::default();
    let asked = stop.clone();
    if let Err(error) = live::on_interrupt(move || asked.stop()) {
        warn(format_args!(
            "evenkeel: an interrupt will end it without a result: {error}"
        ));
    }
    let mut bar = Bar::new(label);
    let result = sweep::run(work, jobs, &stop, &mut |progress| bar.show(progress));
    bar.clear();
    match result {
        Ok(results) => {
            let finished = results.iter().flatten().count();
            let interrupted = finished < results.len();
            if interrupted {
                warn(format_args!(
                    "evenkeel: interrupted; {finished} of {} runs were finished",
                    results.len()
                ));
            }
            Ok((results, interrupted))
        }
        Err(error) => {
            warn(format_args!("evenkeel: {error}"));
            Err(Exit::Internal)
        }
    }
}

/// A result as one line of JSON.
fn json(run: &Run) -> String {
    serde_json::to_string(run).expect("a result holds nothing that JSON has not")
}
