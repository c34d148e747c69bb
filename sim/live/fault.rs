//! What happens to whole processes in a live run: stopped, continued, killed, started again. What
//! happens within one is its own doing.

use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use evenkeel_core::time::Timestamp;

use super::clock::Clock;
use super::part::Order;
use super::process::{Launcher, Process};
use super::signal::Signal;
use crate::sweep::Stop;
use crate::timeline::{Change, Timeline};

/// How often an order to stop is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// The origins of a run.
#[derive(Debug)]
pub(super) struct Origins {
    /// By number of the origin.
    pub(super) seats: Mutex<Vec<Seat>>,
    /// What starts each again, at its port.
    pub(super) orders: Vec<Order>,
    pub(super) launcher: Launcher,
}

/// The processes that an origin has been, of which the last one may be alive. The others have been
/// killed and are waited for when all is over: nothing that is due waits for that.
#[derive(Debug)]
pub(super) struct Seat {
    processes: Vec<Process>,
    is_up: bool,
}

impl Seat {
    pub(super) fn new(process: Process) -> Self {
        Self {
            processes: vec![process],
            is_up: true,
        }
    }

    /// Sends a signal; after a crash nobody is there to get it.
    fn signal(&self, signal: Signal) -> io::Result<()> {
        match self.processes.last().filter(|_| self.is_up) {
            Some(process) => process.signal(signal),
            None => Ok(()),
        }
    }
}

impl Origins {
    /// Does what `timeline` says to processes, when it says so, until `stop` is asked.
    pub(super) fn follow(&self, timeline: &Timeline, clock: Clock, stop: &Stop) -> io::Result<()> {
        for (at, origin, change) in &timeline.changes {
            if !wait(*at, clock, stop) {
                return Ok(());
            }
            match change {
                Change::Pause => self.seats()[*origin].signal(Signal::Stop)?,
                Change::Resume => self.seats()[*origin].signal(Signal::Continue)?,
                Change::Crash => {
                    let seat = &mut self.seats()[*origin];
                    seat.signal(Signal::Kill)?;
                    seat.is_up = false;
                }
                Change::Restart => {
                    let (mut process, _) = self.launcher.start_origin(&self.orders[*origin])?;
                    process.tell(&clock.now().0.to_string())?;
                    let seat = &mut self.seats()[*origin];
                    seat.processes.push(process);
                    seat.is_up = true;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells all that the run has begun.
    pub(super) fn tell(&self, clock: Clock) -> io::Result<()> {
        let mut seats = self.seats();
        let mut processes = seats.iter_mut().flat_map(|seat| &mut seat.processes);
        processes.try_for_each(|process| process.tell(&clock.now().0.to_string()))
    }

    /// All processes that there have been.
    pub(super) fn pids(&self) -> Vec<u32> {
        let seats = self.seats();
        let processes = seats.iter().flat_map(|seat| &seat.processes);
        processes.flat_map(Process::pids).collect()
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Seat>> {
        let seats = self.seats.lock();
        seats.expect("a panic of one thread ends the run")
    }
}

impl Drop for Origins {
    /// All are asked to end before one is waited for.
    fn drop(&mut self) {
        let mut seats = self.seats();
        let processes = seats.iter_mut().flat_map(|seat| &mut seat.processes);
        processes.for_each(Process::end);
    }
}

/// Waits until `at`; false if `stop` is asked before.
fn wait(at: Timestamp, clock: Clock, stop: &Stop) -> bool {
    loop {
        if stop.is_asked() {
            return false;
        }
        let left = clock.until(at);
        if left == Duration::ZERO {
            return true;
        }
        clock.sleep(left.min(LOOK));
    }
}
