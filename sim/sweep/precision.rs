//! When enough seeds have run: decided at fixed counts of seeds only, so that the answer is the
//! same whatever runs at once, and wherever.

use super::outline::Outline;
use crate::result::{Metric, Run, Scope};
use crate::statistic;

/// Seeds of the first batch: fewer say nothing of their spread.
const FIRST: usize = 10;

/// The counts of seeds at which a study may end: each twice the one before, and all.
pub(super) fn borders(seeds: usize, precision: Option<f64>) -> Vec<usize> {
    let mut borders = Vec::new();
    if precision.is_some() {
        let doubled = std::iter::successors(Some(FIRST), |border| border.checked_mul(2));
        borders.extend(doubled.take_while(|border| *border < seeds));
    }
    borders.push(seeds);
    borders
}

/// Whether all that is asked for is known well enough from these runs.
pub(super) fn reached(outline: &Outline, runs: &[Run]) -> bool {
    let Some(precision) = outline.precision else {
        return false;
    };
    let narrow = |cell: usize, metric: Metric, scope: &Scope| {
        let value = |run: &Run| run.cells.get(cell)?.value(metric, scope);
        let values: Option<Vec<f64>> = runs.iter().map(value).collect();
        // What is not measured with every seed will not be known better by more of them.
        let Some(values) = values else { return true };
        let mean = statistic::mean(&values);
        statistic::mean_interval(&values)
            .is_some_and(|interval| interval.half_width() <= precision * mean.abs())
    };
    let mut members = outline.cells.iter().enumerate();
    members.all(|(cell, member)| {
        let mut asked = member.asked.iter();
        asked.all(|(metric, scope)| narrow(cell, *metric, scope))
    })
}

#[cfg(test)]
mod test {
    use super::borders;

    #[test]
    fn borders_are_fixed() {
        assert_eq!(borders(100, Some(0.01)), [10, 20, 40, 80, 100]);
        assert_eq!(borders(40, Some(0.01)), [10, 20, 40]);
        assert_eq!(borders(3, Some(0.01)), [3]);
        assert_eq!(borders(100, None), [100]);
    }
}
