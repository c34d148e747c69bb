//! The report's conditions as JUnit XML, which systems for continuous integration show as tests: a
//! suite is the scenario, a test is a condition of a setting.

use std::fmt::Write as _;

use super::html::escaped;
use super::{Failure, Kind, Report};

/// The file, as Jenkins' schema has it. Times are left out: they are not the same twice.
#[must_use]
pub fn junit(report: &Report) -> String {
    let cells = 0..report.names.len();
    let cases: Vec<_> = cells.flat_map(|cell| conditions(report, cell)).collect();
    let failed = |(cell, kind, condition): &(usize, Kind, String)| -> Vec<&Failure> {
        let of = report.failures_of(*cell);
        of.filter(|f| f.kind == *kind && f.condition == *condition)
            .collect()
    };
    let tests = cases.len();
    let failures = cases.iter().filter(|case| !failed(case).is_empty()).count();
    let name = escaped(&report.outline.name);
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{name}\" {counts}>\n\
         <testsuite name=\"{name}\" {counts} skipped=\"0\">\n"
    );
    for case in &cases {
        let (cell, kind, condition) = case;
        let class = escaped(&format!("{}.{}", report.outline.name, report.names[*cell]));
        let title = escaped(&format!("{} {condition}", kind.name()));
        let _ = write!(out, "<testcase classname=\"{class}\" name=\"{title}\"");
        let failed = failed(case);
        let Some(first) = failed.first() else {
            out.push_str("/>\n");
            continue;
        };
        let message = escaped(&first.said(&report.names));
        let _ = writeln!(
            out,
            ">\n<failure type=\"{}\" message=\"{message}\">",
            kind.name()
        );
        for failure in &failed {
            let seed = failure
                .seed
                .unwrap_or(report.runs.first().map_or(0, |run| run.seed));
            let again = report.outline.replay(*cell, seed);
            let said = failure.said(&report.names);
            let _ = writeln!(out, "{}\n  {}", escaped(&said), escaped(&again));
        }
        out.push_str("</failure>\n</testcase>\n");
    }
    out.push_str("</testsuite>\n</testsuites>\n");
    out
}

/// What a cell has to keep: each once, whatever the seeds.
fn conditions(report: &Report, cell: usize) -> Vec<(usize, Kind, String)> {
    let mut conditions = Vec::new();
    let first = report.runs.first().and_then(|run| run.cells.get(cell));
    if let Some(first) = first {
        let invariants = first.invariants.iter();
        conditions.extend(invariants.map(|check| (cell, Kind::Invariant, check.name.to_owned())));
        let thresholds = first.thresholds.iter();
        conditions.extend(thresholds.map(|v| (cell, Kind::Threshold, v.metric.clone())));
        let sometimes = first.sometimes.iter();
        conditions.extend(sometimes.map(|v| (cell, Kind::Sometimes, v.metric.clone())));
    }
    let pooled = report.outline.cells[cell].pooled.iter();
    conditions.extend(pooled.map(|threshold| (cell, Kind::Threshold, threshold.to_string())));
    conditions.dedup();
    conditions
}
