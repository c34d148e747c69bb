//! A request that has become a tunnel: it has no end in time, unless its endpoint drains.

use super::turn::Turn;
use super::{Action, Phase, PoolAccess};
use crate::endpoint::Answer;
use crate::outlier::Ended;
use crate::time::Span;
use crate::trace;

impl<P: PoolAccess> Turn<'_, P> {
    #[inline(never)]
    pub(super) fn upgraded(&mut self, attempt: u8) {
        if self.is_current(attempt, &[Phase::Sent]) {
            self.request.status = 101;
            self.record(trace::Kind::Head { status: 101 });
            self.settle_in();
            self.enter(Phase::Tunnel);
            self.request.plan.total = Span::MAX;
            if let Some(endpoint) = self.request.endpoint {
                let (now, report) = (self.now, self.told(Ended::Answered(101)));
                let is_news = self.heard(Answer::Good, |pool| {
                    pool.upgrade(now, endpoint);
                    pool.judge(now, endpoint, &report)
                });
                self.spread(is_news);
                self.reloaded();
            }
            self.actions.push(Action::Forward { attempt });
        }
    }

    /// The configuration has changed: a tunnel may have to end because its endpoint drains, or no
    /// longer.
    pub(super) fn reloaded(&mut self) {
        let (Phase::Tunnel, Some(endpoint)) = (self.request.phase, self.request.endpoint) else {
            return;
        };
        let (now, id) = (self.now, self.request.id);
        let ends = self.pool.with(|pool| pool.parting(now, endpoint, id));
        let arrived = self.request.arrived;
        self.request.plan.total = ends.map_or(Span::MAX, |ends| Span::of(ends.since(arrived)));
    }

    /// The tunnel's endpoint drains, and this is the instant at which it ends.
    pub(super) fn part(&mut self, attempt: u8) {
        self.actions.push(Action::Cancel { attempt });
        self.record(trace::Kind::Parted);
        self.ended(Phase::Tunnel);
    }
}
