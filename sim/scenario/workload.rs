//! `[[workload]]`: requests that arrive, made up by a law or recorded, and who sends them.

use std::fs::File;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use evenkeel_proxy::config::Listener;
use evenkeel_proxy::document::{
    Choice, FilePath, Float, Integer, Name, Names, Size, Table, Text, is_host,
};

use super::arrival::{self, Arrivals};
use super::client;
use super::law::law;
use crate::law::Law;
use crate::workload::{Client, Route, Sessions, Shape, Sockets};

/// Requests that arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// What reports call it; also the class of a recorded workload's requests.
    pub name: String,
    /// What its clients speak.
    pub protocol: Protocol,
    /// Where they come from.
    pub source: Source,
    /// How the rate of an open process changes with time.
    pub shape: Option<Shape>,
    /// Visitors of several requests each; the rate is that of all requests.
    pub sessions: Option<Sessions>,
    /// What clients do while they wait.
    pub client: Client,
    /// Requests open long-lived sockets.
    pub sockets: Option<Sockets>,
}

/// What clients speak; over TLS where the listener does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: one request at a time on a connection.
    #[default]
    Http1,
    /// HTTP/2: all of a client's requests on one connection.
    Http2,
}

/// How clients agree on it: by ALPN over TLS, by prior knowledge in plain text.
const PROTOCOL: Choice<Protocol> = Choice {
    what: "protocol",
    of: &[("http/1.1", Protocol::Http1), ("h2", Protocol::Http2)],
};

/// Where requests come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// An open loop: they come whether or not earlier ones are answered.
    Open {
        /// The law of the gaps between them.
        process: Process,
        /// How many in a second on average, above zero.
        rate_per_s: f64,
        /// What is asked for; weights are not all zero.
        classes: Vec<Class>,
    },
    /// A closed loop: users who wait for the end of one before they think and send the next.
    Closed {
        /// How many, at least one.
        users: u32,
        /// The time between the end of a request and the next one.
        think: Law,
        /// What is asked for; weights are not all zero.
        classes: Vec<Class>,
    },
    /// Those of an access log, at their times.
    Recorded {
        /// The log; it could be opened.
        file: PathBuf,
        /// How many recorded seconds pass in one; above zero.
        speed: f64,
        /// The classes of its requests by name; the first that fits counts, and the workload's own
        /// is that of the rest.
        routes: Vec<(String, Route)>,
    },
}

impl Source {
    /// What is asked for; a recorded workload brings its own requests.
    #[must_use]
    pub fn classes(&self) -> &[Class] {
        match self {
            Self::Open { classes, .. } | Self::Closed { classes, .. } => classes,
            Self::Recorded { .. } => &[],
        }
    }
}

/// The law of the gaps between arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Exponential gaps: arrivals know nothing of each other.
    Poisson,
    /// Equal gaps.
    Constant,
}

/// Requests that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// What reports and thresholds call it; unique in the scenario.
    pub name: String,
    /// Its share against the other classes' weights.
    pub weight: u32,
    /// Which host it asks; none asks the simulator's own.
    pub host: Option<String>,
    /// What it asks for.
    pub path: String,
    /// How it asks.
    pub method: &'static str,
    /// Its service time against the origin's.
    pub cost: f64,
    /// Its work on the processor, instead of the origin's law.
    pub service: Option<Law>,
    /// Its wait, instead of the origin's law.
    pub io: Option<Law>,
    /// Bytes of the request's body.
    pub body_bytes: u64,
    /// Bytes of the response's body.
    pub response_bytes: u64,
}

pub(super) fn workload(
    t: &mut Table<'_>,
    front: Option<&Listener>,
    names: &mut Names,
    classes: &mut Names,
) -> Option<Workload> {
    let name = t.required("name", Name, "what reports call it");
    names.declare(t, "name", name.as_deref());
    let doc = "what clients speak: http/1.1, or h2 (by ALPN where the listener speaks TLS); \
               a client's requests share one connection of h2";
    let protocol = t.default("protocol", PROTOCOL, Protocol::Http1, doc);
    check_protocol(t, protocol, front);
    let doc = "when requests come: an open loop by its `rate`, a closed one by its `users`";
    let arrivals = t.optional_table("arrivals", doc, arrival::arrivals);
    let shape = arrival::shape(t);
    let doc =
        "visitors who send several requests, each a think time after the end of the one before";
    let sessions = t.optional_table("sessions", doc, arrival::sessions);
    let doc = "what clients do while they wait; absent: they wait for ever and take every answer";
    let client = t.table("client", doc, client::client);
    let doc = "each arrival opens a WebSocket and holds it";
    let sockets = t.optional_table("sockets", doc, client::sockets);
    let doc =
        "what is asked for; absent: GET / at the origin's cost, a class of the workload's name";
    let own = t.tables("classes", doc, |t| class(t, classes));
    let trace = t.optional_table("trace", "requests of an access log, at their times", |t| {
        trace(t, classes)
    });

    if t.has("arrivals") == t.has("trace") {
        let message = match t.has("trace") {
            true => "a workload has arrivals or a trace, not both",
            false => "nothing arrives: the workload has neither arrivals nor a trace",
        };
        let label = "expected arrivals = { process = \"poisson\", rate = \"100/s\" } or trace";
        let problem = t.problem(t.own_span(), message).label(label);
        t.report(problem);
    }
    if t.has("trace") && t.has("classes") {
        let problem = t.problem(t.span("classes"), "a trace brings its own requests");
        t.report(problem.label("leave `classes` out"));
    }
    check_weights(t, &own);
    let closed = matches!(arrivals, Some(Some(Arrivals::Closed { .. })));
    arrival::check(t, protocol, closed);
    client::check(t, client.as_ref());
    if !t.has("classes") {
        classes.declare(t, "name", name.as_deref());
    }
    let name = name?;
    let source = match (arrivals, trace) {
        (Some(arrivals), _) => {
            let mut classes = own.into_iter().collect::<Option<Vec<_>>>()?;
            if classes.is_empty() {
                classes.push(Class::plain(&name));
            }
            arrivals?.with(classes)
        }
        (None, trace) => trace??,
    };
    Some(Workload {
        name,
        protocol,
        source,
        shape: shape?,
        sessions: some(sessions)?,
        client: client?,
        sockets: some(sockets)?,
    })
}

/// What may be absent, if nothing is wrong with it.
#[expect(clippy::option_option, reason = "absent, or wrong and reported")]
fn some<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        None => Some(None),
        Some(read) => read.map(Some),
    }
}

/// A listener without HTTP/2 answers none of its clients.
fn check_protocol(t: &mut Table<'_>, protocol: Protocol, front: Option<&Listener>) {
    if let (Protocol::Http2, Some(front)) = (protocol, front)
        && !front.http2
    {
        let message = format!("the listener `{}` does not speak HTTP/2", front.name);
        let problem = t.problem(t.span("protocol"), message);
        t.report(problem.label("expected \"http/1.1\", or `http2 = true` at the listener"));
    }
}

fn trace(t: &mut Table<'_>, classes: &mut Names) -> Option<Source> {
    let doc = "what `evenkeel sim import` has written, or an access log itself (common, combined, \
               JSON of nginx, Caddy or evenkeel, HAProxy httplog); .gz too";
    let file = t.required("file", FilePath, doc);
    let doc = "recorded seconds that pass in one; 60.0 replays an hour in a minute";
    let speed = t.default("speed", Float(1e-6..=1e9), 1.0, doc);
    let doc = "classes of its requests; the first that fits counts, and what fits none is of the \
               class called as the workload";
    let routes = t.tables("routes", doc, |t| route(t, classes));
    let file = file?;
    // Opening is not enough: a folder opens, and cannot be read.
    let readable = File::open(&file).and_then(|mut file| std::io::Read::read(&mut file, &mut [0]));
    if let Err(error) = readable {
        let message = format!("cannot read the trace {}: {error}", file.display());
        let problem = t.problem(t.span("file"), message);
        t.report(problem.label("expected an access log, relative to this file"));
        return None;
    }
    Some(Source::Recorded {
        file,
        speed,
        routes: routes.into_iter().collect::<Option<_>>()?,
    })
}

fn route(t: &mut Table<'_>, classes: &mut Names) -> Option<(String, Route)> {
    let name = t.required("name", Name, "what reports and thresholds call it");
    classes.declare(t, "name", name.as_deref());
    let doc = "a method such as GET; absent: any";
    let method = t.optional("method", Name, doc);
    let doc = "a path without its query; * is any one segment, such as /api/items/*";
    let path = t.required("path", Name, doc);
    let doc = "how long an origin works on one whose recording does not say; absent: as \
               `origin.service`";
    let service = t.optional_table("service", doc, law);
    let service = some(service)?;
    Some((
        name?,
        Route {
            method,
            path: path?,
            service,
        },
    ))
}

/// Most bytes of a body: a simulation moves them all.
const MOST_BODY_BYTES: u64 = 1 << 30;

fn class(t: &mut Table<'_>, names: &mut Names) -> Option<Class> {
    const METHOD: Choice<&str> = Choice {
        what: "method",
        of: &[
            ("GET", "GET"),
            ("HEAD", "HEAD"),
            ("POST", "POST"),
            ("PUT", "PUT"),
            ("PATCH", "PATCH"),
            ("DELETE", "DELETE"),
            ("OPTIONS", "OPTIONS"),
        ],
    };
    const HOST: Text = Text {
        expected: "a host such as \"example.com\"",
    };
    const PATH: Text = Text {
        expected: "a path such as \"/api/items\"",
    };

    let name = t.required("name", Name, "what reports and thresholds call it");
    names.declare(t, "name", name.as_deref());
    let doc = "its share against the other classes' weights";
    let weight = t.default("weight", Integer(0..=1_000_000_u32), 1, doc);
    let doc = "which host it asks; decides the route; absent: the simulator's own";
    let host = t.optional("host", HOST, doc);
    let doc = "what it asks for; decides the route";
    let path = t.default("path", PATH, "/".into(), doc);
    let doc = "how it asks; decides whether it may be retried";
    let method = t.default("method", METHOD, "GET", doc);
    let doc = "its service time against the origin's";
    let cost = t.default("cost", Float(0.0..=1_000_000.0), 1.0, doc);
    let doc = "work on the processor, before its cost; absent: as `origin.service`; `sim \
               calibrate` measures it";
    let service = t.optional_table("service", doc, law);
    let doc = "a wait that does not hold the processor; absent: as `origin.io`";
    let io = t.optional_table("io", doc, law);
    let body_bytes = t.default("body", Size, 0, "bytes of the request's body");
    let response_bytes = t.default("response", Size, 100, "bytes of the response's body");

    if let Some(host) = host.as_ref().filter(|host| !can_be_asked(host)) {
        let problem = t.problem(t.span("host"), format!("cannot ask the host {host:?}"));
        t.report(problem.label("expected a host such as \"example.com\", without scheme and port"));
    }
    if !path.starts_with('/') || path.contains(|c: char| !c.is_ascii_graphic()) {
        let problem = t.problem(t.span("path"), format!("cannot ask for {path:?}"));
        t.report(problem.label("expected a path such as \"/api/items\", of ASCII without blanks"));
    }
    for (key, bytes) in [("body", body_bytes), ("response", response_bytes)] {
        if bytes > MOST_BODY_BYTES {
            let problem = t.problem(t.span(key), "too large to simulate");
            t.report(problem.label("expected at most \"1GiB\""));
        }
    }
    Some(Class {
        name: name?,
        weight,
        host,
        path,
        method,
        cost,
        service: some(service)?,
        io: some(io)?,
        body_bytes,
        response_bytes,
    })
}

/// Whether it may stand in a `Host` field (RFC 9110 section 7.2): a name, or an address, which
/// stands in brackets if it is one of IPv6.
fn can_be_asked(host: &str) -> bool {
    let address = match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(host) => host.parse::<Ipv6Addr>().is_ok(),
        None => host.parse::<Ipv4Addr>().is_ok(),
    };
    address || is_host(host)
}

impl Class {
    /// The class of a workload that names none.
    fn plain(workload: &str) -> Self {
        Self {
            name: workload.into(),
            weight: 1,
            host: None,
            path: "/".into(),
            method: "GET",
            cost: 1.0,
            service: None,
            io: None,
            body_bytes: 0,
            response_bytes: 100,
        }
    }
}

fn check_weights(t: &mut Table<'_>, classes: &[Option<Class>]) {
    if !t.has("classes") {
        return;
    }
    let (message, label) = if t.element_spans("classes").is_empty() {
        (
            "there are no classes",
            "expected [{ name = \"light\", path = \"/api/items\" }]",
        )
    } else if classes
        .iter()
        .all(|class| class.as_ref().is_some_and(|class| class.weight == 0))
    {
        ("all weights are 0", "expected a weight above 0 for a class")
    } else {
        return;
    };
    let problem = t.problem(t.span("classes"), message).label(label);
    t.report(problem);
}
