//! What happens to whole processes in a live run: stopped, continued, killed, started again. What
//! happens within one is its own doing.

use std::io;
use std::sync::Mutex;
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
    /// None while one is dead.
    pub(super) processes: Mutex<Vec<Option<Process>>>,
    /// What starts each again, at its port.
    pub(super) orders: Vec<Order>,
    pub(super) launcher: Launcher,
}

impl Origins {
    /// Does what `timeline` says to processes, when it says so, until `stop` is asked.
    pub(super) fn follow(&self, timeline: &Timeline, clock: Clock, stop: &Stop) -> io::Result<()> {
        for (at, origin, change) in &timeline.changes {
            if !wait(*at, clock, stop) {
                return Ok(());
            }
            match change {
                Change::Pause => self.signal(*origin, Signal::Stop)?,
                Change::Resume => self.signal(*origin, Signal::Continue)?,
                Change::Crash => {
                    self.signal(*origin, Signal::Kill)?;
                    self.put(*origin, None);
                }
                Change::Restart => {
                    let (mut process, _) = self.launcher.start_origin(&self.orders[*origin])?;
                    process.tell(&clock.now().0.to_string())?;
                    self.put(*origin, Some(process));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// All processes at work.
    pub(super) fn pids(&self) -> Vec<u32> {
        let processes = self.processes.lock();
        let processes = processes.expect("a panic of one thread ends the run");
        processes.iter().flatten().flat_map(Process::pids).collect()
    }

    fn signal(&self, origin: usize, signal: Signal) -> io::Result<()> {
        let processes = self.processes.lock();
        let processes = processes.expect("a panic of one thread ends the run");
        match &processes[origin] {
            Some(process) => process.signal(signal),
            None => Ok(()),
        }
    }

    fn put(&self, origin: usize, process: Option<Process>) {
        let processes = self.processes.lock();
        let mut processes = processes.expect("a panic of one thread ends the run");
        let before = std::mem::replace(&mut processes[origin], process);
        drop(processes);
        drop(before);
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
