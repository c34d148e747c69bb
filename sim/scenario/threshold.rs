//! `[[threshold]]` and `[[sometimes]]`: what must come out, as `p99 < 400ms`.
//!
//! The grammar is the result's; here its names are looked up and its errors find their place.

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Kind, Names, Node, Sink, Span, Table, Value};
use serde_json::{Value as Json, json};

use super::target;
use crate::result::{Scope, Threshold};

/// Reads one block; names of classes and endpoints are looked up.
pub(super) fn threshold(
    t: &mut Table<'_>,
    config: Option<&Config>,
    classes: &Names,
) -> Option<Threshold> {
    let doc = "[class:NAME | endpoint:NAME ] METRIC < <= > >= == or != VALUE; metrics: requests \
               failed; not by endpoint: mean p50 p90 p99 p999 max error_rate ok cancelled \
               client_retries; not by class: utilisation dial_failures connects ejections; by \
               neither: retry_rate sessions sockets sockets_cut reconnects retried \
               retry_amplification; only by endpoint: share";
    let (mut threshold, span) = t.required("metric", Condition, doc)?;
    match &threshold.scope {
        Scope::All => {}
        Scope::Class(name) => {
            if !classes.refer(t, span, name) {
                return None;
            }
        }
        Scope::Endpoint(name) => {
            let config = config?;
            let target = target::resolve(t, span, config, name)?;
            let name = target::names(config)[target.pool][target.endpoint].clone();
            threshold.scope = Scope::Endpoint(name);
        }
    }
    Some(threshold)
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
