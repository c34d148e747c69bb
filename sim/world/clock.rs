//! Simulated time on turmoil's clock: one of its milliseconds stands for one tick.
//!
//! Each host has a paused tokio runtime, which turmoil advances by one millisecond in a step. All
//! deadlines are rounded up to a whole tick, so that a host is awake at whole ticks only. The one
//! place that uses tokio's timers.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_core::time::{Timestamp, nanos};
use evenkeel_proxy::world;

use super::network::Network;
use super::process::Process;

/// As good as never, in ticks; tokio's timers reach no further.
const FOREVER: u64 = 900_000_000_000;

/// The clock of one host: when its time began, and how many nanoseconds a tick stands for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    base: tokio::time::Instant,
    resolution_ns: u64,
}

impl Clock {
    /// A clock that begins in `ahead` steps of turmoil. Called inside the host.
    #[expect(clippy::disallowed_methods, reason = "the paused clock of a host")]
    pub(super) fn start(resolution_ns: u64, ahead: u64) -> Self {
        Self {
            base: tokio::time::Instant::now() + Duration::from_millis(ahead),
            resolution_ns,
        }
    }

    fn instant(self, deadline: Timestamp) -> tokio::time::Instant {
        let ticks = deadline.0.div_ceil(self.resolution_ns).min(FOREVER);
        self.base + Duration::from_millis(ticks)
    }

    #[expect(clippy::disallowed_methods, reason = "the paused clock of a host")]
    fn sleep_until(self, deadline: Timestamp) -> tokio::time::Sleep {
        tokio::time::sleep_until(self.instant(deadline))
    }

    #[expect(clippy::disallowed_methods, reason = "the paused clock of a host")]
    fn now(self) -> Timestamp {
        let ticks = tokio::time::Instant::now().saturating_duration_since(self.base);
        Timestamp(self.resolution_ns.saturating_mul(ticks.as_millis() as u64))
    }
}

/// Sleeps for `ticks` of turmoil, before there is a clock.
#[expect(clippy::disallowed_methods, reason = "hosts meet before time begins")]
pub(super) async fn warm_up(ticks: u64) {
    tokio::time::sleep(Duration::from_millis(ticks)).await;
}

/// A wake-up that is set when it is first needed, and again whenever that changes.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    sleep: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Alarm {
    /// Wakes the task at the first tick at or after `deadline`.
    pub(super) fn poll(
        &mut self,
        clock: Clock,
        deadline: Timestamp,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(clock.sleep_until(deadline)));
        let instant = clock.instant(deadline);
        if sleep.deadline() != instant {
            sleep.as_mut().reset(instant);
        }
        sleep.as_mut().poll(cx)
    }
}

/// Ends at the first tick at or after its deadline; while its process is paused, not before it goes
/// on.
#[derive(Debug)]
pub struct Sleep {
    network: Rc<Network>,
    process: Rc<Process>,
    clock: Clock,
    deadline: Timestamp,
    alarm: Alarm,
}

impl Sleep {
    pub(super) fn new(
        network: Rc<Network>,
        process: Rc<Process>,
        clock: Clock,
        deadline: Timestamp,
    ) -> Self {
        Self {
            network,
            process,
            clock,
            deadline,
            alarm: Alarm::default(),
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.process.holds(cx) {
            return Poll::Pending;
        }
        if this.network.now() >= this.deadline {
            return Poll::Ready(());
        }
        this.alarm.poll(this.clock, this.deadline, cx)
    }
}

impl world::Sleep for Sleep {
    fn reset(&mut self, deadline: Timestamp) {
        self.deadline = deadline;
    }
}

/// hyper's timer: a base and a scale, because hyper wants it `Send + Sync`.
#[derive(Clone, Copy, Debug)]
pub struct Timer(pub(super) Clock);

#[expect(
    clippy::disallowed_types,
    reason = "hyper counts in Instants; these are the host's base plus simulated time"
)]
mod hyper_timer {
    use std::time::Instant;

    use super::{Context, Duration, Future, Pin, Poll, Timer, Timestamp, nanos};

    struct Sleep(Pin<Box<tokio::time::Sleep>>);

    impl Future for Sleep {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            self.0.as_mut().poll(cx)
        }
    }

    impl hyper::rt::Sleep for Sleep {}

    impl hyper::rt::Timer for Timer {
        fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
            let deadline = self.0.now() + duration;
            Box::pin(Sleep(Box::pin(self.0.sleep_until(deadline))))
        }

        fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
            let since = deadline.saturating_duration_since(self.0.base.into_std());
            let deadline = Timestamp(nanos(since));
            Box::pin(Sleep(Box::pin(self.0.sleep_until(deadline))))
        }

        fn now(&self) -> Instant {
            self.0.base.into_std() + Duration::from_nanos(self.0.now().0)
        }
    }
}
