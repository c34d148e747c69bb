//! A connection on which the other side begins the streams.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use evenkeel_core::trace::Goaway;
use h2::Reason;
use h2::server::{Builder, Connection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    CONNECTION_WINDOW_BYTES, FRAME_BYTES, MISTAKES, SEND_BUFFER_BYTES, STREAM_WINDOW_BYTES, Stream,
    UNSEEN_RESETS, head,
};
use crate::buffer::Buffer;
use crate::channel::Channel;
use crate::world::{self, World};

/// What a client begins with that speaks HTTP/2 without being asked (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much the other side may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Streams that are open at once.
    pub streams: u32,
}

/// A connection on which the other side begins the streams.
#[expect(
    missing_debug_implementations,
    reason = "a world's streams need not have one"
)]
pub struct Acceptor<W: World> {
    connection: Connection<Connected<W::Stream>, Bytes>,
    fault: Option<Goaway>,
}

/// A stream that the other side has begun.
#[expect(missing_debug_implementations, reason = "that of h2 prints a lock")]
pub struct Request {
    /// The whole text of its head, as HTTP/1.1 would have it.
    pub head: Vec<u8>,
    /// How many fields its head has.
    pub fields: usize,
    /// Its body, and where the response goes.
    pub stream: Box<Stream>,
}

impl<W: World> Acceptor<W> {
    /// Begins HTTP/2 on `channel`, of which `received` has been read already.
    ///
    /// # Errors
    ///
    /// If the channel is lost or the other side speaks something else.
    pub async fn begin(
        channel: Channel<W::Stream>,
        received: Buffer,
        most: Most,
    ) -> io::Result<Self> {
        let (resets, memory) = W::RESET_STREAMS;
        let connected = Connected {
            channel,
            buffer: received,
        };
        let connection = Builder::new()
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_frame_size(FRAME_BYTES)
            .max_header_list_size(u32::try_from(most.header_bytes).unwrap_or(u32::MAX))
            .max_concurrent_streams(most.streams)
            .max_concurrent_reset_streams(resets)
            .reset_stream_duration(memory)
            .max_local_error_reset_streams(Some(MISTAKES))
            .max_pending_accept_reset_streams(UNSEEN_RESETS)
            .max_send_buffer_size(SEND_BUFFER_BYTES)
            .enable_connect_protocol()
            .handshake::<_, Bytes>(connected)
            .await
            .map_err(io::Error::other)?;
        Ok(Self {
            connection,
            fault: None,
        })
    }

    /// The next stream, or `None` at the connection's end. Frames of all streams move in here, so
    /// it is to be polled until then.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        self.connection.poll_accept(cx).map(|accepted| {
            let (request, respond) = match accepted? {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.fault = fault(&error);
                    return None;
                }
            };
            let mut text = Vec::with_capacity(512);
            head::request_text(&request, request.body().is_end_stream(), &mut text);
            let websocket = head::is_websocket(&request);
            let fields = request.headers().len();
            Some(Request {
                head: text,
                fields,
                stream: Box::new(Stream::of_client(request.into_body(), respond, websocket)),
            })
        })
    }

    /// Why this side has ended the connection, if the other's frames made it.
    #[must_use]
    pub const fn fault(&self) -> Option<Goaway> {
        self.fault
    }

    /// Tells the other side to begin no more streams.
    pub fn finish(&mut self) {
        self.connection.graceful_shutdown();
    }

    /// Ends the connection, as the other side asks for too much.
    pub fn refuse(&mut self) {
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    }
}

fn fault(error: &h2::Error) -> Option<Goaway> {
    if error.is_io() || error.is_remote() {
        return None;
    }
    Some(match error.reason() {
        Some(Reason::ENHANCE_YOUR_CALM) => Goaway::Flood,
        _ => Goaway::Protocol,
    })
}

/// A connection of which some bytes have been read already.
struct Connected<S> {
    channel: Channel<S>,
    buffer: Buffer,
}

impl<S: world::Stream> AsyncRead for Connected<S> {
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

impl<S: world::Stream> AsyncWrite for Connected<S> {
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
