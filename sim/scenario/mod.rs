//! The scenario: what is simulated, under which load and faults, and what must come out.
//!
//! Read like a configuration (the same declarations, the same errors), and it contains one: the
//! very file that is deployed, or one written in place.

mod arrival;
mod change;
mod check;
mod client;
mod fault;
mod fleet;
mod law;
mod link;
mod matrix;
mod origin;
mod proxies;
mod seed;
mod set;
mod target;
mod threshold;
pub(crate) mod whole;
mod workload;
pub(crate) mod write;

#[cfg(test)]
mod test;

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use evenkeel_proxy::config::{self, Config, Use};
use evenkeel_proxy::document::{
    self, Choice, Diagnostic, FilePath, Integer, Key, Names, Percent, Share, Table, Text, Time,
};

use crate::link::Link;
use crate::plan;
use crate::result::Threshold;
use fault::Event;
use link::Known;
use set::{Keys, Line, Part, Sets};

pub use change::{Change, What};
pub use fault::{Effect, Fault};
pub use link::{Between, Party};
pub use origin::{Model, Origin, Speed};
pub use proxies::{Balancer, Proxies};
pub use seed::{Seeds, parse as parse_seeds};
pub(crate) use target::names as endpoint_names;
pub use target::{Aim, Target};
pub use workload::{Class, Process, Protocol, Source, Workload};

/// Everything that a scenario says, with defaults filled in and references resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What reports call it.
    pub name: String,
    /// The keys that are varied, and the values that they have in this cell, as `--set` takes them.
    pub settings: Vec<(String, String)>,
    /// The proxy's configuration.
    pub config: Config,
    /// The same with every endpoint that a fault adds: whatever is counted by endpoint is counted
    /// in this order.
    pub all: Config,
    /// How long requests arrive, warm-up included.
    pub duration: Duration,
    /// The beginning that is not measured; shorter than `duration`.
    pub warmup: Duration,
    /// One run each, in this order; at least one, none twice.
    pub seeds: Vec<u64>,
    /// Runs end when what is asked for is known so well, to either side.
    pub precision: Option<Percent>,
    /// The engine, if the scenario insists on one.
    pub engine: Option<Engine>,
    /// How the application behind every endpoint behaves.
    pub origin: Origin,
    /// What arrives; at least one.
    pub workloads: Vec<Workload>,
    /// What lies between the parties.
    pub network: Network,
    /// The proxies.
    pub proxies: Proxies,
    /// What goes wrong at origins, in the order of the file.
    pub faults: Vec<Fault>,
    /// What happens to proxies and links, in the order of the file.
    pub changes: Vec<Change>,
    /// What must hold for every seed.
    pub thresholds: Vec<Threshold>,
    /// What must hold for at least one seed.
    pub sometimes: Vec<Threshold>,
}

impl Scenario {
    /// Why engine `model` cannot run it, if it cannot.
    #[must_use]
    pub fn needs_net(&self) -> Option<&'static str> {
        let mut changes = self.changes.iter();
        changes.find_map(|change| change.what.needs_net())
    }

    /// Whether nothing in it changes with time, so that latency should not either.
    #[must_use]
    pub fn is_steady(&self) -> bool {
        let even = |workload: &Workload| match workload.source {
            Source::Open { .. } | Source::Closed { .. } => workload.shape.is_none(),
            Source::Recorded { .. } => false,
        };
        self.faults.is_empty() && self.changes.is_empty() && self.workloads.iter().all(even)
    }
}

/// What drives the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// The whole data path over a simulated network.
    Net,
    /// The core alone, event by event.
    Model,
}

impl Engine {
    /// The name in scenarios and results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Net => "net",
            Self::Model => "model",
        }
    }
}

const TITLE: Text = Text {
    expected: "a title",
};

const ENGINE: Choice<Engine> = Choice {
    what: "engine",
    of: &[("net", Engine::Net), ("model", Engine::Model)],
};

/// What lies between the parties.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The length of a tick: no two instants are closer.
    pub resolution: Duration,
    /// Every link that is not listed.
    pub default: Link,
    /// Others; of several that fit, the one with the more exact names counts, then the last.
    pub links: Vec<Between>,
}

/// Reads a scenario from a file's bytes; `path` is for errors and relative paths. The files that it
/// names are read or opened; mistakes in its configuration are told where they are, in that file.
///
/// The scenario is there if no diagnostic is an error.
pub fn load(path: &Path, text: &[u8]) -> (Option<Scenario>, Vec<Diagnostic>) {
    load_with(path, text, &[])
}

/// Of a text alone: in errors its file is called `scenario`.
impl FromStr for Scenario {
    type Err = Vec<Diagnostic>;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scenario, problems) = load(Path::new("scenario"), text.as_bytes());
        scenario.ok_or(problems)
    }
}

/// Like [`load`], the first cell of [`cells`] with nothing varied by the command line.
pub fn load_with(
    path: &Path,
    text: &[u8],
    sets: &[(String, String)],
) -> (Option<Scenario>, Vec<Diagnostic>) {
    let (cells, problems) = cells(path, text, sets, &[]);
    (cells.and_then(|cells| cells.into_iter().next()), problems)
}

/// Every cell of a scenario's matrix, at least one, after keys have been set to values, as `--set
/// key=value` does.
///
/// A key is a path through the scenario or its configuration; a block stands in it by its name:
/// `duration`, `workload.browse.arrivals.rate`, `pool.nodejs.retry.budget`. A key of a pool alone,
/// such as `policy` or `retry.budget`, is that key in every pool. A value is TOML, or a string if
/// it is none; paths in it are relative to the file that it changes. What is wrong with a key or a
/// value is told where it stands in the command line.
///
/// `varies` are keys with several values, parted by commas, as `--vary` has them: axes of the
/// matrix, instead of the file's for the same keys. A key of the matrix that is set has one value.
/// The cells are there if no diagnostic is an error.
pub fn cells(
    path: &Path,
    text: &[u8],
    sets: &[(String, String)],
    varies: &[(String, String)],
) -> (Option<Vec<Scenario>>, Vec<Diagnostic>) {
    let line = Line::new(sets, varies);
    let (axes, mut problems) = matrix::axes(path, text, &line);
    if matrix::failed(&problems) {
        return (None, problems);
    }
    let keys = Keys::new();
    let mut cells = Vec::new();
    for cell in matrix::combinations(&axes) {
        let all: Vec<_> = line.sets.iter().chain(cell.iter().copied()).collect();
        let mut sets = Sets::new(&all, keys.clone());
        let axis = |axis: &matrix::Axis| (axis.key.clone(), axis.known.clone());
        sets.axes = axes.iter().map(axis).collect();
        sets.settings = cell
            .iter()
            .map(|s| (s.key.clone(), s.label.clone()))
            .collect();
        let (scenario, found) = one(path, text, &sets);
        matrix::add(&mut problems, found);
        cells.extend(scenario);
    }
    let failed = matrix::failed(&problems);
    ((!failed).then_some(cells), problems)
}

fn one(path: &Path, text: &[u8], sets: &Sets) -> (Option<Scenario>, Vec<Diagnostic>) {
    let (mut scenario, problems) = sets.decode(path, text, Part::Scenario, |t| read(t, sets));
    if let Some(scenario) = scenario
        .as_mut()
        .filter(|scenario| scenario.name.is_empty())
    {
        let stem = path.file_stem().unwrap_or_default();
        scenario.name = stem.to_string_lossy().into_owned();
    }
    (scenario, problems)
}

/// All keys of a scenario, for the JSON Schema and for `explain`.
pub fn keys() -> Vec<Key> {
    document::describe(|t| read(t, &Sets::none()))
}

fn read(t: &mut Table<'_>, sets: &Sets) -> Option<Scenario> {
    let doc = "version of this file's format; 1 is the only one";
    t.optional("schema", Integer(1..=1_u32), doc);
    let doc = "what reports call it; absent: the file's name";
    let name = t.default("name", TITLE, String::new(), doc);
    let doc = "the proxy's configuration, as it is deployed";
    let config = t.shorthand("config", "file", doc, |t| config(t, sets));
    let config = fleets(t, config);
    let frame = frame(t);
    let doc = "the proxies, all of this configuration, behind a balancer of their own";
    let proxies = t.table("proxies", doc, proxies::proxies);
    let mut all = config.clone();
    let events = t.tables("fault", "what goes wrong or changes, and when", |t| {
        fault::fault(t, &mut all, &proxies, frame.duration)
    });
    let doc = "how the application behind every endpoint behaves";
    let origin = t.table("origin", doc, |t| origin::origin(t, all.as_ref()));
    let mut classes = Names::new("class");
    let mut names = Names::new("workload");
    let example = "at least one [[workload]] with arrivals = { rate = \"100/s\" }";
    let workloads = t.required_tables("workload", example, "requests that arrive", |t| {
        let front = config.as_ref().and_then(plan::front);
        workload::workload(t, front, &mut names, &mut classes)
    });
    let mut resolution_span = t.span("origin");
    let network = t.table("network", "what lies between the parties", |t| {
        if t.has("resolution") {
            resolution_span = t.span("resolution");
        }
        let known = all.as_ref().map(|config| Known {
            config,
            proxies: &proxies,
        });
        network(t, known)
    });
    t.optional("matrix", matrix::Matrix, matrix::HELP);
    let doc = "what must hold for every seed, or exit 4";
    let known = threshold::Known {
        config: all.as_ref(),
        classes: &classes,
        axes: &sets.axes,
    };
    let thresholds = t.tables("threshold", doc, |t| threshold::threshold(t, &known));
    let doc = "what must hold for at least one seed, or exit 4";
    let sometimes = t.tables("sometimes", doc, |t| threshold::sometimes(t, &known));

    let (faults, changes) = parted(events)?;
    let scenario = Scenario {
        name,
        settings: sets.settings.clone(),
        config: config?,
        all: all?,
        duration: frame.duration?,
        warmup: frame.warmup,
        seeds: frame.seeds,
        precision: frame.precision,
        engine: frame.engine,
        origin: origin?,
        workloads: workloads.into_iter().collect::<Option<_>>()?,
        network: network?,
        proxies,
        faults,
        changes,
        thresholds: thresholds.into_iter().collect::<Option<_>>()?,
        sometimes: sometimes.into_iter().collect::<Option<_>>()?,
    };
    check::whole(t, &scenario, resolution_span);
    Some(scenario)
}

/// How long is simulated, how often, and by what.
struct Frame {
    duration: Option<Duration>,
    warmup: Duration,
    seeds: Vec<u64>,
    precision: Option<Percent>,
    engine: Option<Engine>,
}

fn frame(t: &mut Table<'_>) -> Frame {
    let doc = "how long requests arrive, warm-up included; the run then goes on until all are done";
    let duration = t.required("duration", Time::POSITIVE, doc);
    let doc = "the beginning that is not measured, while queues fill";
    let warmup = t.default("warmup", Time::ANY, Duration::ZERO, doc);
    let doc = "one run each: \"1..20\" (both included), 7 or [1, 2, 3]";
    let seeds = t.default("seeds", Seeds, vec![1], doc);
    let doc = "seeds end when the 95% interval of each threshold's metric (without one, of mean \
               and p99) is that narrow to either side; seeds are taken 10, 20, 40, ... at a time";
    let precision = t.optional("precision", Share, doc);
    check::precision(t, precision);
    let doc = "net (whole data path) or model (core alone); absent: net, and compare chooses";
    let engine = t.optional("engine", ENGINE, doc);
    check::window(t, duration, warmup);
    Frame {
        duration,
        warmup,
        seeds,
        precision,
        engine,
    }
}

/// What goes wrong, and what is changed.
fn parted(events: Vec<Option<Event>>) -> Option<(Vec<Fault>, Vec<Change>)> {
    let (mut faults, mut changes) = (Vec::new(), Vec::new());
    for event in events {
        match event? {
            Event::Fault(fault) => faults.push(fault),
            Event::Changes(some) => changes.extend(some),
        }
    }
    Some((faults, changes))
}

/// The configuration with its fleets.
fn fleets(t: &mut Table<'_>, mut config: Option<Config>) -> Option<Config> {
    let mut names = Names::new("fleet");
    let doc = "pools with as many endpoints as the question needs";
    let fleets = t.tables("fleet", doc, |t| {
        fleet::fleet(t, config.as_ref(), &mut names)
    });
    for fleet in fleets {
        fleet?.launch(config.as_mut()?);
    }
    config
}

/// The configuration: another file, or the keys of one in place.
fn config(t: &mut Table<'_>, sets: &Sets) -> Option<Config> {
    let doc = "a configuration file; absent: the configuration stands here";
    let file = t.optional("file", FilePath, doc);
    if !t.has("file") || t.describing() {
        return config::read(t, Use::Simulate);
    }
    let file = file?;
    match document::open(&file) {
        Ok(text) => {
            let read = |t: &mut Table<'_>| config::read(t, Use::Simulate);
            let (config, problems) = sets.decode(&file, &text, Part::Config, read);
            problems.into_iter().for_each(|problem| t.report(problem));
            config
        }
        Err(problems) => {
            for problem in problems {
                let message = format!("{}: {}", file.display(), problem.message);
                let problem = t.problem(t.span("file"), message);
                t.report(problem.label("expected a configuration, relative to this file"));
            }
            None
        }
    }
}

fn network(t: &mut Table<'_>, known: Option<Known<'_>>) -> Option<Network> {
    let resolution = t.default(
        "resolution",
        Time::POSITIVE,
        Duration::from_micros(100),
        "length of a tick, engine net; a request's latency is about 3 ticks too long, so a \
         thousandth of the mean service is fine; shorter runs longer",
    );
    let default = t.table("default", "every link that is not listed", link::link);
    let doc = "links of their own, both ways unless the way back is listed, too; of several that \
               fit, the most exact names count (an endpoint, a zone, a pool), then the last";
    let links = t.tables("links", doc, |t| link::between(t, known));
    if resolution < Duration::from_micros(1) {
        let problem = t.problem(t.span("resolution"), "such short ticks never end");
        t.report(problem.label("expected at least \"1us\""));
    }
    Some(Network {
        resolution,
        default,
        links: links.into_iter().collect::<Option<_>>()?,
    })
}
