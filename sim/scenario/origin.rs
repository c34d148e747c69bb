//! `[origin]`: how the application behind an endpoint behaves.

use std::time::Duration;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Choice, Float, Integer, Name, Table, Time};

use super::law::law;
use super::target::{self, Target};
use crate::law::Law;
use crate::origin;

/// The application behind every endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// How it takes up work.
    pub model: Model,
    /// Work on the processor per request, before a class's cost.
    pub service: Law,
    /// A wait per request that does not hold the processor, if there is one.
    pub io: Option<Law>,
    /// What every request costs on the processor before its own service.
    pub overhead: Duration,
    /// How long it keeps a connection on which nothing happens.
    pub keep_alive: Duration,
    /// Connections that wait to be accepted; further ones get no answer.
    pub backlog: u32,
    /// Requests that can be worked on at once.
    pub workers: u32,
    /// Endpoints that are faster or slower.
    pub speeds: Vec<Speed>,
}

/// How an origin takes up work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// One event loop, as in Node.js.
    Node,
    /// One queue, first come first served.
    Fifo,
    /// All at once: processor sharing.
    Ps,
    /// All at once, each as if it were alone.
    Delay,
}

impl Origin {
    /// The model as origins know it.
    pub(crate) fn discipline(&self) -> origin::Model {
        let workers = u16::try_from(self.workers).unwrap_or(u16::MAX);
        match self.model {
            Model::Node => origin::Model::Node { workers },
            Model::Fifo => origin::Model::Fifo { workers },
            Model::Ps => origin::Model::Ps { workers },
            Model::Delay => origin::Model::Delay,
        }
    }
}

/// One endpoint's speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// The endpoint.
    pub target: Target,
    /// How much work it does in the time of the others; above zero.
    pub speed: f64,
}

pub(super) fn origin(t: &mut Table<'_>, config: Option<&Config>) -> Option<Origin> {
    const MODEL: Choice<Model> = Choice {
        what: "model",
        of: &[
            ("node", Model::Node),
            ("fifo", Model::Fifo),
            ("ps", Model::Ps),
            ("delay", Model::Delay),
        ],
    };

    let doc = "node (one event loop), fifo (one queue), ps (all share the processor) or delay \
               (nobody is in anybody's way)";
    let model = t.default("model", MODEL, Model::Node, doc);
    let example = "such as { dist = \"exponential\", mean = \"10ms\" }";
    let doc = "work on the processor per request, before a class's cost";
    let service = t.required_table("service", example, doc, law);
    let doc = "a wait per request that does not hold the processor: a database; absent: none";
    let io = t.optional_table("io", doc, law);
    let doc =
        "work that every request costs before its own, whatever its class: parsing, a framework";
    let overhead = t.default("overhead", Time::ANY, Duration::ZERO, doc);
    let doc = "how long an unused connection is kept; Node.js announces 5s (and closes at 6s)";
    let keep_alive = t.default("keep_alive", Time::POSITIVE, Duration::from_secs(5), doc);
    let doc =
        "connections that wait to be accepted; Node.js asks for 511, further ones get silence";
    let backlog = t.default("backlog", Integer(1..=65_535_u32), 511, doc);
    let doc = "node: event loops, each with its own connections; fifo: servers of one queue; ps: \
               processors; delay has as many as it needs";
    let workers = t.default("workers", Integer(1..=1024_u32), 1, doc);
    let speeds = t.tables("override", "endpoints that differ", |t| speed(t, config));
    Some(Origin {
        model,
        service: service??,
        io: match io {
            Some(io) => Some(io?),
            None => None,
        },
        overhead,
        keep_alive,
        backlog,
        workers,
        speeds: speeds.into_iter().collect::<Option<_>>()?,
    })
}

fn speed(t: &mut Table<'_>, config: Option<&Config>) -> Option<Speed> {
    let endpoint = t.required("endpoint", Name, "an endpoint's name, or `pool/endpoint`");
    let doc = "work it does in the time of the others; 0.5 takes twice as long";
    let speed = t.default("speed", Float(0.001..=1000.0), 1.0, doc);
    let target = target::resolve(t, t.span("endpoint"), config?, &endpoint?)?;
    Some(Speed { target, speed })
}
