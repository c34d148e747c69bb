//! `evenkeel sim`: its commands.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use evenkeel_sim::sweep::Shard;

#[derive(Debug, Subcommand)]
pub(crate) enum Sim {
    /// Run scenarios; thresholds and invariants decide the exit code
    Run(SimRun),
    /// Which setting to take, how sure that is and what it costs: the cells of a matrix against the
    /// best of them, as text and as a page with pictures
    Compare(SimCompare),
    /// Run every seed twice and compare: the traces must be identical
    Verify(SimVerify),
    /// Join the shards of a sweep: the result that one machine would have had
    Merge(SimMerge),
    /// Find the smallest scenario that still fails with the same cause, and write it to a file
    Shrink(SimShrink),
    /// Why a request went where it did: who could be picked, what each scored, what happened when
    Explain(SimExplain),
    /// Run scenarios that nobody wrote: faults that heal, all invariants, full service afterwards
    #[command(after_help = FUZZ)]
    Fuzz(SimFuzz),
    /// Run a scenario on real sockets, with processes for all parties, beside its simulation: where
    /// do they differ
    #[command(after_help = LIVE)]
    Live(SimLive),
    /// A process of `sim live`, which gets its order on standard input
    #[command(hide = true)]
    Part(SimPart),
    /// Make a scenario from a running application: how long each path takes, what of that blocks
    /// its event loop, what its first requests and pauses cost
    #[command(after_help = CALIBRATE)]
    Calibrate(SimCalibrate),
    /// Make a scenario from an access log: its requests at their times, its services and what went
    /// wrong
    #[command(after_help = IMPORT)]
    Import(SimImport),
}

#[derive(Debug, Args)]
pub(crate) struct SimRun {
    #[command(flatten)]
    pub(crate) what: SimWhat,
    /// Compare values of a key, such as policy=random,p2c: every combination with those of other
    /// --vary and of [matrix] is a cell
    #[arg(long, value_name = "KEY=A,B,...")]
    pub(crate) vary: Vec<String>,
    /// End when the 95% interval of what thresholds ask for is so narrow to either side, such as 1%
    #[arg(long, value_name = "SHARE")]
    pub(crate) precision: Option<String>,
    /// Run only this part of all runs, such as 2/4, and write it into --out for `sim merge`
    #[arg(long, value_name = "I/N", requires = "out", conflicts_with = "junit")]
    pub(crate) shard: Option<Shard>,
    #[command(flatten)]
    pub(crate) show: SimShow,
}

#[derive(Debug, Args)]
pub(crate) struct SimCompare {
    #[command(flatten)]
    pub(crate) what: SimWhat,
    /// The values of a key to compare, such as policy=random,p2c or config=old.toml,new.toml: every
    /// combination with those of other --vary and of [matrix] is a setting
    #[arg(long, value_name = "KEY=A,B,...")]
    pub(crate) vary: Vec<String>,
    /// What settings are ranked by, the less the better, such as p99, "class:heavy mean" or
    /// error_rate; absent: the latency of the first threshold, else p99, or what so many requests
    /// can tell
    #[arg(long, value_name = "METRIC")]
    pub(crate) metric: Option<String>,
    /// End when the 95% interval of what thresholds ask for is so narrow to either side, such as 1%
    #[arg(long, value_name = "SHARE")]
    pub(crate) precision: Option<String>,
    /// The folder for reports, made if it is not there: files called as the scenario's
    #[arg(long, value_name = "DIR", default_value = "evenkeel-report")]
    pub(crate) out: PathBuf,
    /// Also write every figure of the page as a PNG
    #[arg(long)]
    pub(crate) png: bool,
    /// How the report is printed
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: ReportFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    Text,
    Json,
    Markdown,
    Csv,
    /// Conditions as tests
    Junit,
    /// Annotations for GitHub Actions; its step summary gets the Markdown
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct SimShow {
    /// Also write each run as JSON and its latencies as an HDR log into this folder: files for each
    /// scenario, seed and cell
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Also write every condition of every cell as a test of JUnit XML into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// How results are printed; json is one object for each scenario and seed, a line each
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct SimMerge {
    /// All files that `sim run --shard I/N --out DIR` has written
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) show: SimShow,
}

#[derive(Debug, Args)]
pub(crate) struct SimShrink {
    /// The scenario that fails
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// The seed that it fails with
    #[arg(long, value_name = "N")]
    pub(crate) seed: u64,
    /// The engine, instead of the scenario's
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// Change a key first; with a matrix, the keys of the cell that fails
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Runs that it may take
    #[arg(long, value_name = "N", default_value = "500")]
    pub(crate) budget: u32,
    /// Where to write the smaller scenario; absent: beside the scenario, as NAME-shrunk-SEED.toml
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SimExplain {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// The request's number at its proxy, in order of arrival, from 0
    #[arg(long, value_name = "ID")]
    pub(crate) request: u64,
    /// The process of a proxy that has it, in the order in which they begin
    #[arg(long, value_name = "N", default_value = "0")]
    pub(crate) proxy: usize,
    /// The seed; absent: the scenario's first
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// The engine, instead of the scenario's
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// Change a key of the scenario or its configuration, such as policy=random
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Explain the request under each value of a key, such as policy=random,p2c
    #[arg(long, value_name = "KEY=A,B,...")]
    pub(crate) vary: Vec<String>,
    /// How it is printed; json is one object for each setting, a line each
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

/// What `sim fuzz` looks for, as its help says it.
const FUZZ: &str = "\
In a generated scenario all faults have ended after 12 s, and all invariants must hold throughout; \
from 24 s on no request may fail, p99 must be below 150 ms, and a policy that spreads requests must \
use every endpoint. What does not hold is made small and kept with the command that repeats it.

Exit codes: 0 all of it held; 1 a scenario cannot be written; 2 wrong usage; 5 something did not \
hold; 130 interrupted.";

#[derive(Debug, Args)]
pub(crate) struct SimFuzz {
    /// How many minutes, such as 5 or 0.5
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) minutes: f64,
    /// The number of the first scenario: the same number is the same scenario
    #[arg(long, value_name = "N", default_value = "0",
        value_parser = clap::value_parser!(u64).range(..1 << 62))]
    pub(crate) from: u64,
    /// One engine alone; absent: both
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// Runs at a time; absent: one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// The folder for scenarios that fail, made small; made if one does
    #[arg(long, value_name = "DIR", default_value = "evenkeel-fuzz")]
    pub(crate) out: PathBuf,
}

/// How `sim live` judges, as its help says it.
const LIVE: &str = "\
The proxy is `serve`, in a process of its own, on the loopback; each application is a process that \
follows [origin], or origin.command; requests are sent when they are due. The bounds: p50 within \
10 %, p99 within 25 %, shares of endpoints within 3 points, failed requests equal. A round during \
which others used more than 0.1 processors, or requests were sent more than 2 ms late (p99), does \
not count and is repeated, three times as many rounds at most. Linux.

Exit codes: 0 all bounds are kept; 1 a process failed; 2 wrong usage; 3 invalid scenario, or one \
that real sockets cannot do; 4 a bound is missed, or too few rounds were undisturbed; 130 \
interrupted.";

#[derive(Debug, Args)]
pub(crate) struct SimLive {
    #[command(flatten)]
    pub(crate) part: SimPart,
    /// The engine of the simulated run; absent: model, where it can run the scenario
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// Rounds, of which the median counts
    #[arg(long, value_name = "N", default_value = "5",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) rounds: u16,
    /// How the result is printed; json is a line for each round, one for the simulated run and one
    /// for the comparison
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct SimPart {
    /// The scenario
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: PathBuf,
    /// The seed, instead of the scenario's first
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Change a key of the scenario or its configuration, such as policy=random; a matrix is left
    /// by setting all of its keys
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// What `sim calibrate` does to an application, as its help says it.
const CALIBRATE: &str = "\
Each path is asked for with GET, many times: name none that does harm. First one request at a \
time, the paths in turn, then 2, 4, 8 ... clients at a time for each path, until requests take 3.5 \
times as long as alone. Nobody else may use the application meanwhile, and no other work the \
machine. Addresses that are not of this machine are refused unless --not-loopback is said.

Exit codes: 0 a scenario was written; 1 it does not start or answer, or cannot be written; 2 wrong \
usage, the scenario is there already, or another machine's address; 3 the scenario would not be \
sound; 130 interrupted.";

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("target").required(true).args(["url", "command"])))]
pub(crate) struct SimCalibrate {
    /// The application: http://HOST:PORT
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// A command that starts it, such as "node app.js": it listens on the port in PORT. Its first
    /// requests tell what a cold start costs
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// What it is asked for, such as /api/items?page=2; once for each route
    #[arg(long, value_name = "PATH", required = true)]
    pub(crate) path: Vec<String>,
    /// The scenario to write
    #[arg(long, value_name = "FILE", default_value = "calibrated.toml")]
    pub(crate) out: PathBuf,
    /// Endpoints of the scenario
    #[arg(long, value_name = "N", default_value = "4",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) endpoints: u16,
    /// How long it may take; half of it is for requests alone
    #[arg(long, value_name = "N", default_value = "30",
        value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) seconds: u32,
    /// Requests of each path that are sent alone, at most
    #[arg(long, value_name = "N", default_value = "1000",
        value_parser = clap::value_parser!(u32).range(30..=100_000))]
    pub(crate) requests: u32,
    /// Clients at a time, at most
    #[arg(long, value_name = "N", default_value = "64",
        value_parser = clap::value_parser!(u32).range(2..=1024))]
    pub(crate) clients: u32,
    /// Seconds after which an answer is given up, and all of it
    #[arg(long, value_name = "N", default_value = "10",
        value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) timeout: u32,
    /// The application may be on another machine: it is yours, and may be loaded
    #[arg(long, requires = "url")]
    pub(crate) not_loopback: bool,
}

/// What `sim import` does with a log, as its help says it.
const IMPORT: &str = "\
A log may be of any size and in any order: what does not fit into 32 MiB is sorted in files beside \
the output, which are removed. A clock that stepped back mixes the requests of both times. Stamps \
of whole seconds are spread over their second, at random by --seed. Logs that are written when a \
request ends (nginx, Caddy, evenkeel) are counted back by how long it took. Lines that cannot be \
read are counted, and the first three shown; tunnels (101) and requests that were never sent whole \
are left out. Clients are hashed; paths and queries stay as they are.

Exit codes: 0 imported; 1 cannot read or write; 2 wrong usage, or the scenario is there already; \
3 nothing that makes a scenario; 7 lines could not be read, and --strict; 130 interrupted.";

/// The formats of access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Common or Combined Log Format
    Common,
    /// The same
    Combined,
    /// JSON with nginx's names: msec or time_iso8601, request_time, upstream_response_time ...
    Nginx,
    /// `option httplog`
    Haproxy,
    /// Caddy's JSON
    Caddy,
    /// `[log] access` of evenkeel
    Evenkeel,
    /// What `sim import` has written
    Recording,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Services {
    /// Each request takes as long as it took; what is not known is drawn from its route's law
    Replay,
    /// All are drawn from laws that are fitted to what was recorded, route by route
    Fit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Origin {
    /// Requests are in nobody's way: what happened is repeated, waiting included
    Delay,
    /// One event loop each, which computes: waits are told from work, and follow from the load
    Node,
}

#[derive(Debug, Args)]
pub(crate) struct SimImport {
    /// The log, plain or compressed with gzip
    #[arg(value_name = "ACCESS_LOG")]
    pub(crate) log: PathBuf,
    /// Its format; absent: that of the first line that can be read
    #[arg(long, value_enum)]
    pub(crate) format: Option<LogFormat>,
    /// The scenario to write; its recording is written beside it, as .jsonl.gz; absent: called as
    /// the log, in this folder
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The configuration that was deployed; absent: the endpoints that the log names, under p2c
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How many endpoints there are, if the log names none
    #[arg(long, value_name = "N", default_value = "4", conflicts_with = "config",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) endpoints: u16,
    /// Leave out what was sent before: a time after the first line, such as 10m, or a date such as
    /// 2026-11-23T11:00:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<String>,
    /// Leave out what was sent then or later
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<String>,
    /// So many times as many clients: 0.5 leaves out half of them, 3 has each come three times
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(crate) rate: f64,
    /// So many times as fast: 60 replays an hour in a minute
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(crate) speed: f64,
    /// How long requests take, where the log says so
    #[arg(long, value_enum, default_value = "replay")]
    pub(crate) service: Services,
    /// What the servers are: what a request waited behind others there is part of its service, or
    /// is waited again
    #[arg(long, value_enum, default_value = "delay")]
    pub(crate) origin: Origin,
    /// What tells clients apart: address, cookie:NAME, or field:NAME of a line (common: user)
    #[arg(long, value_name = "KEY", default_value = "address")]
    pub(crate) session: String,
    /// A secret that goes into the hash of clients: without one, addresses can be found by trying
    #[arg(long, value_name = "TEXT")]
    pub(crate) salt: Option<String>,
    /// The seed of what is drawn: places in a second, which clients are left out or come again
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) seed: u64,
    /// Exit with 7 if a line could not be read
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimVerify {
    #[command(flatten)]
    pub(crate) what: SimWhat,
    /// A file of trace hashes that must come out; `--bless` writes it
    #[arg(long, value_name = "FILE")]
    pub(crate) golden: Option<PathBuf>,
    /// Write the hashes that came out into the golden file
    #[arg(long, requires = "golden")]
    pub(crate) bless: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimWhat {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO")]
    pub(crate) scenarios: Vec<PathBuf>,
    /// This seed alone, instead of the scenario's
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
    /// These seeds, such as 1..20, instead of the scenario's
    #[arg(long, value_name = "A..B")]
    pub(crate) seeds: Option<String>,
    /// The engine, instead of the scenario's: net is the whole data path, model the core alone
    #[arg(long, value_enum)]
    pub(crate) engine: Option<Engine>,
    /// Change a key of the scenario or its configuration, such as policy=random
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Runs at a time; absent: one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Engine {
    Net,
    Model,
}
