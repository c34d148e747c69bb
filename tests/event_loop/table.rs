//! What docs/event-loop.md shows of the study.

use std::fmt::Write as _;

use crate::study::{METRICS, Metric, Study, geometric_mean};

/// Every policy against the best of all, over the cells: geometric mean and worst.
pub(crate) fn every(studies: &[Study]) -> String {
    let mut text = String::from("| policy | light p99 | heavy p99 | mean |\n|---|---|---|---|\n");
    for (at, policy) in studies[0].policies.iter().enumerate() {
        let columns = METRICS.map(|(_, of)| over(studies, |s| s.ratio(at, s.best(of, 0), of)));
        let _ = writeln!(text, "| `{policy}` | {} |", columns.join(" | "));
    }
    text
}

/// The tables: the summary of the grid, its cells, and the cells apart. The first `ours` policies
/// are compared with the best of the others, cell by cell and number by number.
pub(crate) fn page(grid: &[Study], apart: &[Study], ours: usize) -> String {
    let mut text = String::from("### Over the grid: geometric mean (worst cell)\n\n");
    text += "| | light p99 | heavy p99 | mean | light p99 to `least_request` |\n";
    text += "|---|---|---|---|---|\n";
    for (at, policy) in grid[0].policies.iter().enumerate() {
        let columns = METRICS.map(|(_, of)| over(grid, |s| s.ratio(at, s.best(of, ours), of)));
        let (_, light) = METRICS[0];
        let plain = over(grid, |s| s.ratio(at, least_request(s), light));
        let _ = writeln!(text, "| `{policy}` | {} | {plain} |", columns.join(" | "));
    }
    for (title, studies) in [("The grid", grid), ("Apart from it", apart)] {
        let _ = write!(text, "\n### {title}\n\n{HEAD}");
        studies.iter().for_each(|study| text += &row(study, ours));
    }
    text
}

const HEAD: &str = "| cell | best other's light p99 | light p99 | to `least_request` | \
     heavy p99 | mean | `spare = 0`: light p99 | heavy p99 | mean |\n|---|---|---|---|---|---|---|---|---|\n";

/// A cell: ratios to the best of the others.
fn row(study: &Study, ours: usize) -> String {
    let (_, light) = METRICS[0];
    let best = study.best(light, ours);
    let (name, ms) = (name(&study.policies[best]), study.level(best, light));
    let ratios = |at: usize| {
        METRICS
            .map(|(_, of): (_, Metric)| format!("{:.2}", study.ratio(at, study.best(of, ours), of)))
    };
    let ([l, h, m], free) = (ratios(0), ratios(1).join(" | "));
    let plain = study.ratio(0, least_request(study), light);
    let cell = &study.cell;
    format!("| {cell} | {name} {ms:.0} ms | {l} | {plain:.2} | {h} | {m} | {free} |\n")
}

/// Geometric mean and worst over cells.
fn over(studies: &[Study], ratio: impl Fn(&Study) -> f64) -> String {
    let ratios = || studies.iter().map(&ratio);
    let (mean, worst) = (geometric_mean(ratios()), ratios().fold(0.0, f64::max));
    format!("{mean:.2} ({worst:.2})")
}

fn least_request(study: &Study) -> usize {
    let is_it = |policy: &String| name(policy) == "least_request";
    let at = study.policies.iter().position(is_it);
    at.expect("it is compared with")
}

/// The name in a policy as a file writes it.
fn name(policy: &str) -> &str {
    policy.split('"').nth(1).unwrap_or(policy)
}
