//! `evenkeel sim verify`: the same scenario, seed and version give the same trace.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use evenkeel_sim::result::Run;
use evenkeel_sim::sweep::{self, Told};

use super::{AS_ASKED, distinct, interrupted, json, load, stem, work};
use crate::cli::SimVerify;
use crate::commands::Exit;
use crate::commands::terminal::{say, warn};

/// Hash by scenario, engine and seed.
type Golden = BTreeMap<(String, String, u64), String>;

pub(super) fn run(arguments: &SimVerify) -> Result<Exit, Exit> {
    if arguments.golden.is_some() {
        distinct(&arguments.what.scenarios, "--golden")?;
    }
    let studies = load(&arguments.what, &[], None, AS_ASKED)?;
    let mut golden = match &arguments.golden {
        Some(path) if !arguments.bless || path.exists() => read(path)?,
        _ => Golden::new(),
    };
    let mut all = Vec::new();
    for study in &studies {
        for seed in &study.outline.seeds {
            // A cell's two runs are neighbours, so they run beside each other on two threads.
            let twice = study
                .plans
                .iter()
                .flat_map(|plan| [plan.clone(), plan.clone()]);
            all.extend(twice.map(|plan| (plan, *seed)));
        }
    }
    let results = work(arguments.what.jobs, "verifying", |jobs, stop, progress| {
        sweep::run(&all, jobs, stop, progress)
    })?;
    let mut exit = interrupted(results.iter().flatten().count(), results.len());
    let mut results = results.into_iter();
    for study in &studies {
        let path = &study.outline.path;
        let mut same = 0;
        for _ in &study.outline.seeds {
            let seed = results.by_ref().take(2 * study.plans.len());
            let Some([one, two]) = pair(seed.collect()) else {
                continue;
            };
            exit = exit.worse(compare(path, &one, &two, &mut golden, arguments));
            same += usize::from(one.trace_hash == two.trace_hash);
        }
        let all = study.outline.seeds.len();
        say(format_args!(
            "{path}: {same} of {all} seeds gave one trace twice"
        ));
    }
    if let (Some(path), true) = (&arguments.golden, arguments.bless) {
        write(path, &golden)?;
    }
    Ok(exit)
}

/// The two runs of a seed, whose cells stand in turn; `None` if one of them did not end.
fn pair(told: Vec<Option<Told>>) -> Option<[Run; 2]> {
    let told = told.into_iter().collect::<Option<Vec<Told>>>()?;
    let all = told.into_iter().enumerate();
    let (one, two): (Vec<_>, Vec<_>) = all.partition(|(n, _)| n % 2 == 0);
    let join = |cells: Vec<(usize, Told)>| {
        Run::join(cells.into_iter().map(|(_, told)| told.run).collect())
    };
    Some([join(one)?, join(two)?])
}

fn compare(path: &str, one: &Run, two: &Run, golden: &mut Golden, arguments: &SimVerify) -> Exit {
    let seed = one.seed;
    let again = format!(
        "evenkeel sim verify {path} --engine {} --seed {seed}",
        one.engine
    );
    if one.trace_hash != two.trace_hash || without_wall(one) != without_wall(two) {
        let (a, b) = (&one.trace_hash, &two.trace_hash);
        warn(format_args!(
            "not deterministic: {path}, seed {seed}: {a} and {b}\n  {again}"
        ));
        return Exit::NotDeterministic;
    }
    let key = (stem(Path::new(path)), one.engine.to_owned(), seed);
    let hash = one.trace_hash.to_string();
    if arguments.bless {
        golden.insert(key, hash);
    } else if let Some(expected) = golden.get(&key)
        && *expected != hash
    {
        warn(format_args!(
            "not the golden trace: {path}, seed {seed}: {hash}, expected {expected}"
        ));
        warn(format_args!(
            "  {again}\n  if the change is meant, say why and write it with --bless"
        ));
        return Exit::NotDeterministic;
    }
    Exit::Ok
}

/// Everything but the wall time, which may differ.
fn without_wall(run: &Run) -> String {
    json(&Run {
        wall_s: 0.0,
        ..run.clone()
    })
}

/// Reads lines of scenario, engine, seed and hash.
fn read(path: &Path) -> Result<Golden, Exit> {
    let text = fs::read_to_string(path).map_err(|error| {
        warn(format_args!(
            "evenkeel: cannot read {}: {error}; --bless writes it",
            path.display()
        ));
        Exit::Usage
    })?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.starts_with('#'));
    lines
        .map(|(n, line)| {
            let mut words = line.split_whitespace();
            let mut word = || words.next().map(str::to_owned);
            let entry = (|| Some(((word()?, word()?, word()?.parse().ok()?), word()?)))();
            entry.ok_or_else(|| {
                let at = n + 1;
                warn(format_args!(
                    "{}:{at}: expected SCENARIO ENGINE SEED HASH",
                    path.display()
                ));
                Exit::Usage
            })
        })
        .collect()
}

fn write(path: &Path, golden: &Golden) -> Result<(), Exit> {
    let mut text = String::from(
        "# Trace hashes that must come out: scenario, engine, seed, hash.\n\
         # Written by `evenkeel sim verify --golden FILE --bless`; a commit that changes one says why.\n",
    );
    for ((scenario, engine, seed), hash) in golden {
        text.push_str(&format!("{scenario} {engine} {seed} {hash}\n"));
    }
    fs::write(path, text).map_err(|error| {
        warn(format_args!(
            "evenkeel: cannot write {}: {error}",
            path.display()
        ));
        Exit::Internal
    })
}
