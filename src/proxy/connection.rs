//! A client's connection: heads in, one after another, each handed to an exchange.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace;
use rustls::ServerConfig;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use tokio::io::AsyncWrite;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::alarm::Alarm;
use crate::buffer::Buffer;
use crate::channel::{Channel, Sink as _};
use crate::config::{self, ListenerTimeouts};
use crate::exchange;
use crate::generation::{Generation, Target};
use crate::h1::{self, Local, Method, Reject, RequestHead, Status, Version, encode::Forwarded};
use crate::http2;
use crate::route;
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
    redirect: Option<config::Redirect>,
    /// Places for TLS handshakes under way.
    handshakes: Semaphore,
    /// Whether HTTP/2 is spoken.
    pub(crate) http2: bool,
    /// Streams open at once on an HTTP/2 connection.
    pub(crate) streams: u32,
    /// Streams of an HTTP/2 connection that its client may reset in ten seconds.
    pub(crate) resets: u32,
}

impl Terms {
    pub(crate) fn new(config: &config::Listener) -> Self {
        Self {
            timeouts: config.timeouts.clone(),
            limits: h1::Limits {
                header_bytes: usize::try_from(config.limits.header_bytes).unwrap_or(usize::MAX),
                headers: config.limits.headers as usize,
                uri_bytes: usize::try_from(config.limits.uri_bytes).unwrap_or(usize::MAX),
            },
            trusted: config.trusted_proxies.clone(),
            name: config.name.clone(),
            redirect: config.redirect,
            handshakes: Semaphore::new(config.limits.handshakes as usize),
            http2: config.http2,
            streams: config.limits.streams,
            resets: config.limits.resets,
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

/// Serves a connection to its end.
pub(crate) async fn serve<W: World>(
    open: Open<W>,
    stream: W::Stream,
    peer: Peer,
    terms: Rc<Terms>,
) {
    let worker = Rc::clone(&open.0);
    let ip: Option<IpAddr> = match peer {
        Peer::Ip(address) => Some(address.ip()),
        Peer::Unix => None,
    };
    let trusted = ip.is_some_and(|ip| terms.trusted.iter().any(|network| network.contains(ip)));
    let mut forwarded = Forwarded {
        peer: ip,
        trusted,
        proto: "http",
    };
    let generation = worker.generation();
    let channel = match generation.material.server(&terms.name) {
        None => Channel::Plain(stream),
        Some(tls) => {
            forwarded.proto = "https";
            generation.material.set_time(worker.world.unix_now());
            let tls = Arc::clone(tls);
            drop(generation);
            match Box::pin(shake_hands(&worker, stream, tls, &terms)).await {
                Some(stream) => Channel::Tls(Box::new(stream.into())),
                None => return,
            }
        }
    };
    if let Channel::Tls(tls) = &channel
        && tls.get_ref().1.alpn_protocol() == Some(b"h2")
    {
        let serving = http2::serve(worker, channel, Buffer::default(), terms, forwarded);
        return Box::pin(serving).await;
    }
    let mut connection = Connection::new(worker, channel, Buffer::default(), terms, forwarded);
    let mut head = RequestHead::default();
    let mut after = After::Keep;
    let mut first = true;
    while after == After::Keep {
        after = match connection.next(&mut head, std::mem::take(&mut first)).await {
            Next::Request(length) => connection.answer(&head, length).await,
            Next::Reject(status, why) => {
                let id = connection.worker.proxy.number();
                connection.reject(id, status, why, &[], false).await;
                After::Close
            }
            Next::Http2 => return Box::pin(connection.serve_http2()).await,
            Next::End => return,
        };
    }
    match after {
        After::Abort => connection.stream.abort(),
        After::Keep | After::Close => connection.linger().await,
    }
}

/// Begins TLS on a client's connection, within bounds.
async fn shake_hands<W: World>(
    worker: &Worker<W>,
    stream: W::Stream,
    tls: Arc<ServerConfig>,
    terms: &Terms,
) -> Option<TlsStream<W::Stream>> {
    let mut alarm = Alarm::new(&worker.world);
    let deadline = worker.world.now() + terms.timeouts.handshake;
    let mut shaking = pin!(async {
        let _place = terms.handshakes.acquire().await.ok()?;
        TlsAcceptor::from(tls).accept(stream).await.ok()
    });
    poll_fn(|cx| match shaking.as_mut().poll(cx) {
        Poll::Ready(stream) => Poll::Ready(stream),
        Poll::Pending => alarm.poll(cx, deadline).map(|()| None),
    })
    .await
}

/// What comes next on a connection.
enum Next {
    /// A head of so many bytes, at the front of the buffer.
    Request(usize),
    /// HTTP/2, without being asked.
    Http2,
    /// Something that is answered with this status, because of that.
    Reject(u16, String),
    /// Nothing.
    End,
}

/// The same place over https.
fn https(redirect: config::Redirect, head: &RequestHead, buf: &[u8]) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let host = text(route::without_port(head.authority.of(buf)));
    let port = match redirect.port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let path = match head.target.path(buf) {
        b"*" => "/".into(),
        path => text(path),
    };
    format!(
        "https://{host}{port}{path}{}",
        text(head.target.query.of(buf))
    )
}

impl<W: World> Connection<W> {
    pub(crate) fn new(
        worker: Rc<Worker<W>>,
        stream: Channel<W::Stream>,
        buffer: Buffer,
        terms: Rc<Terms>,
        forwarded: Forwarded,
    ) -> Self {
        Self {
            alarm: Alarm::new(&worker.world),
            worker,
            stream,
            buffer,
            terms,
            forwarded,
        }
    }

    async fn serve_http2(self) {
        let Self {
            worker,
            stream,
            buffer,
            terms,
            forwarded,
            ..
        } = self;
        http2::serve(worker, stream, buffer, terms, forwarded).await;
    }

    /// Serves a stream of HTTP/2 whose head, of so many fields, is in the buffer. True if its
    /// client has reset it.
    pub(crate) async fn serve_stream(mut self, fields: usize) -> bool {
        let mut head = RequestHead::default();
        let limits = &self.terms.limits;
        let parsed = if fields > limits.headers {
            Err(Reject::TooManyFields)
        } else {
            h1::parse_request(self.buffer.filled(), limits, &mut head)
        };
        head.version = Version::Http2;
        let after = match parsed {
            Ok(Status::Complete(length)) => self.answer(&head, length).await,
            Ok(Status::Partial) | Err(_) => {
                let reject = parsed.err().unwrap_or(Reject::StartLine);
                let id = self.worker.proxy.number();
                self.reject(id, reject.status(), reject.to_string(), &[], false)
                    .await;
                After::Close
            }
        };
        let reset = matches!(&self.stream, Channel::Http2(stream) if stream.is_reset());
        if after == After::Abort {
            self.stream.abort();
        }
        reset
    }

    /// Waits for the next head, the first of its connection or not.
    async fn next(&mut self, head: &mut RequestHead, first: bool) -> Next {
        if self.buffer.is_empty() && !self.wake().await {
            return Next::End;
        }
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
            match h1::parse_request(received, &self.terms.limits, head) {
                _ if partial => {}
                Ok(Status::Complete(length)) => return Next::Request(length),
                Ok(Status::Partial) => {}
                Err(reject) => return Next::Reject(reject.status(), reject.to_string()),
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
                None => {
                    return Next::Reject(408, "the request's head did not come in time".into());
                }
            }
        }
    }

    /// Waits for the first bytes of a head and holds no buffer meanwhile. False if the connection
    /// is to end: idle for too long, closed by the client, or drained.
    async fn wake(&mut self) -> bool {
        self.buffer.release(&self.worker.spare);
        let deadline = self.within(self.terms.timeouts.idle);
        let worker = Rc::clone(&self.worker);
        let mut drained = pin!(worker.drained());
        poll_fn(|cx| {
            if let Poll::Ready(filled) = self.poll_first(cx) {
                return Poll::Ready(filled);
            }
            if drained.as_mut().poll(cx).is_ready() {
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
        let generation = self.worker.generation();
        let buf = self.buffer.filled();
        if head.method == Method::Connect {
            let extra = [(
                "Allow",
                &b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"[..],
            )];
            self.reject(id, 405, "CONNECT is not offered".into(), &extra, false)
                .await;
            return After::Close;
        }
        if let Some(redirect) = self.terms.redirect {
            let to = https(redirect, head, buf);
            let why = format!("the page is at {to}");
            let extra = [("Location", to.as_bytes())];
            return self.turn_away(head, length, id, (301, why), &extra).await;
        }
        let target = generation
            .router
            .find(head.authority.of(buf), head.target.path(buf));
        match target.cloned() {
            Some(target) => self.follow(head, length, id, generation, &target).await,
            None => {
                let why = "no route is for this host and path".to_owned();
                self.turn_away(head, length, id, (404, why), &[]).await
            }
        }
    }

    async fn follow(
        &mut self,
        head: &RequestHead,
        length: usize,
        id: u64,
        generation: Arc<Generation>,
        target: &Arc<Target>,
    ) -> After {
        match &**target {
            Target::Pool(pool) => {
                Box::pin(exchange::run(self, head, length, id, generation, pool)).await
            }
            Target::Redirect { status, to } => {
                let extra = [("Location", to.as_bytes())];
                let why = format!("the page is at {to}");
                self.turn_away(head, length, id, (*status, why), &extra)
                    .await
            }
        }
    }

    /// Answers in no pool's name. The connection goes on if the request has no body.
    async fn turn_away(
        &mut self,
        head: &RequestHead,
        length: usize,
        id: u64,
        (status, why): (u16, String),
        extra: &[h1::encode::Extra<'_>],
    ) -> After {
        let keep = head.keep_alive && head.framing.is_empty() && !self.worker.is_draining();
        let head_only = head.method == Method::Head;
        self.buffer.consume(length);
        let sent = self
            .local(id, status, &why, extra, (!keep, head_only))
            .await;
        self.worker.record(id, trace::Kind::Rejected { status });
        if keep && sent {
            After::Keep
        } else {
            After::Close
        }
    }

    /// Answers something that cannot be served; the connection is to close.
    async fn reject(
        &mut self,
        id: u64,
        status: u16,
        why: String,
        extra: &[h1::encode::Extra<'_>],
        head_only: bool,
    ) {
        self.worker.record(id, trace::Kind::Rejected { status });
        self.local(id, status, &why, extra, (true, head_only)).await;
    }

    /// Writes an answer of our own. False if the client did not take it.
    pub(crate) async fn local(
        &mut self,
        id: u64,
        status: u16,
        text: &str,
        extra: &[h1::encode::Extra<'_>],
        (close, head_only): (bool, bool),
    ) -> bool {
        let request_id = self.worker.request_id(id);
        let local = Local {
            status,
            text,
            request_id: &request_id,
            close,
            head_only,
            extra,
        };
        let mut out = Vec::with_capacity(512);
        local.encode(&mut out);
        let deadline = self.worker.world.now() + self.terms.timeouts.write;
        let mut written = 0;
        poll_fn(|cx| {
            while written < out.len() {
                match Pin::new(&mut self.stream).poll_write(cx, &out[written..]) {
                    Poll::Ready(Ok(n)) if n > 0 => written += n,
                    Poll::Ready(_) => return Poll::Ready(false),
                    Poll::Pending => return self.alarm.poll(cx, deadline).map(|()| false),
                }
            }
            match self.stream.poll_finish(cx, &[]) {
                Poll::Ready(result) => Poll::Ready(result.is_ok()),
                Poll::Pending => self.alarm.poll(cx, deadline).map(|()| false),
            }
        })
        .await
    }

    /// Whether the client has left. What it sends meanwhile is the beginning of its next request,
    /// and is kept; while there is some, nothing is read, so that it cannot pile up.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Channel::Http2(stream) = &mut self.stream {
            return stream.poll_left(cx);
        }
        if !self.buffer.is_empty() {
            return Poll::Pending;
        }
        match ready!(self.poll_first(cx)) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }

    /// Says that nothing more will come, and reads on for a moment: closing with unread bytes would
    /// reset the connection and could take our last answer with it.
    async fn linger(mut self) {
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
