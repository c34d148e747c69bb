//! Idle connections to endpoints: kept alive by one worker, used again last in, first out.
//!
//! Young connections are the ones a server has not closed yet. A Node.js server closes after 5 s of
//! silence, so ours are given up before that; who is found closed at the hand-over is passed over.
//! An endpoint may get another address: connections that were opened for a request of an earlier
//! generation are not kept then.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::time::Timestamp;

use crate::channel::Channel;
use crate::world::Stream;

/// Idle connections of one worker, by pool and endpoint.
pub(crate) struct Idle<S> {
    endpoints: BTreeMap<(u16, EndpointIndex), VecDeque<Entry<S>>>,
    /// The number of the generation by which an endpoint is where it is; most are where they were.
    moved: BTreeMap<(u16, EndpointIndex), u64>,
}

struct Entry<S> {
    stream: Channel<S>,
    until: Timestamp,
}

impl<S> Default for Idle<S> {
    fn default() -> Self {
        Self {
            endpoints: BTreeMap::new(),
            moved: BTreeMap::new(),
        }
    }
}

impl<S: Stream> Idle<S> {
    /// The youngest connection that is still open.
    pub(crate) fn take(
        &mut self,
        pool: u16,
        endpoint: EndpointIndex,
        now: Timestamp,
    ) -> Option<Channel<S>> {
        let list = self.endpoints.get_mut(&(pool, endpoint))?;
        while let Some(mut entry) = list.pop_back() {
            // Bytes or an end that nobody asked for: the server has closed it, or is out of step.
            if now < entry.until && entry.stream.is_quiet() {
                return Some(entry.stream);
            }
        }
        None
    }

    /// Keeps a connection, which a request of this generation had, for `timeout`, and at most
    /// `limit` of them; the oldest makes room.
    pub(crate) fn put(
        &mut self,
        (pool, endpoint): (u16, EndpointIndex),
        stream: Channel<S>,
        now: Timestamp,
        (limit, timeout): (usize, Duration),
        generation: u64,
    ) {
        let moved = self.moved.get(&(pool, endpoint));
        if limit == 0 || moved.is_some_and(|moved| generation < *moved) {
            return;
        }
        let list = self.endpoints.entry((pool, endpoint)).or_default();
        if list.len() >= limit {
            list.pop_front();
        }
        list.push_back(Entry {
            stream,
            until: now + timeout,
        });
    }

    /// By the generation of this number an endpoint is elsewhere: its connections are closed.
    pub(crate) fn forget(&mut self, key: (u16, EndpointIndex), generation: u64) {
        self.endpoints.remove(&key);
        self.moved.insert(key, generation);
    }

    /// Closes what has been idle for too long and says when to look again.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Option<Timestamp> {
        self.endpoints.retain(|_, list| {
            while list.front().is_some_and(|entry| entry.until <= now) {
                list.pop_front();
            }
            !list.is_empty()
        });
        self.endpoints
            .values()
            .filter_map(|list| Some(list.front()?.until))
            .min()
    }

    /// Closes all.
    pub(crate) fn clear(&mut self) {
        self.endpoints.clear();
    }
}
