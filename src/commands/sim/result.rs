//! What becomes of a study's results: files, the page or the lines of JSON, the exit code. A sweep
//! of one machine and joined shards end here alike.

use std::fs;
use std::io::{self, stdout};
use std::path::Path;
use std::time::Duration;

use evenkeel_sim::report::{idle, junit_of};
use evenkeel_sim::result::{Run, Scope, Verdict, hdr_log, matrix, table, unseen};
use evenkeel_sim::statistic::compare;
use evenkeel_sim::sweep::{Outline, Results};

use super::{json, stem};
use crate::cli::{Format, SimShow};
use crate::commands::Exit;
use crate::commands::terminal::{colour, say, warn};

/// The folder of `--out`, made if it is not there.
pub(super) fn make(folder: &Path) -> Result<(), Exit> {
    fs::create_dir_all(folder).map_err(|error| unwritable(folder, &error))
}

/// Makes the places where results will be written: what is wrong with them is told before the work
/// and not after it.
pub(super) fn ready(show: &SimShow) -> Result<(), Exit> {
    if let Some(folder) = &show.out {
        make(folder)?;
    }
    match &show.junit {
        Some(path) => fs::write(path, "").map_err(|error| unwritable(path, &error)),
        None => Ok(()),
    }
}

pub(super) fn unwritable(place: &Path, error: &io::Error) -> Exit {
    let place = place.display();
    warn(format_args!(
        "evenkeel: cannot write results into {place}: {error}"
    ));
    Exit::Internal
}

/// Keeps, shows and judges the results of studies.
pub(super) fn tell(show: &SimShow, studies: &[(Outline, Results)]) -> Result<Exit, Exit> {
    if let Some(path) = &show.junit {
        let all = studies.iter().map(|(outline, results)| (outline, results));
        fs::write(path, junit_of(all)).map_err(|error| unwritable(path, &error))?;
    }
    let mut exit = Exit::Ok;
    for (outline, results) in studies {
        exit = exit.worse(one(show, outline, results)?);
    }
    Ok(exit)
}

fn one(show: &SimShow, outline: &Outline, results: &Results) -> Result<Exit, Exit> {
    for note in &results.notes {
        warn(format_args!("note: {}: {note}", outline.path));
    }
    for idle in idle(outline) {
        warn(format_args!("note: {}: {idle}", outline.path));
    }
    let runs = &results.runs;
    // Files first: a reader of the table who has seen enough ends the process.
    if let Some(folder) = &show.out {
        write(folder, outline, runs).map_err(|error| unwritable(folder, &error))?;
    }
    let pooled = outline.pooled(runs);
    match show.format {
        Format::Json => {
            for run in runs {
                say(format_args!("{}", json(run)));
            }
        }
        Format::Text => say(page(outline, results, &pooled).trim_end()),
    }
    Ok(judge(outline, results, &pooled))
}

fn page(outline: &Outline, results: &Results, pooled: &[(usize, Verdict)]) -> String {
    let (runs, colour) = (&results.runs, colour(&stdout()));
    let next = next(outline, runs);
    let mut text = if outline.cells.len() > 1 {
        let comparison = compare(outline.ranking(), &Scope::All, runs);
        matrix(runs, &comparison, pooled, colour, &next)
    } else {
        let pooled: Vec<Verdict> = pooled.iter().map(|(_, verdict)| verdict.clone()).collect();
        table(runs, &pooled, colour, &next)
    };
    if let Some(precision) = outline.precision.filter(|_| results.complete) {
        let (ran, all) = (runs.len(), outline.seeds.len());
        let share = precision * 100.0;
        text += &match ran < all {
            true => format!("precision of {share}% reached with {ran} of {all} seeds\n"),
            false => format!("all {all} seeds ran for a precision of {share}%\n"),
        };
    }
    text
}

/// What a reader of this result would try.
fn next(outline: &Outline, runs: &[Run]) -> String {
    for run in runs {
        let bad = |cell: &evenkeel_sim::result::Cell| {
            cell.thresholds.iter().any(|verdict| !verdict.ok)
                || cell.invariants.iter().any(|check| !check.ok)
        };
        if let Some(cell) = run.cells.iter().position(bad) {
            return format!("the failing run alone: {}", outline.replay(cell, run.seed));
        }
    }
    let command = format!("evenkeel sim run {}", outline.path);
    match outline.cells.get(1) {
        None => format!("other policies beside it: {command} --vary policy=round_robin,random,p2c"),
        Some(_) => match runs.first() {
            Some(run) => format!("one cell in full: {}", outline.replay(0, run.seed)),
            None => command,
        },
    }
}

/// A file of JSON and an HDR log for each seed and cell.
fn write(folder: &Path, outline: &Outline, runs: &[Run]) -> io::Result<()> {
    let stem = stem(Path::new(&outline.path));
    for run in runs {
        for (n, cell) in (1..).zip(&run.cells) {
            let mut name = format!("{stem}-{}-{}", run.engine, run.seed);
            let mut own = run.clone();
            if run.cells.len() > 1 {
                name += &format!("-{n}");
                own.cells = vec![cell.clone()];
            }
            let simulated = Duration::from_secs_f64(run.simulated_s / run.cells.len() as f64);
            fs::write(folder.join(format!("{name}.json")), json(&own) + "\n")?;
            fs::write(
                folder.join(format!("{name}.hlog")),
                hdr_log(cell, simulated),
            )?;
        }
    }
    Ok(())
}

/// The exit code of one study, with what failed on standard error.
pub(super) fn judge(outline: &Outline, results: &Results, pooled: &[(usize, Verdict)]) -> Exit {
    let runs = &results.runs;
    let mut exit = Exit::Ok;
    let place = |cell: usize| match outline.cells.get(cell).map(|member| member.label()) {
        Some(label) if !label.is_empty() => format!(" in {label}"),
        _ => String::new(),
    };
    for run in runs {
        for (index, cell) in run.cells.iter().enumerate() {
            let again = outline.replay(index, run.seed);
            for check in cell.invariants.iter().filter(|check| !check.ok) {
                let first = check.first.as_deref().unwrap_or("no detail");
                let (name, place) = (check.name, place(index));
                warn(format_args!(
                    "invariant {name} violated{place}: {first}\n  {again}"
                ));
                exit = exit.worse(Exit::Invariant);
            }
            for verdict in cell.thresholds.iter().filter(|verdict| !verdict.ok) {
                let (metric, place, value) = (&verdict.metric, place(index), measured(verdict));
                warn(format_args!(
                    "threshold failed{place}: {metric} ({value})\n  {again}"
                ));
                exit = exit.worse(Exit::Threshold);
            }
        }
    }
    for (index, verdict) in pooled.iter().filter(|(_, verdict)| !verdict.ok) {
        let (metric, place, value) = (&verdict.metric, place(*index), measured(verdict));
        let (seeds, path) = (runs.len(), &outline.path);
        warn(format_args!(
            "threshold failed over {seeds} seeds of {path}{place}: {metric} ({value})"
        ));
        exit = exit.worse(Exit::Threshold);
    }
    // A partial sweep proves nothing about what must be seen at least once.
    if results.complete {
        for (index, metric) in unseen(runs) {
            let (seeds, path, place) = (runs.len(), &outline.path, place(index));
            warn(format_args!(
                "never seen in {seeds} runs of {path}{place}: {metric}"
            ));
            exit = exit.worse(Exit::Threshold);
        }
    }
    exit
}

fn measured(verdict: &Verdict) -> String {
    match verdict.value {
        Some(value) => format!("measured {value:.4}"),
        None => "measured nothing".to_owned(),
    }
}
