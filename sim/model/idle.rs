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
}

impl Idle {
    pub(super) fn new(config: &Config) -> Self {
        let workers = config.server.workers.unwrap_or(1);
        let pool = |pool: &evenkeel_proxy::config::Pool| Pool {
            counts: vec![0; pool.endpoints.len()],
            limit: pool.idle.per_worker.saturating_mul(workers),
        };
        Self {
            pools: config.pools.iter().map(pool).collect(),
        }
    }

    /// Takes one, if there is one.
    pub(super) fn take(&mut self, pool: u16, slot: u32) -> bool {
        let count = &mut self.pools[usize::from(pool)].counts[slot as usize];
        let found = *count > 0;
        *count -= u32::from(found);
        found
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
