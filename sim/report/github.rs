//! What fails and what is doubtful as annotations that GitHub Actions shows beside the scenario.

use std::fmt::Write as _;

use super::Report;

/// A line each; `text` is the scenario as it was read.
#[must_use]
pub fn github(report: &Report, text: &str) -> String {
    let mut out = String::new();
    let path = property(&report.outline.path);
    for failure in &report.failures {
        let line = line_of(text, &failure.condition);
        let message = data(&format!(
            "{}\n{}",
            failure.said(&report.names),
            report.outline.replay(
                failure.cell,
                failure
                    .seed
                    .or(report.runs.first().map(|run| run.seed))
                    .unwrap_or(0)
            )
        ));
        let (name, kind) = (&report.outline.name, failure.kind.name());
        let title = property(&format!("{name}: {kind} failed"));
        let _ = writeln!(
            out,
            "::error file={path},line={line},title={title}::{message}"
        );
    }
    for doubt in &report.doubts {
        let _ = writeln!(out, "::warning file={path},line=1::{}", data(doubt));
    }
    if let Some(answer) = &report.answer {
        let label = report.outline.cells[answer.take].label();
        let said = format!("take {label}: {}", answer.reason);
        let _ = writeln!(out, "::notice file={path},line=1::{}", data(&said));
    }
    out
}

/// The line that has the condition, from 1; the first if none has.
fn line_of(text: &str, condition: &str) -> usize {
    let found = text.lines().position(|line| line.contains(condition));
    found.map_or(1, |line| line + 1)
}

/// A message.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
