//! One request's way through a pool and back: performs what the core's request decides.
//!
//! Nothing here decides. Each `Action` has one method that performs it and returns the `Event` that
//! it came to; while something is awaited, the client's leaving and the core's deadline are watched.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::request::{Action, Event, Local, Outcome};
use evenkeel_core::time::Timestamp;
use tokio::io::AsyncWrite;

use crate::buffer::Buffer;
use crate::connection::{After, Connection, DRAIN};
use crate::generation::{Generation, PoolTarget};
use crate::h1::encode::{self, RequestPlan, ResponsePlan};
use crate::h1::{self, Framing, RequestHead, ResponseHead, Status, Version};
use crate::life::Life;
use crate::log::Entry;
use crate::relay::{Broken, Relay};
use crate::world::World;

/// A connection to an endpoint.
struct Upstream<S> {
    stream: S,
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
    /// The request's head as every endpoint gets it.
    request: Vec<u8>,
    upload: Relay,
    download: Option<Relay>,
    upstream: Option<Upstream<W::Stream>>,
    response: ResponseHead,
    /// 1xx heads on their way to the client.
    interim: Vec<u8>,
    /// Since when the client has neither sent nor taken what it should.
    stalled: Option<Timestamp>,
    /// The status for a client whose request proved wrong on the way.
    fault: Option<u16>,
    /// Whether any byte of a final response went to the client.
    answered: bool,
    tunnel: bool,
}

/// Serves the request whose head takes the first `length` bytes of the connection's buffer.
pub(crate) async fn run<W: World>(
    connection: &mut Connection<W>,
    head: &RequestHead,
    length: usize,
    id: u64,
    generation: Arc<Generation>,
    target: &PoolTarget,
) -> After {
    let worker = std::rc::Rc::clone(&connection.worker);
    let entry = worker.log.as_ref().map(|_| entry(connection, head, target));
    let life = Life::new(&worker, id, generation, target, entry);
    let mut request = Vec::with_capacity(length + 192);
    let plan = RequestPlan {
        forwarded: connection.forwarded,
        framing: head.framing,
        keep_alive: true,
        extra: &[],
    };
    encode::request(head, connection.buffer.filled(), &plan, &mut request);
    connection.buffer.consume(length);
    let limits = connection.terms.limits;
    let mut exchange = Exchange {
        upload: Relay::new(head.framing, head.framing, &limits, target.body_limit),
        download: None,
        upstream: None,
        response: ResponseHead::default(),
        interim: Vec::new(),
        stalled: None,
        fault: None,
        answered: false,
        tunnel: false,
        connection,
        life,
        head,
        target,
        request,
    };
    if let Framing::Length(length) = head.framing
        && length > target.body_limit
    {
        exchange.fault = Some(413);
    }
    exchange.drive().await
}

fn entry<W: World>(
    connection: &Connection<W>,
    head: &RequestHead,
    target: &PoolTarget,
) -> Box<Entry> {
    let buf = connection.buffer.filled();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut entry = Entry::new(connection.worker.world.now());
    entry.client = connection
        .forwarded
        .peer
        .map_or("unix".into(), |peer| peer.to_string());
    entry.method = text(head.method_name.of(buf));
    entry.host = text(head.authority.of(buf));
    entry.path = text(head.target.whole.of(buf));
    entry.pool = target.pool.name().to_owned();
    Box::new(entry)
}

impl<W: World> Exchange<'_, W> {
    /// Performs actions until the last.
    async fn drive(mut self) -> After {
        let idempotent = self.head.method.is_idempotent();
        let mut event = Event::Arrived { idempotent };
        if self.fault.is_some() {
            self.report(event);
            event = Event::ClientLeft;
        }
        loop {
            let mut next = None;
            for action in self.report(event) {
                match action {
                    Action::Wait { token } => next = Some(self.wait(token).await),
                    Action::Connect {
                        attempt,
                        endpoint,
                        fresh,
                    } => {
                        next = Some(self.connect(attempt, endpoint, fresh).await);
                    }
                    Action::Send { attempt } => next = Some(self.send(attempt).await),
                    Action::Forward { attempt } => next = Some(self.forward(attempt).await),
                    Action::Cancel { .. } => self.upstream = None,
                    Action::Answer(local) => self.answer(local).await,
                    Action::Finish(outcome) => return self.finish(outcome).await,
                }
            }
            event = next.expect("a request that is not finished says what to wait for");
        }
    }

    fn report(&mut self, event: Event) -> evenkeel_core::request::Actions {
        let now = self.connection.worker.world.now();
        self.life.on(event, now)
    }

    /// Waits for a place at an endpoint.
    async fn wait(&mut self, token: evenkeel_core::queue::Token) -> Event {
        let worker = std::rc::Rc::clone(&self.connection.worker);
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
        self.upstream = None;
        let worker = std::rc::Rc::clone(&self.connection.worker);
        let pool = self.life.pool();
        if !fresh {
            let idle = worker
                .idle
                .borrow_mut()
                .take(pool.id(), endpoint, worker.world.now());
            if let Some(stream) = idle {
                self.upstream = Some(Upstream::new(stream, endpoint, true));
                return Event::Connected {
                    attempt,
                    reused: true,
                };
            }
        }
        let Some(address) = pool.address(endpoint) else {
            return Event::DialFailed { attempt };
        };
        let mut dial = pin!(worker.world.connect(&address));
        let stream = poll_fn(|cx| {
            if let Poll::Ready(result) = dial.as_mut().poll(cx) {
                return Poll::Ready(result.map_err(|_| Event::DialFailed { attempt }));
            }
            self.poll_interrupt(cx, true).map(Err)
        });
        match stream.await {
            Ok(stream) => {
                self.upstream = Some(Upstream::new(stream, endpoint, false));
                Event::Connected {
                    attempt,
                    reused: false,
                }
            }
            Err(event) => event,
        }
    }

    /// Sends the request and waits for the head of the response.
    async fn send(&mut self, attempt: u8) -> Event {
        if self.life.request.may_replay() && self.upload.payload() == 0 {
            self.upload.keep(self.target.replay_limit);
        }
        self.upload
            .restart(&mut self.connection.buffer)
            .extend_from_slice(&self.request);
        self.upload.replay();
        self.stalled = None;
        poll_fn(|cx| self.poll_send(cx, attempt)).await
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, attempt: u8) -> Poll<Event> {
        if let Some(event) = self.poll_upload(cx) {
            return Poll::Ready(event);
        }
        loop {
            if let Some(event) = self.read_head(attempt) {
                return Poll::Ready(event);
            }
            self.poll_interim(cx);
            let Some(upstream) = &mut self.upstream else {
                return Poll::Ready(self.lost(attempt));
            };
            let spare = &self.connection.worker.spare;
            match upstream.buffer.poll_fill(cx, &mut upstream.stream, spare) {
                Poll::Ready(Ok(n)) if n > 0 => self.touch(),
                Poll::Ready(_) => return Poll::Ready(self.lost(attempt)),
                Poll::Pending => break,
            }
        }
        let watch = self.upload.is_received();
        self.poll_interrupt(cx, watch)
    }

    /// Moves the request's body on. A sink that takes no more is not the end: the endpoint may have
    /// answered without wanting all of it.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        let upstream = self.upstream.as_mut()?;
        if upstream.broken || (self.upload.is_done() && !self.tunnel) {
            return None;
        }
        let Connection {
            stream,
            buffer,
            worker,
            ..
        } = &mut *self.connection;
        let before = self.upload.sent() + self.upload.payload();
        let sink = &mut upstream.stream;
        let result = self.upload.poll(cx, stream, buffer, sink, &worker.spare);
        if self.upload.sent() + self.upload.payload() != before {
            self.stalled = None;
            self.touch();
        }
        let waits = result.is_pending() && !self.upload.is_blocked() && !self.tunnel;
        if waits && self.stalled.is_none() {
            self.stalled = Some(self.connection.within(self.connection.terms.timeouts.body));
        }
        match result {
            Poll::Pending | Poll::Ready(Ok(())) => None,
            Poll::Ready(Err(Broken::Sink)) => {
                self.upstream.as_mut()?.broken = true;
                self.stalled = None;
                None
            }
            Poll::Ready(Err(Broken::Source)) => Some(Event::ClientLeft),
            Poll::Ready(Err(Broken::Malformed(reject))) => {
                self.fault = Some(reject.status());
                Some(Event::ClientLeft)
            }
            Poll::Ready(Err(Broken::TooLong)) => {
                self.fault = Some(413);
                Some(Event::ClientLeft)
            }
        }
    }

    /// Parses what the endpoint has sent so far. Interim heads are put on their way.
    fn read_head(&mut self, attempt: u8) -> Option<Event> {
        let upstream = self.upstream.as_mut()?;
        let limits = self.connection.terms.limits;
        loop {
            let buf = upstream.buffer.filled();
            if buf.is_empty() {
                return None;
            }
            let response = &mut self.response;
            let failed = Event::UpstreamFailed {
                attempt,
                sent: true,
            };
            match h1::parse_response(buf, self.head.method, &limits, response) {
                Ok(Status::Partial) => return None,
                Err(_) => return Some(failed),
                Ok(Status::Complete(length)) if response.is_interim() => {
                    if self.head.version == Version::Http11 {
                        let plan = ResponsePlan {
                            version: self.head.version,
                            framing: Framing::None,
                            keep_alive: true,
                            extra: &[],
                        };
                        encode::response(response, buf, &plan, &mut self.interim);
                    }
                    upstream.buffer.consume(length);
                }
                Ok(Status::Complete(length)) if response.status == 101 => {
                    if !self.head.upgrade {
                        return Some(failed);
                    }
                    self.begin_tunnel(length);
                    return Some(Event::Upgraded { attempt });
                }
                Ok(Status::Complete(length)) => {
                    self.begin_download(length);
                    return Some(Event::Head {
                        attempt,
                        status: self.response.status,
                    });
                }
            }
        }
    }

    /// Writes interim heads as far as the client takes them; the rest precedes the final head.
    fn poll_interim(&mut self, cx: &mut Context<'_>) {
        while !self.interim.is_empty() {
            match Pin::new(&mut self.connection.stream).poll_write(cx, &self.interim) {
                Poll::Ready(Ok(n)) if n > 0 => drop(self.interim.drain(..n)),
                // A client that is gone is noticed where its leaving is watched.
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
    }

    fn begin_download(&mut self, length: usize) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        let limits = self.connection.terms.limits;
        let framing = self.response.framing_for(self.head.version);
        let mut relay = Relay::new(self.response.framing, framing, &limits, u64::MAX);
        let plan = ResponsePlan {
            version: self.head.version,
            framing,
            keep_alive: self.head.keep_alive && !self.connection.worker.is_draining(),
            extra: &[],
        };
        relay.head().append(&mut self.interim);
        encode::response(
            &self.response,
            upstream.buffer.filled(),
            &plan,
            relay.head(),
        );
        upstream.buffer.consume(length);
        self.download = Some(relay);
    }

    fn begin_tunnel(&mut self, length: usize) {
        let limits = self.connection.terms.limits;
        let raw = || Relay::new(Framing::UntilClose, Framing::UntilClose, &limits, u64::MAX);
        self.begin_download(length);
        if let Some(download) = &mut self.download {
            let mut tunnel = raw();
            tunnel.head().append(download.head());
            *download = tunnel;
        }
        self.upload = raw();
        self.tunnel = true;
    }

    /// Passes the response on, and the rest of the request.
    async fn forward(&mut self, attempt: u8) -> Event {
        self.answered = true;
        self.stalled = None;
        poll_fn(|cx| self.poll_forward(cx, attempt)).await
    }

    fn poll_forward(&mut self, cx: &mut Context<'_>, attempt: u8) -> Poll<Event> {
        if let Some(event) = self.poll_upload(cx) {
            return Poll::Ready(event);
        }
        if let Some(event) = self.poll_download(cx, attempt) {
            return Poll::Ready(event);
        }
        if self.tunnel && self.poll_tunnel_end(cx) {
            return Poll::Ready(Event::TunnelEnded);
        }
        let watch = self.upload.is_received() && !self.tunnel;
        self.poll_interrupt(cx, watch)
    }

    fn poll_download(&mut self, cx: &mut Context<'_>, attempt: u8) -> Option<Event> {
        let (Some(upstream), Some(download)) = (&mut self.upstream, &mut self.download) else {
            return Some(Event::UpstreamFailed {
                attempt,
                sent: true,
            });
        };
        let Connection { stream, worker, .. } = &mut *self.connection;
        let before = download.sent() + download.payload();
        let source = &mut upstream.stream;
        let result = download.poll(cx, source, &mut upstream.buffer, stream, &worker.spare);
        let moved = download.sent() + download.payload() != before;
        let blocked = result.is_pending() && download.is_blocked();
        if moved {
            self.stalled = None;
            self.touch();
        }
        if blocked && self.stalled.is_none() {
            self.stalled = Some(self.connection.within(self.connection.terms.timeouts.write));
        }
        match result {
            Poll::Pending => None,
            Poll::Ready(Ok(())) if self.tunnel => None,
            Poll::Ready(Ok(())) => Some(Event::BodyEnded),
            Poll::Ready(Err(Broken::Sink)) => Some(Event::ClientLeft),
            Poll::Ready(Err(_)) => Some(Event::UpstreamFailed {
                attempt,
                sent: true,
            }),
        }
    }

    /// Tells each side of a tunnel when the other has ended. True when both have.
    fn poll_tunnel_end(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(upstream), Some(download)) = (&mut self.upstream, &self.download) else {
            return true;
        };
        if self.upload.is_done() && !upstream.shut {
            upstream.shut = Pin::new(&mut upstream.stream).poll_shutdown(cx).is_ready();
        }
        if !download.is_done() {
            return false;
        }
        // A server that has closed its side has ended the conversation; clients seldom close
        // first, and one that never does must not hold the tunnel.
        true
    }

    /// What may end any wait: the client's leaving (if watched) and the deadlines.
    fn poll_interrupt(&mut self, cx: &mut Context<'_>, watch: bool) -> Poll<Event> {
        if watch && self.connection.poll_left(cx).is_ready() {
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

    fn touch(&mut self) {
        self.life.request.touch(self.connection.worker.world.now());
    }

    /// The connection to the endpoint ended before the head of a response.
    fn lost(&mut self, attempt: u8) -> Event {
        // What was taken from the client and is not kept is as good as sent.
        let sent =
            self.upload.sent() > 0 || (self.upload.payload() > 0 && !self.upload.is_replayable());
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

    /// Answers in the endpoint's place.
    async fn answer(&mut self, local: Local) {
        let text = match local {
            Local::NoEndpoint => "no server is available for this page",
            Local::QueueFull | Local::QueueTimeout => "all servers are busy",
            Local::BadGateway => "the server could not be reached or broke off",
            Local::GatewayTimeout => "the server did not answer in time",
        };
        let retry = [("Retry-After", &b"1"[..])];
        let extra = if local.status() == 503 {
            &retry[..]
        } else {
            &[]
        };
        self.say(local.status(), text, extra).await;
    }

    async fn say(&mut self, status: u16, text: &str, extra: &[encode::Extra<'_>]) {
        let head_only = self.head.method == h1::Method::Head;
        let close = !self.may_keep();
        let id = self.life.id;
        self.answered = true;
        if !self
            .connection
            .local(id, status, text, extra, (close, head_only))
            .await
        {
            self.connection.buffer = Buffer::default();
        }
    }

    /// Whether the connection may serve another request after an answer of our own.
    fn may_keep(&self) -> bool {
        self.head.keep_alive
            && self.upload.is_received()
            && self.fault.is_none()
            && !self.connection.worker.is_draining()
    }

    /// Puts the connections where they belong.
    async fn finish(mut self, outcome: Outcome) -> After {
        if let Some(entry) = &mut self.life.entry {
            entry.bytes = self.download.as_ref().map_or(0, Relay::payload);
        }
        match outcome {
            Outcome::Complete { .. } if self.tunnel => After::Close,
            Outcome::Complete { .. } => {
                self.keep_upstream();
                self.after_response().await
            }
            Outcome::Local(_) if self.may_keep() => After::Keep,
            Outcome::Local(_) => After::Close,
            Outcome::Cut { .. } => self.cut(),
            Outcome::Cancelled => {
                self.upstream = None;
                if let (Some(status), false) = (self.fault, self.answered) {
                    let text = match status {
                        408 => "the request's body did not come in time",
                        413 => "the request's body is too large",
                        _ => "the request's body is malformed",
                    };
                    self.say(status, text, &[]).await;
                    return After::Close;
                }
                self.cut()
            }
        }
    }

    /// A response that ended too early must look so: where only the close would mark the end, it
    /// is a reset.
    fn cut(&self) -> After {
        let until_close = self.response.framing_for(self.head.version) == Framing::UntilClose;
        if self.answered && until_close {
            After::Abort
        } else {
            After::Close
        }
    }

    fn keep_upstream(&mut self) {
        let Some(mut upstream) = self.upstream.take() else {
            return;
        };
        let worker = &self.connection.worker;
        let clean = upstream.buffer.is_empty() && !upstream.broken && self.upload.is_done();
        upstream.buffer.release(&worker.spare);
        if clean && self.response.keep_alive && !worker.is_draining() {
            let (pool, now) = (self.life.pool().id(), worker.world.now());
            let Upstream {
                endpoint, stream, ..
            } = upstream;
            worker
                .idle
                .borrow_mut()
                .put(pool, endpoint, stream, now, self.target.idle);
        }
    }

    /// The response is complete. What is left of the request's body is read, within bounds, so that
    /// the next request can be found behind it.
    async fn after_response(&mut self) -> After {
        let framing = self.response.framing_for(self.head.version);
        let worker = std::rc::Rc::clone(&self.connection.worker);
        if !self.head.keep_alive || framing == Framing::UntilClose || worker.is_draining() {
            return After::Close;
        }
        if self.upload.is_received() {
            return After::Keep;
        }
        let deadline = self.connection.within(self.connection.terms.timeouts.body);
        let mut sink = tokio::io::sink();
        self.upload.bound(DRAIN);
        let drained = poll_fn(|cx| {
            let Connection {
                stream,
                buffer,
                alarm,
                ..
            } = &mut *self.connection;
            match self
                .upload
                .poll(cx, stream, buffer, &mut sink, &worker.spare)
            {
                Poll::Ready(result) => return Poll::Ready(result.is_ok()),
                Poll::Pending => {}
            }
            alarm.poll(cx, deadline).map(|()| false)
        });
        if drained.await {
            After::Keep
        } else {
            After::Close
        }
    }
}

impl<S> Upstream<S> {
    fn new(stream: S, endpoint: EndpointIndex, reused: bool) -> Self {
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
