//! The report for a pull request: the answer, every setting in order, doubts.

use std::fmt::Write as _;

use super::Report;
use super::number::{said, title, value};
use super::text::{columns, mean};

/// Doubts and failures that are told; the rest is counted.
const MOST: usize = 20;

/// The report in Markdown, as GitHub and GitLab read it.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let name = escaped(&report.outline.name);
    let _ = writeln!(out, "## {name}\n");
    if let Some(answer) = &report.answer {
        let label = report.outline.cells[answer.take].label();
        let _ = writeln!(out, "**Take `{label}`**\n");
        let _ = writeln!(out, "- why: {}", escaped(&answer.reason));
        let _ = writeln!(out, "- sure: {}", escaped(&answer.certainty));
        for cost in answer.costs.iter().take(4) {
            let _ = writeln!(out, "- costs {}", escaped(&cost.said(&report.names)));
        }
        if answer.costs.is_empty() {
            out.push_str("- costs nothing: no other setting is better elsewhere, beyond chance\n");
        }
        out.push('\n');
    }
    table(&mut out, report);
    let facts = report.subject.facts.join("; ");
    let (seeds, engine) = (report.runs.len(), &report.engine);
    let _ = writeln!(
        out,
        "\n{}; {seeds} seeds; {}. Repeat: `{}`",
        escaped(&facts),
        escaped(engine),
        report.command()
    );
    let failures = report
        .failures
        .iter()
        .map(|failure| failure.said(&report.names));
    list(&mut out, "Failures", failures.collect());
    list(&mut out, "Doubts", report.doubts.clone());
    out
}

fn table(out: &mut String, report: &Report) {
    let columns = columns(report);
    let _ = write!(out, "| | {} |", escaped(&report.varied()));
    for (metric, scope) in &columns {
        let _ = write!(out, " {} |", escaped(&title(*metric, scope)));
    }
    let numbers = "---:|".repeat(columns.len());
    let _ = writeln!(out, " against the best |\n|---:|---|{numbers}---|");
    for (rank, cell) in (1..).zip(&report.order) {
        let _ = write!(out, "| {rank} | {} |", escaped(&report.names[*cell]));
        for (metric, scope) in &columns {
            let _ = write!(
                out,
                " {} |",
                value(*metric, mean(report, *cell, *metric, scope))
            );
        }
        let verdict = said(report.metric(), report.ranking.rows[*cell].verdict);
        let _ = writeln!(out, " {verdict} |");
    }
}

fn list(out: &mut String, heading: &str, lines: Vec<String>) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n### {heading}\n");
    for line in lines.iter().take(MOST) {
        let _ = writeln!(out, "- {}", escaped(line));
    }
    if let Some(more) = lines.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = writeln!(out, "- and {more} more");
    }
}

/// Text in which nothing means anything to Markdown.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if "\\`*_[]<>|#~".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
