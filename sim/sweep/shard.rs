//! A part of a sweep that one machine of several runs, and how parts are joined.
//!
//! A file of a part is JSON Lines: first what all parts have in common, then one line for each run,
//! with its histograms. What is joined is what one machine would have had, down to the last digit:
//! seeds that a precision makes superfluous are dropped again.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, Write};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::outline::Outline;
use super::study::Results;
use super::{Told, precision};
use crate::result::{Cell, Digest, Run};

/// More parts than this are a mistake.
const MOST: u32 = 10_000;

/// One part of several: `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    /// From 1 on.
    pub index: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// Whether it runs the unit with this number, from 0.
    pub(super) fn has(self, turn: usize) -> bool {
        turn % self.of as usize == self.index as usize - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("expected I/N, such as 2/4, with I from 1 to N and N up to {MOST}");
        let (index, of) = text.split_once('/').ok_or_else(expected)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| expected());
        let (index, of) = (number(index)?, number(of)?);
        if index == 0 || index > of || of > MOST {
            return Err(expected());
        }
        Ok(Self { index, of })
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// One run of one cell.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    /// Which study, from 0.
    pub study: usize,
    /// Which of its seeds, from 0.
    pub seed: usize,
    /// Which of its cells, from 0.
    pub cell: usize,
    /// Simulated time, in seconds.
    pub simulated_s: f64,
    /// Time on the wall, in seconds.
    pub wall_s: f64,
    /// What its user should know.
    pub notes: Vec<String>,
    /// The result.
    pub result: Cell,
}

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    evenkeel: String,
    shard: Shard,
    studies: Vec<Outline>,
    units: usize,
}

/// A part that has run.
#[derive(Clone, Debug)]
pub struct ShardFile {
    /// What errors call it.
    name: String,
    head: Head,
    units: Vec<Unit>,
}

/// Why parts cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was never whole, or is no such file.
    #[error("{name}:{line}: {what}; expected a file written by `sim run --shard I/N --out DIR`")]
    Unreadable {
        /// The file.
        name: String,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Versions may decide differently.
    #[error(
        "{name} was written by evenkeel {other}, this is {own}; merge with the version that ran it"
    )]
    Version {
        /// The file.
        name: String,
        /// Its version.
        other: String,
        /// Ours.
        own: &'static str,
    },
    /// They are parts of different wholes.
    #[error(
        "{one} and {two} are not parts of one sweep: {what}; run all shards with the same files and options"
    )]
    Mixed {
        /// The first file.
        one: String,
        /// The other one.
        two: String,
        /// In what they differ.
        what: String,
    },
    /// A part is there twice.
    #[error("{one} and {two} are both shard {shard}; leave one of them out")]
    Twice {
        /// The first file.
        one: String,
        /// The other one.
        two: String,
        /// Which part.
        shard: Shard,
    },
    /// Parts are not there.
    #[error("shards are missing: {0}; every one of them must have run to its end")]
    Missing(String),
}

impl ShardFile {
    /// A part with what it ran.
    #[must_use]
    pub fn new(shard: Shard, studies: Vec<Outline>, units: Vec<Unit>) -> Self {
        Self {
            name: format!("shard {shard}"),
            head: Head {
                evenkeel: env!("CARGO_PKG_VERSION").to_owned(),
                shard,
                studies,
                units: units.len(),
            },
            units,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        serde_json::to_writer(&mut *out, &self.head)?;
        out.write_all(b"\n")?;
        for unit in &self.units {
            serde_json::to_writer(&mut *out, unit)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Reads one; `name` is for errors.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`], [`Error::Version`].
    pub fn read(name: &str, from: impl BufRead) -> Result<Self, Error> {
        let unreadable = |line: usize, what: String| Error::Unreadable {
            name: name.to_owned(),
            line,
            what,
        };
        let mut lines = (1..).zip(from.lines());
        let mut next = |what: &str| {
            let (at, line) = lines.next().ok_or_else(|| unreadable(1, what.to_owned()))?;
            let line = line.map_err(|error| unreadable(at, error.to_string()))?;
            Ok((at, line))
        };
        let (_, first) = next("the file is empty")?;
        /// What every version has in its first line.
        #[derive(Deserialize)]
        struct Version {
            evenkeel: String,
        }
        let version: Version =
            serde_json::from_str(&first).map_err(|error| unreadable(1, error.to_string()))?;
        let own = env!("CARGO_PKG_VERSION");
        if version.evenkeel != own {
            return Err(Error::Version {
                name: name.to_owned(),
                other: version.evenkeel,
                own,
            });
        }
        let head: Head =
            serde_json::from_str(&first).map_err(|error| unreadable(1, error.to_string()))?;
        let mut units: Vec<Unit> = Vec::new();
        for n in 0..head.units {
            let (at, line) = next(&format!("only {n} of {} runs are there", head.units))?;
            let unit: Unit =
                serde_json::from_str(&line).map_err(|error| unreadable(at, error.to_string()))?;
            let study = head.studies.get(unit.study);
            if !study.is_some_and(|s| unit.seed < s.seeds.len() && unit.cell < s.cells.len()) {
                return Err(unreadable(at, "a run of no study".to_owned()));
            }
            units.push(unit);
        }
        Ok(Self {
            name: name.to_owned(),
            head,
            units,
        })
    }
}

/// Joins all parts of a sweep: its studies, each with the results that one machine would have had.
///
/// # Errors
///
/// See [`Error`].
pub fn merge(files: Vec<ShardFile>) -> Result<Vec<(Outline, Results)>, Error> {
    let Some(first) = files.first() else {
        return Err(Error::Missing("all".to_owned()));
    };
    let (name, head) = (first.name.clone(), first.head.clone());
    let mut parts = BTreeMap::new();
    for file in files {
        if let Some(what) = difference(&head, &file.head) {
            let (one, two) = (name, file.name);
            return Err(Error::Mixed { one, two, what });
        }
        let shard = file.head.shard;
        if let Some((one, _)) = parts.insert(shard.index, (file.name.clone(), file.units)) {
            let two = file.name;
            return Err(Error::Twice { one, two, shard });
        }
    }
    let of = head.shard.of;
    let absent = (1..=of).filter(|index| !parts.contains_key(index));
    let absent: Vec<String> = absent
        .map(|index| Shard { index, of }.to_string())
        .collect();
    if !absent.is_empty() {
        return Err(Error::Missing(absent.join(", ")));
    }
    let mut told: Vec<Vec<Option<Told>>> = head
        .studies
        .iter()
        .map(|study| vec![None; study.seeds.len() * study.cells.len()])
        .collect();
    for unit in parts.into_values().flat_map(|(_, units)| units) {
        let (at, study) = (unit.study, &head.studies[unit.study]);
        let place = unit.seed * study.cells.len() + unit.cell;
        told[at][place] = Some(unit.told(study));
    }
    let joined = head.studies.into_iter().zip(told);
    Ok(joined.map(|(study, told)| join(study, told)).collect())
}

/// In what two heads differ that parts of one sweep share.
fn difference(one: &Head, two: &Head) -> Option<String> {
    if one.shard.of != two.shard.of {
        return Some(format!(
            "one of {} and one of {}",
            one.shard.of, two.shard.of
        ));
    }
    let paths = |head: &Head| {
        let paths = head.studies.iter().map(|study| study.path.as_str());
        paths.collect::<Vec<_>>().join(", ")
    };
    if paths(one) != paths(two) {
        return Some(format!("{} and {}", paths(one), paths(two)));
    }
    let mut studies = one.studies.iter().zip(&two.studies);
    let (study, _) = studies.find(|(one, two)| one != two)?;
    Some(format!("{} or its options have changed", study.path))
}

impl Unit {
    fn told(self, study: &Outline) -> Told {
        let engine = match study.engine.as_str() {
            "model" => "model",
            _ => "net",
        };
        Told {
            run: Run {
                schema: 1,
                scenario: study.name.clone(),
                engine,
                seed: study.seeds[self.seed],
                trace_hash: Digest::of([self.result.trace_hash].into_iter()),
                simulated_s: self.simulated_s,
                wall_s: self.wall_s,
                cells: vec![self.result],
            },
            notes: self.notes,
        }
    }
}

/// The results up to the border where one machine would have ended.
fn join(study: Outline, told: Vec<Option<Told>>) -> (Outline, Results) {
    let mut results = Results::default();
    let mut told = told.into_iter();
    let mut from = 0;
    for border in precision::borders(study.seeds.len(), study.precision) {
        let cells = study.cells.len();
        let batch: Vec<_> = told.by_ref().take((border - from) * cells).collect();
        results.complete = batch.iter().all(Option::is_some);
        results.add(batch, cells);
        from = border;
        if precision::reached(&study, &results.runs) {
            break;
        }
    }
    (study, results)
}
