//! What clients do in the model: they send, lose patience, leave, try again, come back, hold
//! sockets.
//!
//! A slot is one try of a client on the wire. A client that leaves learns nothing more of it: the
//! slot goes on until the proxy has noticed, one way later, while the client's next try has a slot
//! of its own.

use evenkeel_core::request::Event;
use evenkeel_core::time::Timestamp;

use super::{Engine, Hop, Live, What};
use crate::engine::Seen;
use crate::link::Arrival as Arrived;
use crate::result::{Completion, End, Turn};
use crate::workload::{Arrival, Next, Talk, Visit};

/// The leg of the news that a client has left.
const LEAVE: u64 = 2;
/// Legs of what comes before a client's first request, and of the end of a tunnel, begin here.
const GREETING: u64 = 1 << 33;
const PARTING: u64 = 1 << 34;

/// When a client leaves that waits for ever, and as what that would count.
const NEVER: (Timestamp, End) = (Timestamp::MAX, End::Timeout);

/// What a client does by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// It tries again.
    Retry,
    /// It wants its socket back.
    Reconnect,
    /// The proxy learns that it has left.
    Left,
    /// It says something on its socket.
    Speak,
    /// It has had enough of its socket.
    HangUp,
    /// The proxy learns that both sides of the tunnel have ended.
    Closed,
}

/// What the client of a slot is at.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    /// Counts the slot's tries: what is planned for an earlier one is outdated.
    client: u32,
    /// When the client leaves, and as what that counts.
    until: (Timestamp, End),
    /// When the request reaches the proxy: the news of its leaving cannot be faster.
    reaches: Timestamp,
    /// The client has left; nobody waits.
    gone: bool,
    /// The origin has agreed to switch protocols.
    pub(super) upgraded: bool,
    /// Of a workload with sockets.
    socket: Option<Box<Socket>>,
}

/// A socket that a client wants to hold.
#[derive(Clone, Debug)]
struct Socket {
    until: Timestamp,
    /// In a row, by now.
    failures: u32,
    open: bool,
    talk: Option<Talk>,
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            client: 0,
            until: NEVER,
            reaches: Timestamp::ZERO,
            gone: false,
            upgraded: false,
            socket: None,
        }
    }
}

impl Engine<'_> {
    /// A user's request is due.
    pub(super) fn due(&mut self, arrival: Arrival) {
        let Arrival {
            due,
            workload,
            class,
            visit,
            ..
        } = arrival;
        self.collector.sent(due, workload, class);
        if let Visit::Session { first: true, .. } = visit {
            self.collector.session(due);
        }
        self.visitors.given(&arrival);
        let until = self.conduct.until(&arrival, self.plan.end());
        let at = self.slot(arrival);
        self.live[at].waiting.socket = until.map(|until| {
            Box::new(Socket {
                until,
                failures: 0,
                open: false,
                talk: None,
            })
        });
        self.send(at);
    }

    fn slot(&mut self, arrival: Arrival) -> usize {
        match self.free.pop() {
            Some(at) => {
                let live = &mut self.live[at];
                live.arrival = arrival;
                live.waiting.gone = false;
                live.waiting.until = NEVER;
                (live.session, live.served, live.gift) = (None, None, None);
                at
            }
            None => {
                let rng = self.proxies[0].picks.at(0);
                self.live.push(Live::new(arrival, rng));
                self.live.len() - 1
            }
        }
    }

    /// A client sends the slot's request.
    fn send(&mut self, at: usize) {
        let live = &mut self.live[at];
        live.waiting.upgraded = false;
        (live.served, live.gift) = (None, None);
        let arrival = &live.arrival;
        let workload = arrival.workload;
        let holds = self.conduct.holds(workload);
        let begins = arrival.visit.begins() || holds;
        live.place = self.downstream.take(self.plan, arrival, holds);
        let mut sent = self.now;
        if begins {
            sent = self.greet(at);
        }
        let head = self.upload(at, sent);
        if !self.conduct.is_plain(workload) {
            self.arm(at, head.at());
        }
        match head {
            Arrived::At(head) if head <= self.now => self.arrive(at),
            Arrived::At(head) => self.plan_at(head, What::Arrive { at }),
            Arrived::Lost(given_up) => self.complete(at, End::Reset, given_up),
        }
    }

    /// When a connection to the proxy is open: a round trip later, and another one of TLS.
    fn greet(&self, at: usize) -> Timestamp {
        let tls = self.plan.front().is_some_and(|front| front.tls.is_some());
        let mut ready = self.now;
        for trip in 0..1 + u64::from(tls) {
            let leg = GREETING + 2 * trip;
            ready = self.to_proxy(at, leg, ready);
            ready = self.to_client(at, leg + 1, ready);
        }
        ready
    }

    /// The client of a slot waits, until it loses patience.
    fn arm(&mut self, at: usize, reaches: Timestamp) {
        let now = self.now;
        let live = &mut self.live[at];
        let until = self.conduct.patience(&live.arrival, now);
        let waiting = &mut live.waiting;
        waiting.client = waiting.client.wrapping_add(1);
        waiting.gone = false;
        waiting.reaches = reaches;
        waiting.until = until;
        self.patience.set(at, until.0);
    }

    /// The slot's client may have waited long enough.
    pub(super) fn lose_patience(&mut self, at: usize) {
        let waiting = &self.live[at].waiting;
        match waiting.until.0 {
            _ if waiting.gone => {}
            deadline if deadline <= self.now => self.give_up(at),
            deadline => self.patience.set(at, deadline),
        }
    }

    fn plan_act(&mut self, when: Timestamp, at: usize, act: Act) {
        let client = self.live[at].waiting.client;
        self.plan_at(when, What::Client { at, client, act });
    }

    /// The slot's client does something, unless it has moved on.
    pub(super) fn act(&mut self, at: usize, client: u32, act: Act) {
        if self.live[at].waiting.client != client {
            return;
        }
        match act {
            Act::Retry => {
                let Arrival {
                    due,
                    workload,
                    class,
                    ..
                } = self.live[at].arrival;
                self.collector.client_retry(due, workload, class);
                self.send(at);
            }
            Act::Reconnect => {
                let arrival = &mut self.live[at].arrival;
                arrival.due = self.now;
                let (workload, class) = (arrival.workload, arrival.class);
                self.collector.sent(self.now, workload, class);
                self.collector.socket(self.now, Turn::Reconnect);
                self.send(at);
            }
            Act::Left => self.report(at, Event::ClientLeft),
            Act::Speak => self.speak(at),
            Act::HangUp => self.hang_up(at),
            Act::Closed => self.report(at, Event::TunnelEnded),
        }
    }

    /// The client leaves. What it does then is another slot's.
    fn give_up(&mut self, at: usize) {
        let waiting = &mut self.live[at].waiting;
        let (_, end) = waiting.until;
        waiting.gone = true;
        let (reaches, socket) = (waiting.reaches, waiting.socket.take());
        let arrival = self.live[at].arrival.clone();
        let learns = self.to_proxy(at, LEAVE, self.now);
        self.plan_act(learns.max(reaches), at, Act::Left);
        let next = self.slot(arrival);
        let waiting = &mut self.live[next].waiting;
        waiting.client = waiting.client.wrapping_add(1);
        waiting.socket = socket;
        self.conclude(next, end, self.now);
    }

    /// The response is complete, or there will be none: its client has it at `done`.
    pub(super) fn complete(&mut self, at: usize, end: End, done: Timestamp) {
        let live = &mut self.live[at];
        live.serial += 1;
        let workload = live.arrival.workload;
        self.keep(at, end, done);
        if self.conduct.is_plain(workload) {
            self.tell(at, end, done);
            return self.free.push(at);
        }
        let waiting = &mut self.live[at].waiting;
        waiting.client = waiting.client.wrapping_add(1);
        let until = std::mem::replace(&mut waiting.until, NEVER);
        if waiting.gone {
            return self.free.push(at);
        }
        if let Some(socket) = waiting.socket.as_mut().filter(|socket| socket.open) {
            socket.open = false;
            if done > socket.until {
                // Its client hung up before it heard.
                return self.free.push(at);
            }
            self.collector.socket(done, Turn::Cut);
            return self.reconnect(at, done);
        }
        match until {
            (deadline, end) if done > deadline => self.conclude(at, end, deadline),
            _ => self.conclude(at, end, done),
        }
    }

    /// Where there are several proxies, a client keeps the connection on which all went well.
    fn keep(&mut self, at: usize, end: End, done: Timestamp) {
        let live = &self.live[at];
        let stays = !live.waiting.gone && done <= live.waiting.until.0 && !live.waiting.upgraded;
        if self.places.len() > 1 && matches!(end, End::Status(_)) && stays {
            let idle = What::Idle {
                key: self.plan.connection(&live.arrival),
                place: live.place,
                process: live.process,
            };
            self.until(done, idle);
        }
    }

    /// A try has ended for its client, whose slot this is.
    fn conclude(&mut self, at: usize, end: End, done: Timestamp) {
        if self.live[at].waiting.socket.is_some() {
            self.tell(at, end, done);
            return match end {
                End::Cancelled => self.free.push(at),
                _ => self.reconnect(at, done),
            };
        }
        match self.conduct.after(&self.live[at].arrival, end, done) {
            Next::Again(again) => {
                self.live[at].arrival.retry += 1;
                self.plan_act(again, at, Act::Retry);
            }
            Next::Over(end, done) => {
                self.tell(at, end, done);
                self.free.push(at);
            }
        }
    }

    /// The slot's request has ended for its user.
    fn tell(&mut self, at: usize, end: End, done: Timestamp) {
        self.keep_gift(at, end);
        let arrival = &self.live[at].arrival;
        let completion = Completion {
            due: arrival.due,
            done,
            workload: arrival.workload,
            class: arrival.class,
            end,
        };
        self.arrivals.ended(arrival, done);
        self.collector.complete(&completion);
        if self.observe {
            let n = arrival.n;
            self.seen.push(Seen { n, completion });
        }
    }

    /// The head of a response has reached the proxy: the rest follows, or a tunnel is open.
    pub(super) fn forward(&mut self, at: usize) -> Option<Event> {
        if !self.live[at].waiting.upgraded {
            return self.relay(at);
        }
        let done = self.to_client(at, 1, self.now);
        let live = &mut self.live[at];
        let waiting = &mut live.waiting;
        let talk = self.conduct.messages(&live.arrival);
        let socket = waiting.socket.as_mut()?;
        if waiting.gone || done > waiting.until.0 {
            // It is about to leave, or has.
            return None;
        }
        waiting.client = waiting.client.wrapping_add(1);
        waiting.until = NEVER;
        (socket.open, socket.failures) = (true, 0);
        let until = socket.until.max(done);
        let mut talk = talk;
        let speaks = talk.as_mut().map(|talk| talk.next(done));
        socket.talk = talk;
        self.tell(at, End::Status(101), done);
        self.collector.socket(done, Turn::Opened);
        self.plan_act(until, at, Act::HangUp);
        if let Some(speaks) = speaks.filter(|speaks| *speaks < until) {
            self.plan_act(speaks, at, Act::Speak);
        }
        None
    }

    /// A message is on its way to the origin and back: the tunnel is not silent.
    fn speak(&mut self, at: usize) {
        let now = self.now;
        let reaches = self.to_proxy(at, 0, now);
        let live = &mut self.live[at];
        live.request.touch(reaches);
        let Some(socket) = &mut live.waiting.socket else {
            return;
        };
        let until = socket.until;
        let next = socket.talk.as_mut().map(|talk| talk.next(now));
        if let Some(next) = next.filter(|next| *next < until) {
            self.plan_act(next, at, Act::Speak);
        }
    }

    /// The client closes its side; the proxy knows of both ends when the origin's has come.
    fn hang_up(&mut self, at: usize) {
        let live = &self.live[at];
        let (n, place, origin) = (live.arrival.n, live.place, live.origin);
        let mut closed = self.to_proxy(at, PARTING, self.now);
        for (leg, hop) in [(1, Hop::Up(place, origin)), (2, Hop::Back(place, origin))] {
            closed = self.arrival(hop, n, PARTING + leg, closed, 0).at();
        }
        let waiting = &mut self.live[at].waiting;
        waiting.gone = true;
        waiting.socket = None;
        waiting.client = waiting.client.wrapping_add(1);
        self.plan_act(closed, at, Act::Closed);
    }

    /// A client without a socket comes back later, if it wants to.
    fn reconnect(&mut self, at: usize, done: Timestamp) {
        let live = &mut self.live[at];
        let Some(socket) = &mut live.waiting.socket else {
            return self.free.push(at);
        };
        let failures = socket.failures;
        match self
            .conduct
            .reconnect(&live.arrival, failures, done, socket.until)
        {
            Some(again) => {
                socket.failures += 1;
                live.arrival.retry += 1;
                self.plan_act(again, at, Act::Reconnect);
            }
            None => self.free.push(at),
        }
    }

    /// The tunnels of an origin that has crashed: it closes them, which ends them one way later.
    pub(super) fn cut_tunnels(&mut self, origin: usize) {
        for at in 0..self.live.len() {
            let live = &self.live[at];
            let here = live.request.endpoint().is_some() && live.origin == origin;
            if live.waiting.upgraded && here && !live.request.is_finished() {
                let (hop, n) = (Hop::Back(live.place, origin), live.arrival.n);
                let closed = self.arrival(hop, n, PARTING, self.now, 0).at();
                self.plan_act(closed, at, Act::Closed);
            }
        }
    }
}
