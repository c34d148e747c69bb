//! Where requests are in time: counted from the beginning, and spread over the second of a stamp
//! that says no more.

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
    second: std::vec::IntoIter<Record>,
}

impl<I: Iterator<Item = io::Result<Record>>> Places<I> {
    pub(super) fn new(sorted: I, draws: Stream) -> Self {
        Self {
            sorted,
            draws,
            spread: 0,
            begin_us: None,
            ahead: None,
            second: Vec::new().into_iter(),
        }
    }

    /// Reads all requests of the next instant, or of the next second if more is not known.
    fn fill(&mut self) -> io::Result<()> {
        let first = match self.ahead.take() {
            Some(first) => first,
            None => match self.sorted.next().transpose()? {
                Some(first) => first,
                None => return Ok(()),
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
        for record in &mut same {
            record.at_us -= begin_us;
            if record.is_coarse {
                record.is_coarse = false;
                record.at_us += places.next().map_or(0, |place_ns| place_ns as i64 / 1_000);
            }
        }
        same.sort_by_key(|record| record.at_us);
        self.second = same.into_iter();
        Ok(())
    }
}

impl<I: Iterator<Item = io::Result<Record>>> Iterator for Places<I> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.second.len() == 0
            && let Err(error) = self.fill()
        {
            return Some(Err(error));
        }
        self.second.next().map(Ok)
    }
}
