//! `[origin]`: how the application behind an endpoint behaves.

use std::time::Duration;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Choice, Float, Integer, List, Name, Table, Text, Time};

use super::law::law;
use super::target::{self, Target};
use crate::law::Law;
use crate::origin::{self, Collection, Runtime, Warmup};

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
    /// What a `node` origin's runtime adds.
    pub runtime: Runtime,
    /// Endpoints that are faster or slower.
    pub speeds: Vec<Speed>,
    /// What `sim live` starts in place of a simulated application, if there is any.
    pub command: Vec<String>,
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
    let runtime = runtime(t, model);
    let command = command(t);
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
        runtime: runtime?,
        speeds: speeds.into_iter().collect::<Option<_>>()?,
        command,
    })
}

/// The user's own application.
fn command(t: &mut Table<'_>) -> Vec<String> {
    const WORD: Text = Text {
        expected: "a word such as \"node\"",
    };

    let doc = "the application that `sim live` starts for each endpoint, in the scenario's folder: \
               it listens on 127.0.0.1 at the PORT in its environment, beside NAME and SPEED; a \
               request says in X-Evenkeel-Cpu-Ns and X-Evenkeel-Io-Ns what was drawn for it; \
               simulations have `model`; absent: `sim live` has it, too";
    let command = t.default("command", List(WORD), Vec::new(), doc);
    if t.has("command") && command.first().is_none_or(String::is_empty) {
        let problem = t.problem(t.span("command"), "there is nothing to start");
        t.report(problem.label("expected a list such as [\"node\", \"app.js\"]"));
    }
    command
}

/// What only event loops do.
fn runtime(t: &mut Table<'_>, model: Model) -> Option<Runtime> {
    const ACCEPT: Choice<bool> = Choice {
        what: "accept",
        of: &[("all", false), ("one", true)],
    };

    let doc = "garbage collections, each kind after so many requests of a process; Node.js: 150us \
               every 220 light requests, 6ms every 86 whose objects survive";
    let collections = t.tables("gc", doc, collection);
    let doc = "requests take longer while a process, which begins cold, compiles; the n-th takes \
               1 + (factor - 1) / sqrt(n) times as long; absent: none does";
    let warmup = t.optional_table("warmup", doc, warmup);
    let doc = "connections that a loop takes in a turn: all that wait (Node.js 18 and before) or \
               one (since 20), whose first request is read in the next turn";
    let one_accept = t.default("accept", ACCEPT, false, doc);
    if model != Model::Node {
        for key in ["gc", "warmup", "accept"] {
            if t.has(key) {
                let problem = t.problem(t.span(key), "only event loops have it");
                t.report(problem.label("leave it out, or use model = \"node\""));
            }
        }
    }
    Some(Runtime {
        collections: collections.into_iter().collect::<Option<_>>()?,
        warmup: match warmup {
            Some(warmup) => Some(warmup?),
            None => None,
        },
        one_accept,
    })
}

fn collection(t: &mut Table<'_>) -> Option<Collection> {
    let doc = "after how many requests of a process it comes";
    let every = t.required("every", Integer(1..=1_000_000_000_u32), doc);
    let example = "such as { dist = \"constant\", value = \"6ms\" }";
    let doc = "how long it stops its process";
    let pause = t.required_table("pause", example, doc, law);
    Some(Collection {
        every: every?,
        pause: pause??,
    })
}

fn warmup(t: &mut Table<'_>) -> Option<Warmup> {
    let doc = "after so many requests of a process it is over";
    let requests = t.required("requests", Integer(1..=1_000_000_000_u32), doc);
    let doc = "how many times as long the first request takes; Node.js: 12 with a framework, 45 \
               without";
    let factor = t.required("factor", Float(1.0..=1_000.0), doc);
    Some(Warmup {
        requests: requests?,
        factor: factor?,
    })
}

fn speed(t: &mut Table<'_>, config: Option<&Config>) -> Option<Speed> {
    let endpoint = t.required("endpoint", Name, "an endpoint's name, or `pool/endpoint`");
    let doc = "work it does in the time of the others; 0.5 takes twice as long";
    let speed = t.default("speed", Float(0.001..=1000.0), 1.0, doc);
    let target = target::resolve(t, t.span("endpoint"), config?, &endpoint?)?;
    Some(Speed { target, speed })
}
