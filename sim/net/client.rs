//! Clients: an open loop. Each request is sent when it is due, on an idle connection of its client
//! or a new one, and its latency counts from then.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Poll, Waker};

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::channel::{Channel, Sink as _};
use evenkeel_proxy::h1::{self, Limits, Method, ResponseHead, Status};
use evenkeel_proxy::http2;
use evenkeel_proxy::world::{Sleep as _, World as _};
use tokio::io::AsyncWriteExt;
use tokio::sync::Mutex;

use super::Run;
use super::flow::{FIELD, Ticket};
use super::line::Received;
use super::secret::Secrets;
use crate::engine::Seen;
use crate::plan::Ask;
use crate::result::{Completion, End};
use crate::scenario::Protocol;
use crate::workload::{Arrival, Arrivals};
use crate::world::{Stream, World};

/// The client of requests that anybody may send, on any idle connection.
const ANYBODY: u64 = 0;
/// Streams that a client opens before the proxy has said how many it takes: as many as RFC 9113,
/// section 6.5.2, recommends to take at least.
const STREAMS_AT_FIRST: usize = 100;
/// How many connections of HTTP/2 the requests of anybody share.
const SHARED: u64 = 8;
/// Clients' addresses begin here; there is room for four million.
const FIRST: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// Idle connections that one recorded client keeps: what browsers keep to a host.
const KEPT: usize = 6;
/// Body bytes are written from here.
static BODY: [u8; 16 << 10] = [b'x'; 16 << 10];

/// Whose a connection is: a client, and the host to whom it speaks TLS.
type Key = (u64, Option<String>);

/// A connection of HTTP/2 once there is one; who comes while it is opened waits.
type Line = Mutex<Option<http2::Connection>>;

/// All clients of a run.
pub(super) struct Clients {
    world: World,
    run: Rc<Run>,
    /// Idle connections; requests that anybody sends share one client.
    idle: RefCell<BTreeMap<Key, Vec<Rc<Seat>>>>,
    /// Connections of HTTP/2.
    lines: RefCell<BTreeMap<Key, Rc<Line>>>,
    opened: Cell<u32>,
}

/// Where an idle connection finds its next request.
#[derive(Default)]
struct Seat {
    job: RefCell<Option<Job>>,
    waker: RefCell<Option<Waker>>,
}

struct Job {
    ticket: Ticket,
    ask: Ask,
    due: Timestamp,
}

/// How far an exchange came.
enum Broken {
    /// Lost before any byte of the response.
    Unanswered,
    /// Lost inside the response.
    Cut,
}

impl Clients {
    pub(super) fn new(world: World, run: Rc<Run>) -> Self {
        Self {
            world,
            run,
            idle: RefCell::default(),
            lines: RefCell::default(),
            opened: Cell::new(0),
        }
    }

    /// Sends every request when it is due.
    pub(super) async fn dispatch(self: Rc<Self>, mut arrivals: Arrivals) {
        let mut alarm = self.world.sleep_until(Timestamp::MAX);
        for arrival in arrivals.by_ref() {
            if arrival.due > self.world.now() {
                alarm.reset(arrival.due);
                (&mut alarm).await;
            }
            self.send(arrival);
        }
        self.run.notes.set(self.run.plan.notes(&arrivals));
        self.run.exhausted.set(true);
    }

    fn send(self: &Rc<Self>, arrival: Arrival) {
        let Arrival {
            due,
            workload,
            class,
            ..
        } = arrival;
        self.run.collector.borrow_mut().sent(due, workload, class);
        let (ask, client) = match &arrival.record {
            Some(record) => (Ask::recorded(record), arrival.client),
            None => (
                self.run.plan.asks[usize::from(workload)][usize::from(class)].clone(),
                ANYBODY,
            ),
        };
        let tls = self.run.secrets.as_ref().is_some_and(Secrets::are_clients);
        let mut key = (client, tls.then(|| ask.host.clone()));
        let protocol = self.run.plan.scenario.workloads[usize::from(workload)].protocol;
        if protocol == Protocol::Http2 && client == ANYBODY {
            key.0 = arrival.n % SHARED;
        }
        let job = Job {
            ticket: self.run.flow.enter(arrival),
            ask,
            due,
        };
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
                let world = self.process();
                let serving = Rc::clone(self).serve(world.clone(), key, job);
                world.spawn(serving);
            }
        }
    }

    /// A client with an address of its own.
    fn process(&self) -> World {
        let n = self.opened.get();
        self.opened.set(n + 1);
        let ip = IpAddr::V4(Ipv4Addr::from(u32::from(FIRST).wrapping_add(n)));
        self.world
            .process(&format!("downstream/{n}"), SocketAddr::new(ip, 0))
    }

    /// One connection: requests one after another until it ends.
    async fn serve(self: Rc<Self>, world: World, key: Key, first: Job) {
        let seat = Rc::new(Seat::default());
        let mut connection = None;
        let mut received = Received::default();
        let mut head = ResponseHead::default();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let end = loop {
                let reused = connection.is_some();
                let mut stream = match connection.take() {
                    Some(stream) => stream,
                    None => {
                        received = Received::default();
                        match self.connect(&world, &job.ask.host, false).await {
                            Some(stream) => stream,
                            None => break End::Refused,
                        }
                    }
                };
                match exchange(&mut stream, &mut received, &mut head, &job).await {
                    Ok(()) => {
                        connection = head.keep_alive.then_some(stream);
                        break End::Status(head.status);
                    }
                    // A kept connection that closed under the request: any client tries again.
                    Err(Broken::Unanswered) if reused => {}
                    Err(Broken::Unanswered) => break End::Reset,
                    Err(Broken::Cut) => break End::Cut,
                }
            };
            self.complete(&job, world.now(), end);
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
        let line = Rc::clone(self.lines.borrow_mut().entry(key).or_default());
        let mut head = ResponseHead::default();
        let end = loop {
            let Some((stream, reused)) = self.stream(&line, &job).await else {
                break End::Refused;
            };
            let mut stream = Channel::Http2(Box::new(stream));
            let mut received = Received::default();
            match exchange(&mut stream, &mut received, &mut head, &job).await {
                // Nobody has looked at it: any client tries again.
                Err(Broken::Unanswered) if reused && was_lost(&stream) => {}
                Ok(()) => break End::Status(head.status),
                Err(Broken::Unanswered) => break End::Reset,
                Err(Broken::Cut) => break End::Cut,
            }
        };
        self.complete(&job, self.world.now(), end);
    }

    /// A stream, and whether its connection was there before.
    async fn stream(&self, line: &Line, job: &Job) -> Option<(http2::Stream, bool)> {
        let mut line = line.lock().await;
        if let Some(connection) = line.as_mut()
            && connection.is_open()
        {
            return Some((connection.stream(), true));
        }
        let world = self.process();
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
    async fn connect(&self, world: &World, host: &str, http2: bool) -> Option<Channel<Stream>> {
        let front = self.run.front.borrow().clone()?;
        let stream = world.connect(&front).await.ok()?;
        match &self.run.secrets {
            None => Some(Channel::Plain(stream)),
            Some(secrets) => secrets.connect(world, stream, host, http2).await,
        }
    }

    fn complete(&self, job: &Job, done: Timestamp, end: End) {
        let Some(arrival) = self.run.flow.leave(job.ticket) else {
            return;
        };
        let Arrival {
            n, workload, class, ..
        } = arrival;
        let completion = Completion {
            due: job.due,
            done,
            workload,
            class,
            end,
        };
        self.run.collector.borrow_mut().complete(&completion);
        if self.run.observe {
            self.run.seen.borrow_mut().push(Seen { n, completion });
        }
    }
}

/// Sends a request and reads its response, whose head is then in `head`.
async fn exchange(
    stream: &mut Channel<Stream>,
    received: &mut Received,
    head: &mut ResponseHead,
    job: &Job,
) -> Result<(), Broken> {
    write(stream, job)
        .await
        .map_err(|error| match error.kind() {
            // HTTP/2 cannot say it, however often it is tried.
            io::ErrorKind::InvalidInput => Broken::Cut,
            _ => Broken::Unanswered,
        })?;
    let method = Method::of(job.ask.method.as_bytes());
    let limits = Limits::default();
    loop {
        match h1::parse_response(received.bytes(), method, &limits, head) {
            Ok(Status::Complete(length)) => {
                received.consume(length);
                if !head.is_interim() {
                    break;
                }
            }
            Ok(Status::Partial) => match received.fill(stream).await {
                Ok(n) if n > 0 => {}
                _ if received.bytes().is_empty() => return Err(Broken::Unanswered),
                _ => return Err(Broken::Cut),
            },
            Err(_) => return Err(Broken::Cut),
        }
    }
    match received.skip(stream, head.framing).await {
        true => Ok(()),
        false => Err(Broken::Cut),
    }
}

/// Whether a stream without an answer has reached nobody: refused, or its connection is gone.
fn was_lost(stream: &Channel<Stream>) -> bool {
    matches!(stream, Channel::Http2(stream) if stream.is_refused() || !stream.is_reset())
}

async fn write(stream: &mut Channel<Stream>, job: &Job) -> io::Result<()> {
    let Ask {
        method,
        host,
        path,
        body_bytes,
        ..
    } = &job.ask;
    let mut head = String::with_capacity(128);
    let ticket = job.ticket.text();
    let _ = write!(
        head,
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{FIELD}: {ticket}\r\n"
    );
    if *body_bytes > 0 {
        let _ = write!(head, "Content-Length: {body_bytes}\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    write_body(stream, *body_bytes).await?;
    poll_fn(|cx| stream.poll_finish(cx, &[])).await
}

/// Writes `bytes` bytes of body.
pub(super) async fn write_body(stream: &mut Channel<Stream>, mut bytes: u64) -> io::Result<()> {
    while bytes > 0 {
        let piece = bytes.min(BODY.len() as u64);
        stream.write_all(&BODY[..piece as usize]).await?;
        bytes -= piece;
    }
    Ok(())
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
