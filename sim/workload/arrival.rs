//! The requests of all workloads in the order in which they are due.

use std::io;
use std::path::PathBuf;

use evenkeel_core::rng::Stream;
use evenkeel_core::time::Timestamp;

use super::log::{Record, Summary};
use super::source::Clock;
use super::{Class, Source, Spec};

/// A request that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// When a client sends it.
    pub due: Timestamp,
    /// Its workload, by its place in the scenario.
    pub workload: u16,
    /// Its number in its workload, from 0.
    pub n: u64,
    /// Its class, by its place in its workload.
    pub class: u16,
    /// Its class's cost.
    pub cost: f64,
    /// Who sends it: the recorded address hashed, or one client for each request.
    pub client: u64,
    /// What was recorded, if the workload is a trace.
    pub record: Option<Box<Record>>,
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
}

#[derive(Debug)]
struct Lane {
    clock: Clock,
    choice: Choice,
    clients: Stream,
    n: u64,
    ahead: Option<(u64, Option<Box<Record>>)>,
}

impl Arrivals {
    /// The arrivals of `specs` that are due before `end`.
    ///
    /// # Errors
    /// A log cannot be opened. Lines that cannot be read are no error: see [`Self::summaries`].
    pub fn new(seed: u64, specs: &[Spec], end: Timestamp) -> Result<Self, Error> {
        let arrivals = Stream::new(seed, "arrivals");
        let classes = Stream::new(seed, "class");
        let clients = Stream::new(0, "client");
        let mut lanes = Vec::with_capacity(specs.len());
        for (workload, spec) in (0..).zip(specs) {
            let clock = Clock::open(&spec.source, arrivals.child(workload));
            let mut clock = clock.map_err(|source| Error::Log {
                file: match &spec.source {
                    Source::Trace { file, .. } => file.clone(),
                    _ => PathBuf::new(),
                },
                source,
            })?;
            let ahead = clock.next();
            lanes.push(Lane {
                clock,
                choice: Choice::new(&spec.classes, classes.child(workload)),
                clients: clients.child(workload),
                n: 0,
                ahead,
            });
        }
        Ok(Self { end, lanes })
    }

    /// When the next one is due; [`Timestamp::MAX`] if there is none.
    #[must_use]
    pub fn due(&self) -> Timestamp {
        match self.first() {
            Some((due_ns, _)) if due_ns < self.end.0 => Timestamp(due_ns),
            _ => Timestamp::MAX,
        }
    }

    /// The earliest of the lanes: its time and its workload.
    fn first(&self) -> Option<(u64, u16)> {
        let ahead = (0_u16..).zip(&self.lanes);
        ahead
            .filter_map(|(workload, lane)| Some((lane.ahead.as_ref()?.0, workload)))
            .min()
    }

    /// What became of the logs' lines so far: workload and summary, for each trace.
    pub fn summaries(&self) -> impl Iterator<Item = (u16, &Summary)> {
        let lanes = (0..).zip(&self.lanes);
        lanes.filter_map(|(workload, lane)| Some((workload, lane.clock.summary()?)))
    }
}

impl Iterator for Arrivals {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let (due_ns, workload) = self.first()?;
        if due_ns >= self.end.0 {
            return None;
        }
        let lane = &mut self.lanes[usize::from(workload)];
        let record = lane.ahead.take()?.1;
        lane.ahead = lane.clock.next();
        let n = lane.n;
        lane.n += 1;
        let (class, cost) = lane.choice.draw(n);
        Some(Arrival {
            due: Timestamp(due_ns),
            workload,
            n,
            class,
            cost,
            client: match &record {
                Some(record) => record.client,
                None => lane.clients.at(n).next_u64(),
            },
            record,
        })
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
