//! The queue of a pool: requests that found every endpoint full.
//!
//! First in, first out, bounded in number; the wait is bounded by the request's own deadline. A
//! grant comes with the endpoint already booked, so nobody can overtake between the wake-up and the
//! pick, and a waiter that left gives its grant back. What was booked is known here alone: the
//! configuration may change while the grant is on its way, so the request asks when it has come.

use std::collections::VecDeque;

use crate::affinity::Home;
use crate::endpoint::{EndpointIndex, Tried};
use crate::policy::Key;
use crate::rng::Rng;

/// Names a waiting request to its shell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// A request need not wait any longer: an endpoint counts it as in flight already, or none is left
/// that it could wait for. It learns which when it takes the grant up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose wait is over.
    pub token: Token,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) token: Token,
    pub(crate) tried: Tried,
    pub(crate) key: Key,
    pub(crate) rng: Rng,
    /// Where its session lives.
    pub(crate) home: Home,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Waiter>,
    /// Granted, and not yet taken up by the request.
    granted: Vec<(Token, EndpointIndex)>,
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
        self.granted.push((token, endpoint));
        Some(Grant { token })
    }

    /// Ends the wait of everybody for whom `is_hopeless`.
    pub(crate) fn dismiss(&mut self, mut is_hopeless: impl FnMut(&Waiter) -> bool) -> Vec<Grant> {
        let mut told = Vec::new();
        self.waiting.retain(|w| {
            let goes = is_hopeless(w);
            told.extend(goes.then_some(Grant { token: w.token }));
            !goes
        });
        told
    }

    /// What has been booked for the request, if anything has.
    pub(crate) fn booked(&self, token: Token) -> Option<EndpointIndex> {
        let (_, endpoint) = self.granted.iter().find(|(granted, _)| *granted == token)?;
        Some(*endpoint)
    }

    /// The request no longer waits. Returns what had been booked for it, if anything had.
    pub(crate) fn leave(&mut self, token: Token) -> Option<EndpointIndex> {
        let booked = self.booked(token);
        if booked.is_some() {
            self.granted.retain(|(granted, _)| *granted != token);
        } else {
            self.waiting.retain(|w| w.token != token);
        }
        booked
    }
}

#[cfg(test)]
mod tests;
