//! Nobody waits for a place while an endpoint that could take it has one.
//!
//! The core grants a place the moment it is free. So whoever has waited must have found every
//! endpoint full all that time, as far as events tell: those that are not fine, or that nobody has
//! been sent to since the last news of the pool, may be kept from it for a reason.

use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::Event;

use super::kind::Invariant;
use super::life::Life;
use super::{Checker, place};

/// A grant is on its way for less than this: to another worker, or after news of an endpoint.
const GRACE: Duration = Duration::from_millis(20);

impl Checker {
    /// The wait of a request that began at `since` is over.
    #[cold]
    pub(super) fn waited(&mut self, event: &Event, life: Life, since: Timestamp) {
        let Some(pool) = self.pools.get(usize::from(event.pool)) else {
            return;
        };
        // Who has failed somewhere does not go there again.
        if life.attempt > 0 || !pool.share.takes_anybody() {
            return;
        }
        let news = pool.calm_since;
        let begin = since.max(news);
        let is_open = |seat: &u32| {
            let is_fine = pool.share.serves(*seat) && pool.fitness.is_fine(*seat);
            let free = pool.occupancy.free_since(*seat, news);
            is_fine && free.is_some_and(|free| free.max(begin) + GRACE < event.at)
        };
        if (0..pool.occupancy.seats()).any(|seat| is_open(&seat)) {
            let text = "it waited while an endpoint that could take it had room";
            self.violate(place(event), Invariant::Conserving, text);
        }
    }
}
