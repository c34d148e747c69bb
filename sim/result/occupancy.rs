//! The places that a pool's endpoints have given away, by the events alone.
//!
//! A request holds one from its pick on, as a tunnel too. What the events say is never more than
//! what the core counts: it books a place for a waiting request before that request is picked.

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
}

impl Occupancy {
    pub(super) fn new(bounds: &[u32]) -> Self {
        Self {
            bounds: bounds.to_vec(),
            limits: vec![u32::MAX; bounds.len()],
            held: vec![Held::default(); bounds.len()],
        }
    }

    /// What each may hold from now on.
    pub(super) fn change(&mut self, places: &[Place]) {
        self.bounds = places.iter().map(|place| place.bound).collect();
        // A configuration that has no limits any more says nothing of it.
        self.limits = vec![u32::MAX; places.len()];
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
    pub(super) fn pick(&mut self, seat: u32) -> bool {
        let seat = seat as usize;
        let (Some(held), Some(bound)) = (self.held.get_mut(seat), self.bounds.get(seat)) else {
            return true;
        };
        held.requests += 1;
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
    pub(super) fn end(&mut self, seat: u32, tunnel: bool) {
        if let Some(held) = self.held.get_mut(seat as usize) {
            let count = if tunnel {
                &mut held.tunnels
            } else {
                &mut held.requests
            };
            *count = count.saturating_sub(1);
        }
    }

    /// By seat.
    #[cfg(test)]
    pub(super) fn held(&self) -> &[Held] {
        &self.held
    }
}
