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
use evenkeel_proxy::h1::{self, Decoder, Eof, Limits, Method, ResponseHead, Status};
use evenkeel_proxy::world::{Sleep as _, Stream as _, World as _};
use tokio::io::AsyncWriteExt;

use super::Run;
use super::flow::{FIELD, Ticket};
use super::line::Received;
use crate::engine::Seen;
use crate::plan::Ask;
use crate::result::{Completion, End};
use crate::workload::{Arrival, Arrivals};
use crate::world::{Stream, World};

/// The key of requests that any client may send, on any idle connection.
const ANYBODY: u64 = 0;
/// Clients' addresses begin here; there is room for four million.
const FIRST: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 1);
/// Idle connections that one recorded client keeps: what browsers keep to a host.
const KEPT: usize = 6;
/// Body bytes are written from here.
static BODY: [u8; 16 << 10] = [b'x'; 16 << 10];

/// All clients of a run.
pub(super) struct Clients {
    world: World,
    run: Rc<Run>,
    /// Idle connections by client; requests that anybody sends share one key.
    idle: RefCell<BTreeMap<u64, Vec<Rc<Seat>>>>,
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
    /// No connection.
    Refused,
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
        let (ask, key) = match &arrival.record {
            Some(record) => (Ask::recorded(record), arrival.client),
            None => (
                self.run.plan.asks[usize::from(workload)][usize::from(class)].clone(),
                ANYBODY,
            ),
        };
        let job = Job {
            ticket: self.run.flow.enter(arrival),
            ask,
            due,
        };
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
    async fn serve(self: Rc<Self>, world: World, key: u64, first: Job) {
        let seat = Rc::new(Seat::default());
        let mut connection = None;
        let mut received = Received::default();
        let mut head = ResponseHead::default();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let end = loop {
                let reused = connection.is_some();
                let result = self.exchange(&world, &mut connection, &mut received, &mut head, &job);
                match result.await {
                    // A kept connection that closed under the request: any client tries again.
                    Err(Broken::Unanswered) if reused => {}
                    Ok(status) => break End::Status(status),
                    Err(Broken::Refused) => break End::Refused,
                    Err(Broken::Unanswered) => break End::Reset,
                    Err(Broken::Cut) => break End::Cut,
                }
            };
            self.complete(&job, world.now(), end);
            let Some(stream) = &mut connection else {
                return;
            };
            if !self.keep(key, &seat) {
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
    fn keep(&self, key: u64, seat: &Rc<Seat>) -> bool {
        let mut idle = self.idle.borrow_mut();
        let kept = idle.entry(key).or_default();
        let room = key == ANYBODY || kept.len() < KEPT;
        if room {
            kept.push(Rc::clone(seat));
        }
        room
    }

    /// Sends a request and reads its response. `connection` is gone unless it can be kept.
    async fn exchange(
        &self,
        world: &World,
        connection: &mut Option<Stream>,
        received: &mut Received,
        head: &mut ResponseHead,
        job: &Job,
    ) -> Result<u16, Broken> {
        let mut stream = match connection.take() {
            Some(stream) => stream,
            None => {
                *received = Received::default();
                let front = self.run.front.borrow().clone().ok_or(Broken::Refused)?;
                world.connect(&front).await.map_err(|_| Broken::Refused)?
            }
        };
        write(&mut stream, job)
            .await
            .map_err(|_| Broken::Unanswered)?;
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
                Ok(Status::Partial) => match received.fill(&mut stream).await {
                    Ok(n) if n > 0 => {}
                    _ if received.bytes().is_empty() => return Err(Broken::Unanswered),
                    _ => return Err(Broken::Cut),
                },
                Err(_) => return Err(Broken::Cut),
            }
        }
        read_body(&mut stream, received, head).await?;
        if head.keep_alive {
            *connection = Some(stream);
        }
        Ok(head.status)
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

async fn read_body(
    stream: &mut Stream,
    received: &mut Received,
    head: &ResponseHead,
) -> Result<(), Broken> {
    let mut decoder = Decoder::new(head.framing, &Limits::default());
    while !decoder.is_end() {
        let step = decoder.decode(received.bytes()).map_err(|_| Broken::Cut)?;
        received.consume(step.consumed);
        if step.end || step.consumed > 0 {
            continue;
        }
        match received.fill(stream).await {
            Ok(n) if n > 0 => {}
            Ok(_) if decoder.eof() == Eof::Complete => return Ok(()),
            _ => return Err(Broken::Cut),
        }
    }
    Ok(())
}

async fn write(stream: &mut Stream, job: &Job) -> io::Result<()> {
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
    write_body(stream, *body_bytes).await
}

/// Writes `bytes` bytes of body.
pub(super) async fn write_body(stream: &mut Stream, mut bytes: u64) -> io::Result<()> {
    while bytes > 0 {
        let piece = bytes.min(BODY.len() as u64);
        stream.write_all(&BODY[..piece as usize]).await?;
        bytes -= piece;
    }
    Ok(())
}

/// Waits for the next request on an idle connection; `None` if the proxy closes it first.
async fn wait(seat: &Seat, stream: &mut Stream) -> Option<Job> {
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
