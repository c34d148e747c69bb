//! Thresholds: what must hold for a run to pass, such as `class:light p99 < 400ms`.
//!
//! Grammar: `[class:NAME | endpoint:NAME ] METRIC OP VALUE`.

use std::fmt;

use serde::Serialize;

use super::metric::{Metric, Scope, Unit};
use super::run::Cell;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Longer signs first: they are tried in this order.
const OPS: [(&str, Op); 6] = [
    ("<=", Op::AtMost),
    (">=", Op::AtLeast),
    ("==", Op::Equal),
    ("!=", Op::Unequal),
    ("<", Op::Below),
    (">", Op::Above),
];

impl Op {
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

/// One condition on a result.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// What it is taken over.
    pub scope: Scope,
    /// What is compared.
    pub metric: Metric,
    /// How.
    pub op: Op,
    /// With what, in the metric's unit: milliseconds, a share, a number.
    pub bound: f64,
    /// As it was written.
    text: String,
}

/// A threshold that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Where in the text it went wrong, in bytes from 0.
    pub at: usize,
    /// How many bytes are wrong.
    pub len: usize,
    /// What is wrong and what was expected.
    pub message: String,
}

impl Threshold {
    /// Reads `text`.
    ///
    /// # Errors
    /// It does not follow the grammar, names no metric, or its metric and value do not go together.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fail = |part: &str, message: String| Error {
            at: part.as_ptr() as usize - text.as_ptr() as usize,
            len: part.len(),
            message,
        };
        let rest = text.trim();
        let (scope, rest) = scope(rest).map_err(|message| fail(rest, message))?;
        let found = rest.find(['<', '>', '=', '!']);
        let (name, rest) = rest.split_at(found.unwrap_or(rest.len()));
        let name = name.trim_end();
        let Some(metric) = Metric::parse(name) else {
            return Err(fail(name, unknown(name)));
        };
        if !metric.exists_in(&scope) {
            return Err(fail(name, misplaced(metric, &scope)));
        }
        let op = OPS.iter().find(|(sign, _)| rest.starts_with(sign));
        let Some(&(sign, op)) = op else {
            let message = format!("expected one of < <= > >= == != and a value after `{metric}`");
            return Err(fail(if rest.is_empty() { name } else { rest }, message));
        };
        let value = rest[sign.len()..].trim();
        let bound = bound(metric.unit(), value).map_err(|expected| {
            let given = if value.is_empty() { "nothing" } else { value };
            fail(
                value,
                format!("`{metric}` is compared with {expected}, not with {given}"),
            )
        })?;
        Ok(Self {
            scope,
            metric,
            op,
            bound,
            text: text.trim().to_owned(),
        })
    }

    /// Compares it with a result. What was never measured fulfils no threshold.
    #[must_use]
    pub fn evaluate(&self, cell: &Cell) -> Verdict {
        let value = cell.value(self.metric, &self.scope);
        Verdict {
            metric: self.text.clone(),
            value,
            ok: value.is_some_and(|value| self.op.holds(value, self.bound)),
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
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The threshold as it was written.
    pub metric: String,
    /// The metric's value in its unit; `None` if nothing was measured.
    pub value: Option<f64>,
    /// Whether it holds.
    pub ok: bool,
}

fn scope(text: &str) -> Result<(Scope, &str), String> {
    let make: fn(String) -> Scope = match text.split_once(':') {
        Some(("class", _)) => Scope::Class,
        Some(("endpoint", _)) => Scope::Endpoint,
        Some((other, _)) if !other.contains(['<', '>', '=', '!']) => {
            return Err(format!(
                "unknown scope `{other}`; expected class:NAME or endpoint:NAME"
            ));
        }
        _ => return Ok((Scope::All, text)),
    };
    let (_, rest) = text.split_once(':').unwrap_or((text, ""));
    match rest.split_once(char::is_whitespace) {
        Some((name, rest)) if !name.is_empty() => Ok((make(name.to_owned()), rest.trim_start())),
        _ => Err("expected a name and then a metric, as in `class:light p99 < 400ms`".to_owned()),
    }
}

fn unknown(name: &str) -> String {
    if name.is_empty() {
        return "expected a metric, as in `p99 < 400ms`".to_owned();
    }
    match Metric::nearest(name) {
        Some(nearest) => format!("unknown metric `{name}`; did you mean `{nearest}`?"),
        None => {
            let all = Metric::ALL.map(Metric::name).join(" ");
            format!("unknown metric `{name}`; the metrics are {all}")
        }
    }
}

fn misplaced(metric: Metric, scope: &Scope) -> String {
    match scope {
        Scope::All => format!("`{metric}` needs an endpoint: `endpoint:NAME {metric} ...`"),
        Scope::Class(_) => format!("`{metric}` is not known by class"),
        Scope::Endpoint(_) => format!("`{metric}` is not known by endpoint"),
    }
}

/// Reads a value of `unit`; what was expected if it is none.
fn bound(unit: Unit, text: &str) -> Result<f64, &'static str> {
    let number = |digits: &str| {
        let plain = digits.starts_with(|first: char| first.is_ascii_digit());
        digits
            .parse::<f64>()
            .ok()
            .filter(|value| plain && value.is_finite())
    };
    let scaled = |units: &[(&str, f64)]| {
        let of = |&(unit, scale): &(&str, f64)| Some(number(text.strip_suffix(unit)?)? * scale);
        units.iter().find_map(of)
    };
    match unit {
        Unit::Duration => scaled(&[
            ("ns", 1e-6),
            ("us", 1e-3),
            ("ms", 1.0),
            ("s", 1e3),
            ("m", 6e4),
        ])
        .ok_or("a duration such as 400ms or 1.5s"),
        Unit::Ratio => {
            let percent = text
                .strip_suffix('%')
                .map(|digits| number(digits.trim_end()));
            match percent {
                Some(percent) => percent.map(|percent| percent / 100.0),
                None => number(text),
            }
            .ok_or("a share such as 0.1% or 0.001")
        }
        Unit::Count => number(text).ok_or("a number"),
    }
}
