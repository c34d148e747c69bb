//! `[[pool]] health` and `panic`: whom probes find fit, and what happens when too few are.

use std::time::Duration;

use evenkeel_core::health::{self, Standing};
use serde_json::{Value as Json, json};

use super::status::{StatusCodes, StatusSet};
use crate::document::{
    Choice, Integer, Kind, Name, Node, OneOrMany, Percent, Share, Sink, Table, Time, Value,
};
use crate::h1::Known;
use crate::probe::expect::{self, Expect, is_token};

/// The checks of a pool's endpoints; each has to pass all.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// At least one.
    pub checks: Vec<Check>,
    /// What an endpoint is before its first result.
    pub initial: Standing,
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Its identity over reloads, and its name in metrics.
    pub name: String,
    /// What is asked.
    pub ask: Ask,
    /// Another port than the endpoint's.
    pub port: Option<u16>,
    /// From the start of a probe to the start of the next.
    pub interval: Duration,
    /// The same while the state is in doubt.
    pub interval_in_doubt: Duration,
    /// Longest time for a probe.
    pub timeout: Duration,
    /// Passes in a row that bring an endpoint back.
    pub rise: u32,
    /// Failures in a row that take it out.
    pub fall: u32,
    /// What the answer has to be.
    pub expect: Expect,
}

/// What a probe asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A request.
    Http {
        /// Its method.
        method: &'static str,
        /// Its path and query.
        path: String,
        /// Its `Host`; absent: the endpoint's address.
        host: Option<String>,
        /// Further lines of its head.
        headers: Vec<String>,
    },
    /// Nothing: a connection is enough.
    Tcp,
    /// `grpc.health.v1.Health/Check`.
    Grpc {
        /// What it is asked as; absent: the endpoint's address.
        host: Option<String>,
        /// The service; empty for the server as a whole.
        service: String,
    },
}

impl Ask {
    /// The least that can be asked.
    #[must_use]
    pub fn plain() -> Self {
        Self::Http {
            method: "GET",
            path: "/".to_owned(),
            host: None,
            headers: Vec::new(),
        }
    }
}

/// What happens when too few endpoints are fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Panic {
    /// The share of usable endpoints below which it does.
    pub below: Percent,
    /// Answer nothing rather than try everybody.
    pub closed: bool,
}

impl Check {
    /// What the core needs to know of it.
    #[must_use]
    pub fn schedule(&self) -> health::Check {
        health::Check {
            name: self.name.clone(),
            interval: self.interval,
            interval_in_doubt: self.interval_in_doubt.min(self.interval),
            timeout: self.timeout,
            rise: self.rise,
            fall: self.fall,
        }
    }

    /// How long an endpoint may stand still without being taken out, at least.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let further = self.interval_in_doubt.min(self.interval).max(self.timeout);
        further * (self.fall - 1) + self.timeout
    }

    /// The mean time between two mistakes at one endpoint, if one probe in a hundred fails for no
    /// fault of the endpoint's.
    #[must_use]
    pub fn mistake(&self) -> Duration {
        let probes = 100_u64.checked_pow(self.fall).map(|n| n as f64);
        let seconds = self.interval.as_secs_f64() * probes.unwrap_or(1e19);
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

pub(super) fn panic(t: &mut Table<'_>) -> Panic {
    const MODE: Choice<bool> = Choice {
        what: "mode",
        of: &[("open", false), ("closed", true)],
    };
    let doc = "the share of usable endpoints below which the checks are not believed; 30%, as more \
               than two thirds seldom fail at once by themselves; 0% for never";
    let below = t.default("below", Share, Percent::new(30), doc);
    let doc = "open: all endpoints are tried; closed: requests get 503, which spares the few that \
               are left";
    let closed = t.default("mode", MODE, false, doc);
    Panic { below, closed }
}

/// The checks of a pool. `http2` says how its endpoints are spoken to.
pub(super) fn health(t: &mut Table<'_>, http2: bool) -> Option<Health> {
    const INITIAL: Choice<Standing> = Choice {
        what: "state",
        of: &[("checking", Standing::Checking), ("up", Standing::Up)],
    };
    let doc = "what an endpoint is before its first result: checking takes nothing until it \
               passes, up takes requests at once";
    let initial = t.default("initial", INITIAL, Standing::Checking, doc);
    let first = check(t, http2);
    let doc = "further checks that an endpoint has to pass as well, each with a name of its own";
    let further = t.tables("also", doc, |t| check(t, http2));
    let spans = t.element_spans("also");
    let mut checks: Vec<Check> = Vec::new();
    for (n, check) in std::iter::once(first).chain(further).enumerate() {
        let check = check?;
        if checks.iter().any(|known| known.name == check.name) {
            let span = spans
                .get(n.wrapping_sub(1))
                .copied()
                .unwrap_or(t.own_span());
            let problem = t.problem(span, format!("two checks are called `{}`", check.name));
            t.report(problem.label("expected another `name`"));
        }
        checks.push(check);
    }
    Some(Health { checks, initial })
}

fn check(t: &mut Table<'_>, http2: bool) -> Option<Check> {
    let (kind, ask) = ask(t, http2)?;
    let doc = "what metrics call it, and what its counters are kept by; absent: its kind";
    let name = t.optional("name", Name, doc);
    let doc = "another port than the endpoint's; absent: the endpoint's";
    let port = t.optional("port", Integer(1..=65_535_u16), doc);
    let mut time = |name, ms, doc| t.default(name, Time::POSITIVE, Duration::from_millis(ms), doc);
    let doc = "from the start of a probe to the start of the next, up to a tenth less, so that \
               probes spread; 5s finds a fault in seconds for a fifth of a request per second";
    let interval = time("interval", 5_000, doc);
    let doc = "the same while results contradict the state; 2s confirms sooner, and lets a garbage \
               collection of 3s end before the third probe";
    let interval_in_doubt = time("interval_in_doubt", 2_000, doc);
    let doc = "longest time for a probe, connection included; 1s is slow for a health check";
    let timeout = time("timeout", 1_000, doc);
    let count =
        |t: &mut Table<'_>, name, default, doc| t.default(name, Integer(1..=100_u32), default, doc);
    let doc = "passes in a row that bring an endpoint back; 2, so that one lucky answer does not";
    let rise = count(t, "rise", 2, doc);
    let doc = "failures in a row that take an endpoint out; 3, so that a pause of a process does \
               not";
    let fall = count(t, "fall", 3, doc);
    let doc = "what the answer has to be, all of it";
    let expect = t.table("expect", doc, |t| expect(t, kind));
    let check = Check {
        name: name.unwrap_or_else(|| kind.to_owned()),
        ask,
        port,
        interval,
        interval_in_doubt,
        timeout,
        rise,
        fall,
        expect,
    };
    lint(t, &check);
    Some(check)
}

/// What is allowed and most likely not meant.
fn lint(t: &mut Table<'_>, check: &Check) {
    let hour = Duration::from_secs(3600);
    if check.mistake() < hour && !t.describing() {
        let message = "a healthy endpoint will be taken out now and then";
        let often = Time::format(Duration::from_secs(check.mistake().as_secs()));
        let help = format!(
            "if one probe in 100 is lost for no fault of the endpoint's, every {often} at each"
        );
        let problem = t.problem(t.span("fall"), message).warning();
        t.report(problem.label("expected `fall` of 2 or more").help(help));
    }
    let head_alone = matches!(check.ask, Ask::Http { method: "HEAD", .. });
    if head_alone && check.expect.body.is_some() {
        let problem = t.problem(t.span("expect"), "an answer to HEAD has no body");
        t.report(problem.label("expected no `body`, or another `method`"));
    }
    if t.has("interval_in_doubt") && check.interval_in_doubt > check.interval {
        let problem = t.problem(
            t.span("interval_in_doubt"),
            "doubt would slow the probes down",
        );
        t.report(problem.label("expected no more than `interval`"));
    }
}

/// Reports those of `keys` that a check of this kind does not have: `meant` do.
fn only(t: &mut Table<'_>, kind: &str, keys: &[&str], meant: &[&str]) {
    let wrong = |key: &&&str| !meant.contains(&kind) && t.has(key);
    for key in keys.iter().filter(wrong).collect::<Vec<_>>() {
        let message = format!("a check of kind {kind} has no `{key}`");
        let problem = t.problem(t.span(key), message);
        t.report(problem.label(format!("leave it out, or use kind = \"{}\"", meant[0])));
    }
}

fn ask(t: &mut Table<'_>, http2: bool) -> Option<(&'static str, Ask)> {
    const KIND: Choice<&str> = Choice {
        what: "kind of check",
        of: &[("http", "http"), ("tcp", "tcp"), ("grpc", "grpc")],
    };
    const METHOD: Choice<&str> = Choice {
        what: "method",
        of: &[("GET", "GET"), ("HEAD", "HEAD"), ("OPTIONS", "OPTIONS")],
    };
    let doc = "http (a request, over TLS and HTTP/2 where the pool speaks them), tcp (a \
               connection) or grpc (grpc.health.v1)";
    let kind = t.default("kind", KIND, "http", doc);
    let doc = "http: path and query; / answers in most applications, a path of its own can tell \
               more";
    let path = t.default("path", RequestPath, "/".to_owned(), doc);
    let doc = "http: the method; HEAD spares the body";
    let method = t.default("method", METHOD, "GET", doc);
    let doc = "http, grpc: what the endpoint is asked as; absent: its address";
    let host = t.optional("host", Name, doc);
    let doc = "http: further lines of the head, such as [\"x-probe: evenkeel\"]";
    let headers = t.default(
        "headers",
        crate::document::List(HeaderLine),
        Vec::new(),
        doc,
    );
    let doc = "grpc: the service that is asked for; absent: the server as a whole";
    let service = t.optional("service", Name, doc);
    if !t.describing() {
        only(t, kind, &["path", "method", "headers"], &["http"]);
        only(t, kind, &["host"], &["http", "grpc"]);
        only(t, kind, &["service"], &["grpc"]);
        if kind == "grpc" && !http2 {
            let problem = t.problem(t.span("kind"), "gRPC is spoken over HTTP/2");
            t.report(problem.label("expected `http2 = true` in the pool"));
        }
    }
    let ask = match kind {
        "tcp" => Ask::Tcp,
        "grpc" => Ask::Grpc {
            host,
            service: service.unwrap_or_default(),
        },
        _ => Ask::Http {
            method,
            path,
            host,
            headers,
        },
    };
    Some((kind, ask))
}

fn expect(t: &mut Table<'_>, kind: &str) -> Expect {
    if !t.describing() {
        only(t, kind, &["status", "header", "body"], &["http"]);
    }
    let usual = StatusSet::parse("200-399").expect("it is written as it is read");
    let doc = "status codes and ranges, ! takes out; 200-399 is what browsers take for good";
    let status = t.default("status", StatusCodes, usual, doc);
    let doc = "\"name\" (present), \"!name\" (absent), \"name: value\" (equal) or \"name ~ \
               pattern\" (a regular expression); one or a list";
    let headers = t.default("header", OneOrMany(HeaderCondition), Vec::new(), doc);
    let doc = "a text that has to be in the first 256KiB of the body, or \"~ pattern\"";
    let body = t.optional("body", BodyCondition, doc);
    let doc = "the whole answer has to take less than this; absent: `timeout` alone bounds it";
    let latency = t.optional("latency", Time::POSITIVE, doc);
    Expect {
        statuses: status.statuses,
        headers,
        body,
        latency,
    }
}

/// A kind of text that a function judges.
macro_rules! parsed {
    ($kind:ident, $value:ty, $expected:literal, $parse:expr, $show:expr) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $kind;

        impl Kind for $kind {
            type Value = $value;

            fn expected(&self) -> String {
                $expected.into()
            }

            fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<$value> {
                let Node::Text(text) = &value.node else {
                    sink.mismatch(value, $expected);
                    return None;
                };
                let parsed: Result<$value, String> = $parse(text);
                parsed
                    .map_err(|wrong| sink.wrong(value.span, wrong, concat!("expected ", $expected)))
                    .ok()
            }

            fn show(&self, value: &$value) -> Json {
                $show(value)
            }

            fn schema(&self) -> Json {
                json!({ "type": "string" })
            }
        }
    };
}

parsed!(
    HeaderCondition,
    expect::Header,
    "a condition such as \"content-type ~ json\"",
    expect::Header::parse,
    |header: &expect::Header| json!(header.to_string())
);
parsed!(
    BodyCondition,
    expect::Text,
    "a text, or \"~\" and a regular expression",
    expect::Text::parse,
    |text: &expect::Text| json!(text.to_string())
);
parsed!(
    RequestPath,
    String,
    "a path such as \"/healthz\", in visible ASCII",
    |text: &String| match text.starts_with('/')
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
    {
        true => Ok(text.clone()),
        false => Err("that is no path of a request".to_owned()),
    },
    |path: &String| json!(path)
);
parsed!(
    HeaderLine,
    String,
    "a line such as \"x-probe: evenkeel\"",
    |text: &String| header_line(text),
    |line: &String| json!(line)
);

/// A line of a head that does not frame the message.
fn header_line(text: &str) -> Result<String, String> {
    let (name, value) = text.split_once(':').ok_or("there is no colon")?;
    if !is_token(name) || !value.bytes().all(|b| matches!(b, b'\t' | b' '..=b'~')) {
        return Err("that is no line of a head".to_owned());
    }
    match Known::of(name.as_bytes()) {
        Known::Other => Ok(text.to_owned()),
        _ => Err(format!("`{name}` is the probe's own")),
    }
}
