//! An open loop: requests fall due at a fixed rate, whether or not earlier ones are answered.
//!
//! Latency counts from when a request was due, so a stall is charged to every request that had to
//! wait for it. A timer descriptor keeps the pace: the runtime's own counts whole milliseconds.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

use crate::client::{self, Client, Outcome};
use crate::report::Report;

/// Connections that share the requests, the one that has waited longest first.
const CONNECTIONS: usize = 64;
/// How long answers may come after the last request was due.
const GRACE: Duration = Duration::from_secs(2);

/// Requests that are due and not sent.
#[derive(Default)]
struct Due {
    at: RefCell<VecDeque<Instant>>,
    more: Notify,
}

impl Due {
    async fn next(&self) -> Instant {
        loop {
            if let Some(due) = self.at.borrow_mut().pop_front() {
                return due;
            }
            self.more.notified().await;
        }
    }
}

pub(crate) async fn run(port: u16, path: &str, per_second: u32, time: Duration) -> Outcome<()> {
    let (due, report) = (
        Rc::new(Due::default()),
        Rc::new(RefCell::new(Report::new())),
    );
    for _ in 0..CONNECTIONS {
        let mut client = Client::new(client::dial(port).await?);
        let request = client::get(path, "");
        client.request(&request).await?;
        let (due, report) = (Rc::clone(&due), Rc::clone(&report));
        tokio::task::spawn_local(async move {
            loop {
                let at = due.next().await;
                let answer = client.request(&request).await;
                let mut report = report.borrow_mut();
                match answer {
                    Ok(()) => report.answered(at.elapsed()),
                    // Its connection is lost with it; the others go on.
                    Err(problem) => return report.failed(1, problem),
                }
            }
        });
    }
    let interval = Duration::from_secs(1) / per_second.max(1);
    let total = (time.as_nanos() / interval.as_nanos().max(1)) as u64;
    let begin = Instant::now();
    pace(&due, interval, total).await?;
    let last = Instant::now();
    while report.borrow().ended() < total && last.elapsed() < GRACE {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let unanswered = total - report.borrow().ended();
    report.borrow_mut().failed(unanswered, "no answer in time");
    report.borrow().print(begin.elapsed(), "");
    Ok(())
}

/// Makes `total` requests due, one each `interval`.
async fn pace(due: &Due, interval: Duration, total: u64) -> Outcome<()> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer: OwnedFd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
    #[expect(
        deprecated,
        reason = "sound for an `OwnedFd`; what replaces it needs `unsafe`"
    )]
    let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
    let step = Timespec::try_from(interval)?;
    let every = Itimerspec {
        it_interval: step,
        it_value: step,
    };
    let begin = Instant::now();
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)?;
    let mut at = begin;
    let mut sent = 0;
    while sent < total {
        let mut ready = timer.readable().await?;
        let mut ticks = [0; 8];
        match rustix::io::read(&timer, &mut ticks) {
            Ok(_) => {}
            Err(rustix::io::Errno::AGAIN) => {
                ready.clear_ready();
                continue;
            }
            Err(problem) => return Err(problem.into()),
        }
        for _ in 0..u64::from_ne_bytes(ticks).min(total - sent) {
            at += interval;
            sent += 1;
            due.at.borrow_mut().push_back(at);
            due.more.notify_one();
        }
    }
    Ok(())
}
