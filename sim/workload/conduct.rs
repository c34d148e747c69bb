//! What clients do by themselves: lose patience, leave, try again, hold sockets. Drawn here once
//! for both engines.

use evenkeel_core::rng::{Rng, Stream};
use evenkeel_core::time::{Timestamp, nanos};

use super::{Arrival, Backoff, Client, Messages, Sockets, Spec};
use crate::result::End;

/// A doubling beyond this many is the longest wait, whatever the first one was.
const DOUBLINGS: u32 = 63;

/// The draws of all workloads' clients.
#[derive(Clone, Debug)]
pub struct Conduct {
    rows: Vec<Row>,
    aborts: Stream,
    backoffs: Stream,
    holds: Stream,
    messages: Stream,
}

#[derive(Clone, Debug)]
struct Row {
    client: Client,
    sockets: Option<Sockets>,
    plain: bool,
}

/// What a client does when a try of its has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// It tries again then.
    Again(Timestamp),
    /// It is content, or has given up: how it ended for it, and when.
    Over(End, Timestamp),
}

impl Conduct {
    /// The clients of `specs`.
    #[must_use]
    pub fn new(seed: u64, specs: &[Spec]) -> Self {
        let row = |spec: &Spec| Row {
            client: spec.client.clone(),
            sockets: spec.sockets.clone(),
            plain: spec.client == Client::PATIENT && spec.sockets.is_none(),
        };
        Self {
            rows: specs.iter().map(row).collect(),
            aborts: Stream::new(seed, "abort"),
            backoffs: Stream::new(seed, "backoff"),
            holds: Stream::new(seed, "hold"),
            messages: Stream::new(seed, "message"),
        }
    }

    /// Whether this workload's clients do nothing but wait.
    #[must_use]
    pub fn is_plain(&self, workload: u16) -> bool {
        self.row(workload).plain
    }

    /// Whether its requests open sockets.
    #[must_use]
    pub fn holds(&self, workload: u16) -> bool {
        self.row(workload).sockets.is_some()
    }

    fn row(&self, workload: u16) -> &Row {
        &self.rows[usize::from(workload)]
    }

    /// When the client leaves a try that it sends at `sent`, and how that counts;
    /// [`Timestamp::MAX`] if it waits for ever.
    #[must_use]
    pub fn patience(&self, arrival: &Arrival, sent: Timestamp) -> (Timestamp, End) {
        let client = &self.row(arrival.workload).client;
        let abort = self.abort(arrival);
        let timeout = client.timeout.map_or(Timestamp::MAX, |time| sent + time);
        if abort <= timeout {
            (abort, End::Cancelled)
        } else {
            (timeout, End::Timeout)
        }
    }

    /// When the client leaves whatever happens: drawn once for all its tries.
    fn abort(&self, arrival: &Arrival) -> Timestamp {
        let Some(abort) = &self.row(arrival.workload).client.abort else {
            return Timestamp::MAX;
        };
        let mut rng = of(self.aborts, arrival).at(0);
        if rng.unit() >= abort.share {
            return Timestamp::MAX;
        }
        Timestamp(arrival.due.0.saturating_add(abort.after.draw(&mut rng)))
    }

    /// What the client does when a try has ended as `end` at `done`.
    #[must_use]
    pub fn after(&self, arrival: &Arrival, end: End, done: Timestamp) -> Next {
        let client = &self.row(arrival.workload).client;
        if !end.is_failure() || arrival.retry >= u16::from(client.retries) {
            return Next::Over(end, done);
        }
        let wait_ns = self.wait(client.backoff, arrival, u32::from(arrival.retry));
        let again = Timestamp(done.0.saturating_add(wait_ns));
        let abort = self.abort(arrival);
        if abort <= again {
            return Next::Over(End::Cancelled, abort.max(done));
        }
        Next::Again(again)
    }

    /// How long the client waits after `failures` in a row before this one.
    fn wait(&self, backoff: Backoff, arrival: &Arrival, failures: u32) -> u64 {
        let doubled = u128::from(nanos(backoff.first)) << failures.min(DOUBLINGS);
        let whole = doubled.min(u128::from(nanos(backoff.most))) as u64;
        if !backoff.jitter {
            return whole;
        }
        let mut rng = of(self.backoffs, arrival).at(u64::from(arrival.retry));
        whole - rng.below(whole / 2 + 1)
    }

    /// Until when the client of a request that is due now wants its socket to be open; `None` if
    /// it asks for none. Nobody holds one after `end`.
    #[must_use]
    pub fn until(&self, arrival: &Arrival, end: Timestamp) -> Option<Timestamp> {
        let sockets = self.row(arrival.workload).sockets.as_ref()?;
        let hold_ns = sockets.hold.draw(&mut of(self.holds, arrival).at(0));
        Some(Timestamp(arrival.due.0.saturating_add(hold_ns)).min(end))
    }

    /// When a client that wants a socket until `until` and has none since `done` tries again,
    /// after `failures` in a row before this one.
    #[must_use]
    pub fn reconnect(
        &self,
        arrival: &Arrival,
        failures: u32,
        done: Timestamp,
        until: Timestamp,
    ) -> Option<Timestamp> {
        let backoff = self.row(arrival.workload).sockets.as_ref()?.reconnect?;
        let wait_ns = self.wait(backoff, arrival, failures);
        Some(Timestamp(done.0.saturating_add(wait_ns))).filter(|at| *at < until)
    }

    /// What the client says on its socket, if anything: the draws of the gaps, and the bytes.
    #[must_use]
    pub fn messages(&self, arrival: &Arrival) -> Option<Talk> {
        let messages = self
            .row(arrival.workload)
            .sockets
            .as_ref()?
            .messages
            .clone()?;
        let gaps = of(self.messages, arrival).at(u64::from(arrival.retry));
        Some(Talk { messages, gaps })
    }
}

/// What is said on one socket.
#[derive(Clone, Debug)]
pub struct Talk {
    messages: Messages,
    gaps: Rng,
}

impl Talk {
    /// When the next message follows one at `now`.
    pub fn next(&mut self, now: Timestamp) -> Timestamp {
        let gap_ns = self.messages.every.draw(&mut self.gaps);
        // A gap of nothing would be a conversation without end in one instant.
        Timestamp(now.0.saturating_add(gap_ns.max(1_000)))
    }

    /// The bytes of a message.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.messages.bytes
    }
}

/// What belongs to one user's request, whatever its try.
fn of(stream: Stream, arrival: &Arrival) -> Stream {
    stream.child(u64::from(arrival.workload)).child(arrival.n)
}
