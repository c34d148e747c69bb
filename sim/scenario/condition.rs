//! The text of a threshold, word by word, so that an error points at the word.

use std::ops::Range;

use evenkeel_proxy::document::{Kind, Node, Share, Sink, Span, Time, Value};
use serde_json::{Value as Json, json};

use super::metric::{Metric, Unit};
use super::threshold::{OPERATORS, Operator, Scope, Threshold};

/// A scope before its name is looked up.
pub(super) enum Written {
    /// None is written.
    All,
    /// A class, and where its name stands.
    Class(String, Span),
    /// An endpoint, and where its name stands.
    Endpoint(String, Span),
}

/// The text of a threshold.
pub(super) struct Condition;

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
