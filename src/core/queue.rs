//! The queue of a pool: requests that found every endpoint full.
//!
//! First in, first out, bounded in number; the wait is bounded by the request's own deadline. A
//! grant comes with the endpoint already booked, so nobody can overtake between the wake-up and the
//! pick, and a waiter that left gives its grant back.

use std::collections::VecDeque;

use crate::endpoint::{EndpointIndex, Tried};
use crate::rng::Rng;

/// Names a waiting request to its shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// A waiting request may go ahead: `endpoint` counts it as in flight already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Who may go ahead.
    pub token: Token,
    /// Where to.
    pub endpoint: EndpointIndex,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) token: Token,
    pub(crate) tried: Tried,
    pub(crate) rng: Rng,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiter>,
    /// Granted, and not yet taken up by the request.
    granted: Vec<Grant>,
    limit: usize,
}

impl Queue {
    pub(crate) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Joins the queue, or returns false if it is full.
    pub(crate) fn join(&mut self, waiter: Waiter) -> bool {
        let room = self.waiting.len() < self.limit;
        if room {
            self.waiting.push_back(waiter);
        }
        room
    }

    /// Grants to the first waiter for whom `pick` finds an endpoint.
    pub(crate) fn grant(
        &mut self,
        mut pick: impl FnMut(&mut Waiter) -> Option<EndpointIndex>,
    ) -> Option<Grant> {
        let (at, endpoint) = self
            .waiting
            .iter_mut()
            .enumerate()
            .find_map(|(at, w)| Some((at, pick(w)?)))?;
        let token = self.waiting.remove(at)?.token;
        let grant = Grant { token, endpoint };
        self.granted.push(grant);
        Some(grant)
    }

    /// The request has taken its grant up.
    pub(crate) fn taken(&mut self, token: Token) {
        self.granted.retain(|g| g.token != token);
    }

    /// The request no longer waits. Returns the endpoint that had been booked for it, if one had.
    pub(crate) fn leave(&mut self, token: Token) -> Option<EndpointIndex> {
        if let Some(at) = self.waiting.iter().position(|w| w.token == token) {
            self.waiting.remove(at);
            return None;
        }
        let at = self.granted.iter().position(|g| g.token == token)?;
        Some(self.granted.swap_remove(at).endpoint)
    }
}
