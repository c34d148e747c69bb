//! A live run against the simulated one: metric by metric, each with a bound that is to be kept.

use std::fmt::{self, Display, Write as _};

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::Round;
use crate::report::number;
use crate::result::{Cell, Metric, Run, Scope};

/// Of the processors that others used during a round: more, and it says nothing.
const OTHERS: f64 = 0.1;
/// By how much one request in a hundred may be sent too late, in milliseconds.
const LATE_MS: f64 = 2.0;

/// How far a metric may be from the simulated one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    /// This part of it.
    Part(f64),
    /// So many hundredths of all.
    Points(f64),
    /// Not at all.
    Equal,
    /// It is shown and not judged.
    None,
}

impl Bound {
    fn keeps(self, live: Option<f64>, simulated: Option<f64>) -> bool {
        let (live, simulated) = match (live, simulated) {
            (Some(live), Some(simulated)) => (live, simulated),
            (None, None) => return true,
            _ => return self == Self::None,
        };
        let by = (live - simulated).abs();
        match self {
            Self::Part(part) => by <= part * simulated.abs(),
            Self::Points(points) => by * 100.0 <= points,
            Self::Equal => by == 0.0,
            Self::None => true,
        }
    }
}

impl Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(part) => write!(f, "{:.0} %", part * 100.0),
            Self::Points(points) => write!(f, "{points:.0} points"),
            Self::Equal => f.write_str("equal"),
            Self::None => f.write_str("–"),
        }
    }
}

/// What is compared of all requests, and how.
const ALL: [(Metric, Bound); 6] = [
    (Metric::Mean, Bound::None),
    (Metric::P50, Bound::Part(0.10)),
    (Metric::P90, Bound::None),
    (Metric::P99, Bound::Part(0.25)),
    (Metric::Failed, Bound::Equal),
    (Metric::Retried, Bound::None),
];
/// Of an endpoint's share of the tries.
const SHARE: Bound = Bound::Points(3.0);

/// One metric.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    metric: Metric,
    scope: Scope,
    bound: Bound,
    /// The median of the rounds.
    live: Option<f64>,
    simulated: Option<f64>,
}

impl Row {
    fn ok(&self) -> bool {
        self.bound.keeps(self.live, self.simulated)
    }

    /// How far live is from simulated, in the terms of its bound.
    fn difference(&self) -> Option<String> {
        let by = self.live? - self.simulated?;
        Some(match (self.bound, self.metric) {
            (Bound::Points(_), _) => format!("{:+.2} points", by * 100.0),
            (_, Metric::Failed | Metric::Retried) => format!("{by:+.0}"),
            _ => format!("{:+.1} %", by / self.simulated? * 100.0),
        })
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Row", 6)?;
        out.serialize_field("metric", &number::title(self.metric, &self.scope))?;
        out.serialize_field("live", &self.live)?;
        out.serialize_field("simulated", &self.simulated)?;
        out.serialize_field("difference", &self.difference())?;
        out.serialize_field("bound", &self.bound.to_string())?;
        out.serialize_field("ok", &self.ok())?;
        out.end()
    }
}

/// Under which circumstances a round ran.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Circumstances {
    /// Processors that others used.
    pub others: Option<f64>,
    /// By how much one request in a hundred was sent too late, in milliseconds.
    pub late_p99_ms: Option<f64>,
    /// Whether it counts.
    pub counts: bool,
}

impl From<&Round> for Circumstances {
    fn from(round: &Round) -> Self {
        let late_p99_ms = round.late.quantile_ms(0.99);
        Self {
            others: round.others,
            late_p99_ms,
            counts: round.others.is_none_or(|others| others <= OTHERS)
                && late_p99_ms.is_none_or(|late_ms| late_ms <= LATE_MS),
        }
    }
}

/// All rounds of a live run against the simulated one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    schema: u32,
    scenario: String,
    seed: u64,
    simulated: &'static str,
    /// How many undisturbed rounds were asked for.
    wanted: usize,
    rounds: Vec<Circumstances>,
    metrics: Vec<Row>,
}

impl Comparison {
    /// `rounds` against `simulated`, by the median of those that were not disturbed; by that of all
    /// if all were. `wanted` of them were to be undisturbed.
    #[must_use]
    pub fn new(rounds: &[Round], simulated: &Run, wanted: usize) -> Self {
        let circumstances: Vec<_> = rounds.iter().map(Circumstances::from).collect();
        let any = circumstances.iter().any(|of| of.counts);
        let counted = rounds.iter().zip(&circumstances);
        let counted = counted.filter(|(_, of)| of.counts || !any);
        let live: Vec<&Cell> = counted.filter_map(|(r, _)| r.run.cells.first()).collect();
        let beside = simulated.cells.first();
        let names = beside.map_or(&[][..], |cell| &cell.endpoints);
        let shares = names.iter().map(|endpoint| {
            let scope = Scope::Endpoint(endpoint.name.clone());
            (Metric::Share, scope, SHARE)
        });
        let all = ALL.map(|(metric, bound)| (metric, Scope::All, bound));
        let metrics = all.into_iter().chain(shares).map(|(metric, scope, bound)| {
            let of = |cell: &&Cell| cell.value(metric, &scope);
            Row {
                live: median(live.iter().filter_map(of).collect()),
                simulated: beside.as_ref().and_then(of),
                metric,
                scope,
                bound,
            }
        });
        Self {
            schema: 1,
            scenario: simulated.scenario.clone(),
            seed: simulated.seed,
            simulated: simulated.engine,
            wanted,
            metrics: metrics.collect(),
            rounds: circumstances,
        }
    }

    /// Rounds that count.
    #[must_use]
    pub fn counted(&self) -> usize {
        self.rounds.iter().filter(|of| of.counts).count()
    }

    /// Whether all bounds are kept, by as many undisturbed rounds as were wanted.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.counted() >= self.wanted && self.metrics.iter().all(Row::ok)
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            scenario,
            seed,
            simulated,
            wanted,
            ..
        } = self;
        writeln!(f, "{scenario}\nlive beside {simulated}, seed {seed}\n")?;
        writeln!(
            f,
            "{:<22}{:>12}{:>12}{:>14}{:>12}  verdict",
            "median of the rounds", "live", "simulated", "difference", "bound"
        )?;
        for row in &self.metrics {
            let shown = |value| number::value(row.metric, value);
            let verdict = match (row.bound, row.ok()) {
                (Bound::None, _) => "",
                (_, true) => "ok",
                (_, false) => "MISSED",
            };
            let mut line = String::new();
            write!(
                line,
                "{:<22}{:>12}{:>12}{:>14}{:>12}  {verdict}",
                number::title(row.metric, &row.scope),
                shown(row.live),
                shown(row.simulated),
                row.difference().unwrap_or_else(|| "–".to_owned()),
                row.bound.to_string(),
            )?;
            writeln!(f, "{}", line.trim_end())?;
        }
        writeln!(f)?;
        for (number, round) in (1..).zip(&self.rounds) {
            let known = |value: Option<f64>| number::value(Metric::P99, value);
            let others = round.others.map_or("–".to_owned(), |o| format!("{o:.2}"));
            let verdict = if round.counts { "counts" } else { "DISTURBED" };
            writeln!(
                f,
                "round {number}: {verdict}; others used {others} processors, \
                 requests were sent {} late (p99)",
                known(round.late_p99_ms)
            )?;
        }
        let counted = self.counted();
        if counted < *wanted {
            writeln!(
                f,
                "{counted} of {wanted} rounds were undisturbed (others at most {OTHERS} of a \
                 processor, sent at most {LATE_MS} ms late): this says nothing; leave the machine alone"
            )?;
        }
        Ok(())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn bounds_are_kept_to_their_edge() {
        let table = [
            (Bound::Part(0.1), Some(11.0), Some(10.0), true),
            (Bound::Part(0.1), Some(8.9), Some(10.0), false),
            (Bound::Points(3.0), Some(0.279), Some(0.25), true),
            (Bound::Points(3.0), Some(0.219), Some(0.25), false),
            (Bound::Equal, Some(3.0), Some(3.0), true),
            (Bound::Equal, Some(3.0), Some(2.0), false),
            (Bound::None, Some(3.0), Some(2.0), true),
            (Bound::Part(0.1), None, None, true),
            (Bound::Part(0.1), None, Some(1.0), false),
        ];
        for (bound, live, simulated, keeps) in table {
            assert_eq!(bound.keeps(live, simulated), keeps, "{bound:?} {live:?}");
        }
    }

    #[test]
    fn the_median_of_an_even_number_is_the_lower_one() {
        let table = [
            (vec![], None),
            (vec![2.0], Some(2.0)),
            (vec![3.0, 1.0], Some(1.0)),
            (vec![9.0, 1.0, 5.0], Some(5.0)),
        ];
        for (values, expected) in table {
            assert_eq!(median(values), expected);
        }
    }
}
