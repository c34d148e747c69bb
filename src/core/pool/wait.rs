//! What a pool says to a request that waits.

use super::{Admission, State, Verdict};
use crate::endpoint::Tried;
use crate::outlier::{Ended, Report};
use crate::policy::Key;
use crate::queue::{self, Applicant, Grant, Token};
use crate::rng::Rng;
use crate::time::Timestamp;

impl State {
    /// A waiting request takes its grant up, and goes where the grant says. If that endpoint is
    /// gone by now, or there was none, the request is admitted again.
    pub fn take_up(
        &mut self,
        now: Timestamp,
        who: impl Into<Applicant>,
        tried: Tried,
        key: Key,
        rng: &mut Rng,
    ) -> Admission {
        let who = who.into();
        match self.queue.leave(who.token) {
            queue::Answer::Booked(index) if self.endpoints[index.slot as usize].index == index => {
                Admission::Picked(index)
            }
            queue::Answer::Shed => Admission::Shed,
            _ => self.admit(now, who, tried, key, rng),
        }
    }

    /// A waiting request leaves; if it had been granted already, the grant goes to the next.
    pub fn leave(&mut self, now: Timestamp, token: Token) -> Option<Grant> {
        self.forget_account(token);
        let queue::Answer::Booked(booked) = self.queue.leave(token) else {
            return None;
        };
        let report = Report {
            dispatched: now,
            ended: Ended::Left,
            first_byte: None,
        };
        self.judge(now, booked, &report);
        self.complete(now, booked, Verdict::Cancelled { dialled: None })
    }

    /// Another request that waits for nothing any more, after one was queued or granted: it was
    /// sent away in its favour.
    pub fn untold(&mut self) -> Option<Grant> {
        self.queue.untold()
    }
}
