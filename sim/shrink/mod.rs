//! The smallest scenario that still fails with the same cause.
//!
//! The scenario is changed as a document, key by key and block by block, and run again; a change
//! stays if the same threshold or the same invariant still fails. What a change breaks (a name that
//! nothing has any more, a key that must be there) is found by whoever reads scenarios: such a
//! candidate costs no run. After Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input", IEEE Transactions on Software Engineering 28 (2002): halves first,
//! then smaller parts.

mod pass;
#[cfg(test)]
mod test;
mod tree;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::document::{Diagnostic, Entry, Node};

use crate::engine;
use crate::plan::Plan;
use crate::result::Cell;
use crate::scenario::whole::{put, whole};
use crate::scenario::{self, Engine, write};
use crate::sweep::{self, Stop};

/// What is to be shrunk.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The scenario's file.
    pub path: &'a Path,
    /// Its content.
    pub text: &'a [u8],
    /// What the command line sets.
    pub sets: &'a [(String, String)],
    /// The seed that it fails with.
    pub seed: u64,
    /// The engine, instead of the scenario's.
    pub engine: Option<Engine>,
    /// Runs that may be taken.
    pub budget: u32,
    /// Where the result will stand: paths in it are relative to it.
    pub out: &'a Path,
}

/// What fails, and must go on to fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// An invariant.
    Invariant(&'static str),
    /// A threshold, as it was written; whether anything was measured for it.
    Threshold(String, bool),
}

/// A smaller scenario.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The file, complete.
    pub text: String,
    /// What fails in both.
    pub cause: Cause,
    /// Runs that it took.
    pub runs: u32,
    /// What is left: `2s, 1 fault, 2 endpoints, 1 workload`.
    pub left: String,
    /// Whether the budget ended before nothing could be left out any more.
    pub unfinished: bool,
    /// Whether it was asked to end before that.
    pub interrupted: bool,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Runs taken.
    pub runs: u32,
    /// Runs that may be taken.
    pub budget: u32,
    /// What is left: `2s, 1 fault, 2 endpoints, 1 workload`.
    pub left: String,
}

/// Why nothing was shrunk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no scenario.
    #[error("the scenario is not valid")]
    Invalid(Vec<Diagnostic>),
    /// Nothing is to be reproduced.
    #[error("nothing fails with seed {0}: no threshold, no invariant; choose a seed that fails")]
    Sound(u64),
    /// Written as one file it does something else.
    #[error(
        "written to {0} it does not fail any more; choose a place beside the scenario with --out"
    )]
    Elsewhere(String),
    /// A run broke down.
    #[error(transparent)]
    Run(#[from] engine::Error),
}

impl Cause {
    fn of(cell: &Cell) -> Option<Self> {
        let invariant = cell.invariants.iter().find(|check| !check.ok);
        let threshold = cell.thresholds.iter().find(|verdict| !verdict.ok);
        let invariant = invariant.map(|check| Self::Invariant(check.name));
        invariant.or(threshold.map(|v| Self::Threshold(v.metric.clone(), v.value.is_some())))
    }

    /// Whether it is there too.
    fn is_in(&self, cell: &Cell) -> bool {
        match self {
            Self::Invariant(name) => cell.invariants.iter().any(|c| c.name == *name && !c.ok),
            Self::Threshold(metric, measured) => cell.thresholds.iter().any(|verdict| {
                verdict.metric == *metric && !verdict.ok && verdict.value.is_some() == *measured
            }),
        }
    }

    fn metric(&self) -> Option<&str> {
        match self {
            Self::Invariant(_) => None,
            Self::Threshold(metric, _) => Some(metric),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invariant(name) => write!(f, "invariant {name} violated"),
            Self::Threshold(metric, _) => write!(f, "threshold failed: {metric}"),
        }
    }
}

/// Finds the smallest scenario that it can. `progress` is called after each run.
///
/// # Errors
///
/// See [`Error`].
pub fn shrink(
    order: Order<'_>,
    stop: &Stop,
    progress: &mut dyn FnMut(&Step),
) -> Result<Shrunk, Error> {
    let Order {
        path, text, sets, ..
    } = order;
    let (cells, problems) = scenario::cells(path, text, sets, &[]);
    let cells = cells.ok_or(Error::Invalid(problems))?;
    for cell in cells {
        let root = whole(path, text, sets, &cell).map_err(Error::Invalid)?;
        let plan = Plan::new(Arc::new(cell), order.engine);
        let engine = plan.engine;
        let Some(found) = run(plan, order.seed, stop)? else {
            return Err(engine::Error::Interrupted.into());
        };
        let Some(cause) = Cause::of(&found) else {
            continue;
        };
        let mut search = Search {
            order,
            engine,
            root,
            text: String::new(),
            cause,
            runs: 0,
            kept: 0,
            stop,
            error: None,
            progress,
        };
        if !search.attempt(|_| true) {
            let place = order.out.display().to_string();
            return Err(search.error.map_or(Error::Elsewhere(place), Error::Run));
        }
        search.passes();
        return search.finish();
    }
    Err(Error::Sound(order.seed))
}

/// The cell of one run; `None` if it was asked to end.
fn run(plan: Plan, seed: u64, stop: &Stop) -> Result<Option<Cell>, engine::Error> {
    let told = sweep::run(&[(Arc::new(plan), seed)], 1, stop, &mut |_| {})?;
    let cells = told.into_iter().flatten().flat_map(|told| told.run.cells);
    Ok(cells.into_iter().next())
}

/// What is known while shrinking.
struct Search<'a> {
    order: Order<'a>,
    engine: Engine,
    /// The smallest tree that fails so far.
    root: Vec<Entry>,
    /// The same as a file; none before the first run.
    text: String,
    cause: Cause,
    runs: u32,
    /// Changes that stayed.
    kept: u32,
    stop: &'a Stop,
    error: Option<engine::Error>,
    progress: &'a mut dyn FnMut(&Step),
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.runs >= self.order.budget || self.stop.is_asked() || self.error.is_some()
    }

    /// Runs the tree after a change, unless that changes nothing. The change stays if the cause
    /// does.
    fn attempt(&mut self, change: impl FnOnce(&mut Vec<Entry>) -> bool) -> bool {
        let mut root = self.root.clone();
        if self.is_over() || !change(&mut root) {
            return false;
        }
        let text = self.file(&root);
        if text == self.text {
            return false;
        }
        let (scenario, _) = scenario::load(self.order.out, text.as_bytes());
        let Some(scenario) = scenario else {
            return false;
        };
        self.runs += 1;
        let failed = match run(
            Plan::new(Arc::new(scenario), None),
            self.order.seed,
            self.stop,
        ) {
            Ok(cell) => cell.is_some_and(|cell| self.cause.is_in(&cell)),
            // A log that cannot be read any more belongs to a candidate that is none.
            Err(engine::Error::Workload(_)) => false,
            Err(error) => {
                self.error = Some(error);
                false
            }
        };
        if failed {
            (self.root, self.text) = (root, text);
            self.kept += 1;
        }
        let (runs, budget) = (self.runs, self.order.budget);
        let left = left(&self.root);
        (self.progress)(&Step { runs, budget, left });
        failed
    }

    /// A tree as a file that needs no options.
    fn file(&self, root: &[Entry]) -> String {
        let mut root = root.to_vec();
        put(&mut root, "seeds", Node::Integer(self.order.seed.into()));
        put(
            &mut root,
            "engine",
            Node::Text(self.engine.name().to_owned()),
        );
        write::file(&root)
    }

    fn finish(self) -> Result<Shrunk, Error> {
        let unfinished = self.is_over();
        let body = self.text;
        let Order {
            path, seed, out, ..
        } = self.order;
        let text = format!(
            "# Shrunk from {}, seed {seed}, in {} runs. {}\n# Replay: evenkeel sim run {}\n{body}",
            path.display(),
            self.runs,
            self.cause,
            out.display(),
        );
        if let Some(error) = self.error {
            return Err(error.into());
        }
        Ok(Shrunk {
            text,
            cause: self.cause,
            runs: self.runs,
            left: left(&self.root),
            unfinished,
            interrupted: self.stop.is_asked(),
        })
    }
}

/// What is left, in a few words.
fn left(root: &[Entry]) -> String {
    let all = tree::ways(root);
    let count = |name: &str| -> usize {
        let lists = all.iter().filter(|(way, _)| tree::name(way) == name);
        let lengths = lists.map(|(_, node)| match node {
            Node::List(values) => values.len(),
            _ => 0,
        });
        lengths.sum()
    };
    let duration = all
        .iter()
        .find(|(way, _)| way.len() == 1 && tree::name(way) == "duration");
    let duration = match duration {
        Some((_, Node::Text(text))) => text.as_str(),
        _ => "",
    };
    let counts = [
        ("fault", "fault"),
        ("endpoints", "endpoint"),
        ("workload", "workload"),
    ];
    let counts = counts.map(|(key, one)| match count(key) {
        1 => format!("1 {one}"),
        many => format!("{many} {one}s"),
    });
    format!("{duration}, {}", counts.join(", "))
}
