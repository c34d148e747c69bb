//! Times in which an endpoint gave no sign of life, as the proxy's log shows them.
//!
//! A request that waited for a stopped server says nothing of how long its work takes, so it must
//! not be replayed as a long one: the stop is replayed, and the request gets a service of its
//! route's law.

use std::collections::BTreeMap;

use super::ENDPOINTS;
use crate::workload::log::{End, Record, Try};

/// Tries in a row that make an incident.
const LEAST: u32 = 3;
/// The shortest one (us).
const SHORTEST_US: i64 = 200_000;

/// An endpoint that was not there for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its pool, if the log tells.
    pub pool: Option<Box<str>>,
    /// The endpoint.
    pub endpoint: Box<str>,
    /// What a scenario calls it: `pause`, `refuse`, `crash` or `blackhole`.
    pub kind: &'static str,
    /// From when (us since the beginning).
    pub from_us: i64,
    /// Until when.
    pub until_us: i64,
    /// When the first answer after it came, if one did.
    pub(super) answer_us: Option<i64>,
    /// Tries that nobody waited for any more when it ended.
    pub(super) given_up: u32,
}

impl Incident {
    /// An event loop that goes on works first on what it was sent, `mean_us` each, whether or not
    /// somebody waits for it still: all that is no part of the stop.
    pub(super) fn without_backlog(&mut self, mean_us: f64) {
        let Some(answer_us) = self.answer_us.filter(|_| self.kind == "pause") else {
            return;
        };
        let worked_us = (f64::from(self.given_up) + 1.0) * mean_us;
        let until_us = answer_us - worked_us as i64;
        self.until_us = until_us.min(self.until_us).max(self.from_us + SHORTEST_US);
    }
}

/// When which endpoint was gone, asked about as often as there are requests, of which an endpoint
/// that is started again and again meets thousands.
#[derive(Debug, Default)]
pub(super) struct Gone(BTreeMap<Option<Box<str>>, Spans>);

/// By endpoint, in order of time.
type Spans = BTreeMap<Box<str>, Vec<Span>>;

/// From when (us), and until when that and all earlier ones of its endpoint lasted.
#[derive(Debug)]
struct Span {
    from_us: i64,
    latest_us: i64,
}

impl Gone {
    /// That of `incidents`, in order of time, each of which lasted until `end_us` says.
    pub(super) fn new(incidents: &[Incident], end_us: impl Fn(&Incident) -> i64) -> Self {
        let mut gone = Self::default();
        for incident in incidents {
            let pool = gone.0.entry(incident.pool.clone()).or_default();
            let spans = pool.entry(incident.endpoint.clone()).or_default();
            let before_us = spans.last().map_or(i64::MIN, |span: &Span| span.latest_us);
            spans.push(Span {
                from_us: incident.from_us,
                latest_us: before_us.max(end_us(incident)),
            });
        }
        gone
    }

    /// Whether the endpoint of `pool` was gone somewhere between the two (us).
    pub(super) fn within(
        &self,
        pool: Option<&str>,
        endpoint: &str,
        (from_us, until_us): (i64, i64),
    ) -> bool {
        let pool = self.0.iter().find(|(name, _)| name.as_deref() == pool);
        let spans = pool.and_then(|(_, endpoints)| endpoints.get(endpoint));
        let spans = spans.map_or(&[][..], Vec::as_slice);
        let begun = spans.partition_point(|span| span.from_us < until_us);
        spans[..begun]
            .last()
            .is_some_and(|span| span.latest_us > from_us)
    }

    /// Whether a try of `record` was under way while its endpoint was gone.
    pub(super) fn touches(&self, record: &Record) -> bool {
        let touched = |tried: &Try| {
            let from_us = record.at_us + tried.at_us as i64;
            let head = tried.head_us.map(|head_us| from_us + head_us as i64);
            let time_us = (from_us, head.unwrap_or(i64::MAX));
            self.within(record.pool.as_deref(), &tried.endpoint, time_us)
        };
        record.tries.iter().any(touched)
    }
}

/// Whoever may be in one.
#[derive(Debug)]
struct Suspect {
    from_us: i64,
    /// The last try that went wrong.
    last_us: i64,
    /// The first answer to any of them.
    answer_us: Option<i64>,
    tries: u32,
    refused: u32,
    silent: u32,
    lost: u32,
}

/// A pool, if the log tells, and an endpoint.
type Place = (Option<Box<str>>, Box<str>);

/// Looks for incidents in requests in the order in which they were sent.
#[derive(Debug)]
pub(super) struct Watch {
    /// A head that takes longer is no answer (us).
    slow_us: u64,
    suspects: BTreeMap<Place, Option<Suspect>>,
    incidents: Vec<Incident>,
}

impl Watch {
    pub(super) fn new(slow_us: u64) -> Self {
        Self {
            slow_us,
            suspects: BTreeMap::new(),
            incidents: Vec::new(),
        }
    }

    pub(super) fn see(&mut self, record: &Record) {
        for tried in &record.tries {
            let at_us = record.at_us + tried.at_us as i64;
            let key = (record.pool.clone(), tried.endpoint.clone());
            let bad = self.is_bad(tried);
            if self.suspects.len() >= ENDPOINTS && !self.suspects.contains_key(&key) {
                continue;
            }
            let slot = self.suspects.entry(key.clone()).or_default();
            if let Some(suspect) = slot
                && suspect.is_over(at_us, !bad)
            {
                let suspect = slot.take().expect("it was there a line before");
                let answer_us = tried.head_us.map(|head_us| at_us + head_us as i64);
                let found = suspect.finish(&key, at_us, answer_us);
                self.incidents.extend(found);
            }
            if bad {
                slot.get_or_insert_with(|| Suspect::new(at_us))
                    .add(at_us, tried);
            } else if let (Some(suspect), Some(head_us)) = (slot, tried.head_us) {
                suspect.answered(at_us + head_us as i64);
            }
        }
    }

    fn is_bad(&self, tried: &Try) -> bool {
        match tried.end {
            End::Answered | End::Left => tried.head_us.is_some_and(|head| head > self.slow_us),
            End::Failed | End::Refused | End::Silent => tried.head_us.is_none(),
        }
    }

    /// All of them, in order of time; `end_us` is the recording's end.
    pub(super) fn finish(mut self, end_us: i64) -> Vec<Incident> {
        for (key, suspect) in self.suspects {
            let found = suspect.and_then(|suspect| suspect.finish(&key, end_us, None));
            self.incidents.extend(found);
        }
        self.incidents.sort_by_key(|incident| incident.from_us);
        self.incidents
    }
}

impl Suspect {
    fn new(from_us: i64) -> Self {
        Self {
            from_us,
            last_us: from_us,
            answer_us: None,
            tries: 0,
            refused: 0,
            silent: 0,
            lost: 0,
        }
    }

    /// Whether it has ended before a try at `at_us`, which goes well or does not.
    fn is_over(&self, at_us: i64, well: bool) -> bool {
        match self.answer_us {
            Some(answer_us) => at_us >= answer_us,
            None => well && at_us > self.last_us,
        }
    }

    /// An answer that was not late: until then the endpoint was there. One that comes as the stop
    /// ends, to a request that was sent late in it, proves nothing.
    fn answered(&mut self, at_us: i64) {
        let end_us = self.answer_us.unwrap_or(i64::MAX);
        if at_us < end_us - SHORTEST_US {
            self.from_us = self.from_us.max(at_us);
        }
    }

    fn add(&mut self, at_us: i64, tried: &Try) {
        self.last_us = self.last_us.max(at_us);
        self.tries += 1;
        match tried.end {
            End::Refused => self.refused += 1,
            End::Silent => self.silent += 1,
            End::Failed => self.lost += 1,
            End::Answered | End::Left => {}
        }
        if let Some(head_us) = tried.head_us {
            let answer_us = at_us + head_us as i64;
            self.answer_us = Some(
                self.answer_us
                    .map_or(answer_us, |known| known.min(answer_us)),
            );
        }
    }

    /// The incident that it was, if it was one: it ended by an answer, or before `until_us`, when a
    /// try was sent that was answered at `answer_us`.
    fn finish(
        &self,
        (pool, endpoint): &Place,
        until_us: i64,
        answer_us: Option<i64>,
    ) -> Option<Incident> {
        let until_us = self.answer_us.unwrap_or(until_us);
        if self.tries < LEAST || until_us - self.from_us < SHORTEST_US {
            return None;
        }
        let kind = if self.refused * 2 > self.tries {
            if self.lost > 0 { "crash" } else { "refuse" }
        } else if self.silent * 2 > self.tries {
            "blackhole"
        } else {
            "pause"
        };
        Some(Incident {
            pool: pool.clone(),
            endpoint: endpoint.clone(),
            kind,
            from_us: self.from_us,
            until_us,
            answer_us: self.answer_us.or(answer_us),
            given_up: self.lost,
        })
    }
}
