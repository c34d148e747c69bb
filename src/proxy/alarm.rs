//! The one timer of a connection, armed again lazily.

use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_core::time::Timestamp;

use crate::world::{Sleep as _, World};

/// Fires at a deadline that may move at any time. A deadline that moves later costs nothing until
/// the earlier one fires; that is the common case, as every byte moves it.
pub(crate) struct Alarm<W: World> {
    world: W,
    sleep: W::Sleep,
    armed: Timestamp,
}

impl<W: World> Alarm<W> {
    pub(crate) fn new(world: &W) -> Self {
        let never = Timestamp::MAX;
        Self {
            world: world.clone(),
            sleep: world.sleep_until(never),
            armed: never,
        }
    }

    /// Ready once `deadline` has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, deadline: Timestamp) -> Poll<()> {
        if deadline < self.armed {
            self.arm(deadline);
        }
        while self.armed != Timestamp::MAX && Pin::new(&mut self.sleep).poll(cx).is_ready() {
            if self.world.now() >= deadline {
                self.armed = Timestamp::MAX;
                return Poll::Ready(());
            }
            self.arm(deadline);
        }
        Poll::Pending
    }

    fn arm(&mut self, deadline: Timestamp) {
        self.sleep.reset(deadline);
        self.armed = deadline;
    }
}
