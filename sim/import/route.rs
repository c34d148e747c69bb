//! The routes of a log: requests whose paths differ by identifiers alone, and how long each takes.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use crate::workload::log::Record;

/// Kinds that are told apart while a log is read; the requests of further ones are counted as rest.
const KINDS: usize = 500;
/// Routes that a scenario gets.
const ROUTES: usize = 20;
/// Requests with a known service that make a law.
const LEAST: u64 = 100;
/// The longest service (us) that is counted as such: 12 days.
const LONGEST_US: u64 = 1 << 40;

/// Service times in microseconds, to 1 %.
pub(crate) type Times = Histogram<u32>;

pub(crate) fn times() -> Times {
    Histogram::new(2).expect("two digits are few enough")
}

pub(crate) fn note(times: &mut Times, service_us: u64) {
    let noted = times.record(service_us.clamp(1, LONGEST_US));
    noted.expect("it grows as far as the longest service");
}

/// What is known of a route.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) requests: u64,
    pub(super) times: Times,
}

/// All routes of a log.
#[derive(Debug)]
pub(super) struct Seens {
    kinds: BTreeMap<(String, String), (u64, Times)>,
    rest: Times,
}

impl Seens {
    pub(super) fn new() -> Self {
        Self {
            kinds: BTreeMap::new(),
            rest: times(),
        }
    }

    pub(super) fn add(&mut self, record: &Record) {
        let key = (record.method.to_string(), template(&record.path));
        let room = self.kinds.len() < KINDS;
        let times = match self.kinds.get_mut(&key) {
            Some((requests, times)) => {
                *requests += 1;
                times
            }
            None if room => &mut self.kinds.entry(key).or_insert_with(|| (1, times())).1,
            None => &mut self.rest,
        };
        if let Some(service_us) = record.service_us {
            note(times, service_us);
        }
    }

    /// The routes that many requests take, the most first, and the times of all others.
    pub(super) fn finish(self) -> (Vec<Seen>, Times) {
        let seen = |((method, path), (requests, times))| Seen {
            method,
            path,
            requests,
            times,
        };
        let mut all: Vec<Seen> = self.kinds.into_iter().map(seen).collect();
        all.sort_by_key(|seen| std::cmp::Reverse(seen.requests));
        let mut rest = self.rest;
        let mut routes = Vec::new();
        for seen in all {
            if routes.len() < ROUTES && seen.times.len() >= LEAST {
                routes.push(seen);
            } else {
                rest += &seen.times;
            }
        }
        (routes, rest)
    }
}

/// The path without its query, with a star for each segment that is an identifier.
pub(super) fn template(path: &str) -> String {
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    let segment = |segment| match is_identifier(segment) {
        true => "*",
        false => segment,
    };
    let segments: Vec<&str> = path.split('/').map(segment).collect();
    segments.join("/")
}

/// A number, a long hexadecimal one (a UUID too), or something long with digits in it that is no
/// file's name.
fn is_identifier(segment: &str) -> bool {
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    let hex = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    digits > 0
        && (digits == segment.len()
            || segment.len() >= 8 && segment.bytes().all(hex)
            || segment.len() >= 16 && digits >= 4 && !segment.contains('.'))
}
