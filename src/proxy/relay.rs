//! One direction of an exchange: takes a body out of its framing on one connection and frames it
//! anew on the other.
//!
//! Backpressure is here: nothing is read while something waits to be written. Small pieces are
//! gathered so that a small response leaves in one write; large ones are written from the buffer
//! they were read into.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::buffer::{Buffer, Spare};
use crate::channel::{Sink, Source};
use crate::h1::{Decoder, Eof, Framing, Limits, Reject, encode};

/// Payloads up to this size are copied behind the head instead of written beside it.
const GATHER: usize = 8 << 10;

/// Why a body could not be relayed to its end.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The source was lost, or ended inside the body.
    Source,
    /// The source's framing is wrong.
    Malformed(Reject),
    /// The body is longer than allowed.
    TooLong,
    /// The sink was lost.
    Sink,
}

/// One body on its way.
#[derive(Clone, Debug)]
pub(crate) struct Relay {
    decoder: Decoder,
    framing: Framing,
    /// Heads and framed bytes that wait to be written.
    output: Vec<u8>,
    written: usize,
    /// Bytes at the front of the source's buffer that are to be written after `output`.
    direct: usize,
    /// A chunk has been begun by its size line and is to be ended by CRLF.
    in_chunk: bool,
    /// The end of the body is framed.
    ended: bool,
    /// Something was written that the sink may still hold.
    unflushed: bool,
    /// The sink has been told the end.
    finished: bool,
    /// Trailer lines for a sink that frames the end by itself.
    trailers: Vec<u8>,
    /// Bytes written, to this sink.
    sent: u64,
    /// Payload bytes decoded.
    payload: u64,
    limit: u64,
    replay: Replay,
}

/// What of a request's body is kept for another try.
#[derive(Clone, Debug)]
enum Replay {
    /// Up to so many bytes.
    Kept { bytes: Vec<u8>, limit: usize },
    /// No longer, or never.
    Lost,
}

impl Relay {
    /// A relay for a body that is framed as `from` at its source and as `to` at its sink. `output`
    /// is what precedes it, and the memory for more.
    pub(crate) fn new(
        (from, to): (Framing, Framing),
        limits: &Limits,
        limit: u64,
        output: Vec<u8>,
    ) -> Self {
        Self {
            decoder: Decoder::new(from, limits),
            framing: to,
            output,
            written: 0,
            direct: 0,
            in_chunk: false,
            ended: false,
            unflushed: false,
            finished: false,
            trailers: Vec::new(),
            sent: 0,
            payload: 0,
            limit,
            replay: Replay::Lost,
        }
    }

    /// What waits to be written and does not stand in the source's buffer, and its memory.
    pub(crate) fn into_output(self) -> Vec<u8> {
        self.output
    }

    /// Keeps up to `limit` bytes of payload for [`Relay::restart`].
    pub(crate) fn keep(&mut self, limit: usize) {
        self.replay = Replay::Kept {
            bytes: Vec::new(),
            limit,
        };
    }

    /// Whether [`Relay::restart`] is possible.
    pub(crate) const fn is_replayable(&self) -> bool {
        matches!(self.replay, Replay::Kept { .. })
    }

    /// Begins again towards a new sink: the bytes for the head come first, then what was kept.
    pub(crate) fn restart(&mut self, buffer: &mut Buffer) -> &mut Vec<u8> {
        buffer.consume(std::mem::take(&mut self.direct));
        self.output.clear();
        (self.written, self.sent) = (0, 0);
        (self.in_chunk, self.ended) = (false, false);
        (self.unflushed, self.finished) = (false, false);
        &mut self.output
    }

    /// Another relay of the same body, towards another sink: of one whose whole body is kept, to be
    /// begun by [`Relay::restart`].
    pub(crate) fn fork(&self) -> Self {
        debug_assert!(self.is_consumed(), "a part is in the source's buffer");
        Self {
            direct: 0,
            output: Vec::new(),
            ..self.clone()
        }
    }

    /// Frames what was kept behind the head that [`Relay::restart`] made room for.
    pub(crate) fn replay(&mut self) {
        if let Replay::Kept { bytes, .. } = &self.replay {
            let framed = Framed {
                framing: self.framing,
                in_chunk: &mut self.in_chunk,
            };
            framed.gather(bytes, &mut self.output);
        }
    }

    /// Where a head goes that precedes the body.
    pub(crate) fn head(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the source has delivered the whole body.
    pub(crate) fn is_received(&self) -> bool {
        self.ended || self.decoder.is_end()
    }

    /// Whether the whole body has been received and none of it is left in the source's buffer, so
    /// that what stands there is the next message.
    pub(crate) fn is_consumed(&self) -> bool {
        self.is_received() && self.direct == 0
    }

    /// Whether the whole body has been written.
    pub(crate) const fn is_done(&self) -> bool {
        self.finished
    }

    /// Whether something waits for the sink.
    pub(crate) const fn is_blocked(&self) -> bool {
        self.is_waiting() || self.unflushed
    }

    const fn is_waiting(&self) -> bool {
        self.written < self.output.len() || self.direct > 0
    }

    /// Bytes written to the present sink.
    pub(crate) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes of payload so far.
    pub(crate) const fn payload(&self) -> u64 {
        self.payload
    }

    /// Takes at most `more` bytes of payload from now on.
    pub(crate) const fn bound(&mut self, more: u64) {
        self.limit = self.payload.saturating_add(more);
    }

    /// Moves what can be moved. Ready when the whole body has been written.
    pub(crate) fn poll<R, S>(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut R,
        buffer: &mut Buffer,
        sink: &mut S,
        spare: &Spare,
    ) -> Poll<Result<(), Broken>>
    where
        R: Source,
        S: Sink,
    {
        loop {
            if !buffer.is_empty() || self.decoder.is_end() {
                self.advance(buffer)?;
            }
            if self.is_waiting() {
                ready!(self.poll_write(cx, buffer, sink)).map_err(|_| Broken::Sink)?;
                continue;
            }
            if self.ended {
                return self.poll_finish(cx, sink);
            }
            match buffer.poll_fill(cx, source, spare) {
                Poll::Ready(Ok(0)) if self.decoder.eof() == Eof::Complete => {
                    self.end(source.trailers());
                }
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Err(Broken::Source)),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => {
                    if self.unflushed {
                        ready!(Pin::new(sink).poll_flush(cx)).map_err(|_| Broken::Sink)?;
                        self.unflushed = false;
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    fn poll_finish(
        &mut self,
        cx: &mut Context<'_>,
        sink: &mut impl Sink,
    ) -> Poll<Result<(), Broken>> {
        if !self.finished {
            ready!(sink.poll_finish(cx, &self.trailers)).map_err(|_| Broken::Sink)?;
            (self.unflushed, self.finished) = (false, true);
        }
        Poll::Ready(Ok(()))
    }

    /// Decodes what is in the buffer until enough waits to be written.
    fn advance(&mut self, buffer: &mut Buffer) -> Result<(), Broken> {
        while self.direct == 0 && !self.ended && self.output.len() < GATHER * 2 {
            if self.decoder.is_end() {
                self.end(&[]);
                break;
            }
            if buffer.is_empty() {
                break;
            }
            let step = self
                .decoder
                .decode(buffer.filled())
                .map_err(Broken::Malformed)?;
            let length = step.payload.len();
            self.payload += length as u64;
            if self.payload > self.limit {
                return Err(Broken::TooLong);
            }
            buffer.consume(step.payload.start);
            self.remember(&buffer.filled()[..length]);
            let framed = Framed {
                framing: self.framing,
                in_chunk: &mut self.in_chunk,
            };
            if length > GATHER {
                framed.begin(length, &mut self.output);
                self.direct = length;
                let waiting = &self.output[self.written..];
                if buffer.prepend(waiting) {
                    self.direct += waiting.len();
                    self.output.clear();
                    self.written = 0;
                }
            } else {
                framed.gather(&buffer.filled()[..length], &mut self.output);
                buffer.consume(step.consumed - step.payload.start);
            }
        }
        Ok(())
    }

    fn remember(&mut self, payload: &[u8]) {
        if let Replay::Kept { bytes, limit } = &mut self.replay {
            if bytes.len() + payload.len() > *limit {
                self.replay = Replay::Lost;
            } else {
                bytes.extend_from_slice(payload);
            }
        }
    }

    /// The source has ended, with these trailers beside its body or with some inside.
    fn end(&mut self, beside: &[u8]) {
        self.ended = true;
        let inside = self.decoder.trailers();
        let trailers = if inside.is_empty() { beside } else { inside };
        if self.framing == Framing::Chunked {
            if std::mem::take(&mut self.in_chunk) {
                self.output.extend_from_slice(b"\r\n");
            }
            encode::last_chunk(trailers, &mut self.output);
        } else {
            self.trailers.clear();
            self.trailers.extend_from_slice(trailers);
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut Buffer,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        let waiting = match &self.output[self.written..] {
            [] => &buffer.filled()[..self.direct],
            waiting => waiting,
        };
        let written = Pin::new(sink).poll_write(cx, waiting);
        if !matches!(&written, Poll::Ready(Ok(n)) if *n == waiting.len()) {
            buffer.narrow();
        }
        let n = ready!(written)?;
        if n == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.sent += n as u64;
        self.unflushed = true;
        if self.output.is_empty() {
            buffer.consume(n);
            self.direct -= n;
        } else {
            self.written += n;
            if self.written == self.output.len() {
                self.output.clear();
                self.written = 0;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// How payload is written.
struct Framed<'a> {
    framing: Framing,
    in_chunk: &'a mut bool,
}

impl Framed<'_> {
    /// What stands before `length` bytes of payload.
    fn begin(self, length: usize, output: &mut Vec<u8>) {
        if self.framing == Framing::Chunked && length > 0 {
            if std::mem::replace(self.in_chunk, true) {
                output.extend_from_slice(b"\r\n");
            }
            encode::chunk_head(length, output);
        }
    }

    /// The payload itself, copied.
    fn gather(self, payload: &[u8], output: &mut Vec<u8>) {
        self.begin(payload.len(), output);
        output.extend_from_slice(payload);
    }
}
