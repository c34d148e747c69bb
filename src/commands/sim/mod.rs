//! `evenkeel sim`: the simulator's commands.

mod calibrate;
mod compare;
mod explain;
mod fuzz;
mod import;
mod live;
mod merge;
mod part;
mod progress;
mod result;
mod run;
mod shrink;
mod verify;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use evenkeel_proxy::document::Share;
use evenkeel_proxy::live as serving;
use evenkeel_sim::engine::Error;
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Run;
use evenkeel_sim::scenario::{self, Engine, Scenario};
use evenkeel_sim::sweep::{Progress, Results, Stop, Study};

use self::progress::Bar;
use super::terminal::{complain, warn};
use super::{Exit, read};
use crate::cli;

/// Keys and values of the command line.
type Pairs = Vec<(String, String)>;

pub(crate) fn run(command: cli::Sim) -> Exit {
    let result = match command {
        cli::Sim::Run(arguments) => run::run(&arguments),
        cli::Sim::Compare(arguments) => compare::run(&arguments),
        cli::Sim::Verify(arguments) => verify::run(&arguments),
        cli::Sim::Merge(arguments) => merge::run(&arguments),
        cli::Sim::Shrink(arguments) => shrink::run(&arguments),
        cli::Sim::Explain(arguments) => explain::run(&arguments),
        cli::Sim::Fuzz(arguments) => fuzz::run(&arguments),
        cli::Sim::Live(arguments) => live::run(&arguments),
        cli::Sim::Part(arguments) => part::run(&arguments),
        cli::Sim::Calibrate(arguments) => calibrate::run(&arguments),
        cli::Sim::Import(arguments) => import::run(&arguments),
    };
    result.unwrap_or_else(|exit| exit)
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

/// Which engine runs the cells of a scenario; `None` leaves it to the scenario.
type Choice = fn(&[Scenario], Option<Engine>) -> Option<Engine>;

/// Whatever the command line asks for.
const AS_ASKED: Choice = |_, asked| asked;

/// Reads every scenario, and tells all mistakes of all of them.
fn load(
    what: &cli::SimWhat,
    vary: &[String],
    precision: Option<f64>,
    choose: Choice,
) -> Result<Vec<Study>, Exit> {
    let seeds = seeds(what)?;
    let sets = pairs("--set", &what.set, "policy=random")?;
    let varies = pairs("--vary", vary, "policy=random,p2c")?;
    let mut studies = Vec::new();
    let mut failed = false;
    for path in &what.scenarios {
        let Ok(text) = read(path) else {
            failed = true;
            continue;
        };
        let (cells, diagnostics) = scenario::cells(path, &text, &sets, &varies);
        failed |= complain(&diagnostics);
        let Some(cells) = cells else { continue };
        let first = &cells[0];
        let seeds = seeds.clone().unwrap_or_else(|| first.seeds.clone());
        let precision = precision.or(first.precision.map(|precision| precision.fraction()));
        let engine = choose(&cells, what.engine.map(Engine::from));
        let mut study = Study::new(plans(cells, engine), &seeds, precision);
        study.outline.path = path.display().to_string();
        study.outline.sets.clone_from(&sets);
        study.outline.varies.clone_from(&varies);
        studies.push(study);
    }
    if failed {
        Err(Exit::Invalid)
    } else {
        Ok(studies)
    }
}

fn plans(cells: Vec<Scenario>, engine: Option<Engine>) -> Vec<Arc<Plan>> {
    let plan = |cell| Arc::new(Plan::new(Arc::new(cell), engine));
    cells.into_iter().map(plan).collect()
}

impl From<cli::Engine> for Engine {
    fn from(engine: cli::Engine) -> Self {
        match engine {
            cli::Engine::Net => Self::Net,
            cli::Engine::Model => Self::Model,
        }
    }
}

/// Options of the form KEY=VALUE, each cut at its first `=`.
fn pairs(option: &str, given: &[String], example: &str) -> Result<Pairs, Exit> {
    let cut = |pair: &String| {
        let (key, value) = pair.split_once('=').ok_or_else(|| {
            warn(format_args!(
                "evenkeel: {option} {pair}: expected KEY=VALUE, such as {example}"
            ));
            Exit::Usage
        })?;
        Ok((key.to_owned(), value.to_owned()))
    };
    given.iter().map(cut).collect()
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

/// The share that `--precision` names.
fn precision(given: Option<&str>) -> Result<Option<f64>, Exit> {
    let Some(text) = given else {
        return Ok(None);
    };
    match Share::parse(text) {
        Ok(share) if share.ppm() > 0 => Ok(Some(share.fraction())),
        Ok(_) => Err("no number of seeds is exact".to_owned()),
        Err(expected) => Err(format!("expected {expected}")),
    }
    .map_err(|error| {
        warn(format_args!("evenkeel: --precision {text}: {error}"));
        Exit::Usage
    })
}

/// Does long work with progress on standard error; an interrupt asks it to end.
fn work<T>(
    jobs: Option<u16>,
    label: &str,
    work: impl FnOnce(usize, &Stop, &mut dyn FnMut(Progress)) -> Result<T, Error>,
) -> Result<T, Exit> {
    let stop = stop();
    let mut bar = Bar::new(label);
    let result = work(lanes(jobs), &stop, &mut |progress| bar.show(progress));
    bar.clear();
    result.map_err(|error| {
        warn(format_args!("evenkeel: {error}"));
        Exit::Internal
    })
}

/// Runs at a time: as asked, or one for each core.
fn lanes(jobs: Option<u16>) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    jobs.map_or_else(cores, usize::from)
}

/// What an interrupt asks to end.
fn stop() -> Stop {
    let stop = Stop::default();
    let asked = stop.clone();
    if let Err(error) = serving::on_interrupt(move || asked.stop()) {
        warn(format_args!(
            "evenkeel: an interrupt will end it without a result: {error}"
        ));
    }
    stop
}

/// The exit of studies as far as they were interrupted, which is said.
fn finished(studies: &[Study], results: &[Results]) -> Exit {
    if results.iter().all(|results| results.complete) {
        return Exit::Ok;
    }
    let cells = |study: &Study| study.outline.cells.len();
    let pairs = studies.iter().zip(results);
    let finished = pairs.map(|(study, results)| results.runs.len() * cells(study));
    let all = studies
        .iter()
        .map(|study| study.outline.seeds.len() * cells(study));
    interrupted(finished.sum(), all.sum())
}

/// Says how much there is of what an interrupt has ended.
fn interrupted(finished: usize, all: usize) -> Exit {
    if finished == all {
        return Exit::Ok;
    }
    warn(format_args!(
        "evenkeel: interrupted; {finished} of {all} runs were finished"
    ));
    Exit::Interrupted
}

/// A result as one line of JSON.
fn json(run: &Run) -> String {
    serde_json::to_string(run).expect("a result holds nothing that JSON has not")
}
