//! The result for a terminal: plain aligned text, at most 100 columns. `table/matrix.rs` has the
//! page of several cells.
//!
//! Of several seeds every number is the median, and the first row of a block has the lowest and the
//! highest below it.

mod matrix;

use std::fmt::Write as _;

use super::hash::Digest;
use super::metric::{Metric, Scope};
use super::run::{Cell, Endpoint, Run};
use super::threshold::Verdict;
use crate::report::number::{self, measured};

pub use matrix::matrix;

/// The width of the page.
const WIDTH: usize = 100;

/// The width of the first column and of the others.
const NAME: usize = 22;
const NUMBER: usize = 12;

/// Endpoints shown; the rest is counted.
const ENDPOINTS: usize = 16;

const GREEN: &str = "32";
const RED: &str = "31";
const BOLD: &str = "1";
const DIM: &str = "2";

/// The table of `runs`, which are seeds of one scenario under one engine and have one cell. With
/// `colour` it holds ANSI escapes. `pooled` became of the thresholds over all seeds. `next` is the
/// last line: what to try next.
#[must_use]
pub fn table(runs: &[Run], pooled: &[Verdict], colour: bool, next: &str) -> String {
    let mut page = Page {
        text: String::new(),
        colour,
    };
    let Some(first) = runs.first() else {
        return page.text;
    };
    page.title(runs, first);
    let seeds = of_cell(runs, 0);
    let cells: Vec<&Cell> = seeds.iter().map(|(_, cell)| *cell).collect();
    if let Some(cell) = cells.first() {
        page.settings(cell);
    }
    page.requests(&cells);
    page.latency(&cells);
    page.endpoints(&cells);
    page.thresholds(&seeds, pooled);
    page.sometimes(&cells);
    page.invariants(&seeds);
    page.warnings(&cells);
    page.end(runs, next);
    page.text
}

/// One cell of all runs, with their seeds.
fn of_cell(runs: &[Run], index: usize) -> Vec<(u64, &Cell)> {
    let cells = runs
        .iter()
        .map(|run| Some((run.seed, run.cells.get(index)?)));
    cells.flatten().collect()
}

struct Page {
    text: String,
    colour: bool,
}

impl Page {
    fn painted(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, code: &str, text: &str) {
        let painted = self.painted(code, text);
        let _ = writeln!(self.text, "{painted}");
    }

    fn title(&mut self, runs: &[Run], first: &Run) {
        let seeds = match runs {
            [one] => format!("seed {}", one.seed),
            all => format!("{} seeds from {}", all.len(), first.seed),
        };
        let wall_s: f64 = runs.iter().map(|run| run.wall_s).sum();
        let simulated_s: f64 = runs.iter().map(|run| run.simulated_s).sum();
        self.line(BOLD, &first.scenario);
        let _ = writeln!(
            self.text,
            "engine {}, {seeds}, {simulated_s:.1} s simulated in {wall_s:.1} s",
            first.engine
        );
    }

    fn settings(&mut self, cell: &Cell) {
        if !cell.settings.is_empty() {
            let settings = cell
                .settings
                .iter()
                .map(|(key, value)| format!("{key} = {value}"));
            let settings = settings.collect::<Vec<_>>().join(", ");
            self.text.push('\n');
            self.line(BOLD, &settings);
        }
    }

    fn heading(&mut self, name: &str, columns: &[&str]) {
        let mut line = format!("{name:<NAME$}");
        for column in columns {
            let _ = write!(line, "{column:>NUMBER$}");
        }
        self.text.push('\n');
        self.line(BOLD, &line);
    }

    /// One row of the medians of `columns`; each column has a value for each seed.
    fn row(&mut self, name: &str, columns: &[Vec<Option<f64>>], show: fn(usize, f64) -> String) {
        self.numbers("", name, columns, show, median);
    }

    /// The medians, and under them the lowest and the highest if there are several seeds.
    fn spread(&mut self, name: &str, columns: &[Vec<Option<f64>>], show: fn(usize, f64) -> String) {
        self.row(name, columns, show);
        if columns.iter().any(|seeds| seeds.len() > 1) {
            self.numbers(DIM, "  lowest", columns, show, |sorted| {
                sorted.first().copied()
            });
            self.numbers(DIM, "  highest", columns, show, |sorted| {
                sorted.last().copied()
            });
        }
    }

    fn numbers(
        &mut self,
        code: &str,
        name: &str,
        columns: &[Vec<Option<f64>>],
        show: fn(usize, f64) -> String,
        choose: fn(&[f64]) -> Option<f64>,
    ) {
        let mut line = format!("{:<NAME$}", short(name, NAME - 1));
        for (index, seeds) in columns.iter().enumerate() {
            let mut sorted: Vec<f64> = seeds.iter().flatten().copied().collect();
            sorted.sort_by(f64::total_cmp);
            let value = choose(&sorted).map_or_else(|| "-".to_owned(), |v| show(index, v));
            let _ = write!(line, "{value:>NUMBER$}");
        }
        if code.is_empty() {
            let _ = writeln!(self.text, "{line}");
        } else {
            self.line(code, &line);
        }
    }

    fn requests(&mut self, cells: &[&Cell]) {
        self.heading(
            "requests",
            &["sent", "ok", "failed", "cancelled", "retried", "in flight"],
        );
        let columns = |of: &dyn Fn(&Cell) -> [Option<u64>; 6]| -> Vec<Vec<Option<f64>>> {
            let all: Vec<_> = cells.iter().map(|cell| of(cell)).collect();
            let column =
                |index: usize| all.iter().map(|row| row[index].map(|n| n as f64)).collect();
            (0..6).map(column).collect()
        };
        let counts = |r: &super::run::Requests| {
            [
                Some(r.sent),
                Some(r.ok),
                Some(r.failed),
                Some(r.cancelled),
                r.retried,
                Some(r.in_flight),
            ]
        };
        self.spread("all", &columns(&|cell| counts(&cell.requests)), whole);
        for (index, name) in shown_classes(cells) {
            let of = |cell: &Cell| {
                cell.classes
                    .get(index)
                    .map_or([None; 6], |(_, class)| counts(&class.requests))
            };
            self.row(&name, &columns(&of), whole);
        }
        let mut sum = std::collections::BTreeMap::<&str, u64>::new();
        for (status, count) in cells.iter().flat_map(|cell| &cell.requests.by_status) {
            *sum.entry(status).or_default() += count;
        }
        let listed: Vec<_> = sum
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        let listed = short(&listed.join(", "), WIDTH - NAME - 2);
        let _ = writeln!(self.text, "{:<NAME$}  {listed}", "by status");
    }

    fn latency(&mut self, cells: &[&Cell]) {
        self.heading(
            "latency, ms",
            &["mean", "p50", "p90", "p99", "p99.9", "max"],
        );
        const METRICS: [Metric; 6] = [
            Metric::Mean,
            Metric::P50,
            Metric::P90,
            Metric::P99,
            Metric::P999,
            Metric::Max,
        ];
        let columns = |scope: &Scope| -> Vec<Vec<Option<f64>>> {
            let column = |metric| cells.iter().map(|cell| cell.value(metric, scope)).collect();
            METRICS.into_iter().map(column).collect()
        };
        self.spread("all", &columns(&Scope::All), decimal);
        for (_, name) in shown_classes(cells) {
            let scope = Scope::Class(name.clone());
            self.row(&name, &columns(&scope), decimal);
        }
        if cells.iter().any(|cell| cell.failed_latency_ms.count() > 0) {
            let of = |quantile| {
                let value = |cell: &&Cell| cell.failed_latency_ms.quantile_ms(quantile);
                cells.iter().map(value).collect()
            };
            let mut columns: Vec<Vec<_>> = [0.5, 0.9, 0.99, 0.999].into_iter().map(of).collect();
            columns.insert(
                0,
                cells
                    .iter()
                    .map(|cell| cell.failed_latency_ms.mean_ms())
                    .collect(),
            );
            columns.push(
                cells
                    .iter()
                    .map(|cell| cell.failed_latency_ms.max_ms())
                    .collect(),
            );
            self.row("(fast failures)", &columns, decimal);
        }
    }

    fn endpoints(&mut self, cells: &[&Cell]) {
        let count = cells
            .iter()
            .map(|cell| cell.endpoints.len())
            .max()
            .unwrap_or(0);
        if count == 0 {
            return;
        }
        self.heading(
            "endpoint",
            &[
                "tries",
                "share",
                "utilisation",
                "in flight",
                "connects",
                "dial failed",
            ],
        );
        for index in 0..count.min(ENDPOINTS) {
            let column = |of: fn(&Endpoint) -> Option<f64>| -> Vec<Option<f64>> {
                cells
                    .iter()
                    .map(|cell| of(cell.endpoints.get(index)?))
                    .collect()
            };
            let columns = [
                column(|e| Some(e.requests as f64)),
                column(Endpoint::share),
                column(Endpoint::utilisation),
                column(Endpoint::in_flight_mean),
                column(|e| Some(e.connects as f64)),
                column(|e| Some(e.dial_failures as f64)),
            ];
            let name = cells
                .iter()
                .find_map(|cell| Some(cell.endpoints.get(index)?.name.clone()));
            self.row(
                &name.unwrap_or_default(),
                &columns,
                |column, value| match column {
                    1 | 2 => format!("{:.1}%", value * 100.0),
                    3 => format!("{value:.2}"),
                    _ => format!("{value:.0}"),
                },
            );
        }
        if count > ENDPOINTS {
            let _ = writeln!(self.text, "and {} more", count - ENDPOINTS);
        }
    }

    fn thresholds(&mut self, seeds: &[(u64, &Cell)], pooled: &[Verdict]) {
        let Some((_, first)) = seeds.first() else {
            return;
        };
        if first.thresholds.is_empty() && pooled.is_empty() {
            return;
        }
        self.text.push('\n');
        self.line(BOLD, "thresholds");
        for (index, threshold) in first.thresholds.iter().enumerate() {
            let verdicts = seeds
                .iter()
                .filter_map(|(seed, cell)| Some((seed, cell.thresholds.get(index)?)));
            let mut values: Vec<f64> = verdicts.clone().filter_map(|(_, v)| v.value).collect();
            values.sort_by(f64::total_cmp);
            let failed: Vec<_> = verdicts.filter(|(_, v)| !v.ok).collect();
            let shown = |value| measured(&threshold.metric, value);
            let found = match failed.first() {
                None => shown(median(&values)),
                Some((_, verdict)) if seeds.len() == 1 => shown(verdict.value),
                Some((seed, verdict)) => format!(
                    "{} with seed {seed}; {} of {} seeds fail",
                    shown(verdict.value),
                    failed.len(),
                    seeds.len()
                ),
            };
            self.mark(failed.is_empty(), &threshold.metric, &found);
        }
        for verdict in pooled {
            let found = format!(
                "{} over all seeds",
                measured(&verdict.metric, verdict.value)
            );
            self.mark(verdict.ok, &verdict.metric, &found);
        }
    }

    /// Each once, whatever seeds it is about: the first that has it.
    fn warnings(&mut self, cells: &[&Cell]) {
        let with = cells.iter().filter(|cell| !cell.warnings.is_empty());
        let count = with.clone().count();
        let Some(first) = with.clone().next() else {
            return;
        };
        self.text.push('\n');
        self.line(BOLD, "warnings");
        for warning in &first.warnings {
            let _ = writeln!(self.text, "  ! {warning}");
        }
        if cells.len() > 1 {
            let _ = writeln!(self.text, "  with {count} of {} seeds", cells.len());
        }
    }

    fn end(&mut self, runs: &[Run], next: &str) {
        let hash = match runs {
            [one] => one.trace_hash,
            all => Digest::of(all.iter().map(|run| run.trace_hash)),
        };
        let _ = writeln!(self.text, "\ntrace hash  {hash}");
        if !next.is_empty() {
            self.line(BOLD, "next");
            let _ = writeln!(self.text, "  {next}");
        }
    }

    fn sometimes(&mut self, cells: &[&Cell]) {
        let Some(first) = cells.first().filter(|cell| !cell.sometimes.is_empty()) else {
            return;
        };
        self.text.push('\n');
        self.line(BOLD, "sometimes");
        for (index, verdict) in first.sometimes.iter().enumerate() {
            let saw = |cell: &&&Cell| cell.sometimes.get(index).is_some_and(|v| v.ok);
            let seen = cells.iter().filter(saw).count();
            let found = match (seen, cells.len()) {
                (0, _) => "never seen".to_owned(),
                (1, 1) => "seen".to_owned(),
                (seen, all) => format!("seen with {seen} of {all} seeds"),
            };
            self.mark(seen > 0, &verdict.metric, &found);
        }
    }

    fn invariants(&mut self, seeds: &[(u64, &Cell)]) {
        self.text.push('\n');
        self.line(BOLD, "invariants");
        let checks = seeds
            .iter()
            .flat_map(|(seed, cell)| cell.invariants.iter().map(move |c| (seed, c)));
        let broken: Vec<_> = checks.clone().filter(|(_, check)| !check.ok).collect();
        if broken.is_empty() {
            let mut names: Vec<&str> = checks.map(|(_, check)| check.name).collect();
            names.sort_unstable();
            names.dedup();
            let mark = self.painted(GREEN, "✓");
            // Five names fit on a line, whichever they are.
            for names in names.chunks(5) {
                let _ = writeln!(self.text, "  {mark} {}", names.join(", "));
            }
        }
        for (seed, check) in broken {
            let first = check.first.as_deref().unwrap_or_default();
            let mark = self.painted(RED, "✗");
            let _ = writeln!(
                self.text,
                "  {mark} {} broken {} times with seed {seed}; first: {first}",
                check.name, check.violations
            );
        }
    }

    fn mark(&mut self, ok: bool, text: &str, found: &str) {
        let mark = if ok {
            self.painted(GREEN, "✓")
        } else {
            self.painted(RED, "✗")
        };
        let _ = writeln!(self.text, "  {mark} {text:<40}  {found}");
    }
}

/// The classes worth a row of their own, by index: all if there is more than one.
fn shown_classes(cells: &[&Cell]) -> Vec<(usize, String)> {
    let classes = cells.first().map_or(&[][..], |cell| &cell.classes);
    let names = classes.iter().map(|(name, _)| name.clone()).enumerate();
    names.filter(|_| classes.len() > 1).collect()
}

/// The middle of sorted values, the lower one of two.
fn median(sorted: &[f64]) -> Option<f64> {
    sorted.get(sorted.len().saturating_sub(1) / 2).copied()
}

fn whole(_: usize, value: f64) -> String {
    format!("{value:.0}")
}

fn decimal(_: usize, value: f64) -> String {
    number::decimal(value)
}

/// `text`, cut to `width` characters.
fn short(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}
