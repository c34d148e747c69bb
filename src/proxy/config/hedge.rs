//! `[[pool]] hedge`: a second try beside a first one that is late.

use std::time::Duration;

use evenkeel_core::hedge::{After, Settings};
use serde_json::{Value as Json, json};

use super::retry::Retry;
use crate::document::{Kind, Node, Percent, Share, Sink, Table, Time, Value};

/// The kind of `hedge.after`: a time, or a percentile of the pool's own.
#[derive(Clone, Copy, Debug)]
struct Lateness;

const EXPECTED: &str = "a duration such as \"50ms\", or a percentile from \"p50\" to \"p99.9\"";

impl Lateness {
    /// `"p95"` in parts per million.
    fn percentile(text: &str) -> Option<u32> {
        let share = Share::parse(&format!("{}%", text.strip_prefix('p')?)).ok()?;
        (500_000..=999_000)
            .contains(&share.ppm())
            .then_some(share.ppm())
    }
}

impl Kind for Lateness {
    type Value = After;

    fn expected(&self) -> String {
        EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<After> {
        match &value.node {
            Node::Text(text) if text.starts_with('p') => {
                let ppm = Self::percentile(text);
                if ppm.is_none() {
                    sink.mismatch(value, EXPECTED);
                }
                ppm.map(|ppm| After::Quantile { ppm })
            }
            Node::Text(_) => Time::POSITIVE.read(value, sink).map(After::Time),
            _ => {
                sink.mismatch(value, EXPECTED);
                None
            }
        }
    }

    fn show(&self, value: &After) -> Json {
        match value {
            After::Time(time) => Time::POSITIVE.show(time),
            After::Quantile { ppm } => json!(format!("p{}", f64::from(*ppm) / 1e4)),
        }
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [
            Time::POSITIVE.schema(),
            { "type": "string", "pattern": r"^p[5-9][0-9](\.[0-9]{1,4})?$" },
        ] })
    }
}

/// Reads it, if the file has it.
pub(super) fn hedge(t: &mut Table<'_>) -> Option<Settings> {
    let doc = "a second try of an idempotent request, at another endpoint, beside one that is \
               late: the first answer counts, the other try is given up; absent: none";
    let settings = t.shorthand("hedge", "after", doc, |t| {
        let doc = "when a try is late: after so long without a head, or longer than all but the \
                   slowest of the pool's tries of the last 5s to 10s; p95 hedges one in twenty";
        let after = t.default("after", Lateness, After::Quantile { ppm: 950_000 }, doc);
        let doc = "second tries against tries over 10s, with at least 10/s, and within \
                   retry.budget; 5%, as each is work that may be for nothing";
        let budget = t.default("budget", Share, Percent::new(5), doc);
        Settings {
            after,
            budget_ppm: u64::from(budget.ppm()),
        }
    });
    t.has("hedge").then_some(settings)
}

/// What keeps a hedge from ever beginning.
pub(super) fn check(
    t: &mut Table<'_>,
    hedge: Option<Settings>,
    (retry, header): (&Retry, Duration),
    endpoints: usize,
) {
    let Some(hedge) = hedge else {
        return;
    };
    let mut warn = |message: &str, label: &str| {
        let problem = t.problem(t.span("hedge"), message).warning();
        t.report(problem.label(label));
    };
    if retry.attempts < 2 {
        warn(
            "a hedge is a second try, and there is one",
            "expected `retry.attempts` of 2 or more",
        );
    }
    if endpoints == 1 {
        warn(
            "a hedge goes to another endpoint, and there is one",
            "expected two endpoints or more",
        );
    }
    let given_up = retry
        .patience()
        .map_or(header, |patience| patience.min(header));
    if let After::Time(after) = hedge.after
        && after >= given_up
    {
        let label = "expected less than `timeouts.header` and `retry.timeout`";
        warn("no try is late for so long: it is given up before", label);
    }
}
