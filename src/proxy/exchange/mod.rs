//! One request's way through a pool and back: performs what the core's request decides.
//!
//! Nothing here decides. Each `Action` has one method that performs it and returns the `Event` that
//! it came to; while something is awaited, the client's leaving and the core's deadline are
//! watched.

mod again;
mod draft;
mod finish;
mod forward;
mod interim;
mod race;
mod send;
mod session;

use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::queue::Token;
use evenkeel_core::request::{Action, Actions, Event};
use evenkeel_core::time::Timestamp;

use crate::buffer::Buffer;
use crate::channel::Channel;
use crate::connection::{After, Connection};
use crate::dial::Need;
use crate::generation::{Generation, PoolTarget};
use crate::h1::encode::{self, RequestPlan};
use crate::h1::{Framing, RequestHead, Version};
use crate::life::Life;
use crate::limit::Presence;
use crate::log::Entry;
use crate::relay::Relay;
use crate::worker::Tunnel;
use crate::world::World;
pub(crate) use draft::Draft;
use interim::Interim;
use race::{Opening, Rival};

/// In responses while too few endpoints are fine: `open` if all are tried, `closed` if none is.
const PANIC: &str = "X-Evenkeel-Panic";

/// A connection to an endpoint.
struct Upstream<S> {
    stream: Channel<S>,
    buffer: Buffer,
    endpoint: EndpointIndex,
    reused: bool,
    /// It takes no more bytes; what it has said may still be read.
    broken: bool,
    /// The client's bytes have ended and it has been told (tunnels only).
    shut: bool,
}

/// A request being served.
struct Exchange<'a, W: World> {
    connection: &'a mut Connection<W>,
    life: Life<W>,
    head: &'a RequestHead,
    target: &'a PoolTarget,
    draft: Box<Draft>,
    /// The present try, or the last one.
    attempt: u8,
    /// Its connection, while that is being opened.
    opening: Option<Opening<'a, W::Stream>>,
    upload: Relay,
    download: Option<Relay>,
    upstream: Option<Upstream<W::Stream>>,
    /// The other try, if there are two at once.
    rival: Option<Box<Rival<'a, W::Stream>>>,
    /// The endpoint has said 100.
    continued: bool,
    /// 1xx heads on their way to the client.
    interim: Interim,
    /// Since when the client has neither sent nor taken what it should.
    stalled: Option<Timestamp>,
    /// The status for a client whose request proved wrong on the way.
    fault: Option<u16>,
    /// How much of what the endpoint has sent is the head of its response.
    head_length: usize,
    /// Whether any byte of a final response went to the client.
    answered: bool,
    tunnel: Option<Tunnel<W>>,
}

/// Serves the request whose head takes the first `length` bytes of the connection's buffer, from
/// `now` on; its route's limits count it for as long as it is there.
pub(crate) async fn run<W: World>(
    connection: &mut Connection<W>,
    head: &RequestHead,
    length: usize,
    (id, now, entry): (u64, Timestamp, Option<Box<Entry>>),
    (generation, target, _presence): (Arc<Generation>, &PoolTarget, Option<Presence<'_>>),
) -> After {
    let worker = Rc::clone(&connection.worker);
    let key = target.key.of(
        head,
        connection.buffer.filled(),
        connection.forwarded,
        &connection.terms.trusted,
    );
    let keeper = target.affinity.as_ref();
    let buf = connection.buffer.filled();
    let session = keeper.map(|keeper| keeper.session(head, buf, worker.world.unix_now()));
    let mut life = Life::new(&worker, id, generation, target, (key, session), entry);
    if head.upgrade || head.framing != Framing::None {
        life.request = life.request.partial();
    }
    let mut draft = worker.drafts.take();
    let plan = RequestPlan {
        forwarded: connection.forwarded,
        framing: head.framing,
        keep_alive: true,
        extra: &[],
    };
    let received = connection.buffer.filled();
    encode::request(head, received, &plan, &mut draft.request);
    connection.buffer.consume(length);
    connection.buffer.release(&worker.spare);
    let limits = connection.terms.limits;
    let output = std::mem::take(&mut draft.upload);
    let mut exchange = Exchange {
        upload: Relay::new(framings(head, target), &limits, target.body_limit, output),
        attempt: 0,
        opening: None,
        download: None,
        upstream: None,
        rival: None,
        continued: false,
        interim: Interim::default(),
        stalled: None,
        fault: None,
        head_length: 0,
        answered: false,
        tunnel: None,
        connection,
        life,
        head,
        target,
        draft,
    };
    let after = exchange.drive(now).await;
    let Exchange {
        mut draft,
        upload,
        download,
        ..
    } = exchange;
    draft.clear(upload, download);
    worker.drafts.put(draft);
    after
}

/// How a request's body comes, and how it goes on.
fn framings(head: &RequestHead, target: &PoolTarget) -> (Framing, Framing) {
    let from = match (head.version, head.framing) {
        // A stream ends its body by itself.
        (Version::Http2, Framing::Chunked) => Framing::UntilClose,
        (_, framing) => framing,
    };
    let to = match head.framing {
        Framing::Chunked if target.http2 && !head.upgrade => Framing::UntilClose,
        framing => framing,
    };
    (from, to)
}

impl<W: World> Exchange<'_, W> {
    /// Performs actions until the last.
    async fn drive(&mut self, now: Timestamp) -> After {
        let idempotent = self.head.method.is_idempotent();
        let mut actions = self.life.on(Event::Arrived { idempotent }, now);
        loop {
            let mut next = None;
            for action in actions {
                match action {
                    Action::Wait { token } => next = Some(self.wait(token).await),
                    Action::Connect {
                        attempt,
                        endpoint,
                        fresh,
                    } => {
                        next = Some(self.connect(attempt, endpoint, fresh).await);
                    }
                    Action::Send { .. } => next = Some(self.send().await),
                    Action::Forward { attempt } => next = Some(self.forward(attempt).await),
                    Action::Keep { .. } => self.keep(),
                    Action::Cancel { attempt } => self.cancel(attempt),
                    Action::Answer(local) => self.answer(local).await,
                    Action::Finish(outcome) => return self.finish(outcome).await,
                }
            }
            let event = match next {
                Some(event) => event,
                None => {
                    self.carry_on();
                    self.pursue().await
                }
            };
            actions = self.report(event);
        }
    }

    fn report(&mut self, event: Event) -> Actions {
        let now = self.connection.worker.world.now();
        self.life.on(event, now)
    }

    /// Waits for a place at an endpoint.
    async fn wait(&mut self, token: Token) -> Event {
        let worker = Rc::clone(&self.connection.worker);
        worker.wait(token);
        let event = poll_fn(|cx| {
            if worker.poll_granted(cx, token).is_ready() {
                return Poll::Ready(Event::Granted);
            }
            self.poll_interrupt(cx, true)
        })
        .await;
        worker.stop_waiting(token);
        event
    }

    /// Takes an idle connection or opens a new one.
    async fn connect(&mut self, attempt: u8, endpoint: EndpointIndex, fresh: bool) -> Event {
        (self.attempt, self.upstream) = (attempt, None);
        let worker = Rc::clone(&self.connection.worker);
        let need = Need {
            pool: self.target.pool.id(),
            tls: self.target.tls.as_deref(),
            endpoint,
            http2: self.target.http2 && !self.head.upgrade,
            header_bytes: self.connection.terms.limits.header_bytes,
        };
        if !fresh && let Some(channel) = need.idle(&worker) {
            self.upstream = Some(Upstream::new(channel, endpoint, true));
            let reused = true;
            return Event::Connected { attempt, reused };
        }
        let Some(address) = self.life.pool().address(endpoint) else {
            return Event::DialFailed { attempt };
        };
        let id = self.life.id;
        self.opening = Some(Opening {
            endpoint,
            channel: Box::pin(async move { need.open(&worker, &address, id).await }),
        });
        self.pursue().await
    }

    /// What may end any wait: the client's leaving (if watched) and the deadlines.
    fn poll_interrupt(&mut self, cx: &mut Context<'_>, watch: bool) -> Poll<Event> {
        if watch && self.connection.poll_left(cx, 0).is_ready() {
            return Poll::Ready(Event::ClientLeft);
        }
        let deadline = self.life.request.deadline();
        let stalled = self.stalled.unwrap_or(Timestamp::MAX);
        if self
            .connection
            .alarm
            .poll(cx, deadline.min(stalled))
            .is_pending()
        {
            return Poll::Pending;
        }
        if stalled > deadline {
            return Poll::Ready(Event::Timer);
        }
        if !self.upload.is_received() && !self.answered {
            self.fault = Some(408);
        }
        Poll::Ready(Event::ClientLeft)
    }

    /// Bytes of the present try have moved.
    fn touch(&mut self) {
        // The core may be at the other one.
        if self.attempt == self.life.request.attempt() {
            self.life.request.touch(self.connection.worker.world.now());
        }
    }

    /// The connection to the endpoint ended before the head of a response.
    fn lost(&mut self, attempt: u8) -> Event {
        let refused = |u: &Upstream<_>| matches!(&u.stream, Channel::Http2(s) if s.is_refused());
        // What was taken from the client and is not kept is as good as sent.
        let sent = (self.upload.sent() > 0 && !self.upstream.as_ref().is_some_and(refused))
            || (self.upload.payload() > 0 && !self.upload.is_replayable());
        if self.upload.payload() > 0 && !self.upload.is_replayable() {
            self.report(Event::ReplayLost);
        }
        match self.upstream.take() {
            Some(upstream) if upstream.reused && upstream.buffer.is_empty() => {
                Event::StaleConnection { attempt, sent }
            }
            _ => Event::UpstreamFailed { attempt, sent },
        }
    }
}

impl<S> Upstream<S> {
    fn new(stream: Channel<S>, endpoint: EndpointIndex, reused: bool) -> Self {
        Self {
            stream,
            buffer: Buffer::default(),
            endpoint,
            reused,
            broken: false,
            shut: false,
        }
    }
}
