//! `[[pool]] retry`: what is tried again, how often, and how soon.

use std::time::Duration;

use evenkeel_core::outlier::Statuses;
use evenkeel_core::retry::On;
use serde_json::{Value as Json, json};

use super::PoolTimeouts;
use crate::document::{
    Boolean, Integer, Kind, List, Node, Percent, Share, Sink, Size, Table, Time, Value,
};

/// What happens after a failed try.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// All tries of a request, the first included.
    pub attempts: u32,
    /// Retries against requests.
    pub budget: Percent,
    /// What is tried again.
    pub on: Vec<Trigger>,
    /// Whether that holds for every method, even if the endpoint may have acted.
    pub any_method: bool,
    /// How long a try waits for its head, if there may be another.
    pub timeout: Option<Duration>,
    /// The bound of the time before the second try; it doubles with each further one.
    pub backoff: Duration,
    /// The longest time between two tries.
    pub max_wait: Duration,
    /// Bytes of a body kept so that it can be sent again.
    pub buffer_bytes: u64,
}

/// What may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A failed dial.
    Connect,
    /// A connection lost before the head.
    Reset,
    /// A head that does not come within [`Retry::timeout`].
    Timeout,
    /// A response of this status.
    Status(u16),
}

impl Trigger {
    const FAILURES: [(&str, Self); 3] = [
        ("connect", Self::Connect),
        ("reset", Self::Reset),
        ("timeout", Self::Timeout),
    ];
    /// What is nobody's fault, and what is the client's as a rule, is not tried again.
    const STATUSES: std::ops::RangeInclusive<i128> = 400..=599;
}

impl Retry {
    /// What a request is tried again for, as the core has it.
    #[must_use]
    pub fn causes(&self) -> On {
        let cause = |trigger: &Trigger| match trigger {
            Trigger::Connect => On::CONNECT,
            Trigger::Reset => On::RESET,
            // It is a time and needs no permission: without it there is none.
            Trigger::Timeout => On::default(),
            Trigger::Status(_) => On::STATUS,
        };
        let method = match self.any_method {
            true => On::ANY_METHOD,
            false => On::default(),
        };
        self.on.iter().map(cause).fold(method, On::and)
    }

    /// The statuses that are tried again.
    #[must_use]
    pub fn statuses(&self) -> Statuses {
        let status = |trigger: &Trigger| match trigger {
            Trigger::Status(status) => Some(*status),
            _ => None,
        };
        let statuses = self.on.iter().filter_map(status);
        statuses.fold(Statuses::default(), Statuses::with)
    }

    /// How long a try waits for its head, if another one may take its place.
    #[must_use]
    pub fn patience(&self) -> Option<Duration> {
        self.timeout.filter(|_| self.on.contains(&Trigger::Timeout))
    }
}

/// The kind of what `retry.on` lists.
#[derive(Clone, Copy, Debug)]
struct Triggers;

impl Kind for Triggers {
    type Value = Trigger;

    fn expected(&self) -> String {
        "\"connect\", \"reset\", \"timeout\" or a status from 400 to 599".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Trigger> {
        match &value.node {
            Node::Integer(status) if Trigger::STATUSES.contains(status) => {
                Some(Trigger::Status(*status as u16))
            }
            Node::Text(text) => {
                let failures = Trigger::FAILURES;
                let found = failures.iter().find(|(name, _)| name == text);
                if found.is_none() {
                    let names = failures.map(|(name, _)| name);
                    sink.unknown(value.span, text, "failure", &names);
                }
                found.map(|(_, trigger)| *trigger)
            }
            _ => {
                sink.mismatch(value, self.expected());
                None
            }
        }
    }

    fn show(&self, value: &Trigger) -> Json {
        match value {
            Trigger::Status(status) => json!(status),
            failure => {
                let mut failures = Trigger::FAILURES.iter();
                let found = failures.find(|(_, trigger)| trigger == failure);
                json!(found.map(|(name, _)| name))
            }
        }
    }

    fn schema(&self) -> Json {
        let (least, most) = (*Trigger::STATUSES.start(), *Trigger::STATUSES.end());
        let names = Trigger::FAILURES.map(|(name, _)| name);
        json!({ "anyOf": [
            { "enum": names },
            { "type": "integer", "minimum": least as u16, "maximum": most as u16 },
        ] })
    }
}

/// Reads it.
pub(super) fn retry(t: &mut Table<'_>) -> Retry {
    let doc = "all tries of a request, the first included; a second one hides a crash, more feed \
               an overload";
    let attempts = t.default("attempts", Integer(1..=8_u32), 2, doc);
    let doc = "retries against requests over 10s, with at least 10/s; 20% bounds what a failing \
               pool gets on top";
    let budget = t.default("budget", Share, Percent::new(20), doc);
    let doc = "what is tried again: a failed dial, a connection lost before the head, a head that \
               does not come within `timeout`, or a status; no status, as the application has \
               answered and may mean it";
    let usual = Trigger::FAILURES.map(|(_, trigger)| trigger).to_vec();
    let on = t.default("on", List(Triggers), usual, doc);
    let doc = "try again whatever the method is, though the endpoint may have acted already; \
               false: after something was sent, only what is idempotent (GET, HEAD, OPTIONS, TRACE, \
               PUT, DELETE)";
    let any_method = t.default("any_method", Boolean, false, doc);
    let doc = "how long a try of an idempotent request waits for its head before another endpoint \
               is tried, within attempts and budget; absent: as long as timeouts.header, and then \
               504";
    let timeout = t.optional("timeout", Time::POSITIVE, doc);
    let doc = "a retry out of the budget waits for a random time below this, twice that before the \
               third try, and so on; 0s is at once, as another endpoint is tried";
    let backoff = t.default("backoff", Time::ANY, Duration::ZERO, doc);
    let doc = "the longest wait between two tries; a response whose Retry-After asks for more is \
               passed on; after 1s people press reload";
    let max_wait = t.default("max_wait", Time::ANY, Duration::from_secs(1), doc);
    let doc = "bytes of a request's body kept so that it can be sent again; a longer body is not \
               retried";
    let buffer_bytes = t.default("buffer", Size, 64 << 10, doc);
    let retry = Retry {
        attempts,
        budget,
        on,
        any_method,
        timeout,
        backoff,
        max_wait,
        buffer_bytes,
    };
    check(t, &retry);
    retry
}

/// Keys that have no effect, and the dangerous one.
fn check(t: &mut Table<'_>, retry: &Retry) {
    let mut warn = |key, message: &str, label: &str| {
        let problem = t.problem(t.span(key), message).warning();
        t.report(problem.label(label));
    };
    if retry.timeout.is_some() && retry.patience().is_none() {
        let label = "expected \"timeout\" among `on`";
        warn("timeout", "no try is replaced for being late", label);
    }
    if retry.on.is_empty() && retry.attempts > 1 {
        let label = "expected something, or `attempts = 1`";
        warn("on", "nothing is tried again", label);
    }
    if retry.backoff > retry.max_wait {
        let message = "no try waits for longer than `max_wait`";
        warn("backoff", message, "expected no more than that");
    }
    if retry.any_method {
        let message = "an endpoint that has acted and was lost is not the only one to act";
        let label = "right where an application takes the same request twice for one";
        warn("any_method", message, label);
    }
}

/// A try that ends with the time for the head is over, and not replaced.
pub(super) fn replaced_in_time(t: &mut Table<'_>, retry: &Retry, timeouts: &PoolTimeouts) {
    if retry.timeout.is_some_and(|limit| limit >= timeouts.header) {
        let message = "a try that ends with `timeouts.header` is not replaced";
        let problem = t.problem(t.span("retry"), message).warning();
        t.report(problem.label("expected a `timeout` below it"));
    }
}
