//! Limits of clients: how fast a client's requests may come, and how many may be there at once.
//!
//! One [`State`] for each rule, one entry for each client that owes it something. The rate is the
//! generic cell rate algorithm (ITU-T I.371, annex A): of a client only the instant is kept at
//! which it has paid for all its requests, so an entry is small and needs no timer. A shell keeps
//! the state behind a mutex, so counts are exact over all workers, and asks all rules of a request
//! by [`admit`]: it is charged to all of them or to none.
//!
//! Memory is bounded by `keys`. Clients that owe nothing are forgotten as new ones come, which
//! changes nothing. If all owe something, a new one takes the place of the one that owes the
//! *least*: who floods a table with addresses pushes out other newcomers, and a heavy debtor keeps
//! its debt until it is paid. Those with requests under way are never forgotten; if there are only
//! such, a new one is refused.
//!
//! Who owes how much is kept in order by the second, so that a request of a known client is one
//! look-up and moves nobody; only a newcomer to a full table looks closer.

mod admit;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::rng::mix;
use crate::time::{Span, Timestamp};
pub use admit::{Counted, Note, Refusal, Rules, Said, admit};

/// By what a rule tells clients apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// It does not: all share one limit.
    Everyone,
    /// An IPv4 address.
    V4(u32),
    /// A network of 64 bits of IPv6: the least that one subscriber gets, so who has one address has
    /// 2^64.
    V6(u64),
    /// Some text, by 64 bits of it.
    Text(u64),
}

impl Key {
    /// The client at this address; IPv4 in IPv6 counts as IPv4.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.to_bits()),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> 64) as u64),
        }
    }

    /// The client that calls itself so; nobody if it says nothing.
    #[must_use]
    pub fn text(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        let words = words.iter().chain([&last]);
        let fold = |hash, word: &[u8; 8]| mix(hash ^ u64::from_le_bytes(*word));
        (!bytes.is_empty()).then(|| Self::Text(words.fold(mix(bytes.len() as u64), fold)))
    }
}

/// A rule, as a configuration has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How fast requests of a client may come, if that is limited.
    pub rate: Option<Rate>,
    /// How many may be there at once, if that is limited.
    pub requests: Option<u32>,
    /// Clients that are known at once, at least one.
    pub keys: usize,
    /// Whether it only says what it would do.
    pub dry_run: bool,
}

/// How fast requests may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The time between two, of a client that uses all it may.
    pub every: Span,
    /// How many may come before their time.
    pub burst: u32,
    /// How many of the burst go on at once; the others wait until it is no more. `None`: all.
    pub delay: Option<u32>,
}

/// What a rule does to a request; its number stands in the trace hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Verdict {
    /// It waits until the rate allows it.
    Held,
    /// It comes too fast.
    Rate,
    /// Too many of its client are there.
    Requests,
    /// Its client is new, and everyone who is known has requests under way.
    Full,
    /// It goes on, and another client's debt was forgotten for it.
    Forgot,
}

impl Verdict {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Held,
        Self::Rate,
        Self::Requests,
        Self::Full,
        Self::Forgot,
    ];

    /// The name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Rate => "rate",
            Self::Requests => "requests",
            Self::Full => "full",
            Self::Forgot => "forgot",
        }
    }
}

/// Why a request may not go on, and when the next one may come, if that is known.
type Why = (Verdict, Option<Timestamp>);

/// Debts are kept in order by so many nanoseconds: about a second.
const GRAIN_NS: u64 = 1 << 30;
/// How many of those that owe the least are looked at for the one that does: work is bounded
/// whatever clients do.
const CANDIDATES: usize = 16;

/// What is known of a client.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// When all its requests will be paid for: the theoretical arrival time of the next one.
    paid: Timestamp,
    /// Its requests that are there.
    requests: u32,
    /// Where it stands in [`State::order`]: by what it owes, or at the end if a newcomer has found
    /// that it has requests there.
    place: Timestamp,
}

impl Entry {
    /// When a request that comes at `now` may go on.
    fn weigh(&self, now: Timestamp, settings: &Settings) -> Result<Timestamp, Why> {
        if settings.requests.is_some_and(|most| self.requests >= most) {
            return Err((Verdict::Requests, None));
        }
        let Some(rate) = settings.rate else {
            return Ok(now);
        };
        let most = |ahead: u32| Span(rate.every.0.saturating_mul(u64::from(ahead)));
        let due = |ahead: u32| Timestamp(self.paid.0.saturating_sub(most(ahead).0));
        if due(rate.burst) > now {
            return Err((Verdict::Rate, Some(due(rate.burst))));
        }
        Ok(rate.delay.map_or(now, |delay| due(delay).max(now)))
    }

    /// Counts a request. Where the client stands then, if that is further back.
    fn charge(&mut self, now: Timestamp, settings: &Settings) -> Option<Timestamp> {
        if let Some(rate) = settings.rate {
            self.paid = self.paid.max(now) + rate.every;
        }
        self.requests += u32::from(settings.requests.is_some());
        Some(place(self.paid)).filter(|due| self.place < *due)
    }

    /// Whether forgetting it would change anything.
    fn owes(&self, now: Timestamp) -> bool {
        self.requests > 0 || self.paid > now
    }
}

/// Where who owes so much stands.
const fn place(paid: Timestamp) -> Timestamp {
    Timestamp(paid.0 - paid.0 % GRAIN_NS)
}

/// What one rule knows of its clients.
#[derive(Debug)]
pub struct State {
    settings: Settings,
    entries: BTreeMap<Key, Entry>,
    /// All of them, each by its place.
    order: BTreeSet<(Timestamp, Key)>,
}

impl State {
    /// A rule that knows nobody.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            entries: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }

    /// Other settings, from `now` on. Who owes something goes on owing it.
    pub fn update(&mut self, settings: Settings) {
        self.settings = settings;
        while self.entries.len() > self.settings.keys {
            match self.least() {
                Some((_, key)) => self.forget(key),
                // So many have requests there that it takes longer to find the others.
                None if self
                    .order
                    .first()
                    .is_some_and(|(at, _)| *at < Timestamp::MAX) => {}
                None => return,
            }
        }
    }

    /// How many clients it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it knows nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// When a request that comes at `now` may go on; or why it may not.
    fn weigh(&mut self, now: Timestamp, key: Key) -> Result<Timestamp, Why> {
        if let Some(entry) = self.entries.get(&key) {
            return entry.weigh(now, &self.settings);
        }
        match self.has_room() {
            true => Ok(now),
            false => Err((Verdict::Full, None)),
        }
    }

    /// Counts a request that goes on. True if another client's debt was forgotten for it.
    fn take(&mut self, now: Timestamp, key: Key) -> bool {
        let Some(entry) = self.entries.get_mut(&key) else {
            return self.welcome(now, key);
        };
        let moved = entry.charge(now, &self.settings);
        self.line_up(key, moved);
        false
    }

    /// Weighs a request and, if it may go on, counts it: when it may, and whether another client's
    /// debt was forgotten for it.
    fn come(&mut self, now: Timestamp, key: Key) -> Result<(Timestamp, bool), Why> {
        let Some(entry) = self.entries.get_mut(&key) else {
            return match self.has_room() {
                true => Ok((now, self.welcome(now, key))),
                false => Err((Verdict::Full, None)),
            };
        };
        let go = entry.weigh(now, &self.settings)?;
        let moved = entry.charge(now, &self.settings);
        self.line_up(key, moved);
        Ok((go, false))
    }

    /// Whether there is a place for one more client, or somebody who can be forgotten for it.
    fn has_room(&mut self) -> bool {
        self.entries.len() < self.settings.keys || self.least().is_some()
    }

    /// Moves a client back to where it stands now, if it owes more than it did there.
    fn line_up(&mut self, key: Key, moved: Option<Timestamp>) {
        if let Some(place) = moved {
            self.put(key, place);
        }
    }

    /// Counts the first request of a client.
    fn welcome(&mut self, now: Timestamp, key: Key) -> bool {
        let forgot = self.make_room(now);
        let mut entry = Entry {
            paid: now,
            requests: 0,
            place: now,
        };
        entry.charge(now, &self.settings);
        entry.place = place(entry.paid);
        self.entries.insert(key, entry);
        self.order.insert((entry.place, key));
        forgot
    }

    /// Forgets who owes nothing, a few at a time, and if it must be, who owes the least. True if
    /// that was anything.
    fn make_room(&mut self, now: Timestamp) -> bool {
        for _ in 0..2 {
            let first = self.order.first().map(|(_, key)| *key);
            let owes = |key: &Key| self.entries.get(key).is_some_and(|it| it.owes(now));
            match first {
                Some(key) if !owes(&key) => self.forget(key),
                _ => break,
            }
        }
        if self.entries.len() < self.settings.keys {
            return false;
        }
        let least = self.least();
        if let Some((_, key)) = least {
            self.forget(key);
        }
        least.is_some_and(|(paid, _)| paid > now)
    }

    /// Who owes the least, and when it will have paid; `None` if all have requests there.
    fn least(&mut self) -> Option<(Timestamp, Key)> {
        for _ in 0..CANDIDATES {
            let (_, key) = *self.order.first().filter(|(at, _)| *at < Timestamp::MAX)?;
            if self.entries.get(&key).is_none_or(|it| it.requests == 0) {
                break;
            }
            self.put(key, Timestamp::MAX);
        }
        let candidates = self.order.iter().take(CANDIDATES).filter_map(|(_, key)| {
            let entry = self.entries.get(key).filter(|it| it.requests == 0)?;
            Some((entry.paid, *key))
        });
        candidates.min()
    }

    /// A request of `key` that was counted among those that are there is over. Who owes nothing for
    /// certain is forgotten at once.
    pub fn leave(&mut self, key: Key) {
        let Some(entry) = self.entries.get_mut(&key) else {
            return;
        };
        entry.requests = entry.requests.saturating_sub(1);
        if entry.requests > 0 {
            return;
        }
        if self.settings.rate.is_none() {
            self.forget(key);
        } else if entry.place == Timestamp::MAX {
            let due = place(entry.paid);
            self.put(key, due);
        }
    }

    /// Moves a client to another place.
    fn put(&mut self, key: Key, place: Timestamp) {
        if let Some(entry) = self.entries.get_mut(&key) {
            self.order.remove(&(entry.place, key));
            self.order.insert((place, key));
            entry.place = place;
        }
    }

    fn forget(&mut self, key: Key) {
        if let Some(entry) = self.entries.remove(&key) {
            self.order.remove(&(entry.place, key));
        }
    }
}

#[cfg(test)]
mod tests;
