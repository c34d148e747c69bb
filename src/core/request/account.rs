//! Why a request's tries go where they do, if somebody asks.

use super::PoolAccess;
use super::turn::Turn;
use crate::pool::Admission;
use crate::queue::Applicant;

impl<P: PoolAccess> Turn<'_, P> {
    /// As whom the request asks its pool for an endpoint.
    #[inline(always)]
    pub(super) fn applicant(&mut self) -> Applicant {
        Applicant {
            token: self.request.token,
            priority: self.request.plan.priority,
            explained: self.pool.accounts().is_some(),
        }
    }

    /// Writes down why the last pick came out as it did, if somebody asks.
    #[inline(always)]
    pub(super) fn account(&mut self, outcome: Option<Admission>) {
        if self.pool.accounts().is_some() {
            self.write_down(outcome);
        }
    }

    #[cold]
    #[inline(never)]
    fn write_down(&mut self, outcome: Option<Admission>) {
        let token = self.request.token;
        let account = self.pool.with(|pool| pool.accounted(token));
        if let (Some(mut account), Some(outcome), Some(accounts)) =
            (account, outcome, self.pool.accounts())
        {
            (account.attempt, account.outcome) = (self.request.tries + 1, outcome);
            accounts.push(account);
        }
    }
}
