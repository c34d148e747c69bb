//! `[[route]]`: which requests go to which pool.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use evenkeel_core::queue::Priority;
use serde_json::{Value as Json, json};

use super::Pool;
use crate::document::{
    self, Choice, Integer, Kind, Name, Names, Node, OneOrMany, Size, Table, Text, Time, Value,
    is_host,
};

/// Requests, and what becomes of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Hosts it is for; none is any.
    pub hosts: Vec<Host>,
    /// Paths it is for.
    pub path: Match,
    /// What becomes of the requests.
    pub action: Action,
    /// What differs from the pool's timeouts.
    pub timeouts: Timeouts,
    /// Most bytes of a request's body, if there is a limit.
    pub body_limit_bytes: Option<u64>,
    /// The names of the limits of its clients, none twice.
    pub limits: Vec<String>,
    /// What its requests are worth against others of their pool.
    pub priority: Priority,
}

/// A host that a route is for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// This one.
    Exact(String),
    /// Every name that ends so; holds the ending with its dot: `.example.com`.
    Wildcard(String),
}

/// Paths that a route is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match {
    /// This one.
    Exact(String),
    /// Every path that begins so.
    Prefix(String),
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes to the pool of that name.
    Pool(String),
    /// It is answered with another place.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location`.
        to: String,
    },
}

/// Timeouts of a route; what is absent is the pool's.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// Until the response's head.
    pub header: Option<Duration>,
    /// Between two pieces of a body.
    pub idle: Option<Duration>,
    /// For the whole request, retries included; absent is no limit.
    pub total: Option<Duration>,
    /// Silence in both directions of a tunnel.
    pub tunnel: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header: None,
            idle: None,
            total: None,
            tunnel: Duration::from_secs(3600),
        }
    }
}

impl Route {
    /// The route that sends everything to one pool.
    pub(super) fn all_to(pool: &Pool) -> Self {
        Self {
            hosts: Vec::new(),
            path: Match::Prefix("/".into()),
            action: Action::Pool(pool.name.clone()),
            timeouts: Timeouts::default(),
            body_limit_bytes: None,
            limits: Vec::new(),
            priority: Priority::Normal,
        }
    }
}

pub(super) fn route(t: &mut Table<'_>, pools: &Names, limits: &Names) -> Option<Route> {
    let doc = "hosts it is for, exact or `*.example.com`; absent: any";
    let hosts = t.optional("host", OneOrMany(HostKind), doc);
    if hosts.as_ref().is_some_and(Vec::is_empty) {
        let problem = t.problem(t.span("host"), "a route for no host is never taken");
        t.report(problem.label("leave `host` out for any host"));
    }
    let hosts = if t.has("host") {
        hosts
    } else {
        Some(Vec::new())
    };
    let path = t.shorthand("path", "prefix", "paths it is for; absent: all", path);
    let pool = t.optional("pool", Name, "name of the pool that gets the requests");
    let redirect = t.optional_table("redirect", "answer with another place instead", redirect);
    let timeouts = t.table(
        "timeouts",
        "what differs from the pool's timeouts",
        timeouts,
    );
    let doc = "most bytes of a request's body, else 413; absent: no limit, as bodies are streamed";
    let body_limit_bytes = t.optional("body_limit", Size, doc);

    let limits = limited(t, limits);
    let doc = "what its requests are worth while all endpoints are full: high goes before normal, \
               normal before low, and a full queue sends away from the lowest";
    let priority = t.default("priority", PRIORITY, Priority::Normal, doc);
    if t.has("redirect") && t.has("priority") {
        let problem = t.problem(t.span("priority"), "a redirect waits for nobody");
        t.report(problem.label("leave it out"));
    }
    if let Some(pool) = &pool {
        pools.refer(t, t.span("pool"), pool);
    }
    if t.has("pool") == t.has("redirect") {
        let message = match t.has("pool") {
            true => "a route has a pool or a redirect, not both",
            false => "the route goes nowhere",
        };
        let problem = t
            .problem(t.own_span(), message)
            .label("expected `pool` or `redirect`");
        t.report(problem);
    }
    let action = match (pool, redirect) {
        (Some(pool), _) => Action::Pool(pool),
        (None, Some(redirect)) => redirect?,
        (None, None) => return None,
    };
    Some(Route {
        hosts: hosts?,
        path: path?,
        action,
        timeouts,
        body_limit_bytes,
        limits,
        priority,
    })
}

const PRIORITY: Choice<Priority> = Choice {
    what: "priority",
    of: &[
        (Priority::High.name(), Priority::High),
        (Priority::Normal.name(), Priority::Normal),
        (Priority::Low.name(), Priority::Low),
    ],
};

/// The names of the limits that the route has.
fn limited(t: &mut Table<'_>, known: &Names) -> Vec<String> {
    let doc = "names of the limits that its clients have; a request has to pass all of them";
    let limits = t.default("limit", OneOrMany(Name), Vec::new(), doc);
    let span = t.span("limit");
    for (n, name) in limits.iter().enumerate() {
        known.refer(t, span, name);
        if limits[..n].contains(name) {
            let problem = t.problem(span, format!("the limit `{name}` stands here twice"));
            t.report(problem.label("expected each name once"));
        }
    }
    if t.has("redirect") && !limits.is_empty() {
        let problem = t.problem(span, "a redirect has no limits: it costs nothing");
        t.report(problem.label("leave it out"));
    }
    limits
}

fn path(t: &mut Table<'_>) -> Option<Match> {
    let prefix = t.optional(
        "prefix",
        PathKind,
        "paths that begin so; the longest prefix wins",
    );
    let exact = t.optional("exact", PathKind, "this path only; wins over every prefix");
    match (t.has("prefix"), t.has("exact")) {
        (false, false) => Some(Match::Prefix("/".into())),
        (true, false) => prefix.map(Match::Prefix),
        (false, true) => exact.map(Match::Exact),
        (true, true) => {
            let problem = t.problem(t.own_span(), "a path is exact or a prefix, not both");
            t.report(problem.label("expected one of `exact` and `prefix`"));
            None
        }
    }
}

fn redirect(t: &mut Table<'_>) -> Option<Action> {
    const KNOWN: [u16; 5] = [301, 302, 303, 307, 308];
    let doc = "301, 302, 303, 307 or 308; 302 is not remembered by browsers, so a mistake passes";
    let status = t.default("status", Integer(300..=399_u16), 302, doc);
    if !KNOWN.contains(&status) {
        let problem = t.problem(t.span("status"), format!("{status} is not a redirect"));
        t.report(problem.label("expected 301, 302, 303, 307 or 308"));
    }
    let to = t.required(
        "to",
        Text {
            expected: "a path or URL",
        },
        "path or URL to go to",
    );
    let to = to?;
    let is_place = to.starts_with('/') || to.starts_with("http://") || to.starts_with("https://");
    if !is_place || to.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let problem = t.problem(t.span("to"), format!("cannot redirect to {to:?}"));
        t.report(problem.label("expected a path such as \"/app/\", or a URL"));
    }
    Some(Action::Redirect { status, to })
}

fn timeouts(t: &mut Table<'_>) -> Timeouts {
    Timeouts {
        header: t.optional("header", Time::POSITIVE, "until the response's head"),
        idle: t.optional("idle", Time::POSITIVE, "between two pieces of a body"),
        total: t.optional(
            "total",
            Time::POSITIVE,
            "for the whole request, retries included; absent: no limit, as downloads may be long",
        ),
        tunnel: t.default(
            "tunnel",
            Time::POSITIVE,
            Timeouts::default().tunnel,
            "silence in both directions of a WebSocket or other upgrade; 1h, as most applications \
             say something more often",
        ),
    }
}

/// A host as a route has it.
struct HostKind;

impl HostKind {
    fn parse(text: &str) -> Result<Host, String> {
        let lower = text.to_ascii_lowercase();
        if let Some((_, rest)) = lower.split_once("://") {
            let host = rest.split(['/', ':']).next().unwrap_or_default();
            return Err(format!("a host without a scheme: {host:?}"));
        }
        if let Some((host, _)) = lower.split_once('/') {
            return Err(format!(
                "a host without a path: {host:?}; paths go into `path`"
            ));
        }
        if lower.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return Ok(Host::Exact(lower));
        }
        if let Some((host, _)) = lower.rsplit_once(':') {
            return Err(format!("a host without a port: {host:?}"));
        }
        match lower.strip_prefix('*') {
            None if is_host(&lower) => Ok(Host::Exact(lower)),
            Some(ending) if ending.strip_prefix('.').is_some_and(is_host) => {
                Ok(Host::Wildcard(ending.to_owned()))
            }
            _ => Err("a host such as \"example.com\" or \"*.example.com\"".into()),
        }
    }
}

impl Kind for HostKind {
    type Value = Host;

    fn expected(&self) -> String {
        "a host such as \"example.com\" or \"*.example.com\"".into()
    }

    fn read(&self, value: &Value, sink: &mut document::Sink<'_>) -> Option<Host> {
        let parsed = match &value.node {
            Node::Text(text) => Self::parse(text),
            _ => Err(self.expected()),
        };
        parsed
            .map_err(|expected| sink.mismatch(value, expected))
            .ok()
    }

    fn show(&self, value: &Host) -> Json {
        json!(value.to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^(\*\.)?[^/*]+$" })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(ending) => write!(f, "*{ending}"),
        }
    }
}

/// A path as a route has it: begins with a slash and has no query.
struct PathKind;

impl Kind for PathKind {
    type Value = String;

    fn expected(&self) -> String {
        "a path such as \"/app/\"".into()
    }

    fn read(&self, value: &Value, sink: &mut document::Sink<'_>) -> Option<String> {
        let bad = |c: char| c == '?' || c == '#' || c.is_whitespace() || c.is_control();
        let expected = match &value.node {
            Node::Text(path) if !path.starts_with('/') && !path.contains("://") => {
                format!("a path that begins with a slash: \"/{path}\"")
            }
            Node::Text(path) if path.starts_with('/') && !path.contains(bad) => {
                return Some(path.clone());
            }
            Node::Text(path) if path.starts_with('/') => {
                "a path only, without query, fragment or blanks".into()
            }
            _ => self.expected(),
        };
        sink.mismatch(value, expected);
        None
    }

    fn show(&self, value: &String) -> Json {
        json!(value)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^/[^?#\s]*$" })
    }
}
