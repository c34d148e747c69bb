//! One workload's due times, one after the other.

use std::collections::VecDeque;
use std::io;

use evenkeel_core::rng::Stream;

use super::Source;
use super::log::{Log, Record, Summary};
use crate::law;

const SECOND_NS: f64 = 1e9;

/// Gaps drawn at a time: several logarithms take a quarter of the time of as many single ones.
const BATCH: usize = 16;

/// A source that has been opened. Its iterator gives due times (ns) in order, and with each the
/// line that was recorded, if there was one.
#[derive(Debug)]
pub(super) enum Clock {
    Poisson {
        gaps: Stream,
        mean_ns: f64,
        n: u64,
        due_ns: u64,
        /// The gaps of [`BATCH`] requests, of which number `n` is one.
        batch: [u64; BATCH],
    },
    Constant {
        gap_ns: f64,
        n: u64,
    },
    Trace(Box<Trace>),
}

impl Clock {
    /// Opens `source`; `gaps` is the workload's stream of arrivals. Users need none.
    pub(super) fn open(source: &Source, gaps: Stream) -> io::Result<Option<Self>> {
        Ok(Some(match source {
            Source::Users { .. } => return Ok(None),
            Source::Poisson { rate } => Self::Poisson {
                gaps,
                mean_ns: SECOND_NS / rate,
                n: 0,
                due_ns: 0,
                batch: [0; BATCH],
            },
            Source::Constant { rate } => Self::Constant {
                gap_ns: SECOND_NS / rate,
                n: 0,
            },
            Source::Trace { file, speed } => {
                Self::Trace(Box::new(Trace::new(Log::open(file)?, *speed, gaps)))
            }
        }))
    }

    /// What the log has come to so far, if this is a trace.
    pub(super) fn summary(&self) -> Option<&Summary> {
        match self {
            Self::Trace(trace) => Some(trace.log.summary()),
            _ => None,
        }
    }
}

impl Iterator for Clock {
    type Item = (u64, Option<Box<Record>>);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Poisson {
                gaps,
                mean_ns,
                n,
                due_ns,
                batch,
            } => {
                let place = *n as usize % BATCH;
                if place == 0 {
                    let rngs = std::array::from_fn(|place| gaps.at(*n + place as u64));
                    *batch = law::exponentials(*mean_ns, rngs);
                }
                *due_ns = due_ns.saturating_add(batch[place]);
                *n += 1;
                Some((*due_ns, None))
            }
            Self::Constant { gap_ns, n } => {
                let due_ns = (*n as f64 * *gap_ns + 0.5) as u64;
                *n += 1;
                Some((due_ns, None))
            }
            Self::Trace(trace) => trace.next(),
        }
    }
}

/// A recorded workload. The log's stamps are whole seconds, so a second's lines are spread over it
/// by sorted uniform draws: as if independent, and in the log's order. It holds the lines of one
/// second at a time.
#[derive(Debug)]
pub(super) struct Trace {
    log: Log,
    speed: f64,
    places: Stream,
    /// Lines taken so far, which number the draws.
    taken: u64,
    /// The stamp of the first line.
    begin_s: Option<i64>,
    /// The next second's first line, read ahead.
    ahead: Option<Record>,
    /// The current second's lines.
    second: VecDeque<(u64, Box<Record>)>,
    /// The latest second seen: a stamp that goes back counts as this one, for the order is kept.
    latest_s: i64,
}

impl Trace {
    fn new(log: Log, speed: f64, places: Stream) -> Self {
        Self {
            log,
            speed,
            places,
            taken: 0,
            begin_s: None,
            ahead: None,
            second: VecDeque::new(),
            latest_s: i64::MIN,
        }
    }

    fn next(&mut self) -> Option<(u64, Option<Box<Record>>)> {
        if self.second.is_empty() {
            self.fill();
        }
        self.second
            .pop_front()
            .map(|(due_ns, record)| (due_ns, Some(record)))
    }

    /// Reads the lines of one second and places them in it.
    fn fill(&mut self) {
        let Some(first) = self.ahead.take().or_else(|| self.log.next()) else {
            return;
        };
        let begin_s = *self.begin_s.get_or_insert(first.stamp_s);
        self.latest_s = self.latest_s.max(first.stamp_s);
        let mut lines = vec![first];
        for record in self.log.by_ref() {
            if record.stamp_s > self.latest_s {
                self.ahead = Some(record);
                break;
            }
            lines.push(record);
        }
        let count = lines.len() as u64;
        let ids = self.taken..self.taken + count;
        let mut places: Vec<u64> = ids
            .map(|n| self.places.at(n).below(1_000_000_000))
            .collect();
        places.sort_unstable();
        self.taken += count;
        let second_ns = (self.latest_s - begin_s) as f64 * SECOND_NS;
        self.second = lines
            .into_iter()
            .zip(places)
            .map(|(record, place)| {
                let due_ns = ((second_ns + place as f64) / self.speed) as u64;
                (due_ns, Box::new(record))
            })
            .collect();
    }
}
