//! The blocks that exist once: `[server]`, `[admin]`, `[log]`.

use std::path::PathBuf;
use std::time::Duration;

use crate::document::{
    Address, Choice, FilePath, Integer, Name, Percent, Share, Socket, Table, Time,
};

/// From where on lines that explain themselves are most of a log: with 16 endpoints it is a third
/// longer then (`docs/explain.md`).
const MUCH: Percent = Percent::new(10);

/// The process as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Threads that serve; none is one per core.
    pub workers: Option<u32>,
    /// How long SIGTERM lets requests finish.
    pub drain: Duration,
    /// Where the proxy stands, if that is said.
    pub zone: Option<String>,
}

/// The administration's listener.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Where it listens.
    pub address: Address,
}

/// What is logged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    /// A line per request, if wanted.
    pub access: Option<Access>,
}

/// The access log.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// Where the lines go.
    pub path: Sink,
    /// What a line looks like.
    pub format: Format,
    /// Of how many requests it says why they went where they did.
    pub explain: Percent,
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// The end of a file.
    File(PathBuf),
}

/// What a log line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A JSON object.
    Json,
}

/// Most worker threads; more than any machine has cores.
const MOST_WORKERS: u32 = 1024;

pub(super) fn server(t: &mut Table<'_>) -> Server {
    let workers = t.optional(
        "workers",
        Integer(1..=MOST_WORKERS),
        "threads that serve requests; absent: one per core, as a worker is never blocked",
    );
    let drain = t.default(
        "drain",
        Time::ANY,
        Duration::from_secs(30),
        "how long SIGTERM lets running requests finish; 30s is what orchestrators wait before \
         they kill",
    );
    let doc = "where the proxy stands: endpoints of this zone are its first choice, others get \
               what those cannot carry (`pool.overprovision`); absent: zones mean nothing";
    let zone = t.optional("zone", Name, doc);
    Server {
        workers,
        drain,
        zone,
    }
}

pub(super) fn admin(t: &mut Table<'_>) -> Option<Admin> {
    let doc = "address of /metrics and /ready; keep it off the public network: it has no password";
    let address = t.required("address", Socket::Listen, doc);
    Some(Admin { address: address? })
}

pub(super) fn log(t: &mut Table<'_>) -> Log {
    const FORMAT: Choice<Format> = Choice {
        what: "format",
        of: &[("json", Format::Json)],
    };
    let doc = "a line per request; absent: none, as a log costs more than the request it describes";
    let access = t.optional_table("access", doc, |t| {
        let path = t.optional(
            "path",
            FilePath,
            "file to append to; \"-\" (the default) is stdout",
        );
        let path = match path {
            Some(path) if t.text("path") != Some("-") => Sink::File(path),
            _ => Sink::Stdout,
        };
        let doc = crate::log::JSON;
        let format = t.default("format", FORMAT, Format::Json, doc);
        let doc = "of how many requests, drawn at random, a line says why each try went where it \
                   did: `explain`, with all endpoints of the pool, what each scored or why it was \
                   left out; a line is longer by 80 bytes an endpoint then, so 0.1% is enough";
        let explain = t.default("explain", Share, Percent::default(), doc);
        if explain > MUCH {
            let what = format!("{explain} of all requests are explained, at the others' expense");
            let problem = t.problem(t.span("explain"), what).warning();
            let help = "each costs some 10 us more and, for each endpoint, 80 bytes in the log";
            let label = format!("expected at most {MUCH}; 0.1% tells as much");
            t.report(problem.label(label).help(help));
        }
        Access {
            path,
            format,
            explain,
        }
    });
    Log { access }
}
