//! `evenkeel sim run`: thresholds and invariants decide.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

use evenkeel_sim::sweep::{self, Shard, ShardFile, Study};

use super::{AS_ASKED, distinct, finished, load, precision, result, work};
use crate::cli::SimRun;
use crate::commands::Exit;
use crate::commands::terminal::{say, warn};

pub(super) fn run(arguments: &SimRun) -> Result<Exit, Exit> {
    let SimRun { what, show, .. } = arguments;
    if show.out.is_some() && arguments.shard.is_none() {
        distinct(&what.scenarios, "--out")?;
    }
    let precision = precision(arguments.precision.as_deref())?;
    let studies = load(what, &arguments.vary, precision, AS_ASKED)?;
    result::ready(show)?;
    if let (Some(shard), Some(folder)) = (arguments.shard, &show.out) {
        return part(arguments, &studies, shard, folder);
    }
    let results = work(what.jobs, "simulating", |jobs, stop, progress| {
        sweep::studies(&studies, jobs, stop, progress)
    })?;
    let exit = finished(&studies, &results);
    let outlines = studies.into_iter().map(|study| study.outline);
    let told = result::tell(show, &outlines.zip(results).collect::<Vec<_>>())?;
    Ok(exit.worse(told))
}

/// Runs one shard and keeps it. It judges nothing: only all of them together can.
fn part(arguments: &SimRun, studies: &[Study], shard: Shard, folder: &Path) -> Result<Exit, Exit> {
    let label = format!("shard {shard}");
    let units = work(arguments.what.jobs, &label, |jobs, stop, progress| {
        sweep::part(studies, shard, jobs, stop, progress)
    })?;
    let Some(units) = units else {
        warn(format_args!(
            "evenkeel: interrupted; a shard that is not whole is not kept"
        ));
        return Ok(Exit::Interrupted);
    };
    let runs = units.len();
    let outlines = studies.iter().map(|study| study.outline.clone()).collect();
    let file = ShardFile::new(shard, outlines, units);
    let path = folder.join(format!("shard-{}-of-{}.jsonl", shard.index, shard.of));
    let written = File::create(&path).and_then(|out| file.write(&mut BufWriter::new(out)));
    written.map_err(|error: io::Error| result::unwritable(&path, &error))?;
    say(format_args!("{}: {runs} runs", path.display()));
    Ok(Exit::Ok)
}
