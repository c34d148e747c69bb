//! Draining: an endpoint finishes what it has and takes nothing new, and somebody wants to know
//! when it is empty.
//!
//! Requests end by themselves. Sessions would come back for ever and tunnels stay open for days, so
//! a pool may have a time for both: tunnels are closed one after the other, spread over it, so that
//! their clients do not all come back at once; at its end sessions go elsewhere.

use std::time::Duration;

use super::State;
use crate::endpoint::{Endpoint, EndpointIndex, State as Admin};
use crate::rng::Stream;
use crate::time::{Timestamp, nanos};
use crate::trace;

/// An endpoint that drains.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    endpoint: EndpointIndex,
    since: Timestamp,
    /// Nobody has been told that it is empty.
    untold: bool,
    /// Its time is over: what is still there ends by itself.
    over: bool,
}

impl State {
    /// Brings the list of those that drain into line with a configuration.
    pub(super) fn drain(&mut self, now: Timestamp) {
        let known = std::mem::take(&mut self.drains);
        let drains = |e: &&Endpoint| e.state == Admin::Drain;
        let drain = |e: &Endpoint| {
            let endpoint = e.index;
            let before = known.iter().find(|drain| drain.endpoint == endpoint);
            before.copied().unwrap_or(Drain {
                endpoint,
                since: now,
                untold: true,
                over: false,
            })
        };
        self.drains = self.endpoints.iter().filter(drains).map(drain).collect();
        self.empty_out(now);
    }

    /// When the tunnel of request number `id` at `index` is to end, if its endpoint drains and the
    /// pool has a time for it: at an instant of its own between the beginning of the drain, or now,
    /// and its end.
    #[must_use]
    pub fn parting(&self, now: Timestamp, index: EndpointIndex, id: u64) -> Option<Timestamp> {
        let drain = self.drains.iter().find(|drain| drain.endpoint == index)?;
        let end = drain.since + self.settings.drain?;
        let left = end.since(now.max(drain.since));
        let share = Stream::new(0, "parting").at(id).unit();
        Some(now.max(drain.since) + Duration::from_nanos((nanos(left) as f64 * share) as u64))
    }

    /// Whether a draining endpoint has had its time: it keeps no sessions any more.
    pub(super) fn is_over(&self, now: Timestamp, index: EndpointIndex) -> bool {
        let drain = self.drains.iter().find(|drain| drain.endpoint == index);
        drain.is_some_and(|drain| self.drained_at(drain) <= now)
    }

    /// When the time of a drain is over.
    fn drained_at(&self, drain: &Drain) -> Timestamp {
        let time = self.settings.drain;
        time.map_or(Timestamp::MAX, |time| drain.since + time)
    }

    /// When somebody must look whether those that drain are empty, or be told: until then the ends
    /// of their requests tell.
    pub(super) fn next_drained(&self) -> Timestamp {
        match (self.news.is_empty(), &self.affinity) {
            (false, _) => return Timestamp::ZERO,
            (true, None) => return Timestamp::MAX,
            (true, Some(_)) => {}
        }
        let waits = self
            .drains
            .iter()
            .filter(|drain| drain.untold && !drain.over);
        let ends = waits.map(|drain| self.drained_at(drain));
        ends.min().unwrap_or(Timestamp::MAX)
    }

    /// Finds out which of those that drain are empty for good: nothing is there, and no session
    /// will come back. What is found is news.
    pub(super) fn empty_out(&mut self, now: Timestamp) {
        let keeps_sessions = self.affinity.is_some();
        let time = self.settings.drain;
        for drain in self.drains.iter_mut().filter(|drain| drain.untold) {
            let endpoint = &self.endpoints[drain.endpoint.slot as usize];
            drain.over = time.is_some_and(|time| drain.since + time <= now);
            if endpoint.in_flight + endpoint.tunnels == 0 && (drain.over || !keeps_sessions) {
                drain.untold = false;
                let kind = trace::Kind::Drained;
                self.news.push_back((now, Some(drain.endpoint), kind));
            }
        }
    }
}

#[cfg(test)]
mod tests;
