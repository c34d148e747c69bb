//! `[[limit]]`: how many requests of a client go on, and how fast.

use std::time::Duration;

use evenkeel_core::limit;
use evenkeel_core::time::Span;
use serde_json::{Value as Json, json};

use super::policy::{HashKey, Keyed};
use crate::document::{self, Boolean, Integer, Kind, Name, Names, Node, Rate, Table, Value};

/// A limit that routes refer to.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// What routes, metrics and logs call it.
    pub name: String,
    /// By what clients are told apart; `None`: all requests count together.
    pub key: Option<HashKey>,
    /// How many requests, how fast.
    pub settings: limit::Settings,
}

/// Limits that a trace can tell apart.
pub(super) const MOST: usize = 256;
/// Who waits longer than this has given up.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn limit(t: &mut Table<'_>, names: &mut Names) -> Option<Limit> {
    let name = t.required("name", Name, "what routes, metrics and logs call it");
    names.declare(t, "name", name.as_deref());
    let doc = "by what clients are told apart; the address is what every client has, IPv6 by its \
               /64; one without the header, cookie or parameter is not limited; all: all requests \
               count together";
    let key = t.default("key", CountedBy, Some(HashKey::Address), doc);
    let doc = "requests of a client in so much time, spread evenly; absent: any";
    let rate = t.optional("rate", Rate, doc);
    let doc = "how many more may come before their time, beyond which they get 429; without it, of \
               two requests at once one is refused";
    let burst = t.default("burst", Integer(0..=1_000_000_u32), 0, doc);
    let doc = "how many of the burst go on at once, the others wait until the rate allows them; \
               absent: all do";
    let delay = t.optional("delay", Integer(0..=1_000_000_u32), doc);
    let doc = "requests and tunnels of a client that are under way at once, beyond which they get \
               429; absent: any";
    let requests = t.optional("requests", Integer(1..=10_000_000_u32), doc);
    let doc = "clients that are known at once, 100 bytes each; beyond it who owes least is \
               forgotten first; 65536 is more than a second's visitors of most sites";
    let keys = t.default("keys", Integer(1..=10_000_000_u32), 65_536, doc);
    let doc = "only count what it would do, in metrics and log; for trying a limit out";
    let dry_run = t.default("dry_run", Boolean, false, doc);
    if rate.is_none() && !t.has("rate") && requests.is_none() && !t.has("requests") {
        let problem = t.problem(t.own_span(), "it limits nothing");
        t.report(problem.label("expected `rate` or `requests`"));
    }
    let rate = rate.map(|per_second| limit::Rate {
        every: Span((1e9 / per_second).round().max(1.0) as u64),
        burst,
        delay,
    });
    bursts(t, rate);
    Some(Limit {
        name: name?,
        key,
        settings: limit::Settings {
            rate,
            requests,
            keys: keys as usize,
            dry_run,
        },
    })
}

/// What of a burst has no effect, or one that nobody wants.
fn bursts(t: &mut Table<'_>, rate: Option<limit::Rate>) {
    let Some(limit::Rate {
        every,
        burst,
        delay,
    }) = rate
    else {
        for key in ["burst", "delay"] {
            if t.has(key) && !t.has("rate") && !t.describing() {
                let problem = t.problem(t.span(key), format!("`{key}` is of a rate"));
                t.report(problem.label("expected `rate` beside it"));
            }
        }
        return;
    };
    if !t.has("burst") && !t.describing() {
        let problem = t.problem(t.span("rate"), "of two requests at once one is refused");
        let help = "a browser asks for a page and what is on it at once; `burst = 0` is meant";
        let label = "expected `burst` beside it, such as 20";
        t.report(problem.warning().label(label).help(help));
    }
    let Some(delay) = delay else { return };
    if delay >= burst {
        let problem = t.problem(
            t.span("delay"),
            "nobody waits: all of the burst go on at once",
        );
        t.report(problem.warning().label("expected less than `burst`"));
        return;
    }
    let longest = Duration::from_nanos(every.0.saturating_mul(u64::from(burst - delay)));
    if longest > PATIENCE {
        let message = format!("the last of a burst waits {}s", longest.as_secs());
        let problem = t.problem(t.span("delay"), message).warning();
        t.report(problem.label("expected a `burst` that is over in 10s"));
    }
}

/// `"all"`, or what a policy can hash by.
struct CountedBy;

impl Kind for CountedBy {
    type Value = Option<HashKey>;

    fn expected(&self) -> String {
        format!("\"all\", {}", Keyed.expected())
    }

    fn read(&self, value: &Value, sink: &mut document::Sink<'_>) -> Option<Option<HashKey>> {
        match &value.node {
            Node::Text(text) if text == "all" => Some(None),
            _ => Keyed.read(value, sink).map(Some),
        }
    }

    fn show(&self, value: &Option<HashKey>) -> Json {
        value.as_ref().map_or(json!("all"), |key| Keyed.show(key))
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [{ "const": "all" }, Keyed.schema()] })
    }
}
