//! The places that a pool's endpoints have given away, by the events alone.
//!
//! A request holds one from its pick on, as a tunnel too. What the events say is never more than
//! what the core counts: it books a place for a waiting request before that request is picked.

use evenkeel_core::time::Timestamp;

use super::roster::Place;

/// Requests and tunnels at the endpoints of one pool, by seat.
#[derive(Debug, Default)]
pub(super) struct Occupancy {
    /// The most that each may hold.
    bounds: Vec<u32>,
    /// The most requests that each may have, where that is found out.
    limits: Vec<u32>,
    held: Vec<Held>,
}

/// What one endpoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) requests: u32,
    pub(super) tunnels: u32,
    /// When a request went there last, and when a place was free again after none had been.
    picked: Option<Timestamp>,
    free: Timestamp,
}

impl Occupancy {
    /// Endpoints that may hold so many each, and at first have `limit` requests at most.
    pub(super) fn new(bounds: &[u32], limit: u32) -> Self {
        Self {
            bounds: bounds.to_vec(),
            limits: vec![limit; bounds.len()],
            held: vec![Held::default(); bounds.len()],
        }
    }

    /// What each may hold from now on; `limit` as at the beginning.
    pub(super) fn change(&mut self, places: &[Place], limit: u32) {
        self.bounds = places.iter().map(|place| place.bound).collect();
        // A configuration that has no limits any more says nothing of it.
        if limit == u32::MAX {
            self.limits.fill(limit);
        }
        self.limits.resize(places.len(), limit);
        self.held.resize(places.len(), Held::default());
    }

    /// How many requests one may have from now on.
    pub(super) fn limit(&mut self, seat: u32, limit: u32) {
        if let Some(known) = self.limits.get_mut(seat as usize) {
            *known = limit;
        }
    }

    /// Whether an endpoint has no more requests than was found out to be right.
    pub(super) fn is_within_limit(&self, seat: u32) -> bool {
        let seat = seat as usize;
        let both = self.held.get(seat).zip(self.limits.get(seat));
        both.is_none_or(|(held, limit)| held.requests <= *limit)
    }

    /// Counts a request; false if the endpoint held all that it may.
    pub(super) fn pick(&mut self, seat: u32, at: Timestamp) -> bool {
        let seat = seat as usize;
        let (Some(held), Some(bound)) = (self.held.get_mut(seat), self.bounds.get(seat)) else {
            return true;
        };
        held.requests += 1;
        held.picked = Some(at);
        held.requests + held.tunnels <= *bound
    }

    /// A request is a tunnel from now on.
    pub(super) fn upgrade(&mut self, seat: u32) {
        if let Some(held) = self.held.get_mut(seat as usize) {
            held.requests = held.requests.saturating_sub(1);
            held.tunnels += 1;
        }
    }

    /// A request or a tunnel has ended.
    pub(super) fn end(&mut self, seat: u32, tunnel: bool, at: Timestamp) {
        let is_full = self.is_full(seat);
        if let Some(held) = self.held.get_mut(seat as usize) {
            let count = if tunnel {
                &mut held.tunnels
            } else {
                &mut held.requests
            };
            *count = count.saturating_sub(1);
            if is_full {
                held.free = at;
            }
        }
    }

    fn is_full(&self, seat: u32) -> bool {
        let seat = seat as usize;
        let bounds = self.bounds.get(seat).zip(self.limits.get(seat));
        let both = self.held.get(seat).zip(bounds);
        both.is_none_or(|(held, (bound, limit))| {
            held.requests.saturating_add(held.tunnels) >= *bound || held.requests >= *limit
        })
    }

    /// Since when an endpoint has had room, if it has, and a request was sent to it after `news`.
    pub(super) fn free_since(&self, seat: u32, news: Timestamp) -> Option<Timestamp> {
        let held = self.held.get(seat as usize)?;
        let is_proven = held.picked.is_some_and(|at| at > news);
        (is_proven && !self.is_full(seat)).then_some(held.free)
    }

    /// How many seats there are.
    pub(super) fn seats(&self) -> u32 {
        self.held.len() as u32
    }

    /// Requests and tunnels, by seat.
    #[cfg(test)]
    pub(super) fn held(&self) -> Vec<(u32, u32)> {
        let held = self.held.iter();
        held.map(|held| (held.requests, held.tunnels)).collect()
    }
}
