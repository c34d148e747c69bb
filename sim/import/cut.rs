//! Which part of a log is taken, and how much of it.

use evenkeel_core::rng::Stream;
use evenkeel_core::time::nanos;
use evenkeel_proxy::document::Time;

use crate::workload::log::{Record, iso};

/// Copies of a client come up to a second after it: nearer than loads change, and never at once.
const SHIFT_US: u64 = 1_000_000;

/// One end of the part of a log that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// So long (us) after the log's first line.
    After(i64),
    /// At this date (us since 1970 UTC).
    At(i64),
}

impl Bound {
    /// `"10m"` or `"2026-11-23T11:00:00Z"`.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(at_us) = iso(text) {
            return Ok(Self::At(at_us));
        }
        let time = Time::parse(text).map_err(|_| {
            "expected a time since the first line, such as \"10m\", or a date such as \
             \"2026-11-23T11:00:00Z\""
        })?;
        Ok(Self::After((nanos(time) / 1_000) as i64))
    }

    /// The date, where the log's first line is of `first_us`.
    pub(super) fn date_us(self, first_us: i64) -> i64 {
        match self {
            Self::After(after_us) => first_us.saturating_add(after_us),
            Self::At(at_us) => at_us,
        }
    }
}

/// Which clients are taken how often, to have `rate` times as many requests. A client stays whole:
/// one is left out with all its requests, or comes again as another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) rate: f64,
    pub(super) draws: Stream,
}

impl Rate {
    /// `record` as often as its client is taken.
    pub(super) fn copies(&self, record: Record) -> impl Iterator<Item = Record> {
        let mut rng = self.draws.at(record.client);
        let whole = self.rate as u64;
        let more = u64::from(rng.unit() < self.rate.fract());
        let of_client = self.draws.child(record.client);
        (0..whole + more).map(move |copy| {
            let mut record = record.clone();
            if copy > 0 {
                let mut rng = of_client.at(copy);
                record.client = rng.next_u64();
                record.at_us += rng.below(SHIFT_US) as i64;
            }
            record
        })
    }
}
