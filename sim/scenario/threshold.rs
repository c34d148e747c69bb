//! `[[threshold]]` and `[[sometimes]]`: what must come out, as `p99 < 400ms`.
//!
//! The grammar is the result's; here its names are looked up and its errors find their place.

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Choice, Kind, Names, Node, Sink, Span, Table, Value};
use serde_json::{Value as Json, json};

use super::matrix::Where;
use super::target;
use crate::result::{Over, Scope, Threshold};

/// What a condition may name.
pub(super) struct Known<'a> {
    pub(super) config: Option<&'a Config>,
    pub(super) classes: &'a Names,
    /// Keys of the matrix, each with its values.
    pub(super) axes: &'a [(String, Vec<String>)],
}

/// Reads one `[[threshold]]`.
pub(super) fn threshold(t: &mut Table<'_>, known: &Known<'_>) -> Option<Threshold> {
    const OVER: Choice<Over> = Choice {
        what: "scope",
        of: &[("each", Over::Each), ("all", Over::All)],
    };
    let doc = "each (every seed) or all (the requests of all seeds together)";
    let over = t.default("over", OVER, Over::Each, doc);
    let mut threshold = sometimes(t, known)?;
    threshold.over = over;
    Some(threshold)
}

/// Reads one block; names of classes, endpoints and keys of the matrix are looked up.
pub(super) fn sometimes(t: &mut Table<'_>, known: &Known<'_>) -> Option<Threshold> {
    let doc = "[class:NAME | endpoint:NAME ] METRIC < <= > >= == or != VALUE, or == VALUE +- 1%; \
               metrics: requests failed in_flight_mean little; not by endpoint: mean p50 p90 p99 \
               p999 max error_rate ok cancelled client_retries limited; not by class: sessions \
               utilisation dial_failures connects ejections outages; by neither: retry_rate \
               sessions_moved sessions_broken moved_rate broken_rate sockets sockets_cut \
               reconnects queued held hedges hedges_won retried retry_amplification panics; only \
               by endpoint: share";
    let condition = t.required("metric", Condition, doc);
    let doc = "cells of the matrix that it is about; absent: all";
    let cells = t.optional("where", Where, doc).unwrap_or_default();
    let cells: Option<Vec<_>> = cells.into_iter().map(|pair| cell(t, known, pair)).collect();
    let (mut threshold, span) = condition?;
    match &threshold.scope {
        Scope::All => {}
        Scope::Class(name) => {
            if !known.classes.refer(t, span, name) {
                return None;
            }
        }
        Scope::Endpoint(name) => {
            let config = known.config?;
            let target = target::resolve(t, span, config, name)?;
            let name = target::names(config)[target.pool][target.endpoint].clone();
            threshold.scope = Scope::Endpoint(name);
        }
    }
    threshold.cells = cells?;
    Some(threshold)
}

/// One key of a `where` and its value, both as the matrix has them.
fn cell(
    t: &mut Table<'_>,
    known: &Known<'_>,
    (key, key_span, value, value_span): (String, Span, String, Span),
) -> Option<(String, String)> {
    let Some((_, values)) = known.axes.iter().find(|(axis, _)| *axis == key) else {
        let keys: Vec<&str> = known.axes.iter().map(|(axis, _)| axis.as_str()).collect();
        if keys.is_empty() {
            let problem = t.problem(key_span, format!("`{key}` is not varied"));
            t.report(problem.label(format!(
                "expected a [matrix] with `{key}`, or --vary {key}=..."
            )));
        } else {
            t.unknown(key_span, &key, "key of the matrix", &keys);
        }
        return None;
    };
    if values.contains(&value) {
        return Some((key, value));
    }
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    t.unknown(value_span, &value, "value in the matrix", &values);
    None
}

/// The text of a threshold. The value's span is that of its scope's name, if it has one.
struct Condition;

const EXPECTED: &str = "a condition such as \"p99 < 400ms\" or \"class:light error_rate < 0.1%\"";

impl Kind for Condition {
    type Value = (Threshold, Span);

    fn expected(&self) -> String {
        EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        let Node::Text(text) = &value.node else {
            sink.mismatch(value, EXPECTED);
            return None;
        };
        match Threshold::parse(text) {
            Ok(threshold) => {
                let span = match &threshold.scope {
                    Scope::All => value.span,
                    Scope::Class(name) | Scope::Endpoint(name) => {
                        let start = text.find(':').map_or(0, |colon| colon + 1);
                        sink.part(value, start..start + name.len())
                    }
                };
                Some((threshold, span))
            }
            Err(error) => {
                let span = match error.len {
                    // Where something is missing, there is nothing to mark.
                    0 => value.span,
                    len => sink.part(value, error.at..error.at + len),
                };
                sink.wrong(span, error.message, error.expected);
                None
            }
        }
    }

    fn show(&self, (threshold, _): &Self::Value) -> Json {
        json!(threshold.to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "examples": ["p99 < 400ms", "class:light error_rate < 0.1%"] })
    }
}
