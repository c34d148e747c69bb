//! `evenkeel sim merge`: the shards of a sweep become the result that one machine would have had.

use std::fs::File;
use std::io::BufReader;

use evenkeel_sim::sweep::{self, ShardError, ShardFile};

use super::result;
use crate::cli::SimMerge;
use crate::commands::Exit;
use crate::commands::terminal::warn;

pub(super) fn run(arguments: &SimMerge) -> Result<Exit, Exit> {
    let wrong = |error: ShardError| {
        warn(format_args!("evenkeel: {error}"));
        Exit::Invalid
    };
    let mut files = Vec::new();
    for path in &arguments.files {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| {
            warn(format_args!("evenkeel: cannot read {name}: {error}"));
            Exit::Invalid
        })?;
        files.push(ShardFile::read(&name, BufReader::new(file)).map_err(wrong)?);
    }
    let merged = sweep::merge(files).map_err(wrong)?;
    result::ready(&arguments.show)?;
    result::tell(&arguments.show, &merged)
}
