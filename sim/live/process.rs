//! The processes of a live run, seen from the one that runs it: each is this program again, with an
//! order, and ends with its owner.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::clock::Clock;
use super::part::{Listening, Order};
use super::signal::{Signal, send};

/// How long one may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// How a process of a live run is started: a program and its first arguments.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; it then finds an [`Order`] on its standard input.
    pub arguments: Vec<OsString>,
}

/// A child with an order. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    /// Whom signals are for.
    pid: u32,
}

impl Launcher {
    /// Starts a process with an order.
    ///
    /// # Errors
    ///
    /// The system has no room for it.
    pub fn start(&self, order: &Order) -> io::Result<Process> {
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // An interrupt is for the owner, which then ends it.
            .process_group(0)
            .spawn()?;
        let stdout = child.stdout.take().map(BufReader::new);
        let mut process = Process {
            pid: child.id(),
            stdin: child.stdin.take(),
            stdout,
            child,
        };
        process.tell(&serde_json::to_string(order)?)?;
        Ok(process)
    }

    /// Starts an origin or an application, and waits until it listens.
    ///
    /// # Errors
    ///
    /// It ends before; it has said why.
    pub fn start_origin(&self, order: &Order) -> io::Result<(Process, SocketAddr)> {
        let mut process = self.start(order)?;
        let Listening { listening, pid } = process.hear()?;
        process.pid = pid;
        Ok((process, SocketAddr::from(([127, 0, 0, 1], listening))))
    }
}

impl Process {
    /// Writes a line to its standard input.
    ///
    /// # Errors
    ///
    /// It has ended.
    pub fn tell(&mut self, line: &str) -> io::Result<()> {
        match &mut self.stdin {
            Some(stdin) => writeln!(stdin, "{line}"),
            None => Ok(()),
        }
    }

    /// The next line of its standard output that says a `T`.
    ///
    /// # Errors
    ///
    /// It ends before.
    pub fn hear<T: DeserializeOwned>(&mut self) -> io::Result<T> {
        let lost = || io::Error::other("it ended before it listened");
        let stdout = self.stdout.as_mut().ok_or_else(lost)?;
        for line in stdout.lines() {
            if let Ok(heard) = serde_json::from_str(&line?) {
                return Ok(heard);
            }
        }
        Err(lost())
    }

    /// What is left of its standard output.
    pub(super) fn output(&mut self) -> Option<BufReader<ChildStdout>> {
        self.stdout.take()
    }

    /// The processes whose work is its own.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        let own = self.child.id();
        let other = Some(self.pid).filter(|pid| *pid != own);
        [own].into_iter().chain(other)
    }

    /// Stops it where it is, lets it go on, or kills it.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        send(self.pid, signal)
    }

    /// Asks it to end.
    pub fn end(&mut self) {
        self.stdin = None;
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        // Who is stopped hears nothing.
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            let _ = self.signal(Signal::Continue);
        }
        let clock = Clock::began(Duration::ZERO);
        while matches!(self.child.try_wait(), Ok(None))
            && Duration::from_nanos(clock.now().0) < GRACE
        {
            clock.sleep(LOOK);
        }
        // Both fail only for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
