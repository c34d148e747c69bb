//! Where requests are in time: counted from the beginning, and spread over the second of a stamp
//! that says no more.

use std::collections::BTreeMap;
use std::io;

use evenkeel_core::rng::Stream;

use crate::workload::log::Record;
use crate::workload::spread;

/// Requests with places in their second, in order, their time counted from the first one's second.
pub(super) struct Places<I> {
    sorted: I,
    draws: Stream,
    spread: u64,
    begin_us: Option<i64>,
    ahead: Option<Record>,
    /// By time, and at the same time as they came: later ones may yet get an earlier place.
    placed: BTreeMap<(i64, u64), Record>,
    taken: u64,
}

impl<I: Iterator<Item = io::Result<Record>>> Places<I> {
    pub(super) fn new(sorted: I, draws: Stream) -> Self {
        Self {
            sorted,
            draws,
            spread: 0,
            begin_us: None,
            ahead: None,
            placed: BTreeMap::new(),
            taken: 0,
        }
    }

    /// Whether nobody who is still to come has a place before the first one.
    fn is_settled(&self) -> bool {
        let first = self.placed.first_key_value();
        let (Some(((at_us, _), _)), Some(next)) = (first, &self.ahead) else {
            return false;
        };
        *at_us <= next.at_us - self.begin_us.unwrap_or(0)
    }

    /// Places all requests of the next stamp; false if there are none.
    fn fill(&mut self) -> io::Result<bool> {
        let first = match self.ahead.take() {
            Some(first) => first,
            None => match self.sorted.next().transpose()? {
                Some(first) => first,
                None => return Ok(false),
            },
        };
        let at_us = first.at_us;
        let begin = || at_us.div_euclid(1_000_000) * 1_000_000;
        let begin_us = *self.begin_us.get_or_insert_with(begin);
        let mut same = vec![first];
        while let Some(record) = self.sorted.next().transpose()? {
            if record.at_us != at_us {
                self.ahead = Some(record);
                break;
            }
            same.push(record);
        }
        let coarse = same.iter().filter(|record| record.is_coarse).count();
        let mut places = spread(self.draws, self.spread, coarse).into_iter();
        self.spread += coarse as u64;
        for mut record in same {
            record.at_us -= begin_us;
            if record.is_coarse {
                record.is_coarse = false;
                record.at_us += places.next().map_or(0, |place_ns| place_ns as i64 / 1_000);
            }
            self.placed.insert((record.at_us, self.taken), record);
            self.taken += 1;
        }
        Ok(true)
    }
}

impl<I: Iterator<Item = io::Result<Record>>> Iterator for Places<I> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.is_settled() {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => return Some(Err(error)),
            }
        }
        self.placed.pop_first().map(|(_, record)| Ok(record))
    }
}
