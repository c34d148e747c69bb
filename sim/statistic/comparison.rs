//! Which cell is the best, and how sure that is.

use super::bootstrap::{Interval, bootstrap, mean};
use crate::result::{Metric, Run, Scope};

/// All cells of a study beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What they are ranked by: lower is better.
    pub metric: Metric,
    /// One for each cell, in their order.
    pub rows: Vec<Row>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The mean of the metric over the seeds; `None` if a seed has none.
    pub value: Option<f64>,
    /// What is to be said of it.
    pub verdict: Verdict,
}

/// A cell against the best one. Shares are of the best one's value: 0.1 is 10 % more.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The lowest value of those that do not fail more.
    Best,
    /// The difference is not told from none.
    Indistinct {
        /// The relative difference.
        by: f64,
        /// Where it lies.
        interval: Interval,
    },
    /// Higher, beyond chance.
    Worse {
        /// The relative difference.
        by: f64,
        /// Where it lies.
        interval: Interval,
    },
    /// More requests fail, beyond chance: how fast the others are is no comfort.
    FailsMore {
        /// The difference of the shares of failed requests.
        by: f64,
        /// Where it lies.
        interval: Interval,
    },
    /// Nothing was measured.
    Unmeasured,
    /// Too few seeds to say more than the number; the relative difference to the best.
    TooFewSeeds {
        /// The relative difference.
        by: f64,
    },
}

/// Compares the cells of `runs` by `metric`, of which lower values are better. A cell that fails
/// more than the one that fails least, beyond chance, is not the best however fast it is.
#[must_use]
pub fn compare(metric: Metric, runs: &[Run]) -> Comparison {
    let cells = runs.first().map_or(0, |run| run.cells.len());
    let column = |metric: Metric, cell: usize| -> Option<Vec<f64>> {
        let value = |run: &Run| run.cells.get(cell)?.value(metric, &Scope::All);
        runs.iter().map(value).collect()
    };
    let values: Vec<_> = (0..cells).map(|cell| column(metric, cell)).collect();
    let errors: Vec<_> = (0..cells)
        .map(|cell| column(Metric::ErrorRate, cell))
        .collect();
    let lowest = |columns: &mut dyn Iterator<Item = (usize, &Option<Vec<f64>>)>| {
        let means = columns.filter_map(|(cell, values)| Some((cell, mean(values.as_ref()?))));
        means
            .min_by(|(_, one), (_, two)| one.total_cmp(two))
            .map(|(cell, _)| cell)
    };
    let soundest = lowest(&mut errors.iter().enumerate());
    let failing: Vec<Option<Verdict>> = errors
        .iter()
        .map(|own| fails_more(own.as_ref()?, errors[soundest?].as_ref()?))
        .collect();
    let sound = |(cell, _): &(usize, &_)| failing[*cell].is_none();
    let best = lowest(&mut values.iter().enumerate().filter(sound));
    let verdict = |cell: usize| {
        if Some(cell) == best {
            return Verdict::Best;
        }
        if let Some(verdict) = failing[cell] {
            return verdict;
        }
        let best = best.and_then(|best| values[best].as_ref());
        match (&values[cell], best) {
            (Some(own), Some(best)) => against(own, best),
            _ => Verdict::Unmeasured,
        }
    };
    let row = |cell: usize| Row {
        value: values[cell].as_deref().map(mean),
        verdict: verdict(cell),
    };
    Comparison {
        metric,
        rows: (0..cells).map(row).collect(),
    }
}

/// The verdict on a cell that fails more than another one, if it does.
fn fails_more(own: &[f64], least: &[f64]) -> Option<Verdict> {
    let difference = |sample: &[usize]| {
        sample.iter().map(|n| own[*n] - least[*n]).sum::<f64>() / sample.len().max(1) as f64
    };
    let interval = bootstrap(own.len(), difference)?;
    let by = mean(own) - mean(least);
    (interval.low > 0.0).then_some(Verdict::FailsMore { by, interval })
}

/// The verdict on a cell by the ratio of its mean to the best one's, seeds drawn in pairs.
fn against(own: &[f64], best: &[f64]) -> Verdict {
    let ratio = |sample: &[usize]| {
        let sum = |values: &[f64]| sample.iter().map(|n| values[*n]).sum::<f64>();
        match (sum(own), sum(best)) {
            (own, best) if own == best => 0.0,
            (own, best) => own / best - 1.0,
        }
    };
    let all: Vec<usize> = (0..own.len()).collect();
    let by = ratio(&all);
    match bootstrap(own.len(), ratio) {
        Some(interval) if interval.low > 0.0 => Verdict::Worse { by, interval },
        Some(interval) => Verdict::Indistinct { by, interval },
        None => Verdict::TooFewSeeds { by },
    }
}
