//! `evenkeel sim live`: a scenario on real sockets, beside its simulation.

use std::env::current_exe;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::document::Diagnostic;
use evenkeel_sim::live::{self, Circumstances, Comparison, Launcher, Live, Round};
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Run;
use evenkeel_sim::scenario::{self, Engine};
use evenkeel_sim::sweep::{self, Stop};

use super::progress::Bar;
use super::{json, pairs, stop};
use crate::cli::{Format, SimLive, SimPart};
use crate::commands::terminal::{complain, say, warn};
use crate::commands::{Exit, read};

/// Times as many rounds as are wanted are the most that are tried.
const PATIENCE: usize = 3;

pub(super) fn run(arguments: &SimLive) -> Result<Exit, Exit> {
    let engine = arguments.engine.map(Engine::from);
    let (plan, seed) = plan(&arguments.part, engine, complain)?;
    if let Some(why) = live::obstacle(&plan) {
        let path = arguments.part.scenario.display();
        warn(format_args!("evenkeel: {path} cannot run live: {why}"));
        return Err(Exit::Invalid);
    }
    let stop = stop();
    let simulated = simulate(&plan, seed, &stop)?;
    let live = Live {
        plan,
        seed,
        launcher: launcher(&arguments.part)?,
        folder: folder(&arguments.part.scenario),
    };
    let wanted = usize::from(arguments.rounds);
    let rounds = rounds(&live, wanted, &stop)?;
    if stop.is_asked() {
        warn("evenkeel: interrupted");
        return Ok(Exit::Interrupted);
    }
    for note in rounds.first().iter().flat_map(|round| &round.notes) {
        warn(format_args!("note: {note}"));
    }
    let comparison = Comparison::new(&rounds, &simulated, wanted);
    match arguments.format {
        Format::Text => say(comparison.to_string().trim_end()),
        Format::Json => {
            let runs = rounds.iter().map(|round| &round.run);
            for run in runs.chain([&simulated]) {
                say(format_args!("{}", json(run)));
            }
            let comparison = serde_json::to_string(&comparison);
            say(comparison.expect("a comparison holds nothing that JSON has not"));
        }
    }
    Ok(match comparison.holds() {
        true => Exit::Ok,
        false => Exit::Threshold,
    })
}

/// The plan of the one cell that the arguments leave, for `engine` or the fastest one that can run
/// it, and the seed. `complain` tells what is wrong, and whether that is an error.
pub(super) fn plan(
    part: &SimPart,
    engine: Option<Engine>,
    complain: fn(&[Diagnostic]) -> bool,
) -> Result<(Arc<Plan>, u64), Exit> {
    let sets = pairs("--set", &part.set, "policy=random")?;
    let text = read(&part.scenario)?;
    let (cells, diagnostics) = scenario::cells(&part.scenario, &text, &sets, &[]);
    if complain(&diagnostics) {
        return Err(Exit::Invalid);
    }
    let mut cells = cells.unwrap_or_default();
    let (Some(cell), true) = (cells.pop(), cells.is_empty()) else {
        let path = part.scenario.display();
        warn(format_args!(
            "evenkeel: {path} has a matrix of several settings: choose one with --set"
        ));
        return Err(Exit::Usage);
    };
    let fastest = || match cell.needs_net() {
        None => Engine::Model,
        Some(_) => Engine::Net,
    };
    let engine = engine.unwrap_or_else(|| cell.engine.unwrap_or_else(fastest));
    let seed = part.seed.unwrap_or(cell.seeds[0]);
    let plan = Arc::new(Plan::new(Arc::new(cell), Some(engine)));
    Ok((plan.under(seed), seed))
}

fn simulate(plan: &Arc<Plan>, seed: u64, stop: &Stop) -> Result<Run, Exit> {
    let mut bar = Bar::new("simulating");
    let work = [(Arc::clone(plan), seed)];
    let told = sweep::run(&work, 1, stop, &mut |progress| bar.show(progress));
    bar.clear();
    let told = told.map_err(|error| {
        warn(format_args!("evenkeel: {error}"));
        Exit::Internal
    })?;
    let told = told.into_iter().flatten().next();
    told.map(|told| told.run).ok_or(Exit::Interrupted)
}

/// This program again, as a process of the run.
fn launcher(part: &SimPart) -> Result<Launcher, Exit> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(seed) = part.seed {
        arguments.extend(["--seed".into(), seed.to_string().into()]);
    }
    for set in &part.set {
        arguments.extend(["--set".into(), set.into()]);
    }
    arguments.extend(["--".into(), part.scenario.clone().into()]);
    again(arguments)
}

/// This program again as `sim part`, which is told what to be when it has started.
pub(super) fn again(further: Vec<OsString>) -> Result<Launcher, Exit> {
    let program = current_exe().map_err(|error| {
        warn(format_args!("evenkeel: cannot find this program: {error}"));
        Exit::Internal
    })?;
    let mut arguments = ["sim", "part"].map(OsString::from).to_vec();
    arguments.extend(further);
    Ok(Launcher { program, arguments })
}

fn folder(scenario: &Path) -> std::path::PathBuf {
    let folder = scenario.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new(".")).to_owned()
}

/// So many rounds that count, with those that do not, as far as there is patience.
fn rounds(live: &Live, wanted: usize, stop: &Stop) -> Result<Vec<Round>, Exit> {
    let mut bar = Bar::new("live");
    let mut rounds: Vec<Round> = Vec::new();
    let mut counted = 0;
    let whole_s = live.plan.scenario.duration.as_secs_f64();
    while counted < wanted && rounds.len() < wanted * PATIENCE && !stop.is_asked() {
        let before = counted as f64;
        let round = live.round(stop, &mut |now| {
            let share = (now.0 as f64 / 1e9 / whole_s).min(1.0);
            bar.shared((before + share) / wanted as f64);
        });
        let round = round.map_err(|error| {
            bar.clear();
            warn(format_args!("evenkeel: {error}"));
            Exit::Internal
        })?;
        counted += usize::from(Circumstances::from(&round).counts);
        rounds.push(round);
    }
    bar.clear();
    Ok(rounds)
}
