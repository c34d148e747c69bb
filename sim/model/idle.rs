//! Idle connections of the proxy, counted: who finds one need not dial.

use evenkeel_proxy::config::Config;

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
        let workers = config.server.workers.unwrap_or(1);
        let pool = |pool: &evenkeel_proxy::config::Pool| Pool {
            counts: vec![0; pool.endpoints.len()],
            limit: match pool.http2 {
                true => 1,
                false => pool.idle.per_worker.saturating_mul(workers),
            },
            http2: pool.http2,
        };
        Self {
            pools: config.pools.iter().map(pool).collect(),
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
