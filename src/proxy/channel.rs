//! What the data path reads from and writes to: a connection, plain or in TLS, or one stream of an
//! HTTP/2 connection.
//!
//! All of them speak the text of HTTP/1.1 heads, so that nothing above knows the difference but in
//! how a body ends: a stream of HTTP/2 ends it by itself, and carries trailers beside it.

use std::io::{self, BufRead as _, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsStream;

use crate::http2;
use crate::world::Stream;

/// Where bodies come from.
pub trait Source: AsyncRead + Unpin {
    /// The trailer lines that came with the end; none where the body's own framing carries them.
    fn trailers(&self) -> &[u8] {
        &[]
    }
}

/// Where bodies go.
pub trait Sink: AsyncWrite + Unpin {
    /// Ends the message where the sink frames it, `trailers` included, and pushes out what was
    /// written.
    ///
    /// # Errors
    ///
    /// If the other side is gone.
    fn poll_finish(&mut self, cx: &mut Context<'_>, _trailers: &[u8]) -> Poll<io::Result<()>> {
        Pin::new(self).poll_flush(cx)
    }
}

impl Sink for tokio::io::Sink {}

/// One side of an exchange.
#[expect(
    missing_debug_implementations,
    reason = "a world's streams need not have one"
)]
pub enum Channel<S> {
    /// A connection.
    Plain(S),
    /// A connection in TLS.
    Tls(Box<TlsStream<S>>),
    /// A stream of an HTTP/2 connection.
    Http2(Box<http2::Stream>),
}

impl<S: Stream> Channel<S> {
    /// Whether the two sides agreed on HTTP/2 when TLS began.
    #[must_use]
    pub fn is_http2(&self) -> bool {
        match self {
            Self::Tls(tls) => tls.get_ref().1.alpn_protocol() == Some(b"h2"),
            Self::Plain(_) | Self::Http2(_) => false,
        }
    }

    /// As [`Stream::poll_readable`].
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (stream, decrypted) = match self {
            Self::Plain(stream) => return stream.poll_readable(cx),
            Self::Http2(stream) => return stream.poll_readable(cx),
            Self::Tls(stream) => match &mut **stream {
                TlsStream::Client(tls) => {
                    let (stream, session) = tls.get_mut();
                    (stream, session.reader().fill_buf().map(drop))
                }
                TlsStream::Server(tls) => {
                    let (stream, session) = tls.get_mut();
                    (stream, session.reader().fill_buf().map(drop))
                }
            },
        };
        match decrypted {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.poll_readable(cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Whether it is open and has nothing to say. If it has, some of that may be lost by asking.
    pub(crate) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        if self.poll_readable(&mut cx).is_pending() {
            return true;
        }
        let mut byte = [0];
        Pin::new(self)
            .poll_read(&mut cx, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }

    /// Closes so that the other side cannot take what it got for all there was.
    pub fn abort(self) {
        match self {
            Self::Plain(stream) => stream.abort(),
            Self::Tls(stream) => match *stream {
                TlsStream::Client(tls) => tls.into_inner().0.abort(),
                TlsStream::Server(tls) => tls.into_inner().0.abort(),
            },
            Self::Http2(mut stream) => stream.reset(),
        }
    }
}

impl<S: Stream> Source for Channel<S> {
    fn trailers(&self) -> &[u8] {
        match self {
            Self::Plain(_) | Self::Tls(_) => &[],
            Self::Http2(stream) => stream.trailers(),
        }
    }
}

impl<S: Stream> Sink for Channel<S> {
    fn poll_finish(&mut self, cx: &mut Context<'_>, trailers: &[u8]) -> Poll<io::Result<()>> {
        match self {
            Self::Http2(stream) => stream.poll_finish(cx, trailers),
            _ => Pin::new(self).poll_flush(cx),
        }
    }
}

impl<S: Stream> AsyncRead for Channel<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Http2(stream) => stream.poll_read(cx, buf),
        }
    }
}

impl<S: Stream> AsyncWrite for Channel<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Http2(stream) => stream.poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Http2(stream) => {
                let first = bufs.iter().find(|buf| !buf.is_empty());
                stream.poll_write(cx, first.map_or(&[], |buf| buf))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        !matches!(self, Self::Http2(_))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Http2(stream) => stream.poll_flush(),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Http2(stream) => stream.poll_finish(cx, &[]),
        }
    }
}
