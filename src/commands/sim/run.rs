//! `evenkeel sim run`: thresholds and invariants decide.

use std::fs;
use std::io::{self, stdout};
use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::config;
use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::{Run, table, unseen};

use super::{Loaded, distinct, json, load, stem, sweep};
use crate::cli::{Format, SimRun};
use crate::commands::Exit;
use crate::commands::terminal::{colour, say, warn};

pub(super) fn run(arguments: &SimRun) -> Result<Exit, Exit> {
    if arguments.out.is_some() {
        distinct(&arguments.what.scenarios, "--out")?;
    }
    let scenarios = load(&arguments.what)?;
    if let Some(folder) = &arguments.out {
        // Told before the work is done and not after it.
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))?;
    }
    let mut work = Vec::new();
    for loaded in &scenarios {
        let plan = loaded.plan(arguments.what.engine);
        work.extend(loaded.seeds.iter().map(|seed| (Arc::clone(&plan), *seed)));
    }
    let (mut results, interrupted) = sweep(&work, arguments.what.jobs, "simulating")?;
    let mut exit = if interrupted {
        Exit::Interrupted
    } else {
        Exit::Ok
    };
    let mut first = 0;
    for loaded in &scenarios {
        let last = first + loaded.seeds.len();
        let told: Vec<_> = results[first..last]
            .iter_mut()
            .filter_map(Option::take)
            .collect();
        let plan = &work[first].0;
        first = last;
        let mut notes: Vec<String> = told.iter().flat_map(|t| t.notes.clone()).collect();
        notes.dedup();
        for note in notes {
            warn(format_args!("note: {}: {note}", loaded.path.display()));
        }
        let runs: Vec<Run> = told.into_iter().map(|told| told.run).collect();
        // Files first: a reader of the table who has seen enough ends the process.
        if let Some(folder) = &arguments.out {
            write(folder, loaded, &runs).map_err(|error| unwritable(folder, &error))?;
        }
        show(arguments, loaded, plan, &runs);
        exit = exit.worse(judge(loaded, &runs));
    }
    Ok(exit)
}

/// Prints the results of one scenario.
fn show(arguments: &SimRun, loaded: &Loaded, plan: &Plan, runs: &[Run]) {
    match arguments.format {
        Format::Json => {
            for run in runs {
                say(format_args!("{}", json(run)));
            }
        }
        Format::Text => {
            let table = table(runs, colour(&stdout()), &next(loaded, plan, runs));
            say(table.trim_end());
        }
    }
}

/// What a reader of this result would try.
fn next(loaded: &Loaded, plan: &Plan, runs: &[Run]) -> String {
    let path = loaded.path.display();
    let command = format!("evenkeel sim run {path}");
    if let Some(run) = runs.iter().find(|run| !run.sound() || !run.passed()) {
        return format!("the failing run alone: {command} --seed {}", run.seed);
    }
    let p2c = |pool: &config::Pool| matches!(pool.policy, config::Policy::P2c { .. });
    let other = if plan.config().pools.iter().any(p2c) {
        "round_robin"
    } else {
        "p2c"
    };
    format!("another policy: {command} --set policy={other}")
}

fn write(folder: &Path, loaded: &Loaded, runs: &[Run]) -> io::Result<()> {
    let stem = stem(&loaded.path);
    for run in runs {
        let name = format!("{stem}-{}-{}.json", run.engine, run.seed);
        fs::write(folder.join(name), json(run) + "\n")?;
    }
    Ok(())
}

fn unwritable(folder: &Path, error: &io::Error) -> Exit {
    let folder = folder.display();
    warn(format_args!(
        "evenkeel: cannot write results into {folder}: {error}"
    ));
    Exit::Internal
}

/// The exit code of one scenario, with what failed on standard error.
fn judge(loaded: &Loaded, runs: &[Run]) -> Exit {
    let path = loaded.path.display();
    let engine = runs.first().map_or("net", |run| run.engine);
    let mut exit = Exit::Ok;
    for run in runs {
        let again = format!(
            "evenkeel sim run {path} --engine {engine} --seed {}",
            run.seed
        );
        for cell in &run.cells {
            for check in cell.invariants.iter().filter(|check| !check.ok) {
                let first = check.first.as_deref().unwrap_or("no detail");
                warn(format_args!(
                    "invariant {} violated: {first}\n  {again}",
                    check.name
                ));
                exit = exit.worse(Exit::Invariant);
            }
            for verdict in cell.thresholds.iter().filter(|verdict| !verdict.ok) {
                let value = verdict
                    .value
                    .map_or("nothing".into(), |value| format!("{value:.4}"));
                warn(format_args!(
                    "threshold failed: {} (measured {value})\n  {again}",
                    verdict.metric
                ));
                exit = exit.worse(Exit::Threshold);
            }
        }
    }
    // A partial sweep proves nothing about what must be seen at least once.
    if runs.len() == loaded.seeds.len() {
        for (_, metric) in unseen(runs) {
            warn(format_args!(
                "never seen in {} runs of {path}: {metric}",
                runs.len()
            ));
            exit = exit.worse(Exit::Threshold);
        }
    }
    exit
}
