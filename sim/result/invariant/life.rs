//! What the events have said of each request: a ring indexed by its number, which slides past those
//! that are finished.

/// A request: its present try, and a bit for each fact. Loaded and stored as a whole, for a field
/// that was stored a moment ago holds up a load of its neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    pub(super) facts: u16,
    pub(super) attempt: u8,
}

/// Facts about a request.
pub(super) mod fact {
    pub(in super::super) const ARRIVED: u16 = 1;
    pub(in super::super) const FINISHED: u16 = 1 << 1;
    pub(in super::super) const IDEMPOTENT: u16 = 1 << 2;
    /// A try of it is in flight.
    pub(in super::super) const IN_FLIGHT: u16 = 1 << 3;
    /// And it is a tunnel.
    pub(in super::super) const TUNNEL: u16 = 1 << 4;
    /// Sent once and not idempotent: may not be sent again.
    pub(in super::super) const SPENT: u16 = 1 << 5;
    /// It has waited: what it was promised then is not judged by what is known now.
    pub(in super::super) const WAITED: u16 = 1 << 6;
    /// Its next try goes to a draining endpoint, which keeps its session.
    pub(in super::super) const KEPT: u16 = 1 << 7;
    /// Its next try begins beside the present one.
    pub(in super::super) const HEDGED: u16 = 1 << 8;
    /// Two tries of it are in flight.
    pub(in super::super) const RACING: u16 = 1 << 9;
}

impl Life {
    pub(super) const fn is(self, fact: u16) -> bool {
        self.facts & fact != 0
    }

    /// The same with another fact.
    pub(super) const fn with(self, fact: u16) -> Self {
        Self {
            facts: self.facts | fact,
            ..self
        }
    }
}

/// How far ahead of the newest request an event's number may be: numbers are dense, so a larger gap
/// is a mistake and not worth its memory.
const GAP: u64 = 1 << 20;

/// How many requests that never arrived may hold the ring's front.
pub(super) const ABSENT: u64 = 4096;

/// Requests by number.
#[derive(Debug)]
pub(super) struct Lives {
    /// A power of two of places; request `n` has place `n` modulo their number.
    ring: Vec<Life>,
    /// The number of the first.
    base: u64,
    len: u64,
}

/// Why a request has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// The ring has passed it.
    Gone,
    /// Its number is far ahead of all others.
    Ahead,
}

impl Default for Lives {
    fn default() -> Self {
        Self {
            ring: vec![Life::default(); 64],
            base: 0,
            len: 0,
        }
    }
}

impl Lives {
    /// The place of `request`, until the ring grows or slides; it grows to hold it.
    #[inline(always)]
    pub(super) fn find(&mut self, request: u64) -> Result<usize, Lost> {
        if request.wrapping_sub(self.base) >= self.len {
            self.grow(request)?;
        }
        Ok(self.place(request))
    }

    fn grow(&mut self, request: u64) -> Result<(), Lost> {
        let ahead = request.checked_sub(self.base).ok_or(Lost::Gone)?;
        if ahead > self.len + GAP {
            return Err(Lost::Ahead);
        }
        if ahead >= self.ring.len() as u64 {
            self.widen(ahead + 1);
        }
        for new in self.base + self.len..=request {
            let place = self.place(new);
            self.ring[place] = Life::default();
        }
        self.len = ahead + 1;
        Ok(())
    }

    #[cold]
    fn widen(&mut self, places: u64) {
        let kept: Vec<(u64, Life)> = self.iter().collect();
        let places = places.next_power_of_two() as usize;
        self.ring = vec![Life::default(); places];
        for (request, life) in kept {
            let place = self.place(request);
            self.ring[place] = life;
        }
    }

    #[inline]
    fn place(&self, request: u64) -> usize {
        request as usize & (self.ring.len() - 1)
    }

    /// Forgets the requests that are finished and those that never came, from the front.
    #[inline]
    pub(super) fn slide(&mut self) {
        while self.len > 0 {
            let front = self.ring[self.place(self.base)];
            let absent = !front.is(fact::ARRIVED) && self.len > ABSENT;
            if !front.is(fact::FINISHED) && !absent {
                return;
            }
            self.base += 1;
            self.len -= 1;
        }
    }

    /// All that are not forgotten, with their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Life)> {
        let numbers = self.base..self.base + self.len;
        numbers.map(|request| (request, self.ring[self.place(request)]))
    }

    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> Life {
        self.ring[place]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, place: usize, life: Life) {
        self.ring[place] = life;
    }

    /// How many requests it has room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.ring.len()
    }
}
