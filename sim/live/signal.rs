//! Signals to processes of a live run.

use std::io;

use rustix::process::{Pid, kill_process};

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGSTOP
    Stop,
    /// SIGCONT
    Continue,
    /// SIGTERM
    Terminate,
    /// SIGKILL
    Kill,
}

/// Sends a signal to a process that has not been waited for.
pub(super) fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| io::Error::other("no process has this number"))?;
    let signal = match signal {
        Signal::Stop => rustix::process::Signal::STOP,
        Signal::Continue => rustix::process::Signal::CONT,
        Signal::Terminate => rustix::process::Signal::TERM,
        Signal::Kill => rustix::process::Signal::KILL,
    };
    Ok(kill_process(pid, signal)?)
}
