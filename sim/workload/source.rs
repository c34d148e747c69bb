//! One workload's due times, one after the other.

use std::collections::VecDeque;
use std::io;

use evenkeel_core::rng::Stream;

use super::Source;
use super::log::{Format, Log, Reading, Record, Summary};
use crate::law;

const SECOND_NS: f64 = 1e9;
const SECOND_US: i64 = 1_000_000;

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
            Source::Trace { file, speed, .. } => {
                let log = Log::open(file, Reading::default())?;
                Self::Trace(Box::new(Trace::new(log, *speed, gaps)))
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

/// A recorded workload. Where the log's stamps are whole seconds, a second's lines are spread over
/// it by sorted uniform draws: as if independent, and in the log's order. It holds the lines of one
/// second at a time.
#[derive(Debug)]
pub(super) struct Trace {
    log: Log,
    speed: f64,
    places: Stream,
    /// Lines taken so far, which number the draws.
    taken: u64,
    /// The second of the first line; the beginning of a recording.
    begin_us: Option<i64>,
    /// The next second's first line, read ahead.
    ahead: Option<Record>,
    /// The current second's lines.
    second: VecDeque<(u64, Box<Record>)>,
    /// The latest stamp seen: one that goes back counts as this one, for the order is kept.
    latest_us: i64,
}

impl Trace {
    fn new(log: Log, speed: f64, places: Stream) -> Self {
        Self {
            log,
            speed,
            places,
            taken: 0,
            begin_us: None,
            ahead: None,
            second: VecDeque::new(),
            latest_us: i64::MIN,
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

    /// Reads the lines of one second and places them in it; one line, if its stamp is exact.
    fn fill(&mut self) {
        let Some(first) = self.ahead.take().or_else(|| self.log.next()) else {
            return;
        };
        let begin_us = *self.begin_us.get_or_insert(match self.log.format() {
            Some(Format::Recording) => 0,
            _ => first.at_us.div_euclid(SECOND_US) * SECOND_US,
        });
        self.latest_us = self.latest_us.max(first.at_us).max(begin_us);
        let since_ns = (self.latest_us - begin_us) as f64 * 1e3;
        if !first.is_coarse {
            let due_ns = (since_ns / self.speed) as u64;
            self.second.push_back((due_ns, Box::new(first)));
            return;
        }
        let mut lines = vec![first];
        for record in self.log.by_ref() {
            if record.at_us > self.latest_us || !record.is_coarse {
                self.ahead = Some(record);
                break;
            }
            lines.push(record);
        }
        let places = spread(self.places, self.taken, lines.len());
        self.taken += lines.len() as u64;
        self.second = lines
            .into_iter()
            .zip(places)
            .map(|(record, place_ns)| {
                let due_ns = ((since_ns + place_ns as f64) / self.speed) as u64;
                (due_ns, Box::new(record))
            })
            .collect();
    }
}

/// Where in their second (ns) the lines from number `from` on are, in order.
pub(crate) fn spread(places: Stream, from: u64, count: usize) -> Vec<u64> {
    let ids = from..from + count as u64;
    let mut places: Vec<u64> = ids.map(|n| places.at(n).below(1_000_000_000)).collect();
    places.sort_unstable();
    places
}
