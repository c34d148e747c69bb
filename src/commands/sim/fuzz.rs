//! `evenkeel sim fuzz`: scenarios that nobody wrote, for as long as one likes.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "people wait in real time"
)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use evenkeel_sim::fuzz;
use evenkeel_sim::scenario::Engine;
use evenkeel_sim::sweep::{self, Stop};

use super::progress::Bar;
use super::{lanes, result, stop};
use crate::cli::SimFuzz;
use crate::commands::Exit;
use crate::commands::terminal::{say, warn};

/// Scenarios for each job before the clock is looked at.
const ROUND: u64 = 4;
/// Runs that shrinking a failure may take.
const BUDGET: u32 = 500;

/// What has been found so far.
#[derive(Default)]
struct Found {
    scenarios: u64,
    requests: u64,
    failures: u64,
}

pub(super) fn run(arguments: &SimFuzz) -> Result<Exit, Exit> {
    let time = Duration::try_from_secs_f64(arguments.minutes * 60.0).map_err(|_| {
        let minutes = arguments.minutes;
        warn(format_args!(
            "evenkeel: --minutes {minutes:?}: expected a time such as 5 or 0.5"
        ));
        Exit::Usage
    })?;
    let engines = match arguments.engine {
        Some(engine) => vec![Engine::from(engine)],
        None => vec![Engine::Model, Engine::Net],
    };
    let jobs = lanes(arguments.jobs);
    let (stop, began) = (stop(), Instant::now());
    let mut bar = Bar::new("fuzzing");
    let mut found = Found::default();
    let mut next = arguments.from;
    while began.elapsed() < time && !stop.is_asked() {
        let round: Vec<_> = (next..).take(jobs * ROUND as usize).collect();
        for engine in &engines {
            found.round(&round, *engine, (jobs, &stop), arguments)?;
        }
        next += round.len() as u64;
        found.scenarios += round.len() as u64;
        let share = began.elapsed().as_secs_f64() / time.as_secs_f64();
        bar.fuzzed(found.scenarios as usize, share.min(1.0));
    }
    bar.clear();
    let Found {
        scenarios,
        requests,
        failures,
    } = found;
    let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
    let names = names.join(" and ");
    say(format_args!(
        "{scenarios} scenarios from number {} in {names}, {requests} requests after all was well: \
         {failures} failed\nnext\n  go on: evenkeel sim fuzz --from {next}",
        arguments.from,
    ));
    Ok(match failures {
        _ if stop.is_asked() => Exit::Interrupted,
        0 => Exit::Ok,
        _ => Exit::Invariant,
    })
}

impl Found {
    /// Runs these scenarios; what fails is made small and kept in a file.
    fn round(
        &mut self,
        numbers: &[u64],
        engine: Engine,
        (jobs, stop): (usize, &Stop),
        arguments: &SimFuzz,
    ) -> Result<(), Exit> {
        let plan = |number: &u64| (fuzz::plan(*number, engine), *number);
        let work: Vec<_> = numbers.iter().map(plan).collect();
        let runs = sweep::run(&work, jobs, stop, &mut |_| {}).map_err(|error| {
            warn(format_args!("evenkeel: {error}"));
            Exit::Internal
        })?;
        for (number, told) in numbers.iter().zip(runs) {
            let Some(told) = told else { continue };
            let cells = told.run.cells.iter();
            self.requests += cells.map(|cell| cell.requests.sent).sum::<u64>();
            let broken = fuzz::broken(&told.run).join(", ");
            if !broken.is_empty() {
                self.failures += 1;
                keep(*number, engine, &broken, &arguments.out, stop)?;
            }
        }
        Ok(())
    }
}

fn keep(number: u64, engine: Engine, broken: &str, out: &Path, stop: &Stop) -> Result<(), Exit> {
    result::make(out)?;
    let name = engine.name();
    let file = out.join(format!("generated-{number}-{name}.toml"));
    let small = fuzz::smallest(number, engine, BUDGET, &file, stop);
    fs::write(&file, small).map_err(|error| result::unwritable(out, &error))?;
    let file = file.display();
    say(format_args!(
        "number {number} in {name}: {broken}\n  evenkeel sim run {file}"
    ));
    Ok(())
}
