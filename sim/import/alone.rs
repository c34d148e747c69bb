//! How long an event loop worked on each request, where the log says how long it took in all.
//!
//! A loop works on one request at a time and never rests while one is there, in whatever order it
//! takes them: so it began with the one that it answers next when it had answered the one before,
//! or when that one came (Lindley's recursion, read backwards). Requests that wait for a timer or
//! a database while the loop serves others break this, which only the user knows.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::io;

use super::incident::Gone;
use super::{ENDPOINTS, Incident};
use crate::workload::log::{End, Record, Try};

/// Requests that are held until those before them are answered; beyond it a guess must do.
const HELD: usize = 100_000;

/// Requests in the order in which they were sent, with services that hold no waiting. What an
/// incident cut in two has none, nor who was answered first after it: before it came what nobody
/// waited for any more.
pub(super) struct Alone<I> {
    ordered: I,
    gone: Gone,
    /// By pool and endpoint, when its latest answer came (us).
    free_us: BTreeMap<(Option<Box<str>>, Box<str>), i64>,
    held: VecDeque<(Record, bool)>,
    /// The number of the first that is held.
    first: u64,
    /// When who is answered (us): those that are held and not settled.
    answers: BinaryHeap<Reverse<(i64, u64)>>,
}

impl<I> Alone<I> {
    pub(super) fn new(ordered: I, incidents: &[Incident]) -> Self {
        let end_us = |incident: &Incident| incident.answer_us.unwrap_or(incident.until_us);
        Self {
            ordered,
            gone: Gone::new(incidents, end_us),
            free_us: BTreeMap::new(),
            held: VecDeque::new(),
            first: 0,
            answers: BinaryHeap::new(),
        }
    }

    fn hold(&mut self, record: Record) {
        let number = self.first + self.held.len() as u64;
        let at_us = answer(&record).map(|(_, at_us)| at_us);
        self.held.push_back((record, at_us.is_none()));
        self.answers
            .extend(at_us.map(|at_us| Reverse((at_us, number))));
    }

    /// Settles whoever was answered by `now_us`, in the order of the answers.
    fn settle(&mut self, now_us: i64) {
        while let Some(&Reverse((at_us, number))) = self.answers.peek()
            && at_us <= now_us
        {
            self.answers.pop();
            let (record, settled) = &mut self.held[(number - self.first) as usize];
            *settled = true;
            let (Some((endpoint, _)), Some(service_us)) = (answer(record), record.service_us)
            else {
                continue;
            };
            let key = (record.pool.clone(), Box::from(endpoint));
            let came_us = at_us - service_us as i64;
            let free_us = self.free_us.get(&key).copied();
            let began_us = free_us.map_or(came_us, |free_us| free_us.max(came_us));
            let time_us = (began_us, at_us);
            let cut = self.gone.within(key.0.as_deref(), &key.1, time_us);
            record.service_us = (!cut).then_some(at_us.abs_diff(began_us));
            if free_us.is_some() || self.free_us.len() < ENDPOINTS {
                self.free_us.insert(key, at_us);
            }
        }
    }
}

/// Who answered it and when (us), if its service is known.
fn answer(record: &Record) -> Option<(&str, i64)> {
    record.service_us?;
    let at_us = |tried: &Try| Some(record.at_us + (tried.at_us + tried.head_us?) as i64);
    let mut tries = record.tries.iter().rev();
    let tried = tries.find(|tried| tried.end == End::Answered)?;
    Some((&tried.endpoint, at_us(tried)?))
}

impl<I: Iterator<Item = io::Result<Record>>> Iterator for Alone<I> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((_, true)) = self.held.front() {
                self.first += 1;
                return self.held.pop_front().map(|(record, _)| Ok(record));
            }
            let next = match self.held.len() < HELD {
                true => self.ordered.next(),
                false => None,
            };
            match next {
                Some(Ok(record)) => {
                    self.settle(record.at_us);
                    self.hold(record);
                }
                Some(Err(error)) => return Some(Err(error)),
                None if self.held.is_empty() => return None,
                None => self.settle(i64::MAX),
            }
        }
    }
}
