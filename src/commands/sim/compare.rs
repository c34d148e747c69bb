//! `evenkeel sim compare`: which setting to take, how sure that is and what it costs.

use std::fs::{self, File};
use std::io::{self, Write as _, stdout};
use std::path::Path;
use std::time::Duration;

use evenkeel_sim::report::{self, Question, Report};
use evenkeel_sim::result::{Scope, hdr_log};
use evenkeel_sim::scenario::{Engine, Scenario};
use evenkeel_sim::sweep::{self, Study};

use super::{Choice, distinct, finished, load, precision, result, stem, work};
use crate::cli::{ReportFormat, SimCompare};
use crate::commands::Exit;
use crate::commands::terminal::{colour, say, warn};

pub(super) fn run(arguments: &SimCompare) -> Result<Exit, Exit> {
    let SimCompare { what, out, .. } = arguments;
    distinct(&what.scenarios, "--out")?;
    let asked = arguments.metric.as_deref().map(question).transpose()?;
    let precision = precision(arguments.precision.as_deref())?;
    let studies = load(what, &arguments.vary, precision, CHEAPEST)?;
    for study in &studies {
        fits(study, asked.as_ref())?;
    }
    let studies: Vec<Study> = studies.into_iter().map(Study::watched).collect();
    result::make(out)?;
    let results = work(what.jobs, "comparing", |jobs, stop, progress| {
        sweep::studies(&studies, jobs, stop, progress)
    })?;
    let mut exit = finished(&studies, &results);
    for (study, results) in studies.iter().zip(&results) {
        if results.runs.is_empty() {
            continue;
        }
        let engine = engine(study, what.engine.is_some());
        let report = Report::new(study, results, asked.clone(), &engine);
        // Files first: a reader of the page who has seen enough ends the process.
        let files =
            write(out, &report, arguments.png).map_err(|error| result::unwritable(out, &error))?;
        show(arguments.format, &report, &files)?;
        let pooled = study.outline.pooled(&results.runs);
        exit = exit.worse(result::judge(&study.outline, results, &pooled));
    }
    Ok(exit)
}

/// The core alone where nothing needs a network: it is the faster one.
const CHEAPEST: Choice = |cells, asked| {
    let free = |cell: &Scenario| cell.engine.is_none() && cell.needs_net().is_none();
    asked.or_else(|| cells.iter().all(free).then_some(Engine::Model))
};

/// Which engine has run a study, and why that one.
fn engine(study: &Study, asked: bool) -> String {
    let plan = &study.plans[0];
    let name = plan.engine.name();
    let needs = study
        .plans
        .iter()
        .find_map(|plan| plan.scenario.needs_net());
    match (plan.engine, needs) {
        _ if asked => format!("engine {name}, as asked for"),
        _ if plan.scenario.engine.is_some() => format!("engine {name}, as the scenario says"),
        (Engine::Net, Some(why)) => format!("engine net: {why} in engine model"),
        (Engine::Net, None) => "engine net".to_owned(),
        (Engine::Model, _) => {
            "engine model: nothing here needs a network (--engine net simulates it, too)".to_owned()
        }
    }
}

fn question(text: &str) -> Result<Question, Exit> {
    Question::parse(text).map_err(|error| {
        warn(format_args!("evenkeel: --metric {text}: {error}"));
        Exit::Usage
    })
}

/// Refuses what cannot be answered.
fn fits(study: &Study, asked: Option<&Question>) -> Result<(), Exit> {
    let path = &study.outline.path;
    if study.outline.cells.len() < 2 {
        warn(format_args!(
            "evenkeel: {path} has one setting and nothing to compare it with; expected two or more, \
             such as --vary policy=round_robin,p2c"
        ));
        return Err(Exit::Usage);
    }
    let setup = &study.plans[0].setup;
    let (kind, name, known) = match asked.map(|question| &question.scope) {
        Some(Scope::Class(name)) => ("class", name, &setup.classes),
        Some(Scope::Endpoint(name)) => ("endpoint", name, &setup.endpoints),
        _ => return Ok(()),
    };
    if known.iter().flatten().any(|known| known == name) {
        return Ok(());
    }
    let known: Vec<&str> = known.iter().flatten().map(String::as_str).collect();
    warn(format_args!(
        "evenkeel: --metric: {path} has no {kind} `{name}`; expected one of {}",
        known.join(", ")
    ));
    Err(Exit::Usage)
}

/// Prints the report.
fn show(format: ReportFormat, report: &Report, files: &str) -> Result<(), Exit> {
    match format {
        ReportFormat::Text => {
            let text = report::text(report, colour(&stdout()));
            say(format_args!("{text}\n{files}"));
        }
        ReportFormat::Json => say(report::json(report)),
        ReportFormat::Markdown => say(report::markdown(report).trim_end()),
        ReportFormat::Csv => say(report::csv(report).trim_end()),
        ReportFormat::Junit => say(report::junit(report).trim_end()),
        ReportFormat::Github => {
            // Where a scenario is gone meanwhile, annotations stand at its first line.
            let text = fs::read_to_string(&report.outline.path).unwrap_or_default();
            if let Some(place) = std::env::var_os("GITHUB_STEP_SUMMARY") {
                let file = File::options().append(true).create(true).open(&place);
                let markdown = report::markdown(report);
                file.and_then(|mut file| file.write_all(markdown.as_bytes()))
                    .map_err(|error| result::unwritable(Path::new(&place), &error))?;
            }
            say(report::github(report, &text).trim_end());
        }
    }
    Ok(())
}

/// Keeps the report in all its forms; says where.
fn write(folder: &Path, report: &Report, png: bool) -> io::Result<String> {
    let stem = stem(Path::new(&report.outline.path));
    let place = |ending: &str| folder.join(format!("{stem}.{ending}"));
    for (ending, text) in [
        ("html", report::html(report)),
        ("md", report::markdown(report)),
        ("json", report::json(report) + "\n"),
        ("csv", report::csv(report)),
        ("junit.xml", report::junit(report)),
    ] {
        fs::write(place(ending), text)?;
    }
    let simulated = Duration::from_secs_f64(report.subject.window_s.1);
    for (n, cell) in (1..).zip(&report.cells) {
        fs::write(place(&format!("{n}.hlog")), hdr_log(cell, simulated))?;
    }
    if png {
        for (figure, picture) in report::png(report).map_err(io::Error::other)? {
            fs::write(place(&format!("{figure}.png")), picture)?;
        }
    }
    let all = folder.join(format!("{stem}.*"));
    Ok(format!("{} and {}", place("html").display(), all.display()))
}
