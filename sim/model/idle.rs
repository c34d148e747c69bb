//! Idle connections of the proxy, counted: who finds one need not dial.

use evenkeel_proxy::config::{self, Config};

/// How many each endpoint has, by pool and slot.
#[derive(Debug)]
pub(super) struct Idle {
    pools: Vec<Pool>,
}

#[derive(Debug)]
struct Pool {
    counts: Vec<u32>,
    limit: u32,
    /// Requests share one connection, which is one that is always idle.
    http2: bool,
}

impl Idle {
    pub(super) fn new(config: &Config) -> Self {
        let pool = |pool: &config::Pool| Pool {
            counts: vec![0; pool.endpoints.len()],
            limit: limit(config, pool),
            http2: pool.http2,
        };
        Self {
            pools: config.pools.iter().map(pool).collect(),
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
        pool.counts.resize(kept.len(), 0);
        for (count, kept) in pool.counts.iter_mut().zip(kept) {
            *count *= u32::from(*kept);
        }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, pool: u16, slot: u32) -> bool {
        let pool = &mut self.pools[usize::from(pool)];
        let count = &mut pool.counts[slot as usize];
        let found = *count > 0;
        *count -= u32::from(found && !pool.http2);
        found
    }

    /// One is opened, for a request; one of HTTP/2 for others, too.
    pub(super) fn open(&mut self, pool: u16, slot: u32) {
        if self.pools[usize::from(pool)].http2 {
            self.put(pool, slot);
        }
    }

    /// Puts one back.
    pub(super) fn put(&mut self, pool: u16, slot: u32) {
        let pool = &mut self.pools[usize::from(pool)];
        let count = &mut pool.counts[slot as usize];
        *count = (*count + 1).min(pool.limit);
    }

    /// All of an endpoint's are closed.
    pub(super) fn clear(&mut self, pool: u16, slot: u32) {
        self.pools[usize::from(pool)].counts[slot as usize] = 0;
    }
}

/// How many an endpoint may have.
fn limit(config: &Config, pool: &config::Pool) -> u32 {
    match pool.http2 {
        true => 1,
        false => pool
            .idle
            .per_worker
            .saturating_mul(config.server.workers.unwrap_or(1)),
    }
}
