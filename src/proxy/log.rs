//! The access log: one JSON object a line for each request, with every try.
//!
//! Lines are made on the worker and written by a thread of their own, so that a slow disk delays no
//! request. If it cannot keep up, lines are dropped and counted, never requests.

mod account;

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use evenkeel_core::account::Account;
use evenkeel_core::request::{Failure, Outcome};
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};

use serde_json::Value;

pub use account::account;

/// What `format = "json"` writes, as the schema tells it.
pub const JSON: &str = "what a line looks like; json is one object per line: time (Unix time, s), \
    id, client, method, host, path, pool, \
    session (the last step of it: begun, moved, kept by a draining endpoint, broken, forged, stale; \
    null: it stays, or there is none), \
    outcome (complete; local: an answer of our own; cut: ended inside the body; cancelled: the \
    client left; rejected: answered before any pool was asked), \
    status (as the client saw it; 0: it left before), bytes (of the body, to the client), \
    total_ms, limit (what refused or held it back; null: none did), held_ms (by it), queue_ms (waiting \
    for an endpoint), backoff_ms (between tries), and tries, each with endpoint, at_ms (when it \
    began, after the request), reused, dial_ms, head_ms, status (of its head), total_ms, \
    outcome (ok, failed, dial_failed, left: the client did, outrun: another try beside it was \
    answered first), and error (why it was not dialled; absent: it took too long); \
    explain (of the share of requests that `explain` names: why each try went where it did); \
    what is not known of a rejected request is null";

/// Lines that may wait for the disk.
const WAITING: usize = 4096;

/// A handle to the log; one for each worker.
#[derive(Clone, Debug)]
pub struct Log {
    lines: SyncSender<String>,
    dropped: Arc<AtomicU64>,
    explained: f64,
}

impl Log {
    /// A log and the end that [`Lines::write_to`] drains. Of a share of all requests, from 0 to 1,
    /// it says why they went where they did.
    #[must_use]
    pub fn new(explained: f64) -> (Self, Lines) {
        let (sender, lines) = sync_channel(WAITING);
        (
            Self {
                lines: sender,
                dropped: Arc::default(),
                explained,
            },
            Lines(lines),
        )
    }

    /// Lines lost because the disk was too slow.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// The share of requests whose picks are explained, from 0 to 1.
    pub(crate) const fn explained(&self) -> f64 {
        self.explained
    }

    fn write(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The lines to be written.
#[derive(Debug)]
pub struct Lines(Receiver<String>);

impl Lines {
    /// Writes lines until all logs are dropped. An error of the sink (a full disk) is told once by
    /// `complain`, and the lines of that moment are lost.
    pub fn write_to(self, mut sink: impl io::Write, mut complain: impl FnMut(&io::Error)) {
        let mut well = true;
        while let Ok(line) = self.0.recv() {
            let mut batch = line;
            while let Ok(line) = self.0.try_recv() {
                batch.push_str(&line);
                if batch.len() > 64 << 10 {
                    break;
                }
            }
            let result = sink.write_all(batch.as_bytes()).and_then(|()| sink.flush());
            if let Err(error) = &result
                && well
            {
                complain(error);
            }
            well = result.is_ok();
        }
    }
}

/// What is noted of one request while it lives. A text that is empty is not known, or there is no
/// such thing: it is written as `null`.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) pool: String,
    pub(crate) bytes: u64,
    began: Timestamp,
    /// The limit that refused or held it back.
    pub(crate) limit: String,
    /// How long.
    pub(crate) held: Duration,
    waited: Duration,
    delayed: Duration,
    tries: Vec<Try>,
    /// The last step of its session.
    session: &'static str,
    ended: Option<Ending>,
}

/// How a request ended, and how long after it arrived.
#[derive(Debug)]
struct Ending {
    outcome: &'static str,
    status: u16,
    total: Duration,
}

#[derive(Debug, Default)]
struct Try {
    slot: u32,
    picked: Timestamp,
    connected: Option<(bool, Duration)>,
    /// Its status, and after how long.
    head: Option<(u16, Duration)>,
    ended: Option<(&'static str, Duration)>,
    error: Option<String>,
}

impl Try {
    /// Writes its keys and values; `name` is its endpoint's, and its request arrived at `began`.
    fn write(&self, name: &str, began: Timestamp, line: &mut String) {
        line.push_str("\"endpoint\":");
        quote(name, line);
        let _ = write!(line, ",\"at_ms\":{:.3}", ms(self.picked.since(began)));
        if let Some((reused, dial)) = self.connected {
            let _ = write!(line, ",\"reused\":{reused},\"dial_ms\":{:.3}", ms(dial));
        }
        if let Some((status, head)) = self.head {
            let _ = write!(line, ",\"head_ms\":{:.3},\"status\":{status}", ms(head));
        }
        if let Some((ended, total)) = self.ended {
            let total = ms(total);
            let _ = write!(line, ",\"total_ms\":{total:.3},\"outcome\":\"{ended}\"");
        }
        if let Some(error) = &self.error {
            line.push_str(",\"error\":");
            quote(error, line);
        }
    }
}

impl Entry {
    /// An entry for a request that arrived at `began`.
    pub(crate) fn new(began: Timestamp) -> Self {
        Self {
            client: String::new(),
            method: String::new(),
            host: String::new(),
            path: String::new(),
            pool: String::new(),
            bytes: 0,
            began,
            limit: String::new(),
            held: Duration::ZERO,
            waited: Duration::ZERO,
            delayed: Duration::ZERO,
            tries: Vec::new(),
            session: "",
            ended: None,
        }
    }

    /// Takes note of a decision about the request.
    pub(crate) fn note(&mut self, event: &Event) {
        let at = event.at;
        match event.kind {
            Kind::Waited { since } => self.waited += at.since(since),
            Kind::Delayed { until } => self.delayed += until.since(at),
            Kind::Picked { .. } => {
                let slot = event.endpoint.map_or(0, |e| e.slot);
                self.tries.push(Try {
                    slot,
                    picked: at,
                    ..Try::default()
                });
            }
            Kind::Connected { reused } => {
                self.of(event.attempt, |t| {
                    t.connected = Some((reused, at.since(t.picked)))
                });
            }
            Kind::DialFailed => self.of(event.attempt, |t| {
                t.ended = Some(("dial_failed", at.since(t.picked)));
            }),
            Kind::Head { status } => self.of(event.attempt, |t| {
                t.head = Some((status, at.since(t.picked)));
            }),
            Kind::Failed { failure, .. } => self.of(event.attempt, |t| {
                let how = match failure {
                    Failure::Outrun | Failure::Spare => "outrun",
                    Failure::ClientLeft => "left",
                    _ => "failed",
                };
                t.ended.get_or_insert((how, at.since(t.picked)));
            }),
            Kind::Completed => self.of(event.attempt, |t| {
                t.ended = Some(("ok", at.since(t.picked)));
            }),
            Kind::Finished { outcome, .. } => {
                self.end(at, outcome_name(outcome), status(outcome));
            }
            Kind::Rejected { status: 0 } => self.end(at, "cancelled", 0),
            Kind::Rejected { status } => self.end(at, "rejected", status),
            Kind::Session { step } => self.session = step.name(),
            _ => {}
        }
    }

    /// Why try `attempt` cannot reach its endpoint.
    pub(crate) fn explain(&mut self, attempt: u8, error: &io::Error) {
        self.of(attempt, |t| t.error = Some(error.to_string()));
    }

    fn end(&mut self, at: Timestamp, outcome: &'static str, status: u16) {
        self.ended = Some(Ending {
            outcome,
            status,
            total: at.since(self.began),
        });
    }

    fn of(&mut self, attempt: u8, change: impl FnOnce(&mut Try)) {
        let place = usize::from(attempt).checked_sub(1);
        if let Some(tried) = place.and_then(|place| self.tries.get_mut(place)) {
            change(tried);
        }
    }

    /// Writes the line. `name` puts a name to a slot; `unix` is the date; `accounts` are of the
    /// request's picks, if somebody asked.
    pub(crate) fn write(
        &self,
        log: &Log,
        id: &str,
        unix: Duration,
        name: impl Fn(u32) -> Option<String>,
        accounts: &[Account],
    ) {
        let Some(Ending {
            outcome,
            status,
            total,
        }) = self.ended
        else {
            return;
        };
        let mut line = String::with_capacity(384);
        let _ = write!(
            line,
            "{{\"time\":{}.{:06}",
            unix.as_secs(),
            unix.subsec_micros()
        );
        for (key, value) in [
            ("id", id),
            ("client", &self.client),
            ("method", &self.method),
            ("host", &self.host),
            ("path", &self.path),
            ("pool", &self.pool),
            ("session", self.session),
            ("limit", &self.limit),
            ("outcome", outcome),
        ] {
            let _ = write!(line, ",\"{key}\":");
            if value.is_empty() {
                line.push_str("null");
            } else {
                quote(value, &mut line);
            }
        }
        let _ = write!(line, ",\"status\":{status},\"bytes\":{}", self.bytes);
        let _ = write!(line, ",\"total_ms\":{:.3}", ms(total));
        let _ = write!(line, ",\"held_ms\":{:.3}", ms(self.held));
        let _ = write!(line, ",\"queue_ms\":{:.3}", ms(self.waited));
        let _ = write!(line, ",\"backoff_ms\":{:.3},\"tries\":[", ms(self.delayed));
        for (n, tried) in self.tries.iter().enumerate() {
            line.push_str(if n == 0 { "{" } else { ",{" });
            let name = name(tried.slot);
            tried.write(name.as_deref().unwrap_or("?"), self.began, &mut line);
            line.push('}');
        }
        line.push(']');
        if !accounts.is_empty() {
            let explain = accounts.iter().map(|picked| account(picked, self.began));
            let _ = write!(line, ",\"explain\":{}", explain.collect::<Value>());
        }
        line.push_str("}\n");
        log.write(line);
    }
}

/// The status that the client saw; 0 if it left before one.
fn status(outcome: Outcome) -> u16 {
    match outcome {
        Outcome::Complete { status } | Outcome::Cut { status } => status,
        Outcome::Local(local) => local.status(),
        Outcome::Cancelled => 0,
    }
}

const fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Complete { .. } => "complete",
        Outcome::Local(_) => "local",
        Outcome::Cut { .. } => "cut",
        Outcome::Cancelled => "cancelled",
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// A JSON string. What is not ASCII is written as it came, what controls is escaped.
fn quote(text: &str, line: &mut String) {
    line.push('"');
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(line, "\\u{:04x}", c as u32);
            }
            c => line.push(c),
        }
    }
    line.push('"');
}

#[cfg(test)]
mod test;
