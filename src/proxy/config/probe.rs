//! `[[pool]] policy.probe`: how endpoints are asked for their load.

use std::time::Duration;

use super::health::RequestPath;
use crate::document::{Kind, Node, Sink, Table, Time, Value};
use crate::h1::Known;
use crate::probe::expect::is_token;
use serde_json::{Value as Json, json};

/// How an endpoint is asked for its load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Path and query of the request.
    pub path: String,
    /// The field of the answer that says how many requests are in flight, if it does.
    pub header: Option<String>,
    /// Longest time for it, connection included.
    pub timeout: Duration,
}

/// How long an answer is worth something to the policy.
const WORTH: Duration = Duration::from_secs(1);

pub(super) fn probe(t: &mut Table<'_>) -> Option<Probe> {
    let doc = "path and query of a request that costs nearly nothing: at an event loop its answer \
               tells how long the loop keeps others waiting";
    let path = t.required("path", RequestPath, doc);
    let doc = "the field of its answer with the number of requests in flight there, without the \
               one that asks, such as \"x-in-flight\"; absent: what this proxy has in flight there";
    let header = t.optional("header", FieldName, doc);
    let doc = "longest time for it, connection included; who has not answered after 100ms is \
               busy, and is asked again";
    let timeout = t.default("timeout", Time::POSITIVE, Duration::from_millis(100), doc);
    if timeout > WORTH {
        let message = "an answer is worth nothing after 1s, and meanwhile nobody asks again";
        let problem = t.problem(t.span("timeout"), message);
        t.report(problem.label("expected at most \"1s\""));
    }
    Some(Probe {
        path: path?,
        header,
        timeout,
    })
}

/// The name of a field that does not frame the message.
#[derive(Clone, Copy, Debug)]
struct FieldName;

impl FieldName {
    const EXPECTED: &str = "the name of a field, such as \"x-in-flight\"";
}

impl Kind for FieldName {
    type Value = String;

    fn expected(&self) -> String {
        Self::EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<String> {
        match &value.node {
            Node::Text(text) if is_token(text) && Known::of(text.as_bytes()) == Known::Other => {
                Some(text.clone())
            }
            _ => {
                sink.mismatch(value, Self::EXPECTED);
                None
            }
        }
    }

    fn show(&self, value: &String) -> Json {
        json!(value)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string" })
    }
}
