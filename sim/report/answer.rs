//! Which setting to take: the reason in a sentence, how sure it is, and what it costs elsewhere.

use super::number::{difference, range, title, value};
use super::question::Question;
use crate::result::{Metric, Run, Scope};
use crate::statistic::{Comparison, Interval, LEAST, Verdict, compare_among, pair};

/// What to take.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The cell.
    pub take: usize,
    /// Why, in a sentence.
    pub reason: String,
    /// How sure that is.
    pub certainty: String,
    /// Where another cell is better, the largest difference first.
    pub costs: Vec<Cost>,
}

/// Something of which another cell has less, beyond chance.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// What.
    pub metric: Metric,
    /// Whose.
    pub scope: Scope,
    /// The cell that has the least.
    pub than: usize,
    /// How much more the recommended one has, as [`Verdict`] says it.
    pub by: f64,
    /// Where that lies.
    pub interval: Interval,
}

impl Cost {
    /// In a few words; `names` are the cells'.
    pub(super) fn said(&self, names: &[String]) -> String {
        let what = title(self.metric, &self.scope);
        let by = difference(self.metric, self.by);
        let range = range(self.metric, self.interval);
        format!("{what}: {by} ({range}) against {}", names[self.than])
    }
}

/// What the answer is drawn from.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a> {
    pub(super) runs: &'a [Run],
    pub(super) ranking: &'a Comparison,
    /// The cells, best first.
    pub(super) order: &'a [usize],
    pub(super) names: &'a [String],
    /// Whether a cell keeps its conditions.
    pub(super) sound: &'a dyn Fn(usize) -> bool,
}

impl Evidence<'_> {
    /// The answer; `None` if no cell has a value to be compared.
    pub(super) fn answer(self) -> Option<Answer> {
        let is_best = |row: &crate::statistic::Row| row.verdict == Verdict::Best;
        let best = self.ranking.rows.iter().position(is_best)?;
        let take = self.tie(best);
        Some(Answer {
            take,
            reason: self.reason(best, take),
            certainty: self.certainty(best),
            costs: self.costs(take),
        })
    }

    fn verdict(self, cell: usize) -> Verdict {
        self.ranking.rows[cell].verdict
    }

    /// Those that nothing tells from the best, by their values.
    fn equals(self) -> Vec<usize> {
        let indistinct = |cell: &usize| matches!(self.verdict(*cell), Verdict::Indistinct { .. });
        self.order.iter().copied().filter(indistinct).collect()
    }

    /// What decides between those that the question does not tell apart.
    fn second(self) -> Metric {
        match self.ranking.metric {
            Metric::Mean => Metric::P99,
            _ => Metric::Mean,
        }
    }

    /// The best, or of those that nothing tells from it the one that is better in the next respect.
    fn tie(self, best: usize) -> usize {
        let (metric, scope) = (self.second(), &self.ranking.scope);
        let equals = self.equals();
        let among = |cell: usize| cell == best || equals.contains(&cell);
        let next = compare_among(metric, scope, self.runs, &among);
        let beyond_chance = matches!(next.rows[best].verdict, Verdict::Worse { .. });
        let first = next
            .rows
            .iter()
            .position(|row| row.verdict == Verdict::Best);
        first.filter(|_| beyond_chance).unwrap_or(best)
    }

    fn reason(self, best: usize, take: usize) -> String {
        let Self { ranking, names, .. } = self;
        let what = title(ranking.metric, &ranking.scope);
        let shown = |cell: usize| value(ranking.metric, ranking.rows[cell].value);
        let refused = self.refused(best);
        let mut reason = if take == best {
            let among = match refused {
                Some(_) => "those that may be taken".to_owned(),
                None => ranking.rows.len().to_string(),
            };
            format!("its {what} of {} is the lowest of {among}", shown(best))
        } else {
            let (second, best, has) = (self.second(), &names[best], shown(best));
            format!(
                "its {what} of {} cannot be told from the lowest ({best}, {has}), and its {second} \
                 is lower",
                shown(take)
            )
        };
        let others = self.order.iter().copied().filter(|cell| *cell != best);
        let next = others
            .map(|cell| (cell, self.verdict(cell)))
            .find_map(|(cell, verdict)| {
                let name = &names[cell];
                match verdict {
                    Verdict::Worse { by, .. } | Verdict::TooFewSeeds { by } => {
                        let by = difference(ranking.metric, by);
                        let by = by.trim_start_matches('+');
                        Some(format!("; the next, {name}, is {by} above it"))
                    }
                    Verdict::Indistinct { .. } if take == best => {
                        let (count, all) = (self.equals().len(), ranking.rows.len());
                        Some(match count {
                            count if count + 1 == all => {
                                ", but nothing tells the others from it".into()
                            }
                            1 => format!(", but {name} cannot be told from it"),
                            count => format!(", but {count} others cannot be told from it"),
                        })
                    }
                    _ => None,
                }
            });
        reason.push_str(&next.unwrap_or_default());
        reason.push_str(&refused.unwrap_or_default());
        reason
    }

    /// What would have been better, but fails.
    fn refused(self, best: usize) -> Option<String> {
        let Self { ranking, names, .. } = self;
        let lowest = ranking.rows[best].value?;
        let barred = |cell: &usize| {
            let row = &ranking.rows[*cell];
            let out = matches!(
                row.verdict,
                Verdict::Barred { .. } | Verdict::FailsMore { .. }
            );
            out && row.value.is_some_and(|value| value < lowest)
        };
        let cells = 0..ranking.rows.len();
        let cell = cells.filter(barred).min_by(|one, other| {
            let value = |cell: &usize| ranking.rows[*cell].value.unwrap_or(f64::MAX);
            value(one).total_cmp(&value(other))
        })?;
        let why = match (self.sound)(cell) {
            true => "fails more requests",
            false => "fails its conditions",
        };
        Some(format!("; {} is lower, but {why}", names[cell]))
    }

    fn certainty(self, best: usize) -> String {
        let (seeds, names) = (self.runs.len(), self.names);
        // Those that are barred or without a value are not compared.
        let compared = |cell: &&usize| self.verdict(**cell).difference().1.is_some();
        let others = self.order.iter().filter(compared).count();
        if seeds < LEAST {
            return format!(
                "not at all: {seeds} of at least {LEAST} seeds that it takes to tell differences \
                 from chance"
            );
        }
        let equals = self.equals();
        let against = match equals.as_slice() {
            [] if others == 0 => "no other setting can be taken".to_owned(),
            [] if names.len() == 2 => "the other one differs beyond chance".to_owned(),
            [] if others == 1 => "the one other that can be taken differs beyond chance".to_owned(),
            [] => format!("each of the {others} others differs beyond chance"),
            [one] if others > 1 => format!(
                "{} of {others} others differ beyond chance; not told from it: {}",
                others - 1,
                self.doubtful(*one)
            ),
            few if few.len() < others => {
                let mut list: Vec<&str> = few.iter().take(3).map(|n| names[*n].as_str()).collect();
                if few.len() > 3 {
                    list.push("and more");
                }
                format!(
                    "{} of {others} others differ beyond chance; not told from it: {}",
                    others - few.len(),
                    list.join(", ")
                )
            }
            [one, ..] => format!(
                "nothing differs beyond chance; the next is {}",
                self.doubtful(*one)
            ),
        };
        let best = &names[best];
        format!("{against} (against {best}; {seeds} paired seeds, intervals of 95%)")
    }

    /// A cell and where its difference lies.
    fn doubtful(self, cell: usize) -> String {
        let name = &self.names[cell];
        match self.verdict(cell) {
            Verdict::Indistinct { interval, .. } => {
                format!("{name} ({})", range(self.ranking.metric, interval))
            }
            _ => name.clone(),
        }
    }

    /// Everything else that is measured, and of which another sound cell has less.
    fn costs(self, take: usize) -> Vec<Cost> {
        let mut costs = Vec::new();
        let questions = elsewhere(self.runs);
        let other =
            |q: &&Question| (q.metric, &q.scope) != (self.ranking.metric, &self.ranking.scope);
        for question in questions.iter().filter(other) {
            let Question { metric, scope } = question;
            let found = compare_among(*metric, scope, self.runs, self.sound);
            let best = found
                .rows
                .iter()
                .position(|row| row.verdict == Verdict::Best);
            let Some(than) = best.filter(|best| *best != take) else {
                continue;
            };
            if let Some(Verdict::Worse { by, interval }) =
                pair(*metric, scope, self.runs, take, than)
            {
                costs.push(Cost {
                    metric: *metric,
                    scope: scope.clone(),
                    than,
                    by,
                    interval,
                });
            }
        }
        costs.sort_by(|one, other| other.by.total_cmp(&one.by));
        costs
    }
}

/// What else can be asked of `runs`: latencies of all and of each class as far as so many requests
/// can tell them, failures, repeated work, sessions.
pub(super) fn elsewhere(runs: &[Run]) -> Vec<Question> {
    let mut scopes = vec![Scope::All];
    let classes = runs.first().and_then(|run| run.cells.first());
    let classes = classes.map_or(&[][..], |cell| &cell.classes);
    if classes.len() > 1 {
        let scope = |(name, _): &(String, _)| Scope::Class(name.clone());
        scopes.extend(classes.iter().map(scope));
    }
    let latencies = [
        Metric::Mean,
        Metric::P50,
        Metric::P90,
        Metric::P99,
        Metric::P999,
    ];
    let questions = scopes.iter().flat_map(|scope| {
        latencies.map(|metric| Question {
            metric,
            scope: scope.clone(),
        })
    });
    let can = questions.filter(|question| question.doubt(runs).is_none());
    let rates = [
        Metric::ErrorRate,
        Metric::RetryRate,
        Metric::MovedRate,
        Metric::BrokenRate,
        Metric::SocketsCut,
    ];
    let rates = rates.map(|metric| Question {
        metric,
        scope: Scope::All,
    });
    can.chain(rates).collect()
}
