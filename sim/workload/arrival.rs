//! The requests of all workloads in the order in which they are due.

use std::io;
use std::path::PathBuf;

use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;

use super::log::{Record, Summary};
use super::shape::Warp;
use super::source::Clock;
use super::visit::{self, Visits};
use super::{Class, Route, Source, Spec};

/// A request that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When a client sends it.
    pub due: Timestamp,
    /// Its workload, by its place in the scenario.
    pub workload: u16,
    /// Its number in its workload: from 0, or its client's number and its place in what that
    /// client does, each in 32 bits.
    pub n: u64,
    /// How often its client has sent it before.
    pub retry: u16,
    /// What it is to its client.
    pub visit: Visit,
    /// Its class, by its place in its workload.
    pub class: u16,
    /// Its class's cost.
    pub cost: f64,
    /// What numbers its workload's clients.
    pub(super) clients: Stream,
    /// What was recorded, if the workload is a trace.
    pub record: Option<Box<Record>>,
}

impl Arrival {
    /// Who sends it: the recorded address hashed, a session, a user, or one client for each
    /// request.
    #[must_use]
    pub fn client(&self) -> u64 {
        match &self.record {
            Some(record) => record.client,
            None => self.clients.at(self.visitor()).next_u64(),
        }
    }

    /// The number of its client in its workload.
    #[must_use]
    pub const fn visitor(&self) -> u64 {
        match self.visit {
            Visit::Single => self.n,
            Visit::Session { .. } | Visit::User { .. } => visit::client(self.n),
        }
    }
}

/// What a request is to its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// One by itself.
    Single,
    /// One of a session.
    Session {
        /// The session begins with it.
        first: bool,
        /// The session ends with it.
        last: bool,
    },
    /// One of a user, who goes on.
    User {
        /// The user begins with it.
        first: bool,
    },
}

impl Visit {
    /// Whether its client comes back.
    #[must_use]
    pub const fn goes_on(self) -> bool {
        matches!(self, Self::Session { last: false, .. } | Self::User { .. })
    }

    /// Whether its client has been here before.
    #[must_use]
    pub const fn begins(self) -> bool {
        matches!(
            self,
            Self::Session { first: true, .. } | Self::User { first: true }
        )
    }
}

/// A workload cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log cannot be opened or is no log.
    #[error("cannot read the access log {}: {source}", file.display())]
    Log {
        /// The log's path.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// All workloads merged lazily: by due time, and then by workload.
#[derive(Debug)]
pub struct Arrivals {
    end: Timestamp,
    lanes: Vec<Lane>,
    /// The earliest of the lanes: when it is due (ns), and its workload.
    first: Option<(u64, u16)>,
}

#[derive(Debug)]
struct Lane {
    /// Of those that nobody's end decides about; users have none.
    clock: Option<Clock>,
    warp: Option<Warp>,
    choice: Choice,
    clients: Stream,
    /// How many the clock has given out.
    n: u64,
    /// The clock's next one.
    ahead: Option<(u64, Option<Box<Record>>)>,
    /// Clients that come back.
    visits: Option<Visits>,
    /// The classes of recorded requests.
    routes: Vec<Route>,
}

impl Arrivals {
    /// The arrivals of `specs` that are due before `end`.
    ///
    /// # Errors
    /// A log cannot be opened. Lines that cannot be read are no error: see [`Self::summaries`].
    pub fn new(seed: u64, specs: &[Spec], end: Timestamp) -> Result<Self, Error> {
        let lanes = (0..).zip(specs);
        let lanes = lanes.map(|(workload, spec)| Lane::new(seed, workload, spec, end));
        let lanes = lanes.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            end,
            first: first(&lanes),
            lanes,
        })
    }

    /// When the next one is due; [`Timestamp::MAX`] if there is none.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        match self.first {
            Some((due_ns, _)) if due_ns < self.end.0 => Timestamp(due_ns),
            _ => Timestamp::MAX,
        }
    }

    /// Whether ends of requests decide about later ones.
    #[must_use]
    pub fn are_answers(&self) -> bool {
        self.lanes.iter().any(|lane| lane.visits.is_some())
    }

    /// The client of `arrival` has seen its end, at `done`: if it comes back, its next request is
    /// due a think time later.
    pub fn ended(&mut self, arrival: &Arrival, done: Timestamp) {
        if arrival.visit.goes_on()
            && let Some(visits) = &mut self.lanes[usize::from(arrival.workload)].visits
        {
            visits.ended(arrival.n, done, self.end);
            self.first = first(&self.lanes);
        }
    }

    /// What became of the logs' lines so far: workload and summary, for each trace.
    pub fn summaries(&self) -> impl Iterator<Item = (u16, &Summary)> {
        let lanes = (0..).zip(&self.lanes);
        lanes.filter_map(|(workload, lane)| Some((workload, lane.clock.as_ref()?.summary()?)))
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let (due_ns, workload) = self.first?;
        if due_ns >= self.end.0 {
            return None;
        }
        let arrival = self.lanes[usize::from(workload)].take(workload);
        self.first = first(&self.lanes);
        arrival
    }
}

/// The earliest of the lanes: its time and its workload.
fn first(lanes: &[Lane]) -> Option<(u64, u16)> {
    let mut first: Option<(u64, u16)> = None;
    for (workload, lane) in (0_u16..).zip(lanes) {
        if let Some(due_ns) = lane.due()
            && first.is_none_or(|(earliest, _)| due_ns < earliest)
        {
            first = Some((due_ns, workload));
        }
    }
    first
}

impl Lane {
    fn new(seed: u64, workload: u64, spec: &Spec, end: Timestamp) -> Result<Self, Error> {
        let gaps = Stream::new(seed, "arrivals").child(workload);
        let clock = Clock::open(&spec.source, gaps).map_err(|source| Error::Log {
            file: match &spec.source {
                Source::Trace { file, .. } => file.clone(),
                _ => PathBuf::new(),
            },
            source,
        })?;
        let visits = match (&spec.source, &spec.sessions) {
            (Source::Users { users, think }, _) => {
                Some(Visits::users(seed, workload, *users, think.clone()))
            }
            (_, Some(sessions)) => Some(Visits::sessions(seed, workload, sessions)),
            (_, None) => None,
        };
        let shape = spec.shape.clone();
        let mut lane = Self {
            clock,
            warp: shape.map(|shape| Warp::new(shape, end.0)),
            choice: Choice::new(&spec.classes, Stream::new(seed, "class").child(workload)),
            clients: Stream::new(0, "client").child(workload),
            n: 0,
            ahead: None,
            visits,
            routes: match &spec.source {
                Source::Trace { routes, .. } => routes.clone(),
                _ => Vec::new(),
            },
        };
        lane.advance();
        Ok(lane)
    }

    /// Asks the clock for its next one.
    fn advance(&mut self) {
        self.ahead = self.clock.as_mut().and_then(|clock| {
            let (due_ns, record) = clock.next()?;
            match &mut self.warp {
                None => Some((due_ns, record)),
                Some(warp) => Some((warp.at(due_ns)?, record)),
            }
        });
    }

    /// When the next one is due, in nanoseconds.
    fn due(&self) -> Option<u64> {
        let ahead = self.ahead.as_ref().map(|(due_ns, _)| *due_ns);
        match &self.visits {
            None => ahead,
            Some(visits) => {
                let back = visits.peek().map(|(due_ns, _)| due_ns);
                ahead.into_iter().chain(back).min()
            }
        }
    }

    /// Takes the next one; of equal instants, who comes back goes before who begins.
    fn take(&mut self, workload: u16) -> Option<Arrival> {
        let due_ns = self.due()?;
        let back = self.visits.as_mut().filter(|visits| {
            let first = visits.peek();
            first.is_some_and(|(at, _)| at == due_ns)
        });
        let (n, record) = match back {
            Some(visits) => (visits.pop()?.1, None),
            None => {
                let (_, record) = self.ahead.take()?;
                let n = self.n;
                self.n += 1;
                self.advance();
                (self.visits.as_ref().map_or(n, |_| visit::first(n)), record)
            }
        };
        let (class, cost) = match &record {
            Some(record) => (self.route(record), 1.0),
            None => self.choice.draw(n),
        };
        Some(Arrival {
            due: Timestamp(due_ns),
            workload,
            n,
            retry: 0,
            visit: match &self.visits {
                Some(visits) => visits.visit(n),
                None => Visit::Single,
            },
            class,
            cost,
            clients: self.clients,
            record,
        })
    }
}

impl Lane {
    /// The class of a recorded request: the place of its route, or the one behind them all.
    fn route(&self, record: &Record) -> u16 {
        let mut routes = self.routes.iter();
        let place = routes.position(|route| route.fits(&record.method, &record.path));
        place.unwrap_or(self.routes.len()) as u16
    }
}

/// The choice of a class by weight.
#[derive(Debug)]
struct Choice {
    stream: Stream,
    /// Sums of weights up to and including each class, and the class's cost.
    classes: Vec<(u64, f64)>,
}

impl Choice {
    fn new(classes: &[Class], stream: Stream) -> Self {
        let mut sum = 0;
        let classes = classes.iter().map(|class| {
            sum += u64::from(class.weight);
            (sum, class.cost)
        });
        Self {
            stream,
            classes: classes.collect(),
        }
    }

    /// The class and cost of request `n`.
    fn draw(&self, n: u64) -> (u16, f64) {
        let (total, cost) = match self.classes[..] {
            [] => return (0, 1.0),
            [(_, cost)] => return (0, cost),
            [.., (total, cost)] => (total, cost),
        };
        let place = self.stream.at(n).below(total);
        let index = self.classes.partition_point(|(sum, _)| *sum <= place);
        match self.classes.get(index) {
            Some((_, cost)) => (index as u16, *cost),
            None => ((self.classes.len() - 1) as u16, cost),
        }
    }
}
