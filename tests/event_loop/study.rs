//! One cell of the study: every policy under every seed, and how they compare.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use std::thread;

use evenkeel_sim::plan::Plan;
use evenkeel_sim::result::Latency;
use evenkeel_sim::scenario;
use evenkeel_sim::sweep::{self, Stop, Told};

use crate::cell::Cell;

/// What came out of one run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values {
    pub(crate) light_p99_ms: f64,
    /// Of all requests, where none is heavy.
    pub(crate) heavy_p99_ms: f64,
    pub(crate) mean_ms: f64,
}

/// Which of them.
pub(crate) type Metric = fn(&Values) -> f64;

/// What is asked of every cell.
pub(crate) const METRICS: [(&str, Metric); 3] = [
    ("light p99", |v| v.light_p99_ms),
    ("heavy p99", |v| v.heavy_p99_ms),
    ("mean", |v| v.mean_ms),
];

/// One cell.
#[derive(Debug)]
pub(crate) struct Study {
    pub(crate) cell: String,
    pub(crate) policies: Vec<String>,
    /// By policy, then by seed.
    pub(crate) values: Vec<Vec<Values>>,
}

impl Study {
    pub(crate) fn run(
        cell: &Cell,
        policies: &[&str],
        seeds: RangeInclusive<u64>,
        requests: f64,
    ) -> Self {
        let text = cell.scenario(policies, requests);
        let (cells, problems) = scenario::cells(Path::new("cell.toml"), text.as_bytes(), &[], &[]);
        assert!(problems.is_empty(), "{problems:?}\n{text}");
        let cells = cells.expect("no problem is reported");
        let plan = |scenario| Arc::new(Plan::new(Arc::new(scenario), None));
        let plans = cells.into_iter().map(plan);
        let seeds = || seeds.clone();
        let work: Vec<_> = plans
            .flat_map(|plan| seeds().map(move |seed| (Arc::clone(&plan), seed)))
            .collect();
        let jobs = thread::available_parallelism().map_or(1, usize::from);
        let told = sweep::run(&work, jobs, &Stop::default(), &mut |_| ()).expect("they all run");
        let values: Vec<Values> = told.iter().flatten().map(values).collect();
        assert_eq!(values.len(), work.len());
        Self {
            cell: cell.name(),
            policies: policies.iter().map(|&policy| policy.into()).collect(),
            values: values.chunks(seeds().count()).map(<[_]>::to_vec).collect(),
        }
    }

    /// The geometric mean over seeds of what policy `a` has against `b` in the same seed.
    pub(crate) fn ratio(&self, a: usize, b: usize, of: Metric) -> f64 {
        let pairs = self.values[a].iter().zip(&self.values[b]);
        geometric_mean(pairs.map(|(a, b)| of(a) / of(b)))
    }

    /// The best of the others, from `first` on.
    pub(crate) fn best(&self, of: Metric, first: usize) -> usize {
        let level = |policy: &usize| geometric_mean(self.values[*policy].iter().map(of));
        let others = first..self.policies.len();
        others
            .min_by(|a, b| level(a).total_cmp(&level(b)))
            .expect("there are others")
    }

    pub(crate) fn level(&self, policy: usize, of: Metric) -> f64 {
        geometric_mean(self.values[policy].iter().map(of))
    }
}

impl fmt::Display for Study {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.cell)?;
        for (at, policy) in self.policies.iter().enumerate() {
            let [light, heavy, mean] = METRICS.map(|(_, of)| self.level(at, of));
            write!(
                f,
                "
    {light:8.1} {heavy:8.1} {mean:7.2}  {policy}"
            )?;
        }
        Ok(())
    }
}

pub(crate) fn geometric_mean(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for value in values {
        sum += libm::log(value);
        n += 1.0;
    }
    libm::exp(sum / n)
}

fn values(told: &Told) -> Values {
    let (cell, seed) = (&told.run.cells[0], told.run.seed);
    for check in &cell.invariants {
        assert!(check.ok, "seed {seed}: {check:?}");
    }
    assert_eq!(cell.requests.failed, 0, "seed {seed}");
    let of = |heavy: bool| {
        let mut all = Latency::default();
        let classes = cell.classes.iter();
        for (_, class) in classes.filter(|(name, _)| Cell::is_heavy(name) == heavy) {
            all.absorb(&class.latency_ms);
        }
        all.quantile_ms(0.99)
    };
    let all = cell.latency_ms.quantile_ms(0.99);
    Values {
        light_p99_ms: of(false).expect("there are light requests"),
        heavy_p99_ms: of(true).or(all).expect("there are requests"),
        mean_ms: cell.latency_ms.mean_ms().expect("there are requests"),
    }
}
