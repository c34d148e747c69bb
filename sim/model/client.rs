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
    pub(super) fn due(&mut self, slots: &mut Vec<Live>, arrival: Arrival) {
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
        let at = self.slot(slots, arrival);
        let live = &mut slots[at];
        live.waiting.socket = match live.plain {
            true => None,
            false => self.socket(&live.arrival),
        };
        self.send(live);
    }

    /// The socket that a request asks for.
    fn socket(&self, arrival: &Arrival) -> Option<Box<Socket>> {
        let until = self.conduct.until(arrival, self.plan.end())?;
        Some(Box::new(Socket {
            until,
            failures: 0,
            open: false,
            talk: None,
        }))
    }

    fn slot(&mut self, slots: &mut Vec<Live>, arrival: Arrival) -> usize {
        let plain = self.conduct.is_plain(arrival.workload);
        match self.free.pop() {
            Some(at) => {
                let live = &mut slots[at];
                live.arrival = arrival;
                live.plain = plain;
                live.waiting.gone = false;
                live.waiting.until = NEVER;
                (live.over, live.torn) = (false, false);
                (live.session, live.served, live.gift) = (None, None, None);
                at
            }
            None => {
                let rng = self.proxies[0].picks.at(0);
                slots.push(Live::new(slots.len(), arrival, plain, rng));
                slots.len() - 1
            }
        }
    }

    /// A slot for what the client of slot `at` does next, while that one's request goes on.
    fn move_on(&mut self, slots: &mut Vec<Live>, at: usize) -> usize {
        let live = &mut slots[at];
        let (arrival, socket) = (live.arrival.clone(), live.waiting.socket.take());
        let next = self.slot(slots, arrival);
        let waiting = &mut slots[next].waiting;
        waiting.client = waiting.client.wrapping_add(1);
        waiting.socket = socket;
        next
    }

    /// The slot's request is over. An origin may still have to read a try of it that was given up.
    pub(super) fn vacate(&mut self, live: &mut Live) {
        live.over = true;
        if live.on_way == 0 {
            self.free.push(live.at);
        }
    }

    /// A client sends the slot's request.
    fn send(&mut self, live: &mut Live) {
        live.waiting.upgraded = false;
        (live.served, live.gift) = (None, None);
        let arrival = &live.arrival;
        let workload = arrival.workload;
        let holds = !live.plain && self.conduct.holds(workload);
        let begins = arrival.visit.begins() || holds;
        live.place = match self.places.len() {
            1 => 0,
            _ => self.downstream.take(self.plan, arrival, holds),
        };
        let mut sent = self.now;
        if begins {
            sent = self.greet(live);
        }
        let head = self.upload(live, sent);
        if !live.plain {
            self.arm(live, head.at());
        }
        match head {
            Arrived::At(head) if head <= self.now => self.arrive(live),
            Arrived::At(head) => self.plan_at(head, What::Arrive { at: live.at }),
            Arrived::Lost(given_up) => self.complete(live, End::Reset, given_up),
        }
    }

    /// When a connection to the proxy is open: a round trip later, and another one of TLS.
    fn greet(&self, live: &Live) -> Timestamp {
        let tls = self.plan.front().is_some_and(|front| front.tls.is_some());
        let mut ready = self.now;
        for trip in 0..1 + u64::from(tls) {
            let leg = GREETING + 2 * trip;
            ready = self.to_proxy(live, leg, ready);
            ready = self.to_client(live, leg + 1, ready);
        }
        ready
    }

    /// The client of a slot waits, until it loses patience.
    fn arm(&mut self, live: &mut Live, reaches: Timestamp) {
        let now = self.now;
        let until = self.conduct.patience(&live.arrival, now);
        let waiting = &mut live.waiting;
        waiting.client = waiting.client.wrapping_add(1);
        waiting.gone = false;
        waiting.reaches = reaches;
        waiting.until = until;
        self.patience.set(live.at, until.0);
    }

    /// The slot's client may have waited long enough.
    pub(super) fn lose_patience(&mut self, slots: &mut Vec<Live>, at: usize) {
        let waiting = &slots[at].waiting;
        match waiting.until.0 {
            _ if waiting.gone => {}
            deadline if deadline <= self.now => self.give_up(slots, at),
            deadline => self.patience.set(at, deadline),
        }
    }

    fn plan_act(&mut self, when: Timestamp, live: &Live, act: Act) {
        let client = live.waiting.client;
        self.plan_at(
            when,
            What::Client {
                at: live.at,
                client,
                act,
            },
        );
    }

    /// The slot's client does something, unless it has moved on.
    pub(super) fn act(&mut self, slots: &mut Vec<Live>, mut at: usize, client: u32, act: Act) {
        if slots[at].waiting.client != client {
            return;
        }
        if matches!(act, Act::Retry | Act::Reconnect) && slots[at].on_way > 0 {
            let next = self.move_on(slots, at);
            self.vacate(&mut slots[at]);
            at = next;
        }
        let live = &mut slots[at];
        match act {
            Act::Retry => {
                let Arrival {
                    due,
                    workload,
                    class,
                    ..
                } = live.arrival;
                live.arrival.retry += 1;
                self.collector.client_retry(due, workload, class);
                self.send(live);
            }
            Act::Reconnect => {
                let arrival = &mut live.arrival;
                arrival.retry += 1;
                arrival.due = self.now;
                let (workload, class) = (arrival.workload, arrival.class);
                self.collector.sent(self.now, workload, class);
                self.collector.socket(self.now, Turn::Reconnect);
                self.send(live);
            }
            Act::Left if self.let_go(live) => {}
            Act::Left => self.report(live, Event::ClientLeft),
            Act::Speak => self.speak(live),
            Act::HangUp => self.hang_up(live),
            Act::Closed => self.report(live, Event::TunnelEnded),
        }
    }

    /// The client leaves. What it does then is another slot's.
    fn give_up(&mut self, slots: &mut Vec<Live>, at: usize) {
        let live = &mut slots[at];
        let waiting = &mut live.waiting;
        let (_, end) = waiting.until;
        waiting.gone = true;
        let reaches = waiting.reaches;
        let learns = self.to_proxy(live, LEAVE, self.now);
        self.plan_act(learns.max(reaches), live, Act::Left);
        let next = self.move_on(slots, at);
        self.conclude(&mut slots[next], end, self.now);
    }

    /// The response is complete, or there will be none: its client has it at `done`.
    pub(super) fn complete(&mut self, live: &mut Live, end: End, done: Timestamp) {
        live.renew();
        live.rival = None;
        self.keep(live, end, done);
        if live.plain {
            self.tell(live, end, done);
            return self.vacate(live);
        }
        let waiting = &mut live.waiting;
        waiting.client = waiting.client.wrapping_add(1);
        let until = std::mem::replace(&mut waiting.until, NEVER);
        if waiting.gone {
            return self.vacate(live);
        }
        if let Some(socket) = waiting.socket.as_mut().filter(|socket| socket.open) {
            socket.open = false;
            if done > socket.until {
                // Its client hung up before it heard.
                return self.vacate(live);
            }
            self.collector.socket(done, Turn::Cut);
            return self.reconnect(live, done);
        }
        match until {
            (deadline, end) if done > deadline => self.conclude(live, end, deadline),
            _ => self.conclude(live, end, done),
        }
    }

    /// Where there are several proxies, a client keeps the connection on which all went well.
    fn keep(&mut self, live: &Live, end: End, done: Timestamp) {
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
    fn conclude(&mut self, live: &mut Live, end: End, done: Timestamp) {
        if live.waiting.socket.is_some() {
            self.tell(live, end, done);
            return match end {
                End::Cancelled => self.vacate(live),
                _ => self.reconnect(live, done),
            };
        }
        match self.conduct.after(&live.arrival, end, done) {
            Next::Again(again) => self.plan_act(again, live, Act::Retry),
            Next::Over(end, done) => {
                self.tell(live, end, done);
                self.vacate(live);
            }
        }
    }

    /// The slot's request has ended for its user.
    fn tell(&mut self, live: &mut Live, end: End, done: Timestamp) {
        self.keep_gift(live, end);
        let arrival = &live.arrival;
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
    pub(super) fn forward(&mut self, live: &mut Live) -> Option<Event> {
        if !live.waiting.upgraded {
            return self.relay(live);
        }
        let done = self.to_client(live, 1, self.now);
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
        self.tell(live, End::Status(101), done);
        self.collector.socket(done, Turn::Opened);
        self.plan_act(until, live, Act::HangUp);
        if let Some(speaks) = speaks.filter(|speaks| *speaks < until) {
            self.plan_act(speaks, live, Act::Speak);
        }
        None
    }

    /// A message is on its way to the origin and back: the tunnel is not silent.
    fn speak(&mut self, live: &mut Live) {
        let now = self.now;
        let reaches = self.to_proxy(live, 0, now);
        live.request.touch(reaches);
        let Some(socket) = &mut live.waiting.socket else {
            return;
        };
        let until = socket.until;
        let next = socket.talk.as_mut().map(|talk| talk.next(now));
        if let Some(next) = next.filter(|next| *next < until) {
            self.plan_act(next, live, Act::Speak);
        }
    }

    /// The client closes its side; the proxy knows of both ends when the origin's has come.
    fn hang_up(&mut self, live: &mut Live) {
        let (n, place, origin) = (live.arrival.n, live.place, live.origin);
        let mut closed = self.to_proxy(live, PARTING, self.now);
        for (leg, hop) in [(1, Hop::Up(place, origin)), (2, Hop::Back(place, origin))] {
            closed = self.arrival(hop, n, PARTING + leg, closed, 0).at();
        }
        let waiting = &mut live.waiting;
        waiting.gone = true;
        waiting.socket = None;
        waiting.client = waiting.client.wrapping_add(1);
        self.plan_act(closed, live, Act::Closed);
    }

    /// A client without a socket comes back later, if it wants to.
    fn reconnect(&mut self, live: &mut Live, done: Timestamp) {
        let Some(socket) = &mut live.waiting.socket else {
            return self.vacate(live);
        };
        let failures = socket.failures;
        match self
            .conduct
            .reconnect(&live.arrival, failures, done, socket.until)
        {
            Some(again) => {
                socket.failures += 1;
                self.plan_act(again, live, Act::Reconnect);
            }
            None => self.vacate(live),
        }
    }

    /// The tunnels of an origin that has crashed: it closes them, which ends them one way later.
    pub(super) fn cut_tunnels(&mut self, slots: &[Live], origin: usize) {
        for live in slots {
            let here = live.request.endpoint().is_some() && live.origin == origin;
            if live.waiting.upgraded && here && !live.request.is_finished() {
                let (hop, n) = (Hop::Back(live.place, origin), live.arrival.n);
                let closed = self.arrival(hop, n, PARTING, self.now, 0).at();
                self.plan_act(closed, live, Act::Closed);
            }
        }
    }
}
