//! Conditions as JUnit XML, which systems for continuous integration show as tests: a suite is a
//! scenario, a test is a condition of a setting.

use std::fmt::Write as _;

use super::failure::failures;
use super::html::escaped;
use super::{Failure, Kind, Report, names};
use crate::result::Run;
use crate::sweep::{Outline, Results};

/// A report's conditions.
#[must_use]
pub fn junit(report: &Report) -> String {
    document(&[Suite {
        outline: &report.outline,
        runs: &report.runs,
        failures: report.failures.clone(),
        names: report.names.clone(),
    }])
}

/// The conditions of several studies. The file is as Jenkins' schema has it; times are left out:
/// they are not the same twice.
#[must_use]
pub fn junit_of<'a>(studies: impl Iterator<Item = (&'a Outline, &'a Results)>) -> String {
    let suite = |(outline, results): (&'a Outline, &'a Results)| Suite {
        outline,
        runs: &results.runs,
        failures: failures(outline, &results.runs, results.complete),
        names: names(outline).1,
    };
    document(&studies.map(suite).collect::<Vec<Suite<'a>>>())
}

/// A scenario and what came of it.
struct Suite<'a> {
    outline: &'a Outline,
    runs: &'a [Run],
    failures: Vec<Failure>,
    /// Of the cells.
    names: Vec<String>,
}

/// A condition of a cell, and when it did not hold.
struct Case<'a> {
    cell: usize,
    kind: Kind,
    condition: String,
    failed: Vec<&'a Failure>,
}

fn document(suites: &[Suite<'_>]) -> String {
    let cases: Vec<Vec<Case<'_>>> = suites.iter().map(Suite::cases).collect();
    let all = counts(cases.iter().flatten());
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"evenkeel\" {all}>\n"
    );
    for (suite, cases) in suites.iter().zip(&cases) {
        let (name, counts) = (escaped(&suite.outline.name), counts(cases.iter()));
        let _ = writeln!(out, "<testsuite name=\"{name}\" {counts} skipped=\"0\">");
        for case in cases {
            suite.write(&mut out, case);
        }
        out.push_str("</testsuite>\n");
    }
    out.push_str("</testsuites>\n");
    out
}

fn counts<'a>(cases: impl Iterator<Item = &'a Case<'a>>) -> String {
    let (mut tests, mut failures) = (0, 0);
    for case in cases {
        tests += 1;
        failures += u32::from(!case.failed.is_empty());
    }
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"")
}

impl Suite<'_> {
    /// What its cells have to keep.
    fn cases(&self) -> Vec<Case<'_>> {
        let cells = 0..self.names.len();
        let conditions = cells.flat_map(|cell| self.conditions(cell));
        let case = |(cell, kind, condition): (usize, Kind, String)| {
            let same = |failure: &&Failure| {
                (failure.cell, failure.kind, &failure.condition) == (cell, kind, &condition)
            };
            let failed = self.failures.iter().filter(same).collect();
            Case {
                cell,
                kind,
                condition,
                failed,
            }
        };
        conditions.map(case).collect()
    }

    /// What a cell has to keep: each once, whatever the seeds.
    fn conditions(&self, cell: usize) -> Vec<(usize, Kind, String)> {
        let mut conditions = Vec::new();
        let first = self.runs.first().and_then(|run| run.cells.get(cell));
        if let Some(first) = first {
            let invariants = first.invariants.iter();
            conditions
                .extend(invariants.map(|check| (cell, Kind::Invariant, check.name.to_owned())));
            let thresholds = first.thresholds.iter();
            conditions.extend(thresholds.map(|v| (cell, Kind::Threshold, v.metric.clone())));
            let sometimes = first.sometimes.iter();
            conditions.extend(sometimes.map(|v| (cell, Kind::Sometimes, v.metric.clone())));
        }
        let pooled = self.outline.cells[cell].pooled.iter();
        conditions.extend(pooled.map(|threshold| (cell, Kind::Threshold, threshold.to_string())));
        conditions.dedup();
        conditions
    }

    fn write(&self, out: &mut String, case: &Case<'_>) {
        let scenario = &self.outline.name;
        let class = match self.names[case.cell].as_str() {
            "" => escaped(scenario),
            name => escaped(&format!("{scenario}.{name}")),
        };
        let kind = case.kind.name();
        let title = escaped(&format!("{kind} {}", case.condition));
        let _ = write!(out, "<testcase classname=\"{class}\" name=\"{title}\"");
        let Some(first) = case.failed.first() else {
            out.push_str("/>\n");
            return;
        };
        let message = escaped(&first.said(&self.names));
        let _ = writeln!(out, ">\n<failure type=\"{kind}\" message=\"{message}\">");
        for failure in &case.failed {
            let seed = failure.seed;
            let seed = seed.unwrap_or(self.runs.first().map_or(0, |run| run.seed));
            let again = self.outline.replay(case.cell, seed);
            let said = failure.said(&self.names);
            let _ = writeln!(out, "{}\n  {}", escaped(&said), escaped(&again));
        }
        out.push_str("</failure>\n</testcase>\n");
    }
}
