//! `evenkeel sim explain`: why a request went where it did.

use evenkeel_sim::explain::{Explanation, watching};
use evenkeel_sim::result::Subject;
use evenkeel_sim::sweep;

use super::{AS_ASKED, interrupted, load, work};
use crate::cli::{Format, SimExplain, SimWhat};
use crate::commands::Exit;
use crate::commands::terminal::{say, warn};

pub(super) fn run(arguments: &SimExplain) -> Result<Exit, Exit> {
    let what = SimWhat {
        scenarios: vec![arguments.scenario.clone()],
        seed: arguments.seed,
        seeds: None,
        engine: arguments.engine,
        set: arguments.set.clone(),
        jobs: None,
    };
    let studies = load(&what, &arguments.vary, None, AS_ASKED)?;
    let subject = Subject {
        proxy: arguments.proxy,
        request: arguments.request,
    };
    let all: Vec<_> = studies
        .iter()
        .flat_map(|study| {
            let seed = study.outline.seeds[0];
            let plans = study.plans.iter();
            plans.map(move |plan| (watching(plan, subject), seed))
        })
        .collect();
    let results = work(None, "simulating", |jobs, stop, progress| {
        sweep::run(&all, jobs, stop, progress)
    })?;
    let exit = interrupted(results.iter().flatten().count(), results.len());
    for ((plan, _), told) in all.iter().zip(results) {
        let Some(told) = told else { continue };
        let explanation = Explanation::new(plan, &told.run).map_err(|error| {
            warn(format_args!("evenkeel: {error}"));
            Exit::Usage
        })?;
        match arguments.format {
            Format::Text => say(explanation),
            Format::Json => say(explanation.json()),
        }
    }
    Ok(exit)
}
