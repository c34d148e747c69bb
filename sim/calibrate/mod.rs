//! An origin's model from a running application: which law its services follow, route by route, how
//! much of each blocks the event loop, what its first requests and its collections cost.
//!
//! The application is asked as nobody else asks it ([`measure`]): by one client at a time, which
//! shows how long a request takes that waits for nobody, and then by more and more of them, which
//! shows for what of that they wait for each other. The model is the simulator's own origin: the
//! part that blocks is the one with which it gets as slow as the application did ([`share`]).

mod measure;
mod runtime;
mod share;
mod target;
#[cfg(test)]
mod test;
mod write;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_proxy::document::Diagnostic;

use crate::import::{Fit, fit, note, times};
use crate::live::Launcher;
use crate::origin::Warmup;
use crate::scenario;
use crate::sweep::Stop;

pub use measure::Step;
pub use runtime::Pause;
pub use target::Target;

/// What to measure, and how much of it at most.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The application.
    pub target: &'a Target,
    /// What starts who looks after it, if it is started.
    pub launcher: &'a Launcher,
    /// Where it runs, if it is started, and where the scenario is from.
    pub folder: &'a Path,
    /// Whether it may be on another machine.
    pub elsewhere: bool,
    /// What it is asked for, each with `GET`; at least one.
    pub paths: &'a [String],
    /// The scenario to write.
    pub out: &'a Path,
    /// How many endpoints it has.
    pub endpoints: u16,
    /// How long all of it may take.
    pub lasts: Duration,
    /// Requests of each path that are sent alone, at most.
    pub requests: u32,
    /// Requests under way at a time, at most.
    pub clients: u32,
    /// When an answer is given up.
    pub patience: Duration,
}

/// A path's requests, and what they are taken for.
#[derive(Clone, Debug)]
pub struct Route {
    /// What is asked for.
    pub path: String,
    /// The law of the whole time, from request to answer, of a request alone.
    pub whole: Fit,
    /// The share of that time for which its event loop serves nobody else.
    pub share: f64,
    /// The law of that part.
    pub service: Fit,
    /// The law of the rest, if there is one to speak of.
    pub io: Option<Fit>,
    /// How long requests took with several clients, and how long the model's do.
    pub steps: Vec<(Step, Duration)>,
}

impl Route {
    /// By how much the model's latency is off at worst, as a share; what wakes processes up, some
    /// tenths of a millisecond, is nobody's.
    #[must_use]
    pub fn misfit(&self) -> f64 {
        const NOBODYS: Duration = Duration::from_micros(500);
        let off = |(step, model): &(Step, Duration)| {
            let off = model.abs_diff(step.mean).saturating_sub(NOBODYS);
            off.as_secs_f64() / step.mean.as_secs_f64()
        };
        self.steps.iter().map(off).fold(0.0, f64::max)
    }
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Calibrated {
    /// Its paths.
    pub routes: Vec<Route>,
    /// What its first requests cost, if it was started here and they do.
    pub warmup: Option<Warmup>,
    /// Pauses that have nothing to do with what is asked for, if there are any.
    pub pause: Option<Pause>,
    /// Requests that were sent.
    pub requests: u64,
    /// Warnings about the scenario that was written.
    pub warnings: Vec<Diagnostic>,
}

/// Why there is no model.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be started, or there is no such host.
    #[error("{0}")]
    Target(io::Error),
    /// It is on another machine, and that was not said.
    #[error(
        "{0} is not of this machine: it would get as many requests as it takes; if it is yours and \
         nobody else's, say --not-loopback"
    )]
    Elsewhere(SocketAddr),
    /// It does not answer, or not as it should.
    #[error("GET {path}: {what}")]
    Answer {
        /// What was asked for.
        path: String,
        /// What came.
        what: String,
    },
    /// Too few answers for a law.
    #[error("GET {path}: {count} answers in the time that there is: give it more --seconds")]
    Few {
        /// What was asked for.
        path: String,
        /// How many.
        count: usize,
    },
    /// The scenario is there already; it may have been edited.
    #[error("{} is there already: remove it, or choose another --out", .0.display())]
    Exists(PathBuf),
    /// The scenario cannot be written.
    #[error("cannot write {}: {error}", file.display())]
    Write {
        /// Its path.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The scenario is not sound, such as for a path that it cannot ask for.
    #[error("the scenario that was measured is not sound")]
    Scenario(Vec<Diagnostic>),
    /// It was asked to end.
    #[error("interrupted")]
    Interrupted,
}

/// Measures an application and writes a scenario around its model; `progress` is told which share
/// is done.
///
/// # Errors
/// See [`Error`]; nothing is written then.
pub fn calibrate(
    order: &Order<'_>,
    stop: &Stop,
    progress: &mut dyn FnMut(f64),
) -> Result<Calibrated, Error> {
    if order.out.exists() {
        return Err(Error::Exists(order.out.to_owned()));
    }
    let measured = order
        .target
        .reach(order.folder, order.elsewhere, order.launcher)
        .and_then(|running| measure::measure(order, running.address(), stop, progress))
        // Who was interrupted may have given up for another reason meanwhile.
        .map_err(|error| {
            if stop.is_asked() {
                Error::Interrupted
            } else {
                error
            }
        })?;
    let mut calibrated = fitted(order.paths, &measured, order.target.is_started());
    let text = write::scenario(order, &calibrated);
    let (sound, problems) = scenario::load(order.out, text.as_bytes());
    if sound.is_none() {
        return Err(Error::Scenario(problems));
    }
    calibrated.warnings = problems;
    std::fs::write(order.out, text).map_err(|error| Error::Write {
        file: order.out.to_owned(),
        error,
    })?;
    Ok(calibrated)
}

/// The model of what was measured.
fn fitted(paths: &[String], measured: &measure::Measured, is_cold: bool) -> Calibrated {
    let (pause, alone) = runtime::pause(&measured.routes);
    let mut routes = Vec::new();
    for ((path, route), alone) in paths.iter().zip(&measured.routes).zip(&alone) {
        let share = share::share(alone, &route.steps);
        let models = route.steps.iter().map(|step| {
            let mean_ns = share::latency_ns(alone, share, step.clients);
            (*step, Duration::from_nanos(mean_ns as u64))
        });
        let waits = share < share::WHOLE;
        let share = if waits { share } else { 1.0 };
        let io = || part(alone, 1.0 - share);
        routes.push(Route {
            path: path.clone(),
            whole: part(alone, 1.0),
            share,
            service: part(alone, share),
            io: waits.then(io),
            steps: models.collect(),
        });
    }
    let warmup = || runtime::warmup(&measured.first, &routes);
    Calibrated {
        warmup: is_cold.then(warmup).flatten(),
        pause,
        requests: measured.requests,
        warnings: Vec::new(),
        routes,
    }
}

/// The law of a share of each of these times.
fn part(alone_ns: &[u64], share: f64) -> Fit {
    let mut times = times();
    for ns in alone_ns {
        note(&mut times, (*ns as f64 * share / 1e3 + 0.5) as u64);
    }
    fit(&times)
}
