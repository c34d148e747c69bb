//! What all runs of a study have in common: enough to judge and to show them, wherever they ran.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::plan::Plan;
use crate::result::{Cell, Metric, Over, Run, Scope, Threshold, Unit, Verdict};

/// A scenario, its cells and its seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outline {
    /// The scenario's name.
    pub name: String,
    /// Its file, as it was given.
    pub path: String,
    /// What the command line set: `--set KEY=VALUE`.
    pub sets: Vec<(String, String)>,
    /// What it varied: `--vary KEY=VALUES`.
    pub varies: Vec<(String, String)>,
    /// `net` or `model`.
    pub engine: String,
    /// In the order of the runs.
    pub seeds: Vec<u64>,
    /// Seeds end when what is asked for is known so well: a share.
    pub precision: Option<f64>,
    /// In the order of the matrix; one without a matrix.
    pub cells: Vec<Member>,
    /// Conditions that are about none of its cells, as they were written, with the settings that
    /// they are about.
    #[serde(default)]
    pub idle: Vec<String>,
    /// A hash of everything that decides the results.
    pub fingerprint: String,
}

/// One cell of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The matrix's keys and their values here.
    pub settings: Vec<(String, String)>,
    /// The thresholds over all seeds together.
    pub pooled: Vec<Threshold>,
    /// What its thresholds ask for; mean and p99 if there are none.
    pub asked: Vec<(Metric, Scope)>,
}

impl Outline {
    /// Of `plans`, one for each cell, at least one.
    pub(super) fn new(plans: &[impl AsRef<Plan>], seeds: &[u64], precision: Option<f64>) -> Self {
        let first = plans[0].as_ref();
        let mut hash = Sha256::new();
        for plan in plans {
            let plan = plan.as_ref();
            let mut text = String::new();
            let _ = write!(text, "{:?} {:?}", plan.scenario, plan.engine);
            hash.update(text);
        }
        hash.update(format!("{seeds:?} {precision:?}"));
        let mut fingerprint = String::new();
        for byte in hash.finalize() {
            let _ = write!(fingerprint, "{byte:02x}");
        }
        Self {
            name: first.scenario.name.clone(),
            path: String::new(),
            sets: Vec::new(),
            varies: Vec::new(),
            engine: first.engine.name().to_owned(),
            seeds: seeds.to_vec(),
            precision,
            cells: plans
                .iter()
                .map(|plan| Member::new(plan.as_ref()))
                .collect(),
            idle: idle(plans),
            fingerprint,
        }
    }

    /// What cells are ranked by: the latency that a threshold asks for first, else p99.
    #[must_use]
    pub fn ranking(&self) -> Metric {
        let asked = self.cells.iter().flat_map(|member| &member.asked);
        let latency = |(metric, scope): &&(Metric, Scope)| {
            *scope == Scope::All && metric.unit() == Unit::Duration
        };
        asked
            .into_iter()
            .find(latency)
            .map_or(Metric::P99, |(metric, _)| *metric)
    }

    /// The thresholds over all seeds: cell and what became of it. What a seed's cell was judged by
    /// itself stands in the cell.
    #[must_use]
    pub fn pooled(&self, runs: &[Run]) -> Vec<(usize, Verdict)> {
        let mut verdicts = Vec::new();
        for (index, member) in self.cells.iter().enumerate() {
            if member.pooled.is_empty() {
                continue;
            }
            let mut all: Option<Cell> = None;
            for cell in runs.iter().filter_map(|run| run.cells.get(index)) {
                match &mut all {
                    Some(all) => all.absorb(cell),
                    None => all = Some(cell.clone()),
                }
            }
            let Some(all) = all else { continue };
            let judged = member.pooled.iter().map(|t| (index, t.evaluate(&all)));
            verdicts.extend(judged);
        }
        verdicts
    }

    /// The command that compares all cells again, by `metric`.
    #[must_use]
    pub fn compare(&self, metric: &str) -> String {
        let mut command = format!("evenkeel sim compare {}", quoted(&self.path));
        for (option, pairs) in [("--vary", &self.varies), ("--set", &self.sets)] {
            for (key, value) in pairs {
                let _ = write!(command, " {option} {}", quoted(&format!("{key}={value}")));
            }
        }
        let _ = write!(
            command,
            " --engine {} --metric {}",
            self.engine,
            quoted(metric)
        );
        let follows = |pair: &[u64]| pair[0].checked_add(1) == Some(pair[1]);
        match self.seeds.as_slice() {
            [one] => _ = write!(command, " --seed {one}"),
            [first, .., last] if self.seeds.windows(2).all(follows) => {
                let _ = write!(command, " --seeds {first}..{last}");
            }
            // A list stands in the file.
            _ => {}
        }
        command
    }

    /// The command that repeats one cell (or the only one) under one seed.
    #[must_use]
    pub fn replay(&self, cell: usize, seed: u64) -> String {
        let mut command = format!(
            "evenkeel sim run {} --engine {} --seed {seed}",
            quoted(&self.path),
            self.engine
        );
        let settings = self.cells.get(cell).map(|member| &member.settings);
        let settings = settings.map_or(&[][..], Vec::as_slice);
        // What a cell has is stronger than what all of them were set to; an axis that was set is
        // in both.
        let sets = self.sets.iter().filter(|set| !settings.contains(set));
        for (key, value) in sets.chain(settings) {
            let _ = write!(command, " --set {}", quoted(&format!("{key}={value}")));
        }
        command
    }
}

impl Member {
    fn new(plan: &Plan) -> Self {
        let pooled = plan.thresholds.iter().filter(|t| t.over == Over::All);
        let mut asked = Vec::new();
        for threshold in &plan.thresholds {
            let pair = (threshold.metric, threshold.scope.clone());
            if !asked.contains(&pair) {
                asked.push(pair);
            }
        }
        if asked.is_empty() {
            asked.extend([Metric::P99, Metric::Mean].map(|metric| (metric, Scope::All)));
        }
        Self {
            settings: plan.scenario.settings.clone(),
            pooled: pooled.cloned().collect(),
            asked,
        }
    }

    /// Its settings in one line: `policy = p2c, retry.attempts = 2`.
    #[must_use]
    pub fn label(&self) -> String {
        let settings = self.settings.iter();
        let settings: Vec<String> = settings
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        settings.join(", ")
    }
}

/// The conditions that are evaluated in none of `plans`, which have one scenario's.
fn idle(plans: &[impl AsRef<Plan>]) -> Vec<String> {
    let scenario = &plans[0].as_ref().scenario;
    let conditions = scenario.thresholds.iter().chain(&scenario.sometimes);
    let nowhere = conditions.filter(|condition| {
        let mut cells = plans.iter().map(|plan| &plan.as_ref().scenario.settings);
        !cells.any(|settings| condition.is_about(settings))
    });
    let said = nowhere.map(|condition| {
        let cells = condition.cells.iter();
        let cells: Vec<_> = cells
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        format!("{condition} where {}", cells.join(", "))
    });
    said.collect()
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod test {
    use super::quoted;

    #[test]
    fn words_survive_a_shell() {
        for (word, wanted) in [
            ("policy=p2c", "policy=p2c"),
            ("policy={ name = \"p2c\" }", "'policy={ name = \"p2c\" }'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), wanted);
        }
    }
}
