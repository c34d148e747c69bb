//! Simulated time: which tick it is, and who is to be woken when.
//!
//! Timers are our own and not those of turmoil's runtimes, for two reasons. The next deadline of
//! all hosts is known, so that ticks in which nothing can happen are passed over. And who wakes at
//! one tick wakes in the order in which it asked, not in that of a wheel's levels.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use evenkeel_core::time::{Timestamp, nanos};
use evenkeel_proxy::world;

use super::network::Network;
use super::process::Process;

/// A tick and a serial number: timers end in this order.
type Key = (u64, u64);

#[derive(Debug, Default)]
struct Timers {
    set: u64,
    waiting: BTreeMap<Key, Waker>,
}

/// The clock of a simulation. `Sync` only because hyper wants its timers to be.
#[derive(Debug)]
pub(super) struct Clock {
    resolution_ns: u64,
    tick: AtomicU64,
    timers: Mutex<Timers>,
}

impl Clock {
    /// A clock at tick 0.
    pub(super) fn new(resolution_ns: u64) -> Self {
        Self {
            resolution_ns,
            tick: AtomicU64::new(0),
            timers: Mutex::default(),
        }
    }

    /// The time at the current tick.
    pub(super) fn now(&self) -> Timestamp {
        Timestamp(self.tick().saturating_mul(self.resolution_ns))
    }

    fn tick(&self) -> u64 {
        self.tick.load(Ordering::Relaxed)
    }

    /// The first tick at or after `deadline`.
    const fn tick_of(&self, deadline: Timestamp) -> u64 {
        deadline.0.div_ceil(self.resolution_ns)
    }

    /// Goes on to the next tick.
    pub(super) fn advance(&self) {
        self.tick.store(self.tick() + 1, Ordering::Relaxed);
    }

    /// Goes on to the tick in which the first timer ends, or to that of `until`, if it is earlier.
    pub(super) fn skip(&self, until: Timestamp) {
        let first = self.timers().waiting.keys().next().map(|(tick, _)| *tick);
        let to = self.tick_of(until).min(first.unwrap_or(u64::MAX));
        self.tick.store(self.tick().max(to), Ordering::Relaxed);
    }

    /// Wakes whose timers end at the current tick.
    pub(super) fn wake(&self) {
        let later = (self.tick() + 1, 0);
        loop {
            let mut timers = self.timers();
            let first = timers.waiting.first_entry();
            let Some(first) = first.filter(|first| *first.key() < later) else {
                return;
            };
            let waker = first.remove();
            // A waker may do anything, even set a timer.
            drop(timers);
            waker.wake();
        }
    }

    /// A number for a timer: they rise.
    fn number(&self) -> u64 {
        let mut timers = self.timers();
        timers.set += 1;
        timers.set
    }

    fn timers(&self) -> MutexGuard<'_, Timers> {
        self.timers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sleeps for `ticks` of turmoil, before time begins.
#[expect(clippy::disallowed_methods, reason = "hosts meet before time begins")]
pub(super) async fn warm_up(ticks: u64) {
    tokio::time::sleep(Duration::from_millis(ticks)).await;
}

/// A wake-up that is set when it is first needed, and again whenever that changes.
#[derive(Debug, Default)]
pub(super) struct Alarm {
    set: Option<(Arc<Clock>, Key)>,
}

impl Alarm {
    /// Wakes the task at the first tick at or after `deadline`.
    pub(super) fn poll(
        &mut self,
        clock: &Arc<Clock>,
        deadline: Timestamp,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        let tick = clock.tick_of(deadline);
        if tick <= clock.tick() {
            self.clear();
            return Poll::Ready(());
        }
        // It keeps its place among those of its tick.
        let (_, key) = match self.set.take() {
            Some(set) if set.1.0 == tick => set,
            other => {
                self.set = other;
                self.clear();
                (clock.clone(), (tick, clock.number()))
            }
        };
        let old = clock.timers().waiting.insert(key, cx.waker().clone());
        // Not while the lock is held: a waker may be the last that holds its task.
        drop(old);
        self.set = Some((clock.clone(), key));
        Poll::Pending
    }

    fn clear(&mut self) {
        if let Some((clock, key)) = self.set.take() {
            let old = clock.timers().waiting.remove(&key);
            drop(old);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Ends at the first tick at or after its deadline; while its process is paused, not before it goes
/// on.
#[derive(Debug)]
pub struct Sleep {
    network: Rc<Network>,
    process: Rc<Process>,
    deadline: Timestamp,
    alarm: Alarm,
}

impl Sleep {
    pub(super) fn new(network: Rc<Network>, process: Rc<Process>, deadline: Timestamp) -> Self {
        Self {
            network,
            process,
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
        this.alarm.poll(&this.network.clock, this.deadline, cx)
    }
}

impl world::Sleep for Sleep {
    fn reset(&mut self, deadline: Timestamp) {
        self.deadline = deadline;
    }
}

/// hyper's timer.
#[derive(Clone, Debug)]
pub struct Timer(pub(super) Arc<Clock>);

#[expect(
    clippy::disallowed_types,
    reason = "hyper counts in Instants; these are an instant of no meaning plus simulated time"
)]
mod hyper_timer {
    use std::sync::LazyLock;
    use std::time::Instant;

    use super::{Alarm, Arc, Clock, Context, Duration, Future, Pin, Poll, Timer, Timestamp, nanos};

    /// When simulated time begins, for hyper.
    #[expect(clippy::disallowed_methods, reason = "only differences are ever seen")]
    static BASE: LazyLock<Instant> = LazyLock::new(Instant::now);

    struct Sleep {
        clock: Arc<Clock>,
        deadline: Timestamp,
        alarm: Alarm,
    }

    impl Future for Sleep {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let this = &mut *self;
            this.alarm.poll(&this.clock, this.deadline, cx)
        }
    }

    impl hyper::rt::Sleep for Sleep {}

    impl Timer {
        fn sleep_to(&self, deadline: Timestamp) -> Pin<Box<dyn hyper::rt::Sleep>> {
            Box::pin(Sleep {
                clock: self.0.clone(),
                deadline,
                alarm: Alarm::default(),
            })
        }
    }

    impl hyper::rt::Timer for Timer {
        fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
            self.sleep_to(self.0.now() + duration)
        }

        fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
            let since = deadline.saturating_duration_since(*BASE);
            self.sleep_to(Timestamp(nanos(since)))
        }

        fn now(&self) -> Instant {
            *BASE + Duration::from_nanos(self.0.now().0)
        }
    }
}
