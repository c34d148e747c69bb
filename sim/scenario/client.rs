//! `client` and `sockets` of a workload: what clients do while they wait, and with what they hold.

use std::time::Duration;

use evenkeel_proxy::document::{Boolean, Integer, Share, Table, Time};

use super::law::law_or_time;
use crate::workload::{Abort, Backoff, Client, Messages, Sockets};

/// Whether clients that hold sockets also try again: there is one way to say it.
pub(super) fn check(t: &mut Table<'_>, client: Option<&Client>) {
    if t.has("sockets") && client.is_some_and(|client| client.retries > 0) {
        let problem = t.problem(t.span("client"), "sockets come back by their own rule");
        t.report(problem.label("expected sockets.reconnect in the place of client.retries"));
    }
}

/// No wait is longer: a century, as everywhere.
const LONGEST: Duration = Duration::from_secs(36_500 * 86_400);

pub(super) fn client(t: &mut Table<'_>) -> Option<Client> {
    let doc = "after how long it gives up a try and closes; absent: never";
    let timeout = t.optional("timeout", Time::POSITIVE, doc);
    let doc = "how often it tries again after a timeout, a refusal, a cut or 500 and above, \
               whatever the method; latency goes on from the first try";
    let retries = t.default("retries", Integer(0..=100_u8), 0, doc);
    let doc = "the wait before it tries again; doubles, and is drawn from its half to its whole";
    let backoff = t.default("backoff", Time::ANY, Duration::from_millis(100), doc);
    let abort = t.optional_table("abort", "clients that leave on purpose", abort);
    if t.has("backoff") && !t.has("retries") {
        let problem = t.problem(t.span("backoff"), "nobody tries again");
        t.report(problem.label("expected `retries` beside it"));
    }
    Some(Client {
        timeout,
        retries,
        backoff: match retries {
            0 => Client::PATIENT.backoff,
            _ => Backoff {
                first: backoff,
                most: LONGEST,
                jitter: true,
            },
        },
        abort: match abort {
            Some(abort) => Some(abort?),
            None => None,
        },
    })
}

fn abort(t: &mut Table<'_>) -> Option<Abort> {
    let share = t.required(
        "share",
        Share,
        "which part of the requests, if it lasts that long",
    );
    let doc = "when, from the moment that the request was due: a time or a law";
    let after = t.required_shorthand("after", "value", "such as \"500ms\"", doc, law_or_time);
    Some(Abort {
        share: share?.fraction(),
        after: after??,
    })
}

/// Most bytes of a message.
const MOST_MESSAGE_BYTES: u32 = 1 << 20;

pub(super) fn sockets(t: &mut Table<'_>) -> Option<Sockets> {
    let doc = "how long a client wants to be connected, from when it is due: a time or a law; \
               none outlasts the arrivals";
    let hold = t.required_shorthand("hold", "value", "such as \"10m\"", doc, law_or_time);
    let doc = "what clients say, and hear back from the origin; absent: nothing";
    let messages = t.optional_table("messages", doc, messages);
    let doc =
        "when clients come back after a cut, or when no socket could be opened; absent: never";
    let reconnect = t.optional_table("reconnect", doc, reconnect);
    Some(Sockets {
        hold: hold??,
        messages: match messages {
            Some(messages) => Some(messages?),
            None => None,
        },
        reconnect: match reconnect {
            Some(reconnect) => Some(reconnect?),
            None => None,
        },
    })
}

fn messages(t: &mut Table<'_>) -> Option<Messages> {
    let doc = "the time between two of a client: a time or a law";
    let every = t.required_shorthand("every", "value", "such as \"30s\"", doc, law_or_time);
    let bytes = t.default(
        "bytes",
        Integer(1..=MOST_MESSAGE_BYTES),
        64,
        "the size of one",
    );
    Some(Messages {
        every: every??,
        bytes: u64::from(bytes),
    })
}

fn reconnect(t: &mut Table<'_>) -> Option<Backoff> {
    let doc = "the first wait; it doubles with each failure in a row";
    let first = t.default("first", Time::POSITIVE, Duration::from_millis(100), doc);
    let most = t.default(
        "most",
        Time::POSITIVE,
        Duration::from_secs(10),
        "the longest wait",
    );
    let doc = "draw each wait, from its half to its whole, so that not all come back at once";
    let jitter = t.default("jitter", Boolean, true, doc);
    if most < first {
        let problem = t.problem(t.span("most"), "the longest wait is below the first");
        let label = format!("expected at least {:?}", Time::format(first));
        t.report(problem.label(label).related(t.span("first"), "the first"));
        return None;
    }
    Some(Backoff {
        first,
        most,
        jitter,
    })
}
