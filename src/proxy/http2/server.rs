//! A client's HTTP/2 connection: its streams, and when it ends.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_core::time::Timestamp;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    CONNECTION_WINDOW_BYTES, FRAME_BYTES, MISTAKES, RESET_STREAMS, SEND_BUFFER_BYTES,
    STREAM_WINDOW_BYTES, Stream, UNSEEN_RESETS, head,
};
use crate::alarm::Alarm;
use crate::buffer::Buffer;
use crate::channel::Channel;
use crate::connection::{self, Connection as Downstream, Terms};
use crate::h1::encode::Forwarded;
use crate::worker::{self, Worker};
use crate::world::World;

/// What a client begins with that speaks HTTP/2 without being asked (RFC 9113 section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long the resets of streams are counted together.
const RESET_WINDOW: Duration = Duration::from_secs(10);

/// Serves a connection to its end. `buffer` holds what has been read of it.
pub(crate) async fn serve<W: World>(
    open: worker::Open<W>,
    channel: Channel<W::Stream>,
    buffer: Buffer,
    terms: Rc<Terms>,
    forwarded: Forwarded,
) {
    let worker = Rc::clone(&open.worker);
    let mut alarm = Alarm::new(&worker.world);
    let deadline = worker.world.now() + terms.timeouts.header;
    let connected = Connected { channel, buffer };
    let mut handshake = pin!(builder(&terms).handshake::<_, Bytes>(connected));
    let connection = poll_fn(|cx| match handshake.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result.ok()),
        Poll::Pending => alarm.poll(cx, deadline).map(|()| None),
    });
    let Some(connection) = connection.await else {
        return;
    };
    let serving = Serving {
        connection,
        alarm,
        streams: Rc::new(Streams {
            open: Cell::new(0),
            idle_since: Cell::new(worker.world.now()),
            resets: Cell::new((worker.world.now(), 0)),
        }),
        ending: None,
        open,
        worker,
        terms,
        forwarded,
    };
    serving.run().await;
}

fn builder(terms: &Terms) -> Builder {
    let mut builder = Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_header_list_size(u32::try_from(terms.limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(terms.streams)
        .max_concurrent_reset_streams(RESET_STREAMS)
        .max_local_error_reset_streams(Some(MISTAKES))
        .max_pending_accept_reset_streams(UNSEEN_RESETS)
        .max_send_buffer_size(SEND_BUFFER_BYTES)
        .enable_connect_protocol();
    builder
}

/// What the streams of a connection tell it.
struct Streams {
    open: Cell<usize>,
    /// When the last one ended.
    idle_since: Cell<Timestamp>,
    /// When the present window began, and how many streams the client has reset in it.
    resets: Cell<(Timestamp, u32)>,
}

struct Serving<W: World> {
    connection: Connection<Connected<W::Stream>, Bytes>,
    alarm: Alarm<W>,
    streams: Rc<Streams>,
    /// Nothing new is taken, since then.
    ending: Option<Timestamp>,
    open: worker::Open<W>,
    worker: Rc<Worker<W>>,
    terms: Rc<Terms>,
    forwarded: Forwarded,
}

enum Next {
    Stream(Request<RecvStream>, SendResponse<Bytes>),
    /// The client has waited long enough, or the worker is to take nothing new.
    Finish,
    Closed,
}

impl<W: World> Serving<W> {
    async fn run(mut self) {
        loop {
            match poll_fn(|cx| self.poll_next(cx)).await {
                Next::Stream(request, respond) => self.begin(request, respond),
                Next::Finish if self.ending.is_some() => return,
                Next::Finish => {
                    self.connection.graceful_shutdown();
                    self.ending = Some(self.worker.world.now());
                }
                Next::Closed => return,
            }
            if self.streams.resets.get().1 > self.terms.resets {
                self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        match self.connection.poll_accept(cx) {
            Poll::Ready(Some(Ok((request, respond)))) => {
                return Poll::Ready(Next::Stream(request, respond));
            }
            Poll::Ready(_) => return Poll::Ready(Next::Closed),
            Poll::Pending => {}
        }
        if self.ending.is_none() && self.open.poll_drained(cx).is_ready() {
            return Poll::Ready(Next::Finish);
        }
        let deadline = match (self.streams.open.get(), self.ending) {
            (0, Some(since)) => since + connection::LINGER,
            (0, None) => self.streams.idle_since.get() + self.terms.timeouts.idle,
            // Each stream has its own times.
            _ => Timestamp::MAX,
        };
        self.alarm.poll(cx, deadline).map(|()| Next::Finish)
    }

    /// Serves a stream beside the others.
    fn begin(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let mut text = Vec::with_capacity(512);
        head::request_text(&request, request.body().is_end_stream(), &mut text);
        let websocket = head::is_websocket(&request);
        let fields = request.headers().len();
        let stream = Stream::of_client(request.into_body(), respond, websocket);
        let (terms, forwarded) = (&self.terms, self.forwarded);
        let downstream = Downstream::of_stream(&self.worker, stream, text, terms, forwarded);
        let guard = Open::new(&self.streams, &self.worker);
        self.worker.world.spawn(async move {
            if downstream.serve_stream(fields).await {
                guard.reset();
            }
        });
    }
}

/// A stream, for as long as it is served.
struct Open<W: World>(Rc<Streams>, Rc<Worker<W>>);

impl<W: World> Open<W> {
    fn new(streams: &Rc<Streams>, worker: &Rc<Worker<W>>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self(Rc::clone(streams), Rc::clone(worker))
    }

    /// Counts the stream as one that its client has reset.
    fn reset(&self) {
        let now = self.1.world.now();
        let (began, count) = self.0.resets.get();
        self.0.resets.set(if now.since(began) > RESET_WINDOW {
            (now, 1)
        } else {
            (began, count + 1)
        });
    }
}

impl<W: World> Drop for Open<W> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.idle_since.set(self.1.world.now());
    }
}

/// A connection of which some bytes have been read already.
struct Connected<S> {
    channel: Channel<S>,
    buffer: Buffer,
}

impl<S: crate::world::Stream> AsyncRead for Connected<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.buffer.is_empty() {
            return Pin::new(&mut self.channel).poll_read(cx, buf);
        }
        let read = self.buffer.filled();
        let length = read.len().min(buf.remaining());
        buf.put_slice(&read[..length]);
        self.buffer.consume(length);
        if self.buffer.is_empty() {
            self.buffer = Buffer::default();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: crate::world::Stream> AsyncWrite for Connected<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.channel).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.channel).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.channel.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.channel).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.channel).poll_shutdown(cx)
    }
}
