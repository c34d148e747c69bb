//! The report for a terminal: the answer first, then every setting in order, then doubts.

use std::fmt::Write as _;

use super::Report;
use super::number::{said, title, value};
use crate::result::{Metric, Scope};
use crate::statistic::{LEAST, Verdict};

/// The width of the page, and of what stands at its left.
const WIDTH: usize = 100;
const LEFT: usize = 8;
/// Of a setting's name, of a number and of what is left for the verdict.
const NAME: usize = 24;
const NUMBER: usize = 11;
/// Costs, doubts and failures shown; the rest is counted.
const MOST: usize = 6;

const BOLD: &str = "1";
const GREEN: &str = "32";
const RED: &str = "31";

/// The page; with `colour` it holds ANSI escapes.
#[must_use]
pub fn text(report: &Report, colour: bool) -> String {
    let mut page = Page {
        text: String::new(),
        colour,
    };
    page.title(report);
    page.answer(report);
    page.table(report);
    page.failures(report);
    page.list("doubts", "!", &report.doubts);
    page.text
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn painted(&self, code: &str, text: &str) -> String {
        match self.colour {
            true => format!("\x1b[{code}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.text, "{text}");
    }

    fn title(&mut self, report: &Report) {
        let name = self.painted(BOLD, &report.outline.name);
        self.line(&name);
        let (cells, seeds) = (report.names.len(), report.runs.len());
        let what = format!(
            "{cells} settings of {}, {seeds} seeds each under the same requests; {}",
            report.varied(),
            report.engine
        );
        for text in [what, report.subject.facts.join("; ")] {
            wrap(&text, WIDTH).iter().for_each(|line| self.line(line));
        }
    }

    fn answer(&mut self, report: &Report) {
        self.text.push('\n');
        let Some(answer) = &report.answer else {
            return self.line("nothing to compare");
        };
        let member = &report.outline.cells[answer.take];
        let label = self.painted(GREEN, &member.label());
        self.line(&format!("{:<LEFT$}{label}", "take"));
        self.wrapped("why", &answer.reason);
        self.wrapped("sure", &answer.certainty);
        if answer.costs.is_empty() {
            return self.wrapped("costs", "nothing else is better elsewhere, beyond chance");
        }
        let costs = answer.costs.iter().take(MOST);
        for (n, cost) in costs.enumerate() {
            let label = if n == 0 { "costs" } else { "" };
            self.wrapped(label, &cost.said(&report.names));
        }
        self.more(answer.costs.len());
    }

    /// A row for each setting.
    fn table(&mut self, report: &Report) {
        let columns = columns(report);
        let mut line = format!("\n{:<NAME$}", short(&report.varied(), NAME - 1));
        for (metric, scope) in &columns {
            let title = short(&title(*metric, scope), NUMBER - 1);
            let _ = write!(line, "{title:>NUMBER$}");
        }
        line.push_str("  against the best");
        let line = self.painted(BOLD, &line);
        self.line(&line);
        for cell in &report.order {
            let row = &report.ranking.rows[*cell];
            let mut line = format!("{:<NAME$}", short(&report.names[*cell], NAME - 1));
            for (metric, scope) in &columns {
                let shown = value(*metric, mean(report, *cell, *metric, scope));
                let _ = write!(line, "{shown:>NUMBER$}");
            }
            let verdict = said(report.metric(), row.verdict);
            let _ = match row.verdict {
                Verdict::Best => write!(line, "  {}", self.painted(GREEN, &verdict)),
                _ => write!(line, "  {verdict}"),
            };
            self.line(&line);
        }
        let seeds = report.runs.len();
        let what = match seeds {
            ..LEAST => format!("means of {seeds} seeds, too few to tell differences from chance"),
            _ => format!("means of {seeds} seeds; differences by seed, with intervals of 95%"),
        };
        self.line(&what);
    }

    fn failures(&mut self, report: &Report) {
        let said = report
            .failures
            .iter()
            .map(|failure| failure.said(&report.names));
        let failures: Vec<String> = said.collect();
        self.list("failures", "✗", &failures);
    }

    fn list(&mut self, heading: &str, mark: &str, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let heading = self.painted(BOLD, heading);
        self.line(&format!("\n{heading}"));
        let mark = self.painted(RED, mark);
        for line in lines.iter().take(MOST) {
            let mut parts = wrap(line, WIDTH - 4).into_iter();
            let first = parts.next().unwrap_or_default();
            self.line(&format!("  {mark} {first}"));
            parts.for_each(|part| self.line(&format!("    {part}")));
        }
        self.more(lines.len());
    }

    fn more(&mut self, all: usize) {
        if all > MOST {
            self.line(&format!("{:<LEFT$}and {} more", "", all - MOST));
        }
    }

    /// A paragraph beside a label.
    fn wrapped(&mut self, label: &str, text: &str) {
        for (n, part) in wrap(text, WIDTH - LEFT).iter().enumerate() {
            let label = if n == 0 { label } else { "" };
            self.line(&format!("{label:<LEFT$}{part}"));
        }
    }
}

/// The numbers of a short table: what was asked first.
pub(super) fn columns(report: &Report) -> Vec<(Metric, Scope)> {
    let asked = (report.ranking.metric, report.ranking.scope.clone());
    let others = [Metric::Mean, Metric::ErrorRate, Metric::P99];
    let others = others.map(|metric| (metric, Scope::All));
    let others = others.into_iter().filter(|column| *column != asked);
    let columns = std::iter::once(asked.clone()).chain(others);
    columns.take(3).collect()
}

/// The mean over the seeds of a value of a cell; `None` if a seed has none.
pub(super) fn mean(report: &Report, cell: usize, metric: Metric, scope: &Scope) -> Option<f64> {
    let value = |run: &crate::result::Run| run.cells.get(cell)?.value(metric, scope);
    let values: Option<Vec<f64>> = report.runs.iter().map(value).collect();
    values
        .filter(|values| !values.is_empty())
        .map(|values| crate::statistic::mean(&values))
}

/// `text`, cut to `width` characters.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// `text` in lines of at most `width` characters, broken at blanks.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        let length = line.chars().count() + 1 + word.chars().count();
        if line.is_empty() {
            line.push_str(word);
        } else if length <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
