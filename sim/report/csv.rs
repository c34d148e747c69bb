//! The report as a table for other programs: a row for each setting (RFC 4180).

use std::fmt::Write as _;

use super::text::mean;
use super::{Failure, Report, answer};
use crate::result::Scope;

/// The table: scenario, rank, the keys that are varied, the verdict with its difference and
/// interval, every metric, and what fails. Latencies are in milliseconds, shares are numbers up to
/// 1, differences as in JSON.
#[must_use]
pub fn csv(report: &Report) -> String {
    let questions = answer::elsewhere(&report.runs);
    let mut head = ["scenario", "rank"].map(str::to_owned).to_vec();
    head.extend(report.keys.iter().cloned());
    head.extend(["verdict", "by", "low", "high"].map(str::to_owned));
    head.extend(questions.iter().map(|question| match &question.scope {
        Scope::Class(class) => format!("class:{class} {}", question.metric),
        _ => question.metric.to_string(),
    }));
    head.push("failures".to_owned());
    let mut out = String::new();
    line(&mut out, &head);
    for (rank, cell) in (1..).zip(&report.order) {
        let settings = &report.outline.cells[*cell].settings;
        let mut row = vec![report.outline.name.clone(), format!("{rank}")];
        let varied = settings.iter().filter(|(key, _)| report.keys.contains(key));
        row.extend(varied.map(|(_, value)| value.clone()));
        let verdict = report.ranking.rows[*cell].verdict;
        let (by, interval) = verdict.difference();
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        row.push(verdict.name().to_owned());
        row.push(number(by));
        row.push(number(interval.map(|interval| interval.low)));
        row.push(number(interval.map(|interval| interval.high)));
        let values = questions
            .iter()
            .map(|q| mean(report, *cell, q.metric, &q.scope));
        row.extend(values.map(number));
        let failures = report.failures_of(*cell).map(Failure::happened);
        row.push(failures.collect::<Vec<_>>().join("; "));
        line(&mut out, &row);
    }
    out
}

fn line(out: &mut String, fields: &[String]) {
    for (n, field) in fields.iter().enumerate() {
        let comma = if n > 0 { "," } else { "" };
        let _ = match field.contains(['"', ',', '\r', '\n']) {
            true => write!(out, "{comma}\"{}\"", field.replace('"', "\"\"")),
            false => write!(out, "{comma}{field}"),
        };
    }
    out.push_str("\r\n");
}
