//! Thresholds: what must hold for a run to pass, such as `class:light p99 < 400ms`.
//!
//! Grammar: `[class:NAME | endpoint:NAME ] METRIC OP VALUE`, and `METRIC == VALUE +- SHARE` for
//! what must come out up to a share of itself.

use std::fmt;

use evenkeel_proxy::document::{self, Share, Time};
use serde::{Deserialize, Serialize};

use super::metric::{Metric, Scope, Unit};
use super::run::Cell;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

impl Op {
    fn parse(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Below,
            "<=" => Self::AtMost,
            ">" => Self::Above,
            ">=" => Self::AtLeast,
            "==" => Self::Equal,
            "!=" => Self::Unequal,
            _ => return None,
        })
    }

    /// Whether `value` stands so to `bound`.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Self::Below => value < bound,
            Self::AtMost => value <= bound,
            Self::Above => value > bound,
            Self::AtLeast => value >= bound,
            Self::Equal => value == bound,
            Self::Unequal => value != bound,
        }
    }
}

/// Which runs a condition is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Over {
    /// Every seed by itself.
    #[default]
    Each,
    /// The requests of all seeds together.
    All,
}

/// One condition on a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// What it is taken over.
    pub scope: Scope,
    /// What is compared.
    pub metric: Metric,
    /// How.
    pub op: Op,
    /// With what, in the metric's unit: milliseconds, a share, a number.
    pub bound: f64,
    /// How far from the bound is still equal, as a share of it.
    pub within: f64,
    /// Which runs it is about.
    pub over: Over,
    /// Which cells: those that have these settings.
    pub cells: Vec<(String, String)>,
    /// As it was written.
    text: String,
}

/// A threshold that cannot be read: the first thing that is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {expected}")]
pub struct Error {
    /// Where in the text it went wrong, in bytes from 0.
    pub at: usize,
    /// How many bytes are wrong; 0 where something is missing.
    pub len: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, as a clause of its own.
    pub expected: String,
}

/// A part of the text, what is wrong with it, and what to write instead.
type Mistake<'a> = (&'a str, String, String);

impl Threshold {
    /// Reads `text`.
    ///
    /// # Errors
    /// It does not follow the grammar, names no metric, or its metric and value do not go together.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text).map_err(|(part, message, expected)| Error {
            at: part.as_ptr() as usize - text.as_ptr() as usize,
            len: part.len(),
            message,
            expected,
        })
    }

    fn read(text: &str) -> Result<Self, Mistake<'_>> {
        let (scope, rest) = scope(text.trim())?;
        let compares = |c: char| matches!(c, '<' | '>' | '=' | '!');
        let (name, rest) = rest.split_at(rest.find(compares).unwrap_or(rest.len()));
        let metric = metric(name.trim_end(), &scope)?;
        let (sign, value) = rest.split_at(rest.find(|c| !compares(c)).unwrap_or(rest.len()));
        let op = Op::parse(sign).ok_or_else(|| {
            let message = match sign {
                "" => format!("nothing compares `{metric}`"),
                _ => format!("`{sign}` does not compare"),
            };
            let expected = "expected one of < <= > >= == != and a value".to_owned();
            (sign, message, expected)
        })?;
        let (value, within) = within(op, value.trim())?;
        let bound = bound(metric.unit(), value).map_err(|expected| {
            let message = match value {
                "" => format!("`{metric}` is compared with nothing"),
                _ => format!("`{metric}` cannot be compared with `{value}`"),
            };
            (value, message, format!("expected {expected}"))
        })?;
        Ok(Self {
            scope,
            metric,
            op,
            bound,
            within,
            over: Over::Each,
            cells: Vec::new(),
            text: text.trim().to_owned(),
        })
    }

    /// Whether it is about a cell with these settings.
    #[must_use]
    pub fn is_about(&self, settings: &[(String, String)]) -> bool {
        self.cells.iter().all(|pair| settings.contains(pair))
    }

    fn holds(&self, value: f64) -> bool {
        if self.within > 0.0 {
            return (value - self.bound).abs() <= self.within * self.bound;
        }
        self.op.holds(value, self.bound)
    }

    /// Compares it with a result. What was never measured fulfils no threshold.
    #[must_use]
    pub fn evaluate(&self, cell: &Cell) -> Verdict {
        let value = cell.value(self.metric, &self.scope);
        Verdict {
            metric: self.text.clone(),
            value,
            ok: value.is_some_and(|value| self.holds(value)),
        }
    }
}

impl fmt::Display for Threshold {
    /// As it was written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What became of a threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The threshold as it was written.
    pub metric: String,
    /// The metric's value in its unit; `None` if nothing was measured.
    pub value: Option<f64>,
    /// Whether it holds.
    pub ok: bool,
}

/// The scope at the beginning of `text`, and what follows it.
fn scope(text: &str) -> Result<(Scope, &str), Mistake<'_>> {
    let Some((kind, rest)) = text.split_once(':') else {
        return Ok((Scope::All, text));
    };
    let make = match kind {
        "class" => Scope::Class,
        "endpoint" => Scope::Endpoint,
        _ => {
            let (expected, _) = document::known(kind, "scope", &["class", "endpoint"]);
            return Err((kind, format!("unknown scope `{kind}`"), expected));
        }
    };
    match rest.split_once(char::is_whitespace) {
        Some((name, rest)) if !name.is_empty() => Ok((make(name.to_owned()), rest.trim_start())),
        _ => {
            let expected = format!("expected a name and a metric, as in `{kind}:a failed < 10`");
            Err((text, "the condition ends too early".to_owned(), expected))
        }
    }
}

fn metric<'a>(name: &'a str, scope: &Scope) -> Result<Metric, Mistake<'a>> {
    let here = Metric::ALL.iter().filter(|metric| metric.exists_in(scope));
    let here: Vec<&str> = here.map(|metric| metric.name()).collect();
    match Metric::parse(name) {
        Some(metric) if metric.exists_in(scope) => Ok(metric),
        Some(metric) => {
            let (whose, expected) = match scope {
                Scope::All => (
                    "all requests",
                    format!("expected `endpoint:NAME {metric} ...`"),
                ),
                Scope::Class(_) => ("a class", format!("a class has {}", here.join(", "))),
                Scope::Endpoint(_) => (
                    "an endpoint",
                    format!("an endpoint has {}", here.join(", ")),
                ),
            };
            Err((
                name,
                format!("`{metric}` is not measured for {whose}"),
                expected,
            ))
        }
        None if name.is_empty() => {
            let expected = "expected a condition such as `p99 < 400ms`".to_owned();
            Err((name, "the metric is missing".to_owned(), expected))
        }
        None => {
            let (expected, _) = document::known(name, "metric", &here);
            Err((name, format!("unknown metric `{name}`"), expected))
        }
    }
}

/// Parts `VALUE +- SHARE`; the share is 0 where none is given.
fn within(op: Op, text: &str) -> Result<(&str, f64), Mistake<'_>> {
    let Some((value, share)) = text.split_once("+-") else {
        return Ok((text, 0.0));
    };
    let share = share.trim();
    if op != Op::Equal {
        let message = "only what is compared by == has a tolerance".to_owned();
        return Err((share, message, "expected `== VALUE +- 1%`".to_owned()));
    }
    match Share::parse(share) {
        Ok(within) => Ok((value.trim_end(), within.fraction())),
        Err(_) => {
            let message = format!("`{share}` is no tolerance");
            Err((
                share,
                message,
                "expected a percentage such as 1%".to_owned(),
            ))
        }
    }
}

/// Reads a value of `unit`; what was expected if it is none.
fn bound(unit: Unit, text: &str) -> Result<f64, &'static str> {
    match unit {
        Unit::Duration => Time::parse(text)
            .map(|time| time.as_nanos() as f64 / 1e6)
            .map_err(|_| "a duration such as 400ms or 1.5s"),
        Unit::Ratio => Share::parse(text)
            .map(|share| share.fraction())
            .map_err(|_| "a percentage such as 0.1%"),
        Unit::Count => text
            .parse()
            .ok()
            .filter(|number: &f64| {
                number.is_finite() && text.starts_with(|c: char| c.is_ascii_digit())
            })
            .ok_or("a number such as 100"),
    }
}

#[cfg(test)]
mod test;
