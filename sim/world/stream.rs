//! A stream: the bytes of a raw turmoil connection, given out when the logical one says so.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::world;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::TcpStream;

use super::World;
use super::circuit::Circuit;
use super::clock::Alarm;
use super::connection::{Readable, Side, WINDOW_BYTES, Writable};

/// A connected byte stream of the simulated world.
pub struct Stream {
    world: World,
    circuit: Rc<Circuit>,
    side: Side,
    read_alarm: Alarm,
    write_alarm: Alarm,
}

impl Stream {
    pub(super) fn new(world: World, circuit: Rc<Circuit>, side: Side) -> Self {
        world.process.open(&circuit, side);
        Self {
            world,
            circuit,
            side,
            read_alarm: Alarm::default(),
            write_alarm: Alarm::default(),
        }
    }

    fn wait_readable(&mut self, until: Option<Timestamp>, cx: &mut Context<'_>) -> Poll<()> {
        let mut connection = self.circuit.connection.borrow_mut();
        connection.await_readable(self.side, cx);
        match until {
            Some(at) => self.read_alarm.poll(&self.world.network.clock, at, cx),
            None => Poll::Pending,
        }
    }

    fn wait_writable(&mut self, until: Option<Timestamp>, cx: &mut Context<'_>) -> Poll<()> {
        let mut connection = self.circuit.connection.borrow_mut();
        connection.await_writable(self.side, cx);
        match until {
            Some(at) => self.write_alarm.poll(&self.world.network.clock, at, cx),
            None => Poll::Pending,
        }
    }

    /// Ready with true when there are bytes, false at the end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.world.process.holds(cx) {
            return Poll::Pending;
        }
        loop {
            let now = self.world.network.now();
            let readable = self.circuit.connection.borrow().readable(self.side, now);
            let until = match readable {
                Readable::Data => return Poll::Ready(Ok(true)),
                Readable::End => return Poll::Ready(Ok(false)),
                Readable::Reset => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                Readable::Closed => {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                Readable::At(at) => Some(at),
                Readable::Nothing => None,
            };
            ready!(self.wait_readable(until, cx));
        }
    }

    /// Reads from the raw stream, at most what one write has put there. Pending if turmoil has not
    /// delivered it yet, which happens within one host only.
    fn poll_raw(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = self
            .circuit
            .raw(self.side, |raw| Pin::new(raw).poll_read(cx, buf));
        match read {
            Some(read) => ready!(read)?,
            None => return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into())),
        }
        match buf.filled().len() - before {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            length => {
                let mut connection = self.circuit.connection.borrow_mut();
                connection.consume(self.side, length);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if buf.remaining() == 0 || !ready!(this.poll_data(cx))? {
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_raw(cx, buf))?;
        let now = this.world.network.now();
        while buf.remaining() > 0 {
            let readable = this.circuit.connection.borrow().readable(this.side, now);
            if readable != Readable::Data || this.poll_raw(cx, buf)?.is_pending() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if this.world.process.holds(cx) {
            return Poll::Pending;
        }
        loop {
            let now = this.world.network.now();
            let writable = this.circuit.connection.borrow().writable(this.side, now);
            let length = match writable {
                Writable::Broken => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                Writable::Reset => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Writable::Full(until) => {
                    ready!(this.wait_writable(until, cx));
                    continue;
                }
                Writable::Void(room) => room.min(buf.len()),
                Writable::Room(room) => {
                    let chunk = &buf[..room.min(buf.len())];
                    let written = this
                        .circuit
                        .raw(this.side, |raw| Pin::new(raw).poll_write(cx, chunk));
                    match written {
                        Some(written) => ready!(written)?,
                        None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                    }
                }
            };
            let next = this.world.network.next();
            let earliest = this.circuit.earliest(this.side, now, next);
            let mut connection = this.circuit.connection.borrow_mut();
            connection.send(this.side, length, now, earliest);
            return Poll::Ready(Ok(length));
        }
    }

    /// All slices in one segment, as `writev` sends them.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut full = slices.iter().filter(|slice| !slice.is_empty());
        match (full.next(), full.next()) {
            (first, None) => self.poll_write(cx, first.map_or(&[], |slice| slice)),
            _ => {
                let mut whole = Vec::new();
                for slice in slices {
                    whole.extend_from_slice(slice);
                    if whole.len() >= WINDOW_BYTES {
                        break;
                    }
                }
                self.poll_write(cx, &whole)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.world.process.holds(cx) {
            return Poll::Pending;
        }
        let now = self.world.network.now();
        self.circuit.connection.borrow_mut().finish(self.side, now);
        Poll::Ready(Ok(()))
    }
}

impl world::Stream for Stream {
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let has_data = ready!(self.poll_data(cx))?;
        if has_data && self.circuit.is_local() {
            let mut byte = [0];
            let peek = |raw: &mut TcpStream| raw.poll_peek(cx, &mut ReadBuf::new(&mut byte));
            if let Some(peeked) = self.circuit.raw(self.side, peek) {
                ready!(peeked)?;
            }
        }
        Poll::Ready(Ok(()))
    }

    fn abort(self) {
        self.circuit.abort(self.side, self.world.network.now());
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.world.process.forget(self.circuit.id, self.side);
        self.circuit.close(self.side, self.world.network.now());
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("connection", &self.circuit.id)
            .field("side", &self.side)
            .finish()
    }
}
