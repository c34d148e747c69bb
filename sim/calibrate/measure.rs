//! What an application is asked, and how long it takes.
//!
//! First one request at a time, the paths in turn, so that whatever drifts does so for all of them:
//! nobody waits for anybody. Then, path by path, twice as many clients in each step, each of which
//! asks again once it is answered, until requests take several times as long as alone or the most
//! clients are reached.

use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use evenkeel_core::time::{Timestamp, nanos};
use evenkeel_proxy::h1::{Method, ResponseHead};

use super::{Error, Order};
use crate::live::Clock;
use crate::live::line::{Broken, Line};
use crate::sweep::Stop;

/// What a law needs of answers.
const LEAST: usize = 30;
/// First requests, by which a warm-up is told.
const FIRST: usize = 200;
/// The share of the time that is for requests alone, and for the first ones of them, at most.
const ALONE: f64 = 0.5;
const COLD: f64 = 0.1;
/// Steps that there may be: the time of one is this part of what a path has.
const STEPS: u32 = 6;
/// Requests that take so many times as long as alone wait for each other: more clients tell no
/// more.
const SLOWER: f64 = 3.5;
/// Even if they all wait for each other, each client has so many requests in a step.
const TURNS: u32 = 5;
/// Clients of the last step at least.
const CLIENTS: u32 = 8;

/// So many clients at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// How many.
    pub clients: u32,
    /// Requests that were answered.
    pub requests: u64,
    /// How long they took on average.
    pub mean: Duration,
}

/// What was measured of a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Times {
    /// Times of requests alone, in nanoseconds, in their order.
    pub(super) alone_ns: Vec<u64>,
    /// With more clients.
    pub(super) steps: Vec<Step>,
}

/// What was measured.
#[derive(Clone, Debug, Default)]
pub(super) struct Measured {
    /// The first requests of all: path and time in nanoseconds.
    pub(super) first: Vec<(usize, u64)>,
    pub(super) routes: Vec<Times>,
    pub(super) requests: u64,
}

/// Asks the application at `address`.
pub(super) fn measure(
    order: &Order<'_>,
    address: SocketAddr,
    stop: &Stop,
    progress: &mut dyn FnMut(f64),
) -> Result<Measured, Error> {
    let mut bench = Bench {
        order,
        address,
        clock: Clock::began(Duration::ZERO),
        stop,
        progress,
    };
    let mut measured = Measured {
        routes: vec![Times::default(); order.paths.len()],
        ..Measured::default()
    };
    bench.alone(&mut measured)?;
    let begins = bench.clock.now();
    let share = Timestamp(nanos(order.lasts)).since(begins) / order.paths.len() as u32;
    for ((index, path), nth) in order.paths.iter().enumerate().zip(1..) {
        let until = begins + share * nth;
        let alone = Duration::from_nanos(mean(&measured.routes[index].alone_ns) as u64);
        let (mut clients, mut mean) = (2, alone);
        while clients <= order.clients && bench.clock.now() < until {
            // Twice as many clients wait at most twice as long.
            let step = bench.step(path, clients, (share / STEPS).max(mean * 2 * TURNS))?;
            measured.requests += step.requests;
            measured.routes[index].steps.push(step);
            mean = step.mean;
            if mean > alone.mul_f64(SLOWER) && clients >= CLIENTS {
                break;
            }
            clients *= 2;
        }
    }
    Ok(measured)
}

fn mean(times_ns: &[u64]) -> f64 {
    times_ns.iter().sum::<u64>() as f64 / times_ns.len().max(1) as f64
}

/// Who measures.
struct Bench<'a> {
    order: &'a Order<'a>,
    address: SocketAddr,
    clock: Clock,
    stop: &'a Stop,
    progress: &'a mut dyn FnMut(f64),
}

impl Bench<'_> {
    fn tick(&mut self) -> Result<(), Error> {
        let lasts_s = self.order.lasts.as_secs_f64();
        let share = Duration::from_nanos(self.clock.now().0).as_secs_f64() / lasts_s;
        (self.progress)(share.min(1.0));
        match self.stop.is_asked() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    fn asker(&self) -> Asker {
        Asker {
            address: self.address,
            clock: self.clock,
            patience: self.order.patience,
            line: None,
            head: ResponseHead::default(),
        }
    }

    /// One request at a time, the paths in turn. The first ones tell of the beginning alone.
    fn alone(&mut self, measured: &mut Measured) -> Result<(), Error> {
        let lasts = nanos(self.order.lasts);
        let [cold, until, end] = [COLD, ALONE, 1.0].map(|share| (lasts as f64 * share) as u64);
        let paths = self.order.paths;
        let most = match self.order.target.is_started() {
            true => FIRST,
            false => paths.len(),
        };
        let mut asker = self.asker();
        loop {
            for (index, path) in paths.iter().enumerate() {
                let is_time = self.clock.now().0 < cold || measured.first.len() < paths.len();
                let took_ns = asker.ask(path)?;
                measured.requests += 1;
                match is_time && measured.first.len() < most {
                    true => measured.first.push((index, took_ns)),
                    false => measured.routes[index].alone_ns.push(took_ns),
                }
                self.tick()?;
            }
            // The last one has the fewest.
            let known = measured
                .routes
                .last()
                .map_or(0, |route| route.alone_ns.len());
            let now = self.clock.now().0;
            if known >= self.order.requests as usize || known >= LEAST && now >= until {
                return Ok(());
            }
            if now >= end {
                return Err(Error::Few {
                    path: paths.last().cloned().unwrap_or_default(),
                    count: known,
                });
            }
        }
    }

    /// So many clients for so long. Their latency is told by how many answers come (Little's law),
    /// while all of them are there: from when each could have one to the last before the end.
    fn step(&mut self, path: &str, clients: u32, lasts: Duration) -> Result<Step, Error> {
        let until = self.clock.now() + lasts;
        let stop = self.stop;
        let told = Mutex::new(Ok(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..clients {
                let (mut asker, told) = (self.asker(), &told);
                scope.spawn(move || {
                    let own = asker.ask_until(path, until, stop);
                    let mut all = told.lock().expect("no client panics");
                    match (&mut *all, own) {
                        (Ok(all), Ok(own)) => all.extend(own),
                        (Err(_), _) => {}
                        (all, error) => *all = error,
                    }
                });
            }
        });
        self.tick()?;
        let mut ends = told.into_inner().expect("no client panics")?;
        ends.sort_unstable();
        let counted = ends.len().saturating_sub(clients as usize);
        let (Some(last), true) = (ends.last(), counted > 0) else {
            return Err(Error::Few {
                path: path.to_owned(),
                count: ends.len(),
            });
        };
        let passed = last.since(ends[clients as usize - 1]);
        Ok(Step {
            clients,
            requests: ends.len() as u64,
            mean: passed.mul_f64(f64::from(clients) / counted as f64),
        })
    }
}

/// One client: a connection that is kept while it can be.
struct Asker {
    address: SocketAddr,
    clock: Clock,
    patience: Duration,
    line: Option<Line>,
    head: ResponseHead,
}

impl Asker {
    /// Asks for `path` again and again: when it was answered, but for what came after `until`.
    fn ask_until(
        &mut self,
        path: &str,
        until: Timestamp,
        stop: &Stop,
    ) -> Result<Vec<Timestamp>, Error> {
        let mut ends = Vec::new();
        while self.clock.now() < until && !stop.is_asked() {
            self.ask(path)?;
            ends.push(self.clock.now());
        }
        ends.retain(|end| *end <= until);
        Ok(ends)
    }

    /// Asks for `path`: how long it took, in nanoseconds.
    fn ask(&mut self, path: &str) -> Result<u64, Error> {
        let failed = |what: String| Error::Answer {
            path: path.to_owned(),
            what,
        };
        loop {
            let reused = self.line.is_some();
            let mut line = match self.line.take() {
                Some(line) => line,
                None => {
                    let stream = TcpStream::connect_timeout(&self.address, self.patience);
                    let line = stream.and_then(|stream| Line::new(stream, self.clock));
                    line.map_err(|error| failed(error.to_string()))?
                }
            };
            let text = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
            let began = self.clock.now();
            line.wait_until(began + self.patience);
            let answer = match line.write(text.as_bytes()) {
                Ok(()) => line.response(Method::Get, &mut self.head, |_, _| ()),
                Err(_) => Err(Broken::Unanswered),
            };
            match answer {
                Ok(()) => {}
                // A kept connection that closed under the request.
                Err(Broken::Unanswered) if reused => continue,
                Err(Broken::Late) => return Err(failed("no answer in time".into())),
                Err(_) => return Err(failed("the connection was lost".into())),
            }
            let took_ns = nanos(self.clock.now().since(began));
            if self.head.keep_alive {
                self.line = Some(line);
            }
            return match self.head.status {
                200..400 => Ok(took_ns),
                status => Err(failed(format!("status {status}"))),
            };
        }
    }
}
