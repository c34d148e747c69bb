//! Where the application's sessions live: a bounded table with least recently used first to go.
//!
//! A hash table of places in a slab, in which entries form a list in the order of their last use.
//! All entries have one time to live, so the list's end is also the next to expire: expiry needs no
//! timer, every call drops what is over. What is used again and again allocates nothing: the slab
//! grows to its limit once.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Name;
use crate::rng::mix;
use crate::time::Timestamp;

/// No entry.
const NONE: u32 = u32::MAX;

/// Sessions by number.
#[derive(Debug)]
pub struct Table {
    ttl: Duration,
    limit: usize,
    entries: Vec<Entry>,
    /// Places of entries by the hash of their session, with the next free place for those that
    /// collide; a power of two, at most half full.
    index: Vec<u32>,
    newest: u32,
    oldest: u32,
    /// Entries that are not in use, linked by `older`.
    free: u32,
    /// Sessions at each endpoint.
    counts: BTreeMap<Name, u64>,
    len: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    session: u64,
    home: Name,
    used: Timestamp,
    newer: u32,
    older: u32,
}

impl Table {
    /// An empty table of at most `limit` sessions, at least one, that keeps each for `ttl` after
    /// its last use.
    #[must_use]
    pub fn new(ttl: Duration, limit: usize) -> Self {
        Self {
            ttl,
            limit: limit.clamp(1, NONE as usize / 2),
            entries: Vec::new(),
            index: vec![NONE; 16],
            newest: NONE,
            oldest: NONE,
            free: NONE,
            counts: BTreeMap::new(),
            len: 0,
        }
    }

    /// Changes its bounds; sessions beyond the new limit are forgotten.
    pub fn bound(&mut self, ttl: Duration, limit: usize) {
        self.ttl = ttl;
        self.limit = limit.clamp(1, NONE as usize / 2);
        while self.len > self.limit {
            self.remove(self.oldest);
        }
    }

    /// How many sessions it holds.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many sessions live at the endpoint of this name.
    #[must_use]
    pub fn count(&self, home: Name) -> u64 {
        self.counts.get(&home).copied().unwrap_or(0)
    }

    /// Where `session` lives, which is a use of it.
    pub fn find(&mut self, now: Timestamp, session: u64) -> Option<Name> {
        self.expire(now);
        let at = self.place(session).ok()?;
        let entry = self.index[at];
        self.touch(entry, now);
        Some(self.entries[entry as usize].home)
    }

    /// `session` lives at `home` from now on. True if another one had to make room.
    pub fn put(&mut self, now: Timestamp, session: u64, home: Name) -> bool {
        self.expire(now);
        if let Ok(at) = self.place(session) {
            let entry = self.index[at];
            self.touch(entry, now);
            let before = std::mem::replace(&mut self.entries[entry as usize].home, home);
            self.uncount(before);
            *self.counts.entry(home).or_default() += 1;
            return false;
        }
        let is_full = self.len == self.limit;
        if is_full {
            self.remove(self.oldest);
        }
        if (self.len + 1) * 2 > self.index.len() {
            self.grow();
        }
        let entry = Entry {
            session,
            home,
            used: now,
            newer: NONE,
            older: NONE,
        };
        let number = self.free;
        let number = if let Some(free) = self.entries.get_mut(number as usize) {
            self.free = free.older;
            *free = entry;
            number
        } else {
            self.entries.push(entry);
            self.entries.len() as u32 - 1
        };
        if let Err(at) = self.place(session) {
            self.index[at] = number;
        }
        self.link(number);
        *self.counts.entry(home).or_default() += 1;
        self.len += 1;
        is_full
    }

    /// Forgets what nobody has used for too long.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(oldest) = self.entries.get(self.oldest as usize)
            && now.since(oldest.used) > self.ttl
        {
            self.remove(self.oldest);
        }
    }

    /// The place of `session` in the index, or the free one where it would be put.
    fn place(&self, session: u64) -> Result<usize, usize> {
        let mask = self.index.len() - 1;
        let mut at = mix(session) as usize & mask;
        loop {
            match self.entries.get(self.index[at] as usize) {
                None => return Err(at),
                Some(entry) if entry.session == session => return Ok(at),
                Some(_) => at = (at + 1) & mask,
            }
        }
    }

    fn grow(&mut self) {
        let size = self.index.len() * 2;
        self.index.clear();
        self.index.resize(size, NONE);
        let mut number = self.newest;
        while let Some(entry) = self.entries.get(number as usize).copied() {
            if let Err(at) = self.place(entry.session) {
                self.index[at] = number;
            }
            number = entry.older;
        }
    }

    fn remove(&mut self, number: u32) {
        let Some(entry) = self.entries.get(number as usize).copied() else {
            return;
        };
        if let Ok(at) = self.place(entry.session) {
            self.vacate(at);
        }
        self.unlink(number);
        self.entries[number as usize].older = self.free;
        self.free = number;
        self.uncount(entry.home);
        self.len -= 1;
    }

    /// Frees a place of the index, and closes the gap: who was put further on because of it moves
    /// up.
    fn vacate(&mut self, mut gap: usize) {
        let mask = self.index.len() - 1;
        let mut at = gap;
        loop {
            self.index[gap] = NONE;
            loop {
                at = (at + 1) & mask;
                let Some(entry) = self.entries.get(self.index[at] as usize) else {
                    return;
                };
                let wanted = mix(entry.session) as usize & mask;
                // How far each is behind the place that this one wants.
                if gap.wrapping_sub(wanted) & mask < at.wrapping_sub(wanted) & mask {
                    break;
                }
            }
            self.index[gap] = self.index[at];
            gap = at;
        }
    }

    fn touch(&mut self, number: u32, now: Timestamp) {
        self.entries[number as usize].used = now;
        if self.newest != number {
            self.unlink(number);
            self.link(number);
        }
    }

    fn link(&mut self, number: u32) {
        let second = self.newest;
        let entry = &mut self.entries[number as usize];
        (entry.newer, entry.older) = (NONE, second);
        match self.entries.get_mut(second as usize) {
            Some(second) => second.newer = number,
            None => self.oldest = number,
        }
        self.newest = number;
    }

    fn unlink(&mut self, number: u32) {
        let Entry { newer, older, .. } = self.entries[number as usize];
        match self.entries.get_mut(newer as usize) {
            Some(entry) => entry.older = older,
            None => self.newest = older,
        }
        match self.entries.get_mut(older as usize) {
            Some(entry) => entry.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn uncount(&mut self, home: Name) {
        if let Some(count) = self.counts.get_mut(&home) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&home);
            }
        }
    }
}
