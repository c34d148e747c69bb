//! `evenkeel sim shrink`: the smallest scenario that still fails, in a file with its replay.

use std::fs;
use std::path::PathBuf;

use evenkeel_sim::engine;
use evenkeel_sim::scenario::Engine;
use evenkeel_sim::shrink::{Error, Order, shrink};

use super::progress::Bar;
use super::{pairs, stem, stop};
use crate::cli::SimShrink;
use crate::commands::terminal::{complain, say, warn};
use crate::commands::{Exit, read};

pub(super) fn run(arguments: &SimShrink) -> Result<Exit, Exit> {
    let SimShrink { scenario, seed, .. } = arguments;
    let sets = pairs("--set", &arguments.set, "policy=random")?;
    let text = read(scenario)?;
    let beside = || {
        let name = format!("{}-shrunk-{seed}.toml", stem(scenario));
        scenario.with_file_name(name)
    };
    let out: PathBuf = arguments.out.clone().unwrap_or_else(beside);
    let order = Order {
        path: scenario,
        text: &text,
        sets: &sets,
        seed: *seed,
        engine: arguments.engine.map(Engine::from),
        budget: arguments.budget,
        out: &out,
    };
    let stop = stop();
    let mut bar = Bar::new("shrinking");
    let result = shrink(order, &stop, &mut |step| bar.shrunk(step));
    bar.clear();
    let shrunk = result.map_err(|error| wrong(&error))?;
    fs::write(&out, &shrunk.text).map_err(|error| {
        let out = out.display();
        warn(format_args!("evenkeel: cannot write {out}: {error}"));
        Exit::Internal
    })?;
    let (out, cause, runs) = (out.display(), &shrunk.cause, shrunk.runs);
    say(format_args!(
        "{out}: {}, in {runs} runs\n{cause}\n  evenkeel sim run {out}",
        shrunk.left
    ));
    if shrunk.interrupted {
        warn("evenkeel: interrupted; what was found so far is written");
        return Ok(Exit::Interrupted);
    }
    if shrunk.unfinished {
        warn(format_args!(
            "evenkeel: the budget of {runs} runs is spent; a larger --budget may find a smaller one"
        ));
    }
    Ok(Exit::Ok)
}

fn wrong(error: &Error) -> Exit {
    if let Error::Invalid(problems) = error {
        complain(problems);
        return Exit::Invalid;
    }
    warn(format_args!("evenkeel: {error}"));
    match error {
        Error::Invalid(_) => Exit::Invalid,
        Error::Sound(_) | Error::Elsewhere(_) => Exit::Usage,
        Error::Run(engine::Error::Interrupted) => Exit::Interrupted,
        Error::Run(_) => Exit::Internal,
    }
}
