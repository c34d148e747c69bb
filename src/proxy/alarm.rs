//! The one timer of a connection, armed again lazily.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use evenkeel_core::time::Timestamp;

use crate::world::{Sleep as _, World};

/// Fires at a deadline that may move at any time. A deadline that moves later costs nothing until
/// the earlier one fires; that is the common case, as every byte moves it.
pub(crate) struct Alarm<W: World> {
    world: W,
    sleep: W::Sleep,
    armed: Timestamp,
    /// Whom the sleep wakes when it ends.
    wakes: Option<Waker>,
}

/// Timers that streams of HTTP/2 have no more use for: setting one up costs more than most streams'
/// use of it.
pub(crate) struct Alarms<W: World> {
    world: W,
    spare: RefCell<Vec<Alarm<W>>>,
}

/// Timers that a worker keeps.
const KEPT: usize = 256;

impl<W: World> Alarms<W> {
    pub(crate) fn new(world: &W) -> Self {
        Self {
            world: world.clone(),
            spare: RefCell::default(),
        }
    }

    pub(crate) fn take(&self) -> Alarm<W> {
        let spare = self.spare.borrow_mut().pop();
        spare.unwrap_or_else(|| Alarm::new(&self.world))
    }

    /// Takes back a timer. It may fire once for its former owner, which costs the next one a look
    /// at the clock.
    pub(crate) fn put(&self, mut alarm: Alarm<W>) {
        alarm.wakes = None;
        let mut spare = self.spare.borrow_mut();
        if spare.len() < KEPT {
            spare.push(alarm);
        }
    }
}

impl<W: World> Alarm<W> {
    pub(crate) fn new(world: &W) -> Self {
        let never = Timestamp::MAX;
        Self {
            world: world.clone(),
            sleep: world.sleep_until(never),
            armed: never,
            wakes: None,
        }
    }

    /// Ready once `deadline` has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Timestamp) -> Poll<()> {
        if deadline < self.armed {
            self.arm(deadline);
        }
        while self.armed != Timestamp::MAX && self.poll_sleep(cx).is_ready() {
            if self.world.now() >= deadline {
                self.armed = Timestamp::MAX;
                return Poll::Ready(());
            }
            self.arm(deadline);
        }
        Poll::Pending
    }

    /// Ready once the time that is armed has come. Until then, asking twice for one task costs a
    /// comparison: a sleep never ends early, so what it has been told is still so.
    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let told = self.wakes.as_ref().is_some_and(|w| w.will_wake(cx.waker()));
        if told && self.world.now() < self.armed {
            return Poll::Pending;
        }
        let polled = Pin::new(&mut self.sleep).poll(cx);
        if polled.is_pending() && !told {
            self.wakes = Some(cx.waker().clone());
        }
        polled
    }

    fn arm(&mut self, deadline: Timestamp) {
        self.sleep.reset(deadline);
        self.armed = deadline;
        self.wakes = None;
    }
}
