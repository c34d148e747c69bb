//! The processes of a live run, seen from within: each gets an order on its standard input, says
//! where it listens, hears when the run begins, and ends when that input ends. So none outlives the
//! run, however that ends.

use std::io::{self, BufRead, Write, stdin, stdout};
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::application::{Application, Program};
use super::clock::Clock;
use super::origin::Origin;
use super::signal::{Signal, send};
use crate::plan::Plan;

/// What a process is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Order {
    /// The proxy, before these origins, which are in the plan's order.
    Proxy(Vec<SocketAddr>),
    /// Origin number `number` of the plan.
    Origin {
        /// Which one.
        number: usize,
        /// The port to listen on; 0 is a free one.
        port: u16,
    },
    /// Who looks after the user's own application, which needs no plan.
    Application(Program),
}

/// What a process says once it is there.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Listening {
    /// Its port of the loopback.
    pub listening: u16,
    /// The process that signals are for.
    pub pid: u32,
}

/// Reads the order from standard input.
///
/// # Errors
///
/// It ends, or holds something else.
pub fn order() -> io::Result<Order> {
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

/// Is origin number `number` of a plan until standard input ends.
///
/// # Errors
///
/// There is no such origin, or it cannot listen on `port`.
pub fn originate(plan: &Plan, seed: u64, number: usize, port: u16) -> io::Result<()> {
    if number >= plan.origins.len() {
        return Err(io::Error::other("the plan has no such origin"));
    }
    let origin = Origin::start(plan, seed, number, port)?;
    say(origin.address().port(), std::process::id())?;
    let mut line = String::new();
    stdin().lock().read_line(&mut line)?;
    if let Ok(ago_ns) = line.trim().parse() {
        origin.begin(Clock::began(Duration::from_nanos(ago_ns)))?;
    }
    wait()
}

/// Starts an application, and ends it when standard input ends.
///
/// # Errors
///
/// It does not start.
pub fn look_after(program: &Program) -> io::Result<()> {
    let application = Application::start(program)?;
    say(application.port(), application.pid())?;
    application.watch();
    wait()
}

/// Waits for the end of standard input.
///
/// # Errors
///
/// It cannot be read.
pub fn wait() -> io::Result<()> {
    io::copy(&mut stdin().lock(), &mut io::sink()).map(drop)
}

/// Asks this process to end as a user would.
///
/// # Errors
///
/// The system refuses.
pub fn terminate() -> io::Result<()> {
    send(std::process::id(), Signal::Terminate)
}

fn say(listening: u16, pid: u32) -> io::Result<()> {
    let line = serde_json::to_string(&Listening { listening, pid })?;
    let mut out = stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
