//! An open-loop client: requests are sent when they are due, whether or not earlier ones are
//! answered, and timed from that moment, so that a server that stands still hides nothing.
#![allow(clippy::disallowed_types, reason = "requests are due in real time")]
use super::client::Client;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Requests that can be under way at a time, each on a connection of its own.
const CLIENTS: usize = 256;

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    /// Its status, if there was a whole answer.
    pub(crate) status: Option<u16>,
    /// Since it was due.
    pub(crate) took: Duration,
    /// How late it was sent: with more than a little of it, the client is what was measured.
    pub(crate) late: Duration,
}

/// Sends a `GET` of each path at its time, which do not fall, and returns what came of them, in
/// that order. Each event happens at its time, on the thread of the caller.
pub(crate) fn send(
    address: SocketAddr,
    calls: &[(Duration, String)],
    events: &[(Duration, &dyn Fn())],
) -> Vec<Answer> {
    let (next, begin) = (AtomicUsize::new(0), Instant::now());
    let answers = Mutex::new(Vec::with_capacity(calls.len()));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS.min(calls.len()) {
            scope.spawn(|| {
                let mut connection = None;
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some((due, path)) = calls.get(number) else {
                        return;
                    };
                    wait(begin + *due);
                    let answer = exchange(address, &mut connection, path, begin + *due);
                    answers
                        .lock()
                        .expect("nobody panics")
                        .push((number, answer));
                }
            });
        }
        for (when, event) in events {
            wait(begin + *when);
            event();
        }
    });
    let mut answers = answers.into_inner().expect("nobody panics");
    answers.sort_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

fn wait(until: Instant) {
    std::thread::sleep(until.saturating_duration_since(Instant::now()));
}

fn exchange(
    address: SocketAddr,
    connection: &mut Option<Client>,
    path: &str,
    due: Instant,
) -> Answer {
    let late = due.elapsed();
    let client = match connection.take() {
        Some(client) => Ok(client),
        None => Client::connect(address),
    };
    let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n");
    let status = client.ok().and_then(|mut client| {
        let answer = client.exchange("GET", request.as_bytes()).ok()?;
        let status = answer.head.status;
        *connection = (!answer.head.closes()).then_some(client);
        Some(status)
    });
    Answer {
        status,
        took: due.elapsed(),
        late,
    }
}
