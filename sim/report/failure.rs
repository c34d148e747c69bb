//! Conditions that do not hold, each with what repeats it.

use super::number::measured;
use crate::result::{Run, Verdict};
use crate::sweep::Outline;

/// A condition that does not hold in a cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Which cell.
    pub cell: usize,
    /// With which seed; `None` if it is about all of them together.
    pub seed: Option<u64>,
    /// What kind of condition.
    pub kind: Kind,
    /// The condition as it was written: metric, comparison and bound; an invariant's name.
    pub condition: String,
    /// What was found instead, with its unit.
    pub found: String,
}

impl Failure {
    /// In a line; `names` are the cells', empty if there is only one.
    pub(super) fn said(&self, names: &[String]) -> String {
        match names[self.cell].as_str() {
            "" => self.happened(),
            name => format!("{name}, {}", self.happened()),
        }
    }

    /// The same without the cell's name.
    pub(super) fn happened(&self) -> String {
        let seed = match self.seed {
            Some(seed) => format!("seed {seed}"),
            None => "over all seeds".to_owned(),
        };
        let kind = self.kind.name();
        format!("{seed}: {kind} {}: {}", self.condition, self.found)
    }
}

/// What kind of condition failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `[[threshold]]`.
    Threshold,
    /// `[[sometimes]]`.
    Sometimes,
    /// What always holds.
    Invariant,
}

impl Kind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Threshold => "threshold",
            Self::Sometimes => "sometimes",
            Self::Invariant => "invariant",
        }
    }
}

/// All failures: by cell, then by seed. What must be seen sometimes is judged of `complete` results
/// only.
pub(super) fn failures(outline: &Outline, runs: &[Run], complete: bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    for run in runs {
        for (cell, of) in run.cells.iter().enumerate() {
            let seed = Some(run.seed);
            let broken = of.invariants.iter().filter(|check| !check.ok);
            failures.extend(broken.map(|check| Failure {
                cell,
                seed,
                kind: Kind::Invariant,
                condition: check.name.to_owned(),
                found: check.first.clone().unwrap_or_default(),
            }));
            let failed = of.thresholds.iter().filter(|verdict| !verdict.ok);
            failures.extend(failed.map(|verdict| threshold(cell, seed, verdict)));
        }
    }
    let pooled = outline.pooled(runs);
    let failed = pooled.iter().filter(|(_, verdict)| !verdict.ok);
    failures.extend(failed.map(|(cell, verdict)| threshold(*cell, None, verdict)));
    if complete {
        let unseen = crate::result::unseen(runs).into_iter();
        failures.extend(unseen.map(|(cell, condition)| Failure {
            cell,
            seed: None,
            kind: Kind::Sometimes,
            condition: condition.to_owned(),
            found: "never seen".to_owned(),
        }));
    }
    failures.sort_by_key(|failure| failure.cell);
    failures
}

fn threshold(cell: usize, seed: Option<u64>, verdict: &Verdict) -> Failure {
    Failure {
        cell,
        seed,
        kind: Kind::Threshold,
        condition: verdict.metric.clone(),
        found: measured(&verdict.metric, verdict.value),
    }
}
