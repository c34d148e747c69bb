//! What a comparison says: which setting to take, how sure that is and what it costs. One answer,
//! in as many forms as there are readers.
//!
//! A report depends on a study's results alone: the same results give the same bytes, whatever ran
//! at once. Time on the wall stands in none of its forms.

mod answer;
mod csv;
mod failure;
mod github;
mod html;
mod json;
mod junit;
mod markdown;
pub(crate) mod number;
mod plot;
mod png;
mod question;
mod subject;
#[cfg(test)]
mod test;
mod text;

use crate::result::{Cell, Metric, Run};
use crate::statistic::{Comparison, Verdict, compare_among};
use crate::sweep::{Outline, Results, Study};

pub use answer::{Answer, Cost};
pub use csv::csv;
pub use failure::{Failure, Kind};
pub use github::github;
pub use html::html;
pub use json::json;
pub use junit::{junit, junit_of};
pub use markdown::markdown;
pub use png::png;
pub use question::Question;
pub use subject::{Span, Subject};
pub use text::text;

/// A comparison of a study's cells.
#[derive(Clone, Debug)]
pub struct Report {
    /// What all runs have in common.
    pub outline: Outline,
    /// What was simulated.
    pub subject: Subject,
    /// Why this engine.
    pub engine: String,
    /// The seeds.
    pub runs: Vec<Run>,
    /// Each cell, all seeds together.
    pub cells: Vec<Cell>,
    /// What cells are called: the values in which they differ.
    pub names: Vec<String>,
    /// The keys in which they differ.
    pub keys: Vec<String>,
    /// All against the best.
    pub ranking: Comparison,
    /// The cells, best first.
    pub order: Vec<usize>,
    /// What does not hold.
    pub failures: Vec<Failure>,
    /// What to take; `None` if there is nothing to compare.
    pub answer: Option<Answer>,
    /// Why numbers should not be believed, a sentence each.
    pub doubts: Vec<String>,
}

impl Report {
    /// Compares what came of `study`. Ranked by `asked`, or by what its thresholds ask for.
    #[must_use]
    pub fn new(study: &Study, results: &Results, asked: Option<Question>, engine: &str) -> Self {
        let (outline, runs) = (&study.outline, &results.runs);
        let (question, doubt) = match asked {
            Some(question) => {
                let doubt = question.doubt(runs);
                (question, doubt)
            }
            None => Question::of(outline).answerable(runs),
        };
        let failures = failure::failures(outline, runs, results.complete);
        let cells = outline.cells.len();
        let keeps = |cell: usize| failures.iter().all(|failure| failure.cell != cell);
        // If none keeps its conditions, one still has to be the best of them.
        let nobody = !(0..cells).any(keeps);
        let sound = |cell: usize| nobody || keeps(cell);
        let ranking = compare_among(question.metric, &question.scope, runs, &sound);
        let order = order(&ranking);
        let (keys, names) = names(outline);
        let evidence = answer::Evidence {
            runs,
            ranking: &ranking,
            order: &order,
            names: &names,
            sound: &sound,
        };
        let answer = evidence.answer().filter(|_| cells > 1);
        let mut doubts: Vec<String> = doubt.into_iter().collect();
        if nobody && !failures.is_empty() {
            doubts.push(
                "no setting keeps the scenario's conditions; the best of them is no good".into(),
            );
        }
        if !results.complete {
            let (ran, all) = (runs.len(), outline.seeds.len());
            doubts.push(format!("interrupted: {ran} of {all} seeds were finished"));
        }
        doubts.extend(vague(&ranking, &order, &names));
        doubts.extend(idle(outline));
        doubts.extend(warned(runs, &names));
        doubts.extend(results.notes.iter().cloned());
        Self {
            subject: Subject::new(&study.plans[0]),
            engine: engine.to_owned(),
            cells: (0..cells).filter_map(|cell| pooled(runs, cell)).collect(),
            outline: outline.clone(),
            runs: runs.clone(),
            names,
            keys,
            ranking,
            order,
            failures,
            answer,
            doubts,
        }
    }

    /// What the cells differ in, in words: `policy`, `policy and affinity`.
    #[must_use]
    pub fn varied(&self) -> String {
        match self.keys.as_slice() {
            [] => "nothing".to_owned(),
            [one] => one.clone(),
            [first @ .., last] => format!("{} and {last}", first.join(", ")),
        }
    }

    /// The failures of a cell.
    pub fn failures_of(&self, cell: usize) -> impl Iterator<Item = &Failure> {
        let of = move |failure: &&Failure| failure.cell == cell;
        self.failures.iter().filter(of)
    }

    /// What its cells are ranked by.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.ranking.metric
    }

    /// The command that repeats all of it.
    #[must_use]
    pub fn command(&self) -> String {
        self.outline.compare(&self.question())
    }

    /// What was asked, as `--metric` takes it.
    #[must_use]
    pub fn question(&self) -> String {
        use crate::result::Scope;
        let metric = self.ranking.metric;
        match &self.ranking.scope {
            Scope::All => metric.to_string(),
            Scope::Class(name) => format!("class:{name} {metric}"),
            Scope::Endpoint(name) => format!("endpoint:{name} {metric}"),
        }
    }
}

/// The cells: the best, then by value; those that may not be taken after them, by value, and last
/// those without one.
fn order(ranking: &Comparison) -> Vec<usize> {
    let mut order: Vec<usize> = (0..ranking.rows.len()).collect();
    let class = |verdict: Verdict| match verdict {
        Verdict::Best => 0,
        Verdict::Indistinct { .. } | Verdict::Worse { .. } | Verdict::TooFewSeeds { .. } => 1,
        Verdict::Barred { .. } => 2,
        Verdict::FailsMore { .. } => 3,
        Verdict::Unmeasured => 4,
    };
    let key = |cell: usize| {
        let row = &ranking.rows[cell];
        (class(row.verdict), row.value.unwrap_or(f64::MAX))
    };
    order.sort_by(|one, other| {
        let ((class, value), (others, than)) = (key(*one), key(*other));
        class.cmp(&others).then(value.total_cmp(&than))
    });
    order
}

/// The cells that are told to be worse, by how much being less known than that they are.
fn vague(ranking: &Comparison, order: &[usize], names: &[String]) -> Option<String> {
    let wide = |cell: &&usize| match ranking.rows[**cell].verdict {
        Verdict::Worse { by, interval } => interval.high - interval.low > by.abs(),
        _ => false,
    };
    let wide: Vec<&str> = order
        .iter()
        .filter(wide)
        .map(|cell| names[*cell].as_str())
        .collect();
    let (who, differences) = match wide.as_slice() {
        [] => return None,
        [one] => ((*one).to_owned(), "difference"),
        few @ ([_, _] | [_, _, _]) => (few.join(", "), "differences"),
        many => (format!("{} settings", many.len()), "differences"),
    };
    Some(format!(
        "{who}: worse beyond chance, but the interval is wider than the {differences} claimed; \
         more seeds narrow it"
    ))
}

/// The conditions by which nothing was judged, a sentence each.
pub fn idle(outline: &Outline) -> impl Iterator<Item = String> {
    let idle = outline.idle.iter();
    idle.map(|condition| format!("never evaluated, no setting here is like that: {condition}"))
}

/// The keys in which cells differ, and each cell's values of them.
fn names(outline: &Outline) -> (Vec<String>, Vec<String>) {
    let first = &outline.cells[0].settings;
    let differs = |n: &usize| {
        let mut cells = outline.cells.iter();
        cells.any(|cell| cell.settings[*n].1 != first[*n].1)
    };
    let keys: Vec<usize> = (0..first.len()).filter(differs).collect();
    let name = |member: &crate::sweep::Member| {
        let values = keys.iter().map(|n| member.settings[*n].1.as_str());
        values.collect::<Vec<_>>().join(" · ")
    };
    let names = outline.cells.iter().map(name).collect();
    (keys.iter().map(|n| first[*n].0.clone()).collect(), names)
}

/// All seeds of a cell together.
fn pooled(runs: &[Run], cell: usize) -> Option<Cell> {
    let mut cells = runs.iter().filter_map(|run| run.cells.get(cell));
    let mut all = cells.next()?.clone();
    cells.for_each(|cell| all.absorb(cell));
    all.latency_ms.close();
    all.failed_latency_ms.close();
    Some(all)
}

/// The warnings of all cells, each with the cells that have it; numbers of requests differ between
/// seeds, so a cell's first is told.
fn warned(runs: &[Run], names: &[String]) -> Vec<String> {
    let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
    for (cell, name) in names.iter().enumerate() {
        let cells = runs.iter().filter_map(|run| run.cells.get(cell));
        let Some(first) = cells.into_iter().find(|cell| !cell.warnings.is_empty()) else {
            continue;
        };
        for warning in &first.warnings {
            match found.iter_mut().find(|(known, _)| known == warning) {
                Some((_, cells)) => cells.push(name),
                None => found.push((warning, vec![name])),
            }
        }
    }
    let said = |(warning, cells): &(&str, Vec<&str>)| match cells.len() {
        all if all == names.len() => (*warning).to_owned(),
        ..=3 => format!("{}: {warning}", cells.join(", ")),
        some => format!("{some} of {} settings: {warning}", names.len()),
    };
    found.iter().map(said).collect()
}
