//! The clients' connections of a live run: a thread each, which sends a request at a time and tells
//! what became of it.

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, Sender};

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::h1::{Method, ResponseHead};

use super::clock::Clock;
use super::line::{Broken, Line};
use crate::result::End;
use crate::workload::Arrival;

/// A request to be sent.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) arrival: Arrival,
    pub(super) method: Method,
    /// Head and body.
    pub(super) text: Vec<u8>,
    /// When it was to be sent.
    pub(super) due: Timestamp,
    /// When its client leaves, and as what that counts.
    pub(super) until: (Timestamp, End),
}

/// What became of a request.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) arrival: Arrival,
    pub(super) end: End,
    pub(super) at: Timestamp,
    /// The cookies that came with it, each a line.
    pub(super) cookies: Vec<String>,
    /// By how much it was sent too late.
    pub(super) late_ns: u64,
    /// The number of its connection.
    pub(super) connection: u64,
    /// Whether that can be used again.
    pub(super) kept: bool,
}

/// A connection to `front`: does one job after another, and ends when there will be no more, or
/// when it is lost.
pub(super) struct Connection {
    pub(super) number: u64,
    pub(super) front: SocketAddr,
    pub(super) clock: Clock,
    pub(super) jobs: Receiver<Job>,
    pub(super) done: Sender<Done>,
}

impl Connection {
    pub(super) fn run(self) {
        let mut line = None;
        let mut head = ResponseHead::default();
        while let Ok(job) = self.jobs.recv() {
            let late_ns = self.clock.now().0.saturating_sub(job.due.0);
            let mut cookies = Vec::new();
            let end = self.exchange(&mut line, &mut head, &job, &mut cookies);
            let done = Done {
                arrival: job.arrival,
                end,
                at: self.clock.now(),
                cookies,
                late_ns,
                connection: self.number,
                kept: line.is_some(),
            };
            if self.done.send(done).is_err() || line.is_none() {
                return;
            }
        }
    }

    /// Sends a request and reads its answer; the line is kept if it can be used again.
    fn exchange(
        &self,
        line: &mut Option<Line>,
        head: &mut ResponseHead,
        job: &Job,
        cookies: &mut Vec<String>,
    ) -> End {
        loop {
            let reused = line.is_some();
            let mut open = match line.take() {
                Some(open) => open,
                None => {
                    let stream = TcpStream::connect(self.front);
                    match stream.and_then(|stream| Line::new(stream, self.clock)) {
                        Ok(open) => open,
                        Err(_) => return End::Refused,
                    }
                }
            };
            open.wait_until(job.until.0);
            let answer = match open.write(&job.text) {
                Ok(()) => open.response(job.method, head, set_cookies),
                Err(_) => Err(Broken::Unanswered),
            };
            match answer {
                Ok(given) => {
                    *cookies = given;
                    *line = head.keep_alive.then_some(open);
                    return End::Status(head.status);
                }
                // A kept connection that closed under the request: any client tries again.
                Err(Broken::Unanswered) if reused => {}
                Err(Broken::Unanswered) => return End::Reset,
                Err(Broken::Cut) => return End::Cut,
                Err(Broken::Late) => return job.until.1,
            }
        }
    }
}

fn set_cookies(head: &ResponseHead, buf: &[u8]) -> Vec<String> {
    let lines = head.fields.values(buf, "set-cookie");
    lines
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect()
}
