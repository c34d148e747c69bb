//! Which cell is the best, and how sure that is.

use super::bootstrap::{Interval, bootstrap, mean};
use crate::result::{Metric, Run, Scope, Unit};

/// All cells of a study beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// What they are ranked by: lower is better.
    pub metric: Metric,
    /// Whose.
    pub scope: Scope,
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

/// A cell against the best one. Differences of latencies are shares of the best one's value (0.1 is
/// 10 % more); those of shares and counts, of which the best may have none, are in their own unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    /// The lowest value of those that are not barred and do not fail more.
    Best,
    /// The difference is not told from none.
    Indistinct {
        /// The difference.
        by: f64,
        /// Where it lies.
        interval: Interval,
    },
    /// Higher, beyond chance.
    Worse {
        /// The difference.
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
    /// It may not be taken, whatever its value.
    Barred {
        /// The difference.
        by: f64,
    },
    /// Nothing was measured.
    Unmeasured,
    /// Too few seeds to say more than the number.
    TooFewSeeds {
        /// The difference.
        by: f64,
    },
}

impl Verdict {
    /// Its name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Indistinct { .. } => "indistinct",
            Self::Worse { .. } => "worse",
            Self::FailsMore { .. } => "fails_more",
            Self::Barred { .. } => "fails_conditions",
            Self::Unmeasured => "unmeasured",
            Self::TooFewSeeds { .. } => "too_few_seeds",
        }
    }

    /// The difference that it speaks of, and where that lies. What is a multiple of nothing is no
    /// number and none.
    #[must_use]
    pub fn difference(self) -> (Option<f64>, Option<Interval>) {
        let (by, interval) = match self {
            Self::Best | Self::Unmeasured => (None, None),
            Self::Indistinct { by, interval }
            | Self::Worse { by, interval }
            | Self::FailsMore { by, interval } => (Some(by), Some(interval)),
            Self::Barred { by } | Self::TooFewSeeds { by } => (Some(by), None),
        };
        (by.filter(|by| by.is_finite()), interval)
    }
}

/// Compares the cells of `runs` by `metric`, of which lower values are better. A cell that fails
/// more than the one that fails least, beyond chance, is not the best however fast it is.
#[must_use]
pub fn compare(metric: Metric, scope: &Scope, runs: &[Run]) -> Comparison {
    compare_among(metric, scope, runs, &|_| true)
}

/// Like [`compare`]; only cells that `may` be taken can be the best. It is asked by their numbers.
#[must_use]
pub fn compare_among(
    metric: Metric,
    scope: &Scope,
    runs: &[Run],
    may: &dyn Fn(usize) -> bool,
) -> Comparison {
    let cells = runs.first().map_or(0, |run| run.cells.len());
    let column = |metric: Metric, scope: &Scope, cell: usize| -> Option<Vec<f64>> {
        let value = |run: &Run| run.cells.get(cell)?.value(metric, scope);
        runs.iter().map(value).collect()
    };
    let columns = |metric, scope| -> Vec<_> {
        let cells = 0..cells;
        cells.map(|cell| column(metric, scope, cell)).collect()
    };
    let values = columns(metric, scope);
    let errors = columns(Metric::ErrorRate, &Scope::All);
    let lowest = |columns: &mut dyn Iterator<Item = (usize, &Option<Vec<f64>>)>| {
        let means = columns.filter_map(|(cell, values)| Some((cell, mean(values.as_ref()?))));
        means
            .min_by(|(_, one), (_, two)| one.total_cmp(two))
            .map(|(cell, _)| cell)
    };
    let soundest = lowest(&mut errors.iter().enumerate().filter(|(cell, _)| may(*cell)));
    // Where failures are what is asked for, they are a difference like any other.
    let asked = metric == Metric::ErrorRate && *scope == Scope::All;
    let failing: Vec<Option<Verdict>> = errors
        .iter()
        .map(|own| fails_more(own.as_ref()?, errors[soundest?].as_ref()?))
        .map(|verdict| verdict.filter(|_| !asked))
        .collect();
    let sound = |(cell, _): &(usize, &_)| failing[*cell].is_none() && may(*cell);
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
            (Some(own), Some(best)) if may(cell) => against(metric, own, best),
            (Some(own), Some(best)) => Verdict::Barred {
                by: difference(metric, mean(own), mean(best)),
            },
            _ => Verdict::Unmeasured,
        }
    };
    let row = |cell: usize| Row {
        value: values[cell].as_deref().map(mean),
        verdict: verdict(cell),
    };
    Comparison {
        metric,
        scope: scope.clone(),
        rows: (0..cells).map(row).collect(),
    }
}

/// The verdict on cell `one` against cell `other` alone, by a metric of which lower values are
/// better; `None` if a seed has no value of one of them. What is lower, is `Best`.
#[must_use]
pub fn pair(
    metric: Metric,
    scope: &Scope,
    runs: &[Run],
    one: usize,
    other: usize,
) -> Option<Verdict> {
    let column = |cell: usize| -> Option<Vec<f64>> {
        let value = |run: &Run| run.cells.get(cell)?.value(metric, scope);
        runs.iter().map(value).collect()
    };
    let (own, others) = (column(one)?, column(other)?);
    Some(match mean(&own) < mean(&others) {
        true => Verdict::Best,
        false => against(metric, &own, &others),
    })
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

/// The verdict on a cell by the difference of its mean from the best one's, seeds drawn in pairs.
fn against(metric: Metric, own: &[f64], best: &[f64]) -> Verdict {
    let of = |sample: &[usize]| {
        let count = sample.len().max(1) as f64;
        let mean = |values: &[f64]| sample.iter().map(|n| values[*n]).sum::<f64>() / count;
        difference(metric, mean(own), mean(best))
    };
    let all: Vec<usize> = (0..own.len()).collect();
    let by = of(&all);
    match bootstrap(own.len(), of) {
        Some(interval) if interval.low > 0.0 => Verdict::Worse { by, interval },
        Some(interval) => Verdict::Indistinct { by, interval },
        None => Verdict::TooFewSeeds { by },
    }
}

fn difference(metric: Metric, own: f64, best: f64) -> f64 {
    match metric.unit() {
        Unit::Duration if own == best => 0.0,
        Unit::Duration => own / best - 1.0,
        Unit::Ratio | Unit::Count => own - best,
    }
}
