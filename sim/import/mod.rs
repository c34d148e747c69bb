//! A scenario from an access log: real traffic in the simulator.
//!
//! The log is read once, whatever its size, and put in order ([`sort`]); what the proxy saw go
//! wrong becomes faults ([`incident`]); services are replayed, or laws are fitted to them by route
//! ([`route`], [`fit`]). Out come a recording, which a workload's `trace` takes, and a scenario
//! around it.

mod alone;
mod cut;
mod fit;
mod incident;
mod place;
mod route;
mod sort;
#[cfg(test)]
mod test;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use evenkeel_core::rng::Stream;
use evenkeel_proxy::document::Diagnostic;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::scenario;
use crate::sweep::Stop;
use crate::workload::log::{Format, Log, Reading, Record, Recording, Summary};

pub use cut::Bound;
pub use fit::Fit;
pub(crate) use fit::fit;
pub use incident::Incident;
pub(crate) use route::{note, times};
pub(crate) use write::{name, resolution};

use alone::Alone;
use cut::Rate;
use incident::{Gone, Watch};
use place::Places;
use route::{Seens, Times};
use sort::{Scratch, Sorter};

/// Endpoints of a log that are kept apart.
const ENDPOINTS: usize = 1_000;
/// A head later than this (us), and than so many medians, is a sign of a stop: a stop may well
/// be seen in the higher percentiles of a short log.
const SLOW_US: u64 = 1_000_000;
const SLOWER: u64 = 20;

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The log, plain or compressed.
    pub log: &'a Path,
    /// How it is read.
    pub reading: Reading,
    /// The scenario's file; the recording is written beside it, as [`recording`] says.
    pub out: &'a Path,
    /// The configuration of the scenario, as the file is to name it; absent: one with the endpoints
    /// of the log.
    pub config: Option<&'a str>,
    /// How many endpoints there are, if neither says.
    pub endpoints: u16,
    /// What comes before is left out.
    pub from: Option<Bound>,
    /// What comes then or later is left out.
    pub to: Option<Bound>,
    /// How many times as many clients come; above zero.
    pub rate: f64,
    /// How many times as fast time passes; above zero.
    pub speed: f64,
    /// Services are those of the log; otherwise laws are fitted to them.
    pub replay: bool,
    /// Each endpoint is one event loop that computes: what a request waited behind others there is
    /// no part of its service. Otherwise it is, and nobody waits for anybody.
    pub node: bool,
    /// What decides about places in a second and about copies of clients.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The log's format, if any line could be read.
    pub format: Option<Format>,
    /// What became of its lines.
    pub summary: Summary,
    /// Requests that are not in the part that was asked for.
    pub outside: u64,
    /// Requests of that part.
    pub taken: u64,
    /// Requests of the recording: `taken`, scaled by the rate.
    pub requests: u64,
    /// Lines that were out of order.
    pub disordered: u64,
    /// The furthest of them: its number, and how far back it was (us).
    pub furthest: Option<(u64, u64)>,
    /// Requests whose service was recorded and is replayed.
    pub replayed: u64,
    /// How long the recording lasts (us), before it is sped up.
    pub lasts_us: u64,
    /// Routes with laws of their own.
    pub routes: Vec<Route>,
    /// The law of all other requests, if the log knows any of theirs.
    pub rest: Option<Fit>,
    /// What went wrong at endpoints.
    pub incidents: Vec<Incident>,
    /// Pools and their endpoints.
    pub pools: BTreeMap<String, BTreeSet<String>>,
    /// Warnings about the scenario that was written.
    pub warnings: Vec<Diagnostic>,
}

/// Requests that are alike, and the law of their services.
#[derive(Clone, Debug)]
pub struct Route {
    /// What the scenario calls the class.
    pub name: String,
    /// Their method.
    pub method: String,
    /// Their path, with stars for identifiers.
    pub path: String,
    /// How many there are.
    pub requests: u64,
    /// How long they take.
    pub fit: Fit,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be opened.
    #[error("cannot read {}: {error}", file.display())]
    Log {
        /// The log's path.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Nothing can be written.
    #[error("cannot write {}: {error}", file.display())]
    Write {
        /// What was to be written, or stood beside it for a while.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The scenario or its recording is there already: one may have been edited, the other be the
    /// log itself.
    #[error("{} is there already: remove it, or choose another --out", .0.display())]
    Exists(PathBuf),
    /// There is no request.
    #[error("{}: no request to import; {summary}{}", file.display(), left_out(*outside, *taken))]
    Empty {
        /// The log's path.
        file: PathBuf,
        /// What became of its lines.
        summary: Summary,
        /// Requests that are not in the part that was asked for.
        outside: u64,
        /// Requests of that part, whose clients the rate leaves out.
        taken: u64,
    },
    /// Which path goes to which pool is not in the log.
    #[error("the log has several pools ({0}): name the configuration that was deployed, --config")]
    Pools(String),
    /// The scenario is wrong, such as for endpoints that the configuration does not have.
    #[error("the scenario that the log makes is not sound")]
    Scenario(Vec<Diagnostic>),
    /// It was asked to end.
    #[error("interrupted")]
    Interrupted,
}

/// What else became of requests, each on a line of its own.
fn left_out(outside: u64, taken: u64) -> String {
    let mut text = String::new();
    if outside > 0 {
        text += &format!("\n{outside} requests are outside of --from and --to");
    }
    if taken > 0 {
        text += &format!("\n--rate leaves out the clients of {taken} requests");
    }
    text
}

/// The file of the recording for a scenario's.
#[must_use]
pub fn recording(out: &Path) -> PathBuf {
    out.with_extension("jsonl.gz")
}

/// Imports a log; `progress` is told which share is done.
///
/// # Errors
/// See [`Error`]. Nothing is left behind then.
pub fn import(
    order: &Order<'_>,
    stop: &Stop,
    progress: &mut dyn FnMut(f64),
) -> Result<Imported, Error> {
    let data = recording(order.out);
    // The recording's name may be the log's own.
    for file in [order.out, &data] {
        if file.exists() {
            return Err(Error::Exists(file.to_owned()));
        }
    }
    let failed = |error| match stop.is_asked() {
        true => Error::Interrupted,
        false => Error::Write {
            file: data.clone(),
            error,
        },
    };
    let mut work = Work::new(order, stop, progress);
    let mut sorter = Sorter::new(&data);
    let mut imported = work.read(&mut sorter)?;
    let ordered = Scratch::new(&data, "ordered");
    let sorted = sorter.finish().map_err(failed)?;
    work.order(sorted, &ordered, &mut imported)
        .map_err(failed)?;
    let finished = Scratch::new(&data, "finished");
    work.record(&ordered, &finished, &mut imported)
        .map_err(failed)?;
    work.interrupted()?;
    let text = write::scenario(order, &imported, &data)?;
    fs::rename(finished.path(), &data).map_err(failed)?;
    let kept = keep(order.out, &text);
    // A recording alone would only be in the way of the next try.
    imported.warnings = kept.inspect_err(|_| _ = fs::remove_file(&data))?;
    Ok(imported)
}

/// Writes the scenario, if it is sound; what there is to warn of.
fn keep(out: &Path, text: &str) -> Result<Vec<Diagnostic>, Error> {
    let (sound, problems) = scenario::load(out, text.as_bytes());
    if sound.is_none() {
        return Err(Error::Scenario(problems));
    }
    fs::write(out, text).map_err(|error| {
        let _ = fs::remove_file(out);
        Error::Write {
            file: out.to_owned(),
            error,
        }
    })?;
    Ok(problems)
}

/// An import under way.
struct Work<'a> {
    order: &'a Order<'a>,
    stop: &'a Stop,
    progress: &'a mut dyn FnMut(f64),
    /// All services, whatever the route.
    times: Times,
}

impl<'a> Work<'a> {
    fn new(order: &'a Order<'a>, stop: &'a Stop, progress: &'a mut dyn FnMut(f64)) -> Self {
        Self {
            order,
            stop,
            progress,
            times: route::times(),
        }
    }

    fn interrupted(&self) -> Result<(), Error> {
        match self.stop.is_asked() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// Reads the log into `sorter`.
    fn read(&mut self, sorter: &mut Sorter<'_>) -> Result<Imported, Error> {
        let order = self.order;
        let unreadable = |error| Error::Log {
            file: order.log.to_owned(),
            error,
        };
        let size = fs::metadata(order.log).map_err(unreadable)?.len().max(1);
        let mut log = Log::open(order.log, order.reading.clone()).map_err(unreadable)?;
        let rate = Rate {
            rate: order.rate,
            draws: Stream::new(order.seed, "import client"),
        };
        let mut imported = Imported::none();
        let mut window = None;
        let mut latest_us = i64::MIN;
        while let Some(record) = log.next() {
            let at_us = record.at_us;
            let (from_us, to_us) = *window.get_or_insert_with(|| order.window(at_us));
            if at_us < latest_us {
                imported.disordered += 1;
                let back = (log.number(), latest_us.abs_diff(at_us));
                let further = |known: &(u64, u64)| known.1 < back.1;
                if imported.furthest.as_ref().is_none_or(further) {
                    imported.furthest = Some(back);
                }
            }
            latest_us = latest_us.max(at_us);
            if log.number().is_multiple_of(4_096) {
                self.interrupted()?;
                // What is no file, such as a pipe, has no size.
                let share = log.consumed() as f64 / size as f64;
                (self.progress)(share.min(1.0) / 2.0);
            }
            if !(from_us..to_us).contains(&at_us) {
                imported.outside += 1;
                continue;
            }
            imported.take(&record);
            for copy in rate.copies(record) {
                imported.requests += 1;
                if let Some(service_us) = copy.service_us {
                    route::note(&mut self.times, service_us);
                }
                sorter.add(copy).map_err(|error| Error::Write {
                    file: recording(order.out),
                    error,
                })?;
            }
        }
        imported.format = log.format();
        imported.summary = log.summary().clone();
        match imported.requests {
            0 => Err(Error::Empty {
                file: order.log.to_owned(),
                summary: imported.summary,
                outside: imported.outside,
                taken: imported.taken,
            }),
            _ => Ok(imported),
        }
    }

    /// Puts requests of a whole second at places in it, counts time from the beginning, and looks
    /// for incidents.
    fn order(
        &mut self,
        sorted: impl Iterator<Item = io::Result<Record>>,
        out: &Scratch,
        imported: &mut Imported,
    ) -> io::Result<()> {
        let slow_us = SLOW_US.max(SLOWER * self.times.value_at_percentile(50.0));
        let mut watch = Watch::new(slow_us);
        let all = imported.requests;
        let mut done = 0;
        let places = Places::new(sorted, Stream::new(self.order.seed, "import place"));
        let noted = places.map(|record| {
            let record = record?;
            watch.see(&record);
            imported.lasts_us = record.at_us as u64;
            done += 1;
            self.tick(0.5, done, all)?;
            Ok(record)
        });
        out.write(noted)?;
        imported.incidents = watch.finish(imported.lasts_us as i64);
        if self.order.node && !imported.incidents.is_empty() {
            self.shorten(out, imported)?;
        }
        Ok(())
    }

    /// Takes from incidents what event loops worked on after them.
    fn shorten(&self, ordered: &Scratch, imported: &mut Imported) -> io::Result<()> {
        let (mut sum_us, mut known) = (0.0, 0_u64);
        for record in Alone::new(ordered.read()?, &imported.incidents) {
            let service_us = record?.service_us;
            known += u64::from(service_us.is_some());
            sum_us += service_us.unwrap_or(0) as f64;
        }
        let mean_us = sum_us / known.max(1) as f64;
        let incidents = imported.incidents.iter_mut();
        incidents.for_each(|incident| incident.without_backlog(mean_us));
        Ok(())
    }

    /// Writes the recording: what was under way in an incident gets no service of its own, unless
    /// the waiting can be told from the work.
    fn record(
        &mut self,
        ordered: &Scratch,
        out: &Scratch,
        imported: &mut Imported,
    ) -> io::Result<()> {
        let file = BufWriter::new(File::create(out.path())?);
        let mut recording = Recording::new(GzEncoder::new(file, Compression::fast()), false)?;
        let mut seens = Seens::new();
        let mut done = 0;
        let gone = Gone::new(&imported.incidents, |incident| incident.until_us);
        let records: &mut dyn Iterator<Item = io::Result<Record>> = match self.order.node {
            true => &mut Alone::new(ordered.read()?, &imported.incidents),
            false => &mut ordered.read()?,
        };
        for record in records {
            let mut record = record?;
            if !self.order.node && gone.touches(&record) {
                record.service_us = None;
            }
            seens.add(&record);
            match record.service_us {
                Some(_) if self.order.replay => imported.replayed += 1,
                _ => record.service_us = None,
            }
            recording.write(&record)?;
            done += 1;
            self.tick(0.75, done, imported.requests)?;
        }
        recording.finish()?.finish()?.into_inner()?;
        let (routes, rest) = seens.finish();
        imported.routes = write::named(routes);
        imported.rest = (!rest.is_empty()).then(|| fit::fit(&rest));
        Ok(())
    }

    /// A quarter of the work goes on from `from`; an error if it shall end.
    fn tick(&mut self, from: f64, done: u64, all: u64) -> io::Result<()> {
        if !done.is_multiple_of(4_096) {
            return Ok(());
        }
        (self.progress)(from + done as f64 / all as f64 / 4.0);
        match self.stop.is_asked() {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }
}

impl Order<'_> {
    /// The part that is taken of a log whose first line is of `first_us`.
    fn window(&self, first_us: i64) -> (i64, i64) {
        let date = |bound: Option<Bound>| bound.map(|bound| bound.date_us(first_us));
        (
            date(self.from).unwrap_or(i64::MIN),
            date(self.to).unwrap_or(i64::MAX),
        )
    }
}

impl Imported {
    fn none() -> Self {
        Self {
            format: None,
            summary: Summary::default(),
            outside: 0,
            taken: 0,
            requests: 0,
            disordered: 0,
            furthest: None,
            replayed: 0,
            lasts_us: 0,
            routes: Vec::new(),
            rest: None,
            incidents: Vec::new(),
            pools: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Counts a request, and notes who served it.
    fn take(&mut self, record: &Record) {
        self.taken += 1;
        if record.pool.is_none() && record.tries.is_empty() {
            return;
        }
        let pool = record.pool.as_deref().unwrap_or(write::POOL);
        if self.pools.len() >= ENDPOINTS && !self.pools.contains_key(pool) {
            return;
        }
        let endpoints = self.pools.entry(pool.to_owned()).or_default();
        for tried in &record.tries {
            if endpoints.len() < ENDPOINTS && !endpoints.contains(&*tried.endpoint) {
                endpoints.insert(tried.endpoint.to_string());
            }
        }
    }
}
