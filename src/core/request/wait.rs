//! What a request that waits for an endpoint owes to the others that do.

use super::PoolAccess;
use super::turn::Turn;
use crate::pool;
use crate::queue::Grant;
use crate::trace;

impl<P: PoolAccess> Turn<'_, P> {
    /// Leaves the queue before its turn.
    pub(super) fn leave_queue(&mut self) {
        let (now, token) = (self.now, self.request.token);
        let (grant, is_news) = self.pool.with(|pool| {
            let grant = pool.leave(now, token);
            (grant, pool.has_news())
        });
        self.spread(is_news);
        if let Some(grant) = grant {
            self.hand(grant);
        }
        self.waited();
    }

    /// The wait is over.
    pub(super) fn waited(&mut self) {
        let since = self.request.progress;
        self.record(trace::Kind::Waited { since });
    }

    /// Delivers a grant, and tells those who were sent away in its favour.
    #[inline(never)]
    pub(super) fn hand(&mut self, grant: Grant) {
        self.pool.grant(grant);
        self.tell();
    }

    /// Tells those who were sent away from the queue.
    pub(super) fn tell(&mut self) {
        while let Some(grant) = self.pool.with(pool::State::untold) {
            self.pool.grant(grant);
        }
    }
}
