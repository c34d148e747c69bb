//! `arrivals`, `shape` and `sessions` of a workload: when requests come, and from whom.

use std::time::Duration;

use evenkeel_proxy::document::{Choice, Float, Integer, Rate, Table, Time};

use super::law::law_or_time;
use super::workload::{Class, Process, Protocol, Source};
use crate::law::Law;
use crate::workload::{Count, Sessions, Shape};

/// A source that knows nothing of its classes yet.
#[derive(Clone, Debug)]
pub(super) enum Arrivals {
    Open { process: Process, rate_per_s: f64 },
    Closed { users: u32, think: Law },
}

impl Arrivals {
    pub(super) fn with(self, classes: Vec<Class>) -> Source {
        match self {
            Self::Open {
                process,
                rate_per_s,
            } => Source::Open {
                process,
                rate_per_s,
                classes,
            },
            Self::Closed { users, think } => Source::Closed {
                users,
                think,
                classes,
            },
        }
    }
}

pub(super) fn arrivals(t: &mut Table<'_>) -> Option<Arrivals> {
    const PROCESS: Choice<Process> = Choice {
        what: "process",
        of: &[
            ("poisson", Process::Poisson),
            ("constant", Process::Constant),
        ],
    };
    let doc = "open: poisson (independent arrivals) or constant (equal gaps)";
    let process = t.default("process", PROCESS, Process::Poisson, doc);
    let doc = "open: requests in a second, on average; they come whether or not earlier ones are \
               answered";
    let rate = t.optional("rate", Rate, doc);
    let doc = "closed: so many users, each of whom waits for an answer before the next request";
    let users = t.optional("users", Integer(1..=10_000_000_u32), doc);
    let doc = "closed: the time between an answer and the next request, a time or a law; 0s never \
               thinks; first requests are spread over one of it";
    let closed = t.has("users");
    let think = if closed || t.describing() {
        t.required_shorthand("think", "value", "such as \"2s\"", doc, law_or_time)
    } else if t.has("think") {
        Some(t.shorthand("think", "value", doc, law_or_time))
    } else {
        t.optional_table("think", doc, law_or_time)
    };
    if closed {
        for key in ["process", "rate"] {
            if t.has(key) {
                let message = format!("users make their own pace: `{key}` is of an open loop");
                let problem = t.problem(t.span(key), message);
                t.report(problem.label("leave it out, or leave `users` and `think` out"));
            }
        }
        return Some(Arrivals::Closed {
            users: users?,
            think: think??,
        });
    }
    if t.has("think") {
        let problem = t.problem(t.span("think"), "nobody thinks: an open loop has no users");
        t.report(problem.label("expected `users` beside it, or [workload.sessions] with `think`"));
    }
    if !t.has("rate") && !t.describing() {
        let problem = t.problem(t.own_span(), "the arrivals have neither a rate nor users");
        t.report(problem.label("expected rate = \"100/s\", or users = 100 and think = \"2s\""));
    }
    Some(Arrivals::Open {
        process,
        rate_per_s: rate?,
    })
}

pub(super) fn sessions(t: &mut Table<'_>) -> Option<Sessions> {
    let doc = "how many requests each sends; they begin at the rate over its mean";
    let example = "such as { dist = \"geometric\", mean = 12 }";
    let requests = t.required_shorthand("requests", "value", example, doc, count);
    let doc = "the time between the end of a request and the next one: a time or a law";
    let think = t.required_shorthand("think", "value", "such as \"2s\"", doc, law_or_time);
    Some(Sessions {
        requests: requests??,
        think: think??,
    })
}

/// A number, or a law of numbers.
fn count(t: &mut Table<'_>) -> Option<Count> {
    const LAW: Choice<bool> = Choice {
        what: "law of numbers",
        of: &[("constant", false), ("geometric", true)],
    };
    let doc = "constant, or geometric: after each one it ends with the same probability";
    let geometric = t.default("dist", LAW, false, doc);
    let doc = "constant: the number";
    let value = t.optional("value", Integer(1..=1_000_000_u32), doc);
    let mean = t.optional("mean", Float(1.0..=100_000.0), "geometric: the mean");
    let (own, other) = match geometric {
        true => ("mean", "value"),
        false => ("value", "mean"),
    };
    if t.has(other) {
        let problem = t.problem(t.span(other), format!("`{other}` is not of this law"));
        t.report(problem.label(format!("expected `{own}` alone")));
    }
    if !t.has(own) && !t.describing() {
        let problem = t.problem(t.own_span(), format!("the law has no `{own}`"));
        t.report(problem.label("expected a number, or { dist = \"geometric\", mean = 12 }"));
    }
    match geometric {
        true => Some(Count::Geometric { mean: mean? }),
        false => Some(Count::Constant(value?)),
    }
}

/// Reads `shape`: points, or one of the curves that repeat. `None` if it is wrong.
#[expect(clippy::option_option, reason = "wrong, absent, or there")]
pub(super) fn shape(t: &mut Table<'_>) -> Option<Option<Shape>> {
    let doc = "a factor on the rate that changes with time: points (linear between them, two at \
               one time are a step), a sine, or bursts";
    let there = t.has("shape");
    let shape = t.shorthand("shape", "points", doc, |t| curve(t, there));
    if there { shape.map(Some) } else { Some(None) }
}

fn curve(t: &mut Table<'_>, there: bool) -> Option<Shape> {
    let doc = "linear between them; before the first and after the last one the factor stays";
    let points = t.tables("points", doc, point);
    let doc = "a wave that begins at its low point: a day and a night";
    let sine = t.optional_table("sine", doc, sine);
    let burst = t.optional_table("burst", "1, and more for a while, again and again", burst);
    let curves = ["points", "sine", "burst"].map(|key| t.has(key));
    if !there {
        return None;
    }
    if curves.iter().filter(|there| **there).count() != 1 {
        let problem = t.problem(t.own_span(), "a shape is one of points, sine and burst");
        t.report(problem.label("expected [{ at = \"0s\", x = 1.0 }, { at = \"40s\", x = 2.5 }]"));
        return None;
    }
    match (sine, burst) {
        (Some(sine), _) => sine,
        (_, Some(burst)) => burst,
        (None, None) => {
            let points = points.into_iter().collect::<Option<Vec<_>>>()?;
            linear(t, &points)
        }
    }
}

const FACTOR: Float = Float(0.0..=1e6);

fn point(t: &mut Table<'_>) -> Option<(Duration, f64)> {
    let at = t.required("at", Time::ANY, "when, from the beginning");
    let x = t.required("x", FACTOR, "the factor on the rate");
    Some((at?, x?))
}

fn linear(t: &mut Table<'_>, points: &[(Duration, f64)]) -> Option<Shape> {
    let spans = t.element_spans("points");
    if spans.len() != points.len() {
        return None;
    }
    if let Some(late) = points.windows(2).position(|pair| pair[1].0 < pair[0].0) {
        let problem = t.problem(spans[late + 1], "points must be in order of time");
        let label = format!("expected at least {:?}", Time::format(points[late].0));
        t.report(problem.label(label).related(spans[late], "the one before"));
        return None;
    }
    if points.iter().all(|(_, x)| *x == 0.0) {
        let problem = t.problem(t.own_span(), "nothing ever arrives");
        t.report(problem.label("expected a point whose x is above 0"));
        return None;
    }
    Some(Shape::linear(points))
}

fn sine(t: &mut Table<'_>) -> Option<Shape> {
    let period = t.required("period", Time::POSITIVE, "from one low point to the next");
    let low = t.required("low", FACTOR, "the smallest factor, at the beginning");
    let high = t.required("high", FACTOR, "the largest factor, half a period later");
    let (period, low, high) = (period?, low?, high?);
    if low > high || high == 0.0 {
        let problem = t.problem(t.span("high"), "the high point is not above the low one");
        t.report(problem.label("expected more than `low`, and more than 0"));
        return None;
    }
    Some(Shape::sine(period, low, high))
}

fn burst(t: &mut Table<'_>) -> Option<Shape> {
    let every = t.required(
        "every",
        Time::POSITIVE,
        "from the end of one burst to that of the next",
    );
    let length = t.required(
        "for",
        Time::POSITIVE,
        "how long one is: the end of its period",
    );
    let x = t.required("x", FACTOR, "the factor meanwhile; it is 1 between bursts");
    let (every, length, x) = (every?, length?, x?);
    if length >= every {
        let problem = t.problem(t.span("for"), "one burst begins before another has ended");
        let label = format!("expected less than {:?}", Time::format(every));
        t.report(problem.label(label).related(t.span("every"), "the period"));
        return None;
    }
    Some(Shape::burst(every, length, x))
}

/// Parts of a workload that do not go together.
pub(super) fn check(t: &mut Table<'_>, protocol: Protocol, closed: bool) {
    let conflicts = [
        (
            "shape",
            "trace",
            "a trace has its own rate",
            "set trace.speed instead",
        ),
        (
            "sessions",
            "trace",
            "a trace brings its own clients",
            "leave `sessions` out",
        ),
        (
            "sockets",
            "trace",
            "a trace has its own requests",
            "leave `sockets` out",
        ),
        (
            "sockets",
            "sessions",
            "a socket is no request of a session",
            "expected a workload for each",
        ),
    ];
    for (key, other, message, label) in conflicts {
        if t.has(key) && t.has(other) {
            let problem = t.problem(t.span(key), message).label(label);
            t.report(problem);
        }
    }
    let users = [
        (
            "shape",
            "users have no rate that a shape could change",
            "expected arrivals with a `rate`",
        ),
        (
            "sessions",
            "users are sessions that never end",
            "leave `sessions` out, or `users`",
        ),
        (
            "sockets",
            "users do not open sockets",
            "expected arrivals with a `rate`",
        ),
    ];
    for (key, message, label) in users {
        if closed && t.has(key) {
            let problem = t.problem(t.span(key), message).label(label);
            t.report(problem);
        }
    }
    if t.has("sockets") && protocol == Protocol::Http2 {
        let problem = t.problem(t.span("protocol"), "simulated sockets begin with HTTP/1.1");
        t.report(problem.label("expected \"http/1.1\""));
    }
}
