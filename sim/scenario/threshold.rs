//! `[[threshold]]` and `[[sometimes]]`: what must come out, as `p99 < 400ms`.
//!
//! The grammar is `[class:NAME | endpoint:NAME ] METRIC OPERATOR VALUE`.

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Names, Table};

use super::condition::{Condition, Written};
use super::metric::Metric;
use super::target::{self, Target};

/// What must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As written.
    pub text: String,
    /// Whose metric.
    pub scope: Scope,
    /// Which one.
    pub metric: Metric,
    /// How it is compared.
    pub operator: Operator,
    /// With what, in the metric's [`Unit`](super::Unit).
    pub limit: f64,
}

impl Threshold {
    /// Whether a value in the metric's unit is as it must be; one that is not a number never is.
    pub fn holds(&self, value: f64) -> bool {
        match self.operator {
            Operator::Less => value < self.limit,
            Operator::AtMost => value <= self.limit,
            Operator::Greater => value > self.limit,
            Operator::AtLeast => value >= self.limit,
            Operator::Equal => value == self.limit,
            Operator::NotEqual => !value.is_nan() && value != self.limit,
        }
    }
}

/// Whose metric a threshold is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All requests.
    All,
    /// Those of a class.
    Class(String),
    /// Those of an endpoint.
    Endpoint(Target),
}

/// How a metric is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
}

/// The operators as written.
pub(super) const OPERATORS: [(&str, Operator); 6] = [
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::Greater),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];

/// Reads one block; names of classes and endpoints are looked up.
pub(super) fn threshold(
    t: &mut Table<'_>,
    config: Option<&Config>,
    classes: &Names,
) -> Option<Threshold> {
    let doc = "[class:NAME | endpoint:NAME ] METRIC < <= > >= == or != VALUE; metrics: mean p50 p90 \
               p99 p999 max (durations), error_rate retry_rate (percent), requests ok failed \
               cancelled retried retry_amplification dial_failures connects (numbers), endpoint: \
               utilisation share (percent)";
    let (written, mut threshold) = t.required("metric", Condition, doc)?;
    match written {
        Written::All => {}
        Written::Class(name, span) => {
            if !classes.refer(t, span, &name) {
                return None;
            }
            threshold.scope = Scope::Class(name);
        }
        Written::Endpoint(name, span) => {
            threshold.scope = Scope::Endpoint(target::resolve(t, span, config?, &name)?);
        }
    }
    Some(threshold)
}
