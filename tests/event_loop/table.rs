//! What docs/event-loop.md shows of the study.

use std::fmt::Write as _;

use crate::study::{METRICS, Study, geometric_mean};

/// Every policy against the best of all, over the cells: geometric mean and worst.
pub(crate) fn every(studies: &[Study]) -> String {
    let mut text = String::new();
    for (at, policy) in studies[0].policies.iter().enumerate() {
        for (name, of) in METRICS {
            let ratios = || studies.iter().map(move |s| s.ratio(at, s.best(of, 0), of));
            let (mean, worst) = (geometric_mean(ratios()), ratios().fold(0.0, f64::max));
            let _ = write!(text, "{name} {mean:.3} ({worst:.2})  ");
        }
        let _ = writeln!(text, "{policy}");
    }
    text
}

/// The tables.
pub(crate) fn page(grid: &[Study], apart: &[Study], ours: usize) -> String {
    let _ = (grid, apart, ours);
    String::new()
}
