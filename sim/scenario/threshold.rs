//! `[[threshold]]` and `[[sometimes]]`: what must come out, as `p99 < 400ms`.
//!
//! The grammar is `[class:NAME | endpoint:NAME ] METRIC OPERATOR VALUE`.

use std::ops::Range;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Kind, Names, Node, Share, Sink, Span, Table, Time, Value};
use serde_json::{Value as Json, json};

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
    /// With what, in the metric's [`Unit`].
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

/// What a metric's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds, written as a duration.
    Milliseconds,
    /// A fraction of one, written in percent.
    Fraction,
    /// A plain number.
    Number,
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

const OPERATORS: [(&str, Operator); 6] = [
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::Greater),
    (">=", Operator::AtLeast),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];

macro_rules! metrics {
    ($($(#[doc = $doc:literal])* $metric:ident $name:literal $unit:ident $scopes:literal)*) => {
        /// What is measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Metric { $($(#[doc = $doc])* $metric,)* }

        impl Metric {
            /// All of them: name, metric, unit, and the scopes that have it (`a`ll, `c`lass,
            /// `e`ndpoint).
            const TABLE: &[(&str, Self, Unit, &str)] =
                &[$(($name, Self::$metric, Unit::$unit, $scopes)),*];
        }
    };
}

metrics! {
    /// Mean latency.
    Mean "mean" Milliseconds "ac"
    /// The median latency.
    P50 "p50" Milliseconds "ac"
    /// Latency that one in 10 exceeds.
    P90 "p90" Milliseconds "ac"
    /// Latency that one in 100 exceeds.
    P99 "p99" Milliseconds "ac"
    /// Latency that one in 1,000 exceeds.
    P999 "p999" Milliseconds "ac"
    /// The longest latency.
    Max "max" Milliseconds "ac"
    /// Failed requests of all.
    ErrorRate "error_rate" Fraction "ac"
    /// Retried requests of all.
    RetryRate "retry_rate" Fraction "ac"
    /// Requests sent; of an endpoint: tries.
    Requests "requests" Number "ace"
    /// Complete responses below 500.
    Ok "ok" Number "ac"
    /// Requests that failed.
    Failed "failed" Number "ace"
    /// Requests whose client left.
    Cancelled "cancelled" Number "ac"
    /// Requests tried more than once.
    Retried "retried" Number "ac"
    /// Tries for each request.
    RetryAmplification "retry_amplification" Number "a"
    /// Time that the endpoint works, of all.
    Utilisation "utilisation" Fraction "e"
    /// Requests of the endpoint, of all.
    Share "share" Fraction "e"
    /// Connections that could not be opened.
    DialFailures "dial_failures" Number "ae"
    /// Connections opened.
    Connects "connects" Number "ae"
}

impl Metric {
    fn row(self) -> (&'static str, Self, Unit, &'static str) {
        let row = Self::TABLE.iter().find(|(_, metric, ..)| *metric == self);
        *row.expect("the table and the enum are made of the same list")
    }

    /// Its name in a threshold.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// What its number counts.
    pub fn unit(self) -> Unit {
        self.row().2
    }

    /// How many requests it takes until this latency percentile means something: ten beyond it.
    pub(super) fn least_requests(self) -> Option<f64> {
        match self {
            Self::P50 => Some(20.0),
            Self::P90 => Some(100.0),
            Self::P99 => Some(1_000.0),
            Self::P999 => Some(10_000.0),
            _ => None,
        }
    }
}

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

/// A scope before its name is looked up.
enum Written {
    All,
    Class(String, Span),
    Endpoint(String, Span),
}

/// The text of a threshold.
struct Condition;

const EXPECTED: &str = "a condition such as \"p99 < 400ms\" or \"class:light error_rate < 0.1%\"";

/// A word of the condition and its place in the value.
type Word<'a> = (&'a str, Range<usize>);

impl Kind for Condition {
    type Value = (Written, Threshold);

    fn expected(&self) -> String {
        EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        let Node::Text(text) = &value.node else {
            sink.mismatch(value, EXPECTED);
            return None;
        };
        let words = words(text);
        let (scope, rest) = match words.as_slice() {
            [scope, rest @ ..] if scope.0.contains(':') => (Some(scope), rest),
            rest => (None, rest),
        };
        let [metric, operator, limit] = rest else {
            sink.mismatch(value, EXPECTED);
            return None;
        };
        // All three are read, so that each wrong one is reported.
        let written = read_scope(scope, value, sink);
        let metric = read_metric(metric, written.as_ref(), value, sink);
        let operator = read_operator(operator, value, sink);
        let limit = metric.and_then(|metric| read_limit(metric, limit, value, sink));
        let (text, scope) = (text.clone(), Scope::All);
        let threshold = Threshold {
            text,
            scope,
            metric: metric?,
            operator: operator?,
            limit: limit?,
        };
        Some((written?, threshold))
    }

    fn show(&self, (_, threshold): &Self::Value) -> Json {
        json!(threshold.text)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "examples": ["p99 < 400ms", "class:light error_rate < 0.1%"] })
    }
}

/// The words between blanks; operators need no blanks around them.
fn words(text: &str) -> Vec<Word<'_>> {
    let kind = |c: char| match c {
        c if c.is_whitespace() => 0,
        '<' | '>' | '=' | '!' => 1,
        _ => 2,
    };
    let mut words: Vec<Word<'_>> = Vec::new();
    let mut start = 0;
    let ends = text
        .char_indices()
        .map(|(i, c)| (i, kind(c)))
        .chain([(text.len(), 3)]);
    let mut before = 0;
    for (i, now) in ends {
        if now != before {
            if before != 0 {
                words.push((&text[start..i], start..i));
            }
            (start, before) = (i, now);
        }
    }
    words
}

fn read_scope(word: Option<&Word<'_>>, value: &Value, sink: &mut Sink<'_>) -> Option<Written> {
    let Some((word, place)) = word else {
        return Some(Written::All);
    };
    let (kind, name) = word.split_once(':')?;
    let span = sink.part(value, place.start + kind.len() + 1..place.end);
    match kind {
        "class" => Some(Written::Class(name.to_owned(), span)),
        "endpoint" => Some(Written::Endpoint(name.to_owned(), span)),
        _ => {
            let span = sink.part(value, place.start..place.start + kind.len());
            sink.unknown(span, kind, "scope", &["class", "endpoint"]);
            None
        }
    }
}

fn read_metric(
    (word, place): &Word<'_>,
    scope: Option<&Written>,
    value: &Value,
    sink: &mut Sink<'_>,
) -> Option<Metric> {
    let (letter, whose) = match scope {
        Some(Written::All) | None => ('a', "all requests have"),
        Some(Written::Class(..)) => ('c', "a class has"),
        Some(Written::Endpoint(..)) => ('e', "an endpoint has"),
    };
    let row = Metric::TABLE.iter().find(|(name, ..)| name == word);
    let span = sink.part(value, place.clone());
    match row {
        Some((_, metric, _, scopes)) if scope.is_none() || scopes.contains(letter) => Some(*metric),
        Some(_) => {
            let rows = Metric::TABLE
                .iter()
                .filter(|(.., scopes)| scopes.contains(letter));
            let names: Vec<&str> = rows.map(|(name, ..)| *name).collect();
            let label = format!("{whose} {}", names.join(", "));
            sink.wrong(span, format!("`{word}` is not measured here"), label);
            None
        }
        None => {
            let names: Vec<&str> = Metric::TABLE.iter().map(|(name, ..)| *name).collect();
            sink.unknown(span, word, "metric", &names);
            None
        }
    }
}

fn read_operator((word, place): &Word<'_>, value: &Value, sink: &mut Sink<'_>) -> Option<Operator> {
    let found = OPERATORS.iter().find(|(text, _)| text == word);
    if found.is_none() {
        let span = sink.part(value, place.clone());
        let message = format!("`{word}` does not compare");
        sink.wrong(span, message, "expected one of < <= > >= == !=");
    }
    found.map(|(_, operator)| *operator)
}

fn read_limit(
    metric: Metric,
    (word, place): &Word<'_>,
    value: &Value,
    sink: &mut Sink<'_>,
) -> Option<f64> {
    let (read, expected) = match metric.unit() {
        Unit::Milliseconds => (
            Time::parse(word)
                .ok()
                .map(|time| time.as_nanos() as f64 / 1e6),
            "a duration such as 400ms",
        ),
        Unit::Fraction => (
            Share::parse(word).ok().map(|share| share.fraction()),
            "a percentage such as 0.1%",
        ),
        Unit::Number => (
            word.parse()
                .ok()
                .filter(|number: &f64| number.is_finite() && *number >= 0.0),
            "a number such as 100",
        ),
    };
    if read.is_none() {
        let span = sink.part(value, place.clone());
        let message = format!("`{}` cannot be compared with `{word}`", metric.name());
        sink.wrong(span, message, format!("expected {expected}"));
    }
    read
}
