//! A client's connection: heads in, one after another, each handed to an exchange.

mod handshake;
mod refuse;
mod throttle;

use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use std::future::poll_fn;
use std::pin::Pin;
use tokio::io::AsyncWrite;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::alarm::Alarm;
use crate::buffer::Buffer;
use crate::channel::Channel;
use crate::config::{self, ListenerTimeouts};
use crate::exchange;
use crate::generation::{Generation, PoolTarget, Target};
use crate::h1::{self, Method, Reject, RequestHead, Status, Version, encode::Forwarded};
use crate::http2;
use crate::worker::{Open, Worker};
use crate::world::{Peer, World};

/// Bytes of a body that nobody wants are read up to here, so that the client can send its next
/// request or read our answer; beyond it the connection is closed.
pub(crate) const DRAIN: u64 = 64 << 10;
/// How long a closing connection is read from, so that a reset does not overtake our last bytes.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// What a listener says of its connections.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) timeouts: ListenerTimeouts,
    pub(crate) limits: h1::Limits,
    pub(crate) trusted: Vec<crate::document::Network>,
    /// By which its certificates are found, which change while it listens.
    name: String,
    /// Whether TLS is spoken, since it listens.
    tls: bool,
    redirect: Option<config::Redirect>,
    /// Places for TLS handshakes under way.
    handshakes: Arc<Semaphore>,
    /// Whether HTTP/2 is spoken.
    pub(crate) http2: bool,
    /// Streams open at once on an HTTP/2 connection.
    pub(crate) streams: u32,
    /// Streams of an HTTP/2 connection that its client may reset in ten seconds.
    pub(crate) resets: u32,
}

impl Terms {
    pub(crate) fn new(config: &config::Listener, handshakes: Arc<Semaphore>) -> Self {
        Self {
            timeouts: config.timeouts.clone(),
            limits: h1::Limits {
                header_bytes: usize::try_from(config.limits.header_bytes).unwrap_or(usize::MAX),
                headers: config.limits.headers as usize,
                uri_bytes: usize::try_from(config.limits.uri_bytes).unwrap_or(usize::MAX),
            },
            trusted: config.trusted_proxies.clone(),
            name: config.name.clone(),
            tls: config.tls.is_some(),
            redirect: config.redirect,
            handshakes,
            http2: config.http2,
            streams: config.limits.streams,
            resets: config.limits.resets,
        }
    }

    /// Whom a connection's requests come from.
    fn forwarded(&self, peer: Peer) -> Forwarded {
        let peer = match peer {
            Peer::Ip(address) => Some(address.ip()),
            Peer::Unix => None,
        };
        let is_trusted = |ip| self.trusted.iter().any(|network| network.contains(ip));
        Forwarded {
            peer,
            trusted: peer.is_some_and(is_trusted),
            proto: if self.tls { "https" } else { "http" },
        }
    }
}

/// What becomes of the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// The next request may come.
    Keep,
    /// Close once the client has had time to read.
    Close,
    /// Close at once if nothing more is there, so that no reset can overtake the answer: the client
    /// has said that it sends nothing more.
    Part,
    /// Close with a reset: what was sent must not look complete.
    Abort,
}

/// What a client's requests come on: its connection, or one stream of HTTP/2.
pub(crate) struct Connection<W: World> {
    pub(crate) worker: Rc<Worker<W>>,
    pub(crate) stream: Channel<W::Stream>,
    /// Received and not consumed: the head being served, its body, requests behind it.
    pub(crate) buffer: Buffer,
    pub(crate) alarm: Alarm<W>,
    pub(crate) terms: Rc<Terms>,
    pub(crate) forwarded: Forwarded,
}

/// Serves a connection to its end. What happens once in its life, or seldom, is boxed: an idle
/// connection is to be small.
pub(crate) async fn serve<W: World>(
    (open, _place): (Open<W>, Option<OwnedSemaphorePermit>),
    stream: W::Stream,
    peer: Peer,
    terms: Rc<Terms>,
) {
    let forwarded = terms.forwarded(peer);
    let channel = if terms.tls {
        match Box::pin(handshake::shake(&open.worker, stream, &terms)).await {
            Some(stream) => Channel::Tls(Box::new(stream.into())),
            None => return,
        }
    } else {
        Channel::Plain(stream)
    };
    let http2 = channel.is_http2();
    let alarm = Alarm::new(&open.worker.world);
    let worker = Rc::clone(&open.worker);
    let mut connection = Connection {
        worker,
        stream: channel,
        buffer: Buffer::default(),
        alarm,
        terms,
        forwarded,
    };
    if http2 {
        return Box::pin(connection.serve_http2(open)).await;
    }
    let mut first = true;
    let after = loop {
        let after = match connection.next(&open, first).await {
            Next::Request(head, length) => {
                let after = connection.answer(&head, length).await;
                connection.worker.heads.put(head);
                after
            }
            Next::Refuse(reject) => {
                Box::pin(connection.refuse(reject)).await;
                After::Close
            }
            Next::Late => {
                let why = "the request's head did not come in time".to_owned();
                Box::pin(connection.reject(408, why)).await;
                After::Close
            }
            Next::Http2 => return Box::pin(connection.serve_http2(open)).await,
            Next::End => return,
        };
        first = false;
        if after != After::Keep {
            break after;
        }
    };
    match after {
        After::Abort => connection.stream.abort(),
        After::Part if connection.stream.is_quiet() => connection.part(),
        After::Keep | After::Part | After::Close => Box::pin(connection.linger()).await,
    }
}

/// What comes next on a connection.
enum Next {
    /// A head of so many bytes, at the front of the buffer.
    Request(Box<RequestHead>, usize),
    /// HTTP/2, without being asked.
    Http2,
    /// Something else than a head.
    Refuse(Reject),
    /// A head that did not come in time.
    Late,
    /// Nothing.
    End,
}

/// Where a request goes.
enum Lead {
    /// To a pool.
    Pool(Arc<PoolTarget>),
    /// Nowhere: a status, why, and a field that says more.
    Away(u16, String, Option<(&'static str, String)>),
}

impl<W: World> Connection<W> {
    /// A stream of HTTP/2 whose head is in `text`.
    pub(crate) fn of_stream(
        worker: &Rc<Worker<W>>,
        stream: Box<http2::Stream>,
        text: Vec<u8>,
        terms: &Rc<Terms>,
        forwarded: Forwarded,
    ) -> Self {
        Self {
            alarm: worker.alarms.take(),
            worker: Rc::clone(worker),
            stream: Channel::Http2(stream),
            buffer: Buffer::from(text),
            terms: Rc::clone(terms),
            forwarded,
        }
    }

    async fn serve_http2(self, open: Open<W>) {
        http2::serve(open, self.stream, self.buffer, self.terms, self.forwarded).await;
    }

    /// Serves a stream of HTTP/2 whose head, of so many fields, is in the buffer. True if its
    /// client has reset it.
    pub(crate) async fn serve_stream(mut self, fields: usize) -> bool {
        let mut head = self.worker.heads.take();
        let limits = &self.terms.limits;
        let parsed = if fields > limits.headers {
            Err(Reject::TooManyFields)
        } else {
            h1::parse_request(self.buffer.filled(), limits, &mut head)
        };
        head.version = Version::Http2;
        let after = match parsed {
            Ok(Status::Complete(length)) => {
                let after = self.answer(&head, length).await;
                self.worker.heads.put(head);
                after
            }
            Ok(Status::Partial) | Err(_) => {
                let reject = parsed.err().unwrap_or(Reject::StartLine);
                Box::pin(self.refuse(reject)).await;
                After::Close
            }
        };
        let reset = matches!(&self.stream, Channel::Http2(stream) if stream.is_reset());
        if after == After::Abort {
            self.stream.abort();
        }
        self.worker.alarms.put(self.alarm);
        reset
    }

    /// Waits for the next head, the first of its connection or not.
    async fn next(&mut self, open: &Open<W>, first: bool) -> Next {
        if self.buffer.is_empty() && !self.wake(open).await {
            return Next::End;
        }
        let mut head = self.worker.heads.take();
        let deadline = self.within(self.terms.timeouts.header);
        let preface = if first && self.terms.http2 {
            http2::PREFACE
        } else {
            b""
        };
        loop {
            let received = self.buffer.filled();
            let partial = preface.starts_with(received);
            if !preface.is_empty() && received.starts_with(preface) {
                return Next::Http2;
            }
            match h1::parse_request(received, &self.terms.limits, &mut head) {
                _ if partial => {}
                Ok(Status::Complete(length)) => return Next::Request(head, length),
                Ok(Status::Partial) => {}
                Err(reject) => return Next::Refuse(reject),
            }
            let filled = poll_fn(|cx| {
                let Self {
                    stream,
                    buffer,
                    alarm,
                    worker,
                    ..
                } = self;
                if let Poll::Ready(result) = buffer.poll_fill(cx, stream, &worker.spare) {
                    return Poll::Ready(Some(result));
                }
                alarm.poll(cx, deadline).map(|()| None)
            });
            match filled.await {
                Some(Ok(0) | Err(_)) => return Next::End,
                Some(Ok(_)) => {}
                None => return Next::Late,
            }
        }
    }

    /// Waits for the first bytes of a head and holds no buffer meanwhile. False if the connection
    /// is to end: idle for too long, closed by the client, or drained.
    async fn wake(&mut self, open: &Open<W>) -> bool {
        self.buffer.release(&self.worker.spare);
        let deadline = self.within(self.terms.timeouts.idle);
        poll_fn(|cx| {
            if let Poll::Ready(filled) = self.poll_first(cx) {
                return Poll::Ready(filled);
            }
            if open.poll_drained(cx).is_ready() {
                return Poll::Ready(false);
            }
            self.alarm.poll(cx, deadline).map(|()| false)
        })
        .await
    }

    /// Reads into an empty buffer once there is something to read; false at the end.
    fn poll_first(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if ready!(self.stream.poll_readable(cx)).is_err() {
            return Poll::Ready(false);
        }
        let Self {
            stream,
            buffer,
            worker,
            ..
        } = self;
        let filled = buffer.poll_fill(cx, stream, &worker.spare);
        buffer.release(&worker.spare);
        filled.map(|result| result.is_ok_and(|n| n > 0))
    }

    /// Answers the request whose head is at the front of the buffer.
    async fn answer(&mut self, head: &RequestHead, length: usize) -> After {
        let id = self.worker.proxy.number();
        let now = self.worker.world.now();
        let generation = self.worker.generation();
        match self.lead(head, &generation) {
            Lead::Pool(target) => {
                let mut what = (id, now, self.entry(now, head, target.pool.name()));
                let presence = match self.admit(head, &mut what, &target.limits) {
                    Ok(presence) => presence,
                    Err(stop) => match Box::pin(self.stop(head, length, &mut what, stop)).await {
                        Ok(presence) => Some(presence),
                        Err(after) => return after,
                    },
                };
                let way = (generation, &*target, presence);
                Box::pin(exchange::run(self, head, length, what, way)).await
            }
            Lead::Away(status, why, extra) => {
                let what = (id, self.entry(now, head, ""));
                let extra = extra
                    .as_ref()
                    .map(|(name, value)| (*name, value.as_bytes()));
                let turning = self.turn_away(head, length, what, (status, why), extra.as_slice());
                Box::pin(turning).await
            }
        }
    }

    /// Where a request goes.
    fn lead(&self, head: &RequestHead, generation: &Generation) -> Lead {
        let buf = self.buffer.filled();
        let away = |status, why: &str, extra| Lead::Away(status, why.into(), extra);
        let elsewhere = |status, to: String| {
            Lead::Away(
                status,
                format!("the page is at {to}"),
                Some(("Location", to)),
            )
        };
        if head.method == Method::Connect {
            let allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned();
            return away(405, "CONNECT is not offered", Some(("Allow", allow)));
        }
        if let Some(redirect) = self.terms.redirect {
            return elsewhere(301, refuse::https(redirect, head, buf));
        }
        let target = generation
            .router
            .find(head.authority.of(buf), head.target.path(buf));
        match target.map(|target| &**target) {
            None => away(404, "no route is for this host and path", None),
            Some(Target::Redirect { status, to }) => elsewhere(*status, to.clone()),
            Some(Target::Pool(pool)) if head.framing.exceeds(pool.body_limit) => {
                away(413, "the request's body is too large", None)
            }
            Some(Target::Pool(pool)) => Lead::Pool(Arc::clone(pool)),
        }
    }

    /// Whether the client has left. What it sends meanwhile is kept; while there is more than the
    /// first `known` bytes, nothing is read, so that it cannot pile up.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>, known: usize) -> Poll<()> {
        if let Channel::Http2(stream) = &mut self.stream {
            return stream.poll_left(cx);
        }
        if self.buffer.filled().len() > known {
            return Poll::Pending;
        }
        match ready!(self.poll_first(cx)) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    /// Says that nothing more will come, as far as that can be said at once.
    fn part(&mut self) {
        if let Channel::Tls(_) = &self.stream {
            let mut cx = Context::from_waker(Waker::noop());
            let _ = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
        }
    }

    /// Says that nothing more will come, and reads on for a moment: closing with unread bytes would
    /// reset the connection and could take our last answer with it.
    async fn linger(&mut self) {
        let deadline = self.worker.world.now() + LINGER;
        let mut read = 0;
        let shutdown = poll_fn(|cx| {
            match Pin::new(&mut self.stream).poll_shutdown(cx) {
                Poll::Ready(result) => return Poll::Ready(result.is_ok()),
                Poll::Pending => {}
            }
            self.alarm.poll(cx, deadline).map(|()| false)
        });
        if !shutdown.await {
            return;
        }
        poll_fn(|cx| {
            while read < DRAIN {
                let pending = self.buffer.filled().len();
                self.buffer.consume(pending);
                match self
                    .buffer
                    .poll_fill(cx, &mut self.stream, &self.worker.spare)
                {
                    Poll::Ready(Ok(n)) if n > 0 => read += n as u64,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return self.alarm.poll(cx, deadline),
                }
            }
            Poll::Ready(())
        })
        .await;
    }

    /// A deadline of the listener's, counted from now.
    pub(crate) fn within(&self, timeout: Duration) -> Timestamp {
        self.worker.world.now() + timeout
    }
}
