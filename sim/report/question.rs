//! By what settings are ranked: what was asked for, or what so many requests can tell.

use crate::result::{Metric, Run, Scope, Threshold, Unit};
use crate::sweep::Outline;

/// A metric of which less is better, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The metric.
    pub metric: Metric,
    /// Whose.
    pub scope: Scope,
}

/// What takes the place of a percentile for which there are too few requests, in order.
const FALLBACK: [Metric; 5] = [
    Metric::P999,
    Metric::P99,
    Metric::P90,
    Metric::P50,
    Metric::Mean,
];

impl Question {
    /// Reads `p99` or `class:heavy p99`.
    ///
    /// # Errors
    ///
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        // A threshold is such a question with an answer that is hoped for.
        let probes = ["< 1ms", "< 1%", "< 1"].map(|bound| format!("{text} {bound}"));
        let read = probes.iter().map(|probe| Threshold::parse(probe));
        let mut wrong = None;
        for found in read {
            match found {
                Ok(found) if found.metric.is_cost() => {
                    return Ok(Self {
                        metric: found.metric,
                        scope: found.scope,
                    });
                }
                Ok(found) => {
                    let metric = found.metric;
                    return Err(format!("less of `{metric}` is not better"));
                }
                Err(error) => wrong = wrong.or(Some(error.to_string())),
            }
        }
        Err(wrong.unwrap_or_default())
    }

    /// What the study itself asks for: the first latency of a threshold, else p99.
    #[must_use]
    pub fn of(outline: &Outline) -> Self {
        let asked = outline.cells.iter().flat_map(|member| &member.asked);
        let mut latencies = asked.filter(|(metric, _)| metric.unit() == Unit::Duration);
        let (metric, scope) = latencies
            .find(|(_, scope)| *scope == Scope::All)
            .map_or((Metric::P99, Scope::All), Clone::clone);
        Self { metric, scope }
    }

    /// Requests with a latency in the cell and seed that has the fewest.
    fn fewest(&self, runs: &[Run]) -> u64 {
        let cells = runs.iter().flat_map(|run| &run.cells);
        let counts = cells.map(|cell| match &self.scope {
            Scope::Class(name) => {
                let class = cell.classes.iter().find(|(known, _)| known == name);
                class.map_or(0, |(_, class)| class.latency_ms.count())
            }
            _ => cell.latency_ms.count(),
        });
        // Where all failed there is nothing to be ranked, whatever is asked.
        counts.filter(|count| *count > 0).min().unwrap_or(0)
    }

    /// What is wrong with asking this of `runs`, if so few requests cannot tell it.
    #[must_use]
    pub fn doubt(&self, runs: &[Run]) -> Option<String> {
        let (fewest, least) = (self.fewest(runs), self.metric.least_requests()?);
        (0 < fewest && fewest < least).then(|| {
            let metric = self.metric;
            format!("{fewest} requests a run are too few for {metric}: {least} leave ten beyond it")
        })
    }

    /// The same, or the next question that so many requests can answer; and why, if it is another.
    #[must_use]
    pub fn answerable(self, runs: &[Run]) -> (Self, Option<String>) {
        let Some(doubt) = self.doubt(runs) else {
            return (self, None);
        };
        let fewest = self.fewest(runs);
        let from = FALLBACK.iter().position(|metric| *metric == self.metric);
        let rest = &FALLBACK[from.unwrap_or(0)..];
        let enough = |metric: &&Metric| metric.least_requests().is_none_or(|n| n <= fewest);
        let metric = *rest.iter().find(enough).unwrap_or(&Metric::Mean);
        let why = format!("{doubt}; ranked by {metric} instead");
        (Self { metric, ..self }, Some(why))
    }
}

#[cfg(test)]
mod test {
    use super::*;
    use crate::report::test::runs;

    #[test]
    fn questions_are_metrics_of_which_less_is_better() {
        let all = |metric| Question {
            metric,
            scope: Scope::All,
        };
        assert_eq!(Question::parse("p99"), Ok(all(Metric::P99)));
        assert_eq!(Question::parse("error_rate"), Ok(all(Metric::ErrorRate)));
        assert_eq!(Question::parse("retried"), Ok(all(Metric::Retried)));
        let heavy = Question {
            metric: Metric::Mean,
            scope: Scope::Class("heavy".to_owned()),
        };
        assert_eq!(Question::parse("class:heavy mean"), Ok(heavy));
        for (text, wanted) in [
            ("ok", "less of `ok` is not better"),
            ("p98", "unknown metric `p98`"),
            ("", "the metric is missing"),
            ("class:heavy share", "not measured for a class"),
        ] {
            let error = Question::parse(text).unwrap_err();
            assert!(error.contains(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn what_few_requests_cannot_tell_is_not_asked() {
        let question = |metric| Question {
            metric,
            scope: Scope::All,
        };
        for (requests, asked, wanted) in [
            (10_000, Metric::P999, Metric::P999),
            (1_000, Metric::P999, Metric::P99),
            (1_000, Metric::P99, Metric::P99),
            (999, Metric::P99, Metric::P90),
            (99, Metric::P99, Metric::P50),
            (19, Metric::P99, Metric::Mean),
            (19, Metric::Mean, Metric::Mean),
        ] {
            let runs = runs(&[[(1.0, requests), (2.0, requests + 5)]]);
            let (found, why) = question(asked).answerable(&runs);
            assert_eq!(found.metric, wanted, "{requests}");
            assert_eq!(why.is_some(), asked != wanted);
        }
    }
}
