//! Clients. Each request is sent when it is due, on an idle connection of its client or a new one,
//! and its latency counts from then. A client that loses patience closes its connection.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::channel::Channel;
use evenkeel_proxy::h1::{Limits, ResponseHead};
use evenkeel_proxy::http2;
use evenkeel_proxy::world::{Sleep as _, World as _};
use tokio::sync::Mutex;

use super::Run;
use super::exchange::{Broken, exchange, was_lost};
use super::flow::Ticket;
use super::line::Received;
use super::luggage::Packed;
use super::secret::Secrets;
use crate::engine::Seen;
use crate::plan::{ANYBODY, Ask, KEPT, client};
use crate::result::{Completion, End};
use crate::scenario::Protocol;
use crate::workload::{Arrival, Arrivals, Conduct, Next, Visit};
use crate::world::{Sleep, Stream, World};

/// Streams that a client opens before the proxy has said how many it takes: as many as RFC 9113,
/// section 6.5.2, recommends to take at least.
const STREAMS_AT_FIRST: usize = 100;
/// Whose a connection is: a client, and the host to whom it speaks TLS.
type Key = (u64, Option<String>);

/// A connection of HTTP/2 once there is one; who comes while it is opened waits.
type Line = Mutex<Option<http2::Connection>>;

/// All clients of a run.
pub(super) struct Clients {
    pub(super) world: World,
    pub(super) run: Rc<Run>,
    pub(super) conduct: Conduct,
    arrivals: RefCell<Arrivals>,
    /// Who sends what is due; woken when an end has brought something forward.
    dispatcher: RefCell<Option<Waker>>,
    /// Idle connections; requests that anybody sends share one client.
    idle: RefCell<BTreeMap<Key, Vec<Rc<Seat>>>>,
    /// Connections of HTTP/2.
    lines: RefCell<BTreeMap<Key, Rc<Line>>>,
    /// Clients that come back have an address that stays.
    homes: RefCell<BTreeMap<u64, World>>,
    opened: Cell<u32>,
    /// Connections of anybody, which have an address each.
    strangers: Cell<u32>,
}

/// Where an idle connection finds its next request.
#[derive(Default)]
struct Seat {
    job: RefCell<Option<Job>>,
    waker: RefCell<Option<Waker>>,
}

pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) ask: Ask,
    /// When its client leaves, and as what that counts.
    pub(super) until: (Timestamp, End),
    /// The client who comes back with the next one, if it does.
    pub(super) guest: Option<u64>,
    /// Where that client is, if it matters.
    home: Option<Ipv4Addr>,
    /// It asks for a tunnel.
    pub(super) upgrade: bool,
    /// What its client carries, if it comes back.
    pub(super) luggage: Option<Packed>,
}

impl Clients {
    pub(super) fn new(world: World, run: Rc<Run>, arrivals: Arrivals) -> Self {
        Self {
            conduct: Conduct::new(run.seed, &run.plan.workloads),
            arrivals: RefCell::new(arrivals),
            dispatcher: RefCell::default(),
            idle: RefCell::default(),
            lines: RefCell::default(),
            homes: RefCell::default(),
            opened: Cell::new(0),
            strangers: Cell::new(0),
            world,
            run,
        }
    }

    /// Sends every request when it is due.
    pub(super) async fn dispatch(self: Rc<Self>) {
        let mut alarm = self.world.sleep_until(Timestamp::MAX);
        poll_fn(|cx| self.poll_dispatch(cx, &mut alarm)).await;
    }

    /// Ready when nothing will be due any more, whatever happens.
    fn poll_dispatch(self: &Rc<Self>, cx: &mut Context<'_>, alarm: &mut Sleep) -> Poll<()> {
        *self.dispatcher.borrow_mut() = Some(cx.waker().clone());
        loop {
            let due = self.arrivals.borrow().due();
            if due == Timestamp::MAX {
                let arrivals = self.arrivals.borrow();
                self.run.notes.set(self.run.plan.notes(&arrivals));
                self.run.exhausted.set(true);
                return match arrivals.are_answers() {
                    true => Poll::Pending,
                    false => Poll::Ready(()),
                };
            }
            if due > self.world.now() {
                alarm.reset(due);
                if pin!(&mut *alarm).poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
            let arrival = self.arrivals.borrow_mut().next();
            if let Some(arrival) = arrival {
                self.begin(arrival);
            }
        }
    }

    /// A user's request is due.
    fn begin(self: &Rc<Self>, arrival: Arrival) {
        let Arrival {
            due,
            workload,
            class,
            visit,
            ..
        } = arrival;
        let mut collector = self.run.collector.borrow_mut();
        collector.sent(due, workload, class);
        if let Visit::Session { first: true, .. } = visit {
            collector.session(due);
        }
        drop(collector);
        self.run.waiting.set(self.run.waiting.get() + 1);
        match self.conduct.until(&arrival, self.run.plan.end()) {
            Some(until) => {
                self.world.spawn(Rc::clone(self).hold(arrival, until));
            }
            None => self.send(arrival, due),
        }
    }

    /// What is written for a try that is sent at `sent`.
    pub(super) fn job(&self, arrival: Arrival, sent: Timestamp, upgrade: bool) -> Job {
        let mut ask = match &arrival.record {
            Some(record) => Ask::recorded(record),
            None => {
                let asks = &self.run.plan.asks[usize::from(arrival.workload)];
                asks[usize::from(arrival.class)].clone()
            }
        };
        let luggage = Packed::new(&self.world, &self.run, &arrival);
        if let Some(luggage) = &luggage {
            ask.path = luggage.path(&arrival, &ask.path);
        }
        Job {
            home: self.run.plan.home(&arrival),
            ask: self.run.plan.marked(ask, &arrival),
            luggage,
            until: self.conduct.patience(&arrival, sent),
            guest: (arrival.visit != Visit::Single).then_some(arrival.client()),
            ticket: self.run.flow.enter(arrival, sent),
            upgrade,
        }
    }

    /// A client sends a request, for the first time or again.
    fn send(self: &Rc<Self>, arrival: Arrival, sent: Timestamp) {
        let client = self.run.plan.connection(&arrival);
        let protocol = self.run.plan.scenario.workloads[usize::from(arrival.workload)].protocol;
        let job = self.job(arrival, sent, false);
        let tls = self.run.secrets.as_ref().is_some_and(Secrets::are_clients);
        let key = (client, tls.then(|| job.ask.host.clone()));
        if protocol == Protocol::Http2 {
            self.world.spawn(Rc::clone(self).multiplex(key, job));
            return;
        }
        let idle = self.idle.borrow_mut().get_mut(&key).and_then(Vec::pop);
        match idle {
            Some(seat) => {
                *seat.job.borrow_mut() = Some(job);
                if let Some(waker) = seat.waker.take() {
                    waker.wake();
                }
            }
            None => {
                let world = self.home(&job);
                let serving = Rc::clone(self).serve(world.clone(), key, job);
                world.spawn(serving);
            }
        }
    }

    /// Where the connections of a request's client come from.
    fn home(&self, job: &Job) -> World {
        match job.guest {
            None => self.process(job.home),
            Some(client) => {
                let mut homes = self.homes.borrow_mut();
                homes
                    .entry(client)
                    .or_insert_with(|| self.process(job.home))
                    .clone()
            }
        }
    }

    /// A client that is at `home`, or else has an address of its own.
    pub(super) fn process(&self, home: Option<Ipv4Addr>) -> World {
        let n = self.opened.replace(self.opened.get() + 1);
        let stranger = || self.strangers.replace(self.strangers.get() + 1);
        let ip = home.unwrap_or_else(|| client::address(stranger()));
        self.world
            .process(&format!("downstream/{n}"), SocketAddr::new(ip.into(), 0))
    }

    /// One connection: requests one after another until it ends.
    async fn serve(self: Rc<Self>, world: World, key: Key, first: Job) {
        let seat = Rc::new(Seat::default());
        let mut connection = None;
        let mut received = Received::default();
        let mut head = ResponseHead::default();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let attempt = async {
                loop {
                    let reused = connection.is_some();
                    let mut stream = match connection.take() {
                        Some(stream) => stream,
                        None => {
                            received = Received::default();
                            match self.connect(&world, &job.ask.host, false).await {
                                Some(stream) => stream,
                                None => return End::Refused,
                            }
                        }
                    };
                    match exchange(&mut stream, &mut received, &mut head, &job).await {
                        Ok(()) => {
                            connection = head.keep_alive.then_some(stream);
                            return End::Status(head.status);
                        }
                        // A kept connection that closed under the request: any client tries again.
                        Err(Broken::Unanswered) if reused => {}
                        Err(Broken::Unanswered) => return End::Reset,
                        Err(Broken::Cut) => return End::Cut,
                    }
                }
            };
            let end = self.patiently(job.until.0, attempt).await;
            if self.complete(&job, end) {
                self.forget(&key);
                return;
            }
            let Some(stream) = &mut connection else {
                return;
            };
            if !self.keep(&key, &seat) {
                return;
            }
            next = wait(&seat, stream).await;
            if next.is_none()
                && let Some(idle) = self.idle.borrow_mut().get_mut(&key)
            {
                idle.retain(|other| !Rc::ptr_eq(other, &seat));
            }
        }
    }

    /// Puts an idle connection where its client's next request finds it; false if it has enough.
    fn keep(&self, key: &Key, seat: &Rc<Seat>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let kept = idle.entry(key.clone()).or_default();
        let room = key.0 == ANYBODY || kept.len() < KEPT;
        if room {
            kept.push(Rc::clone(seat));
        }
        room
    }

    /// A request on its client's connection of HTTP/2.
    async fn multiplex(self: Rc<Self>, key: Key, job: Job) {
        let line = Rc::clone(self.lines.borrow_mut().entry(key.clone()).or_default());
        let mut head = ResponseHead::default();
        let attempt = async {
            loop {
                let Some((stream, reused)) = self.stream(&line, &job).await else {
                    return End::Refused;
                };
                let mut stream = Channel::Http2(Box::new(stream));
                let mut received = Received::default();
                match exchange(&mut stream, &mut received, &mut head, &job).await {
                    // Nobody has looked at it: any client tries again.
                    Err(Broken::Unanswered) if reused && was_lost(&stream) => {}
                    Ok(()) => return End::Status(head.status),
                    Err(Broken::Unanswered) => return End::Reset,
                    Err(Broken::Cut) => return End::Cut,
                }
            }
        };
        let end = self.patiently(job.until.0, attempt).await;
        if self.complete(&job, end) {
            self.forget(&key);
        }
    }

    /// A stream, and whether its connection was there before.
    async fn stream(&self, line: &Line, job: &Job) -> Option<(http2::Stream, bool)> {
        let mut line = line.lock().await;
        if let Some(connection) = line.as_mut()
            && connection.is_open()
        {
            return Some((connection.stream(), true));
        }
        let world = self.home(job);
        let channel = self.connect(&world, &job.ask.host, true).await?;
        let header_bytes = Limits::default().header_bytes;
        let begun =
            http2::Connection::begin::<World>(channel, header_bytes, STREAMS_AT_FIRST).await;
        let (connection, frames) = begun.ok()?;
        world.spawn(frames);
        let stream = connection.stream();
        *line = Some(connection);
        Some((stream, false))
    }

    /// A connection to the proxy.
    pub(super) async fn connect(
        &self,
        world: &World,
        host: &str,
        http2: bool,
    ) -> Option<Channel<Stream>> {
        let front = self.run.front(world.address())?;
        let stream = world.connect(&front).await.ok()?;
        match &self.run.secrets {
            None => Some(Channel::Plain(stream)),
            Some(secrets) => secrets.connect(world, stream, host, http2).await,
        }
    }

    /// What `attempt` comes to; `None` if its client leaves at `until`, before it ends.
    pub(super) async fn patiently<T>(
        &self,
        until: Timestamp,
        attempt: impl Future<Output = T>,
    ) -> Option<T> {
        if until == Timestamp::MAX {
            return Some(attempt.await);
        }
        let mut attempt = pin!(attempt);
        let mut alarm = pin!(self.world.sleep_until(until));
        poll_fn(|cx| {
            if let Poll::Ready(end) = attempt.as_mut().poll(cx) {
                return Poll::Ready(Some(end));
            }
            alarm.as_mut().poll(cx).map(|()| None)
        })
        .await
    }

    /// A try has ended; without an end its client has left. Whether that client is done with all
    /// that it came for.
    fn complete(self: &Rc<Self>, job: &Job, end: Option<End>) -> bool {
        let done = self.world.now();
        let origin = self.run.flow.origin(job.ticket);
        let Some(mut arrival) = self.run.flow.leave(job.ticket, done) else {
            return false;
        };
        match self
            .conduct
            .after(&arrival, end.unwrap_or(job.until.1), done)
        {
            Next::Again(again) => {
                arrival.retry += 1;
                self.world.spawn(Rc::clone(self).again(arrival, again));
                false
            }
            Next::Over(end, done) => {
                self.part(&arrival, end, origin);
                self.tell(&arrival, end, done);
                self.over(&arrival, done);
                matches!(arrival.visit, Visit::Session { last: true, .. })
            }
        }
    }

    /// A visitor's request has ended, at `origin` if it has reached one.
    pub(super) fn part(&self, arrival: &Arrival, end: End, origin: Option<usize>) {
        let origin = origin.filter(|_| matches!(end, End::Status(_)));
        let mut collector = self.run.collector.borrow_mut();
        let mut visitors = self.run.visitors.borrow_mut();
        visitors.ended(arrival, end, origin, &mut collector);
    }

    /// A client tries again at `again`.
    async fn again(self: Rc<Self>, arrival: Arrival, again: Timestamp) {
        self.world.sleep_until(again).await;
        let Arrival {
            due,
            workload,
            class,
            ..
        } = arrival;
        let mut collector = self.run.collector.borrow_mut();
        collector.client_retry(due, workload, class);
        drop(collector);
        self.send(arrival, again);
    }

    /// A request has ended for its user.
    pub(super) fn tell(&self, arrival: &Arrival, end: End, done: Timestamp) {
        let completion = Completion {
            due: arrival.due,
            done,
            workload: arrival.workload,
            class: arrival.class,
            end,
        };
        self.run.collector.borrow_mut().complete(&completion);
        if self.run.observe {
            let n = arrival.n;
            self.run.seen.borrow_mut().push(Seen { n, completion });
        }
    }

    /// Nobody waits for a request any more: its client may come back.
    pub(super) fn over(&self, arrival: &Arrival, done: Timestamp) {
        self.run.waiting.set(self.run.waiting.get() - 1);
        if !arrival.visit.goes_on() {
            return;
        }
        let mut arrivals = self.arrivals.borrow_mut();
        arrivals.ended(arrival, done);
        self.run.exhausted.set(arrivals.due() == Timestamp::MAX);
        if let Some(waker) = self.dispatcher.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// A session is over: it leaves nothing behind.
    fn forget(&self, key: &Key) {
        self.homes.borrow_mut().remove(&key.0);
        self.idle.borrow_mut().remove(key);
        self.lines.borrow_mut().remove(key);
    }
}

/// Waits for the next request on an idle connection; `None` if the proxy closes it first.
async fn wait(seat: &Seat, stream: &mut Channel<Stream>) -> Option<Job> {
    poll_fn(|cx| {
        if let Some(job) = seat.job.take() {
            return Poll::Ready(Some(job));
        }
        if stream.poll_readable(cx).is_ready() {
            // Nobody asked: it is the end, or as good as that.
            return Poll::Ready(None);
        }
        *seat.waker.borrow_mut() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}
