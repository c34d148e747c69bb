//! Several cells beside each other: a line each, with the difference to the best one and how sure
//! it is. One cell in full is a run of its own, with its settings as `--set`.

use std::fmt::Write as _;

use super::{BOLD, GREEN, Page, RED, of_cell, short};
use crate::report::number::{self, measured};
use crate::result::{Cell, Metric, Run, Scope, Verdict};
use crate::statistic::{self, Comparison, mean};

/// The width of the first column, of numbers, and what is left for the verdict.
const NAME: usize = 22;
const NUMBER: usize = 9;
const VERDICT: usize = 41;

/// The page of `runs`, which are seeds of one scenario under one engine and have several cells.
/// `comparison` is of them; `pooled` became of the thresholds over all seeds, by cell.
#[must_use]
pub fn matrix(
    runs: &[Run],
    comparison: &Comparison,
    pooled: &[(usize, Verdict)],
    colour: bool,
    next: &str,
) -> String {
    let mut page = Page {
        text: String::new(),
        colour,
    };
    let Some(first) = runs.first() else {
        return page.text;
    };
    page.title(runs, first);
    let names = names(&mut page, &first.cells);
    page.text.push('\n');
    page.comparison(runs, comparison, &names);
    page.conditions(runs, pooled, &names);
    page.checks(runs, &names);
    page.doubts(runs, &names);
    page.end(runs, next);
    page.text
}

/// What the cells are called: their values if these are short, else numbers with a legend. The
/// first name is of the column.
fn names(page: &mut Page, cells: &[Cell]) -> Vec<String> {
    let join = |parts: Vec<&str>| parts.join(", ");
    let keys = cells
        .first()
        .map(|c| c.settings.iter().map(|(key, _)| key.as_str()));
    let values = |cell: &Cell| {
        join(
            cell.settings
                .iter()
                .map(|(_, value)| value.as_str())
                .collect(),
        )
    };
    let mut names: Vec<String> = keys.map(|keys| join(keys.collect())).into_iter().collect();
    names.extend(cells.iter().map(values));
    if names.iter().all(|name| name.chars().count() < NAME) {
        return names;
    }
    page.text.push('\n');
    for (n, cell) in (1..).zip(cells) {
        let settings = cell.settings.iter();
        let settings: Vec<_> = settings
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let _ = writeln!(page.text, "  {n:<3} {}", settings.join(", "));
    }
    let numbers = (1..=cells.len()).map(|n| n.to_string());
    std::iter::once("cell".to_owned()).chain(numbers).collect()
}

impl Page {
    fn comparison(&mut self, runs: &[Run], comparison: &Comparison, names: &[String]) {
        let metric = comparison.metric;
        let mut shown = vec![Metric::Mean, Metric::P50, Metric::P99];
        if !shown.contains(&metric) {
            shown.push(metric);
            shown.remove(1);
        }
        let mut line = format!("{:<NAME$}", names[0]);
        for metric in &shown {
            let _ = write!(line, "{:>NUMBER$}", metric.name());
        }
        let _ = write!(line, "{:>NUMBER$}  {metric} against the best", "errors");
        self.line(BOLD, &line);
        for (index, row) in comparison.rows.iter().enumerate() {
            let seeds = of_cell(runs, index);
            let value = |metric| {
                let values: Option<Vec<f64>> = seeds
                    .iter()
                    .map(|(_, cell)| cell.value(metric, &Scope::All))
                    .collect();
                values.map(|values| mean(&values))
            };
            let mut line = format!("{:<NAME$}", names[index + 1]);
            for metric in &shown {
                let value = value(*metric).map_or_else(|| "-".to_owned(), number::decimal);
                let _ = write!(line, "{value:>NUMBER$}");
            }
            let errors = value(Metric::ErrorRate).map(|share| format!("{:.3}%", share * 100.0));
            let _ = write!(
                line,
                "{:>NUMBER$}",
                errors.unwrap_or_else(|| "-".to_owned())
            );
            let verdict = short(&number::said(metric, row.verdict), VERDICT);
            let verdict = match row.verdict {
                statistic::Verdict::Best => self.painted(GREEN, &verdict),
                _ => verdict,
            };
            let _ = writeln!(self.text, "{line}  {verdict}");
        }
        let seeds = runs.len();
        let _ = match seeds {
            ..statistic::LEAST => writeln!(
                self.text,
                "ms; {seeds} seeds are too few to tell differences from chance: {} at least",
                statistic::LEAST
            ),
            _ => writeln!(
                self.text,
                "ms, means of {seeds} seeds; differences by seed, intervals of 95%"
            ),
        };
    }

    /// Thresholds and `sometimes`, each with the cells that fail it.
    fn conditions(&mut self, runs: &[Run], pooled: &[(usize, Verdict)], names: &[String]) {
        let cells = names.len() - 1;
        let mut marks: Vec<(String, Vec<String>)> = Vec::new();
        let mut mark = |title: String, failure: Option<String>| {
            let known = marks.iter().position(|(known, _)| *known == title);
            let at = known.unwrap_or_else(|| {
                marks.push((title, Vec::new()));
                marks.len() - 1
            });
            marks[at].1.extend(failure);
        };
        for index in 0..cells {
            let (seeds, name) = (of_cell(runs, index), &names[index + 1]);
            let Some((_, first)) = seeds.first() else {
                continue;
            };
            for (n, threshold) in first.thresholds.iter().enumerate() {
                let verdicts = seeds
                    .iter()
                    .filter_map(|(s, cell)| Some((s, cell.thresholds.get(n)?)));
                let failed: Vec<_> = verdicts.filter(|(_, verdict)| !verdict.ok).collect();
                let failure = failed.first().map(|(seed, verdict)| {
                    let value = measured(&verdict.metric, verdict.value);
                    let (failed, all) = (failed.len(), seeds.len());
                    format!("{name}: {value} with seed {seed}; {failed} of {all} seeds fail")
                });
                mark(threshold.metric.clone(), failure);
            }
            for (_, verdict) in pooled.iter().filter(|(cell, _)| *cell == index) {
                let value = measured(&verdict.metric, verdict.value);
                let failure = (!verdict.ok).then(|| format!("{name}: {value}"));
                mark(format!("{} over all seeds", verdict.metric), failure);
            }
            for (n, condition) in first.sometimes.iter().enumerate() {
                let seen = |(_, cell): &(u64, &Cell)| cell.sometimes.get(n).is_some_and(|v| v.ok);
                let never = !seeds.iter().any(seen);
                let failure = never.then(|| format!("{name}: never seen"));
                mark(format!("sometimes {}", condition.metric), failure);
            }
        }
        if !marks.is_empty() {
            self.text.push('\n');
            self.line(BOLD, "thresholds");
        }
        for (title, failures) in marks {
            self.mark(failures.is_empty(), &title, "");
            for failure in failures {
                let _ = writeln!(self.text, "      {failure}");
            }
        }
    }

    /// Invariants that were broken; all held otherwise.
    fn checks(&mut self, runs: &[Run], names: &[String]) {
        self.text.push('\n');
        self.line(BOLD, "invariants");
        let mut broken = false;
        for index in 0..names.len() - 1 {
            for (seed, cell) in of_cell(runs, index) {
                for check in cell.invariants.iter().filter(|check| !check.ok) {
                    broken = true;
                    let first = check.first.as_deref().unwrap_or_default();
                    let mark = self.painted(RED, "✗");
                    let name = &names[index + 1];
                    let _ = writeln!(
                        self.text,
                        "  {mark} {} broken {} times in {name} with seed {seed}; first: {first}",
                        check.name, check.violations
                    );
                }
            }
        }
        if !broken {
            let mark = self.painted(GREEN, "✓");
            let _ = writeln!(self.text, "  {mark} all hold in all cells");
        }
    }

    fn doubts(&mut self, runs: &[Run], names: &[String]) {
        let mut found: Vec<(&str, Vec<&str>)> = Vec::new();
        for index in 0..names.len() - 1 {
            for warning in of_cell(runs, index)
                .iter()
                .flat_map(|(_, cell)| &cell.warnings)
            {
                let name = names[index + 1].as_str();
                match found.iter_mut().find(|(known, _)| known == warning) {
                    Some((_, cells)) if cells.contains(&name) => {}
                    Some((_, cells)) => cells.push(name),
                    None => found.push((warning, vec![name])),
                }
            }
        }
        if !found.is_empty() {
            self.text.push('\n');
            self.line(BOLD, "warnings");
        }
        // The number of requests differs from seed to seed, and with it the sentence.
        for (warning, cells) in found.iter().take(8) {
            let _ = writeln!(self.text, "  ! {}: {warning}", short(&cells.join(", "), 40));
        }
        if found.len() > 8 {
            let _ = writeln!(self.text, "  and {} more", found.len() - 8);
        }
    }
}
