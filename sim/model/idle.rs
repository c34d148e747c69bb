//! Idle connections of the proxy: who finds one need not dial.

use std::collections::VecDeque;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{self, Config};

/// Those to each endpoint, by pool and slot.
#[derive(Debug)]
pub(super) struct Idle {
    pools: Vec<Pool>,
    /// How long origins keep them.
    keep_alive: Duration,
}

#[derive(Debug)]
struct Pool {
    /// Until when each is kept, the one that is used next at the end.
    kept: Vec<VecDeque<Timestamp>>,
    limit: usize,
    timeout: Duration,
    /// Requests share one connection, which is one that is always idle and never closed.
    http2: bool,
}

impl Idle {
    /// None yet. Origins close what has been idle for `keep_alive`, if they do.
    pub(super) fn new(config: &Config, keep_alive: Option<Duration>) -> Self {
        let keep_alive = keep_alive.unwrap_or(Duration::MAX);
        let pool = |pool: &config::Pool| Pool {
            kept: vec![VecDeque::new(); pool.endpoints.len()],
            limit: limit(config, pool),
            timeout: timeout(pool, keep_alive),
            http2: pool.http2,
        };
        Self {
            pools: config.pools.iter().map(pool).collect(),
            keep_alive,
        }
    }

    /// A pool has another section and these slots, each `kept` by its endpoint or given to another.
    pub(super) fn change(
        &mut self,
        config: &Config,
        section: &config::Pool,
        pool: u16,
        kept: &[bool],
    ) {
        let pool = &mut self.pools[usize::from(pool)];
        pool.limit = limit(config, section);
        pool.timeout = timeout(section, self.keep_alive);
        pool.kept.resize(kept.len(), VecDeque::new());
        let given = pool.kept.iter_mut().zip(kept).filter(|(_, kept)| !**kept);
        given.for_each(|(connections, _)| connections.clear());
    }

    /// Takes the youngest, if it is still there.
    pub(super) fn take(&mut self, pool: u16, slot: u32, now: Timestamp) -> bool {
        let pool = &mut self.pools[usize::from(pool)];
        let kept = &mut pool.kept[slot as usize];
        if pool.http2 {
            return !kept.is_empty();
        }
        let found = kept.pop_back().is_some_and(|until| now < until);
        if !found {
            // The others are older.
            kept.clear();
        }
        found
    }

    /// One is opened, for a request; one of HTTP/2 for others, too.
    pub(super) fn open(&mut self, pool: u16, slot: u32) {
        if self.pools[usize::from(pool)].http2 {
            self.put(pool, slot, Timestamp::ZERO);
        }
    }

    /// Puts one back; the oldest makes room.
    pub(super) fn put(&mut self, pool: u16, slot: u32, now: Timestamp) {
        let pool = &mut self.pools[usize::from(pool)];
        let kept = &mut pool.kept[slot as usize];
        if kept.len() >= pool.limit {
            kept.pop_front();
        }
        if pool.limit > 0 {
            kept.push_back(now + pool.timeout);
        }
    }

    /// All of an endpoint's are closed.
    pub(super) fn clear(&mut self, pool: u16, slot: u32) {
        self.pools[usize::from(pool)].kept[slot as usize].clear();
    }
}

/// How many an endpoint may have.
fn limit(config: &Config, pool: &config::Pool) -> usize {
    match pool.http2 {
        true => 1,
        false => pool
            .idle
            .per_worker
            .saturating_mul(config.server.workers.unwrap_or(1)) as usize,
    }
}

/// How long one is kept: until the proxy or the origin closes it.
fn timeout(pool: &config::Pool, keep_alive: Duration) -> Duration {
    pool.idle.timeout.min(keep_alive)
}
