//! One HTTP/1.1 connection of the real network, read with the proxy's own codec.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::h1::{
    self, Decoder, Eof, Framing, Limits, Method, RequestHead, ResponseHead, Status,
};

use super::clock::Clock;
use crate::net::line::{READ, Received};

/// A connection, and what came on it and is not parsed yet.
#[derive(Debug)]
pub(crate) struct Line {
    stream: TcpStream,
    received: Received,
    clock: Clock,
    /// When reading is given up.
    until: Timestamp,
}

/// Why a message did not come whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The connection was lost before any byte of it.
    Unanswered,
    /// The connection was lost within it, or it is no HTTP.
    Cut,
    /// It took too long.
    Late,
}

impl Line {
    /// A connection on which what is written leaves at once.
    pub(crate) fn new(stream: TcpStream, clock: Clock) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            received: Received::default(),
            clock,
            until: Timestamp::MAX,
        })
    }

    /// Reading is given up then.
    pub(crate) fn wait_until(&mut self, until: Timestamp) {
        self.until = until;
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads a request to its end, whose head is then in `head`; `look` sees its bytes.
    pub(super) fn request<R>(
        &mut self,
        head: &mut RequestHead,
        look: impl FnOnce(&RequestHead, &[u8]) -> R,
    ) -> Result<R, Broken> {
        let length = self.head(|bytes| h1::parse_request(bytes, &Limits::default(), head))?;
        let seen = look(head, self.received.bytes());
        self.received.consume(length);
        self.skip(head.framing)?;
        Ok(seen)
    }

    /// Reads the response to a request of `method` to its end, whose head is then in `head`; `look`
    /// sees its bytes.
    pub(crate) fn response<R>(
        &mut self,
        method: Method,
        head: &mut ResponseHead,
        look: impl FnOnce(&ResponseHead, &[u8]) -> R,
    ) -> Result<R, Broken> {
        let limits = Limits::default();
        let length = loop {
            let length = self.head(|bytes| h1::parse_response(bytes, method, &limits, head))?;
            if !head.is_interim() {
                break length;
            }
            self.received.consume(length);
        };
        let seen = look(head, self.received.bytes());
        self.received.consume(length);
        self.skip(head.framing)?;
        Ok(seen)
    }

    /// Reads until `parse` finds a whole head; its length.
    fn head<E>(
        &mut self,
        mut parse: impl FnMut(&[u8]) -> Result<Status, E>,
    ) -> Result<usize, Broken> {
        loop {
            match parse(self.received.bytes()) {
                Ok(Status::Complete(length)) => return Ok(length),
                Ok(Status::Partial) => self.more()?,
                Err(_) => return Err(Broken::Cut),
            }
        }
    }

    fn skip(&mut self, framing: Framing) -> Result<(), Broken> {
        let mut decoder = Decoder::new(framing, &Limits::default());
        loop {
            match self.received.pass(&mut decoder) {
                Some(true) => return Ok(()),
                Some(false) => return Err(Broken::Cut),
                None => match self.more() {
                    Err(Broken::Late) => return Err(Broken::Late),
                    Err(_) if decoder.eof() == Eof::Complete => return Ok(()),
                    Err(_) => return Err(Broken::Cut),
                    Ok(()) => {}
                },
            }
        }
    }

    /// Reads once.
    fn more(&mut self) -> Result<(), Broken> {
        let lost = match self.received.bytes().is_empty() {
            true => Broken::Unanswered,
            false => Broken::Cut,
        };
        if self.until != Timestamp::MAX {
            let left = self.clock.until(self.until);
            if left == Duration::ZERO {
                return Err(Broken::Late);
            }
            self.stream.set_read_timeout(Some(left)).map_err(|_| lost)?;
        }
        let room = self.received.room();
        let before = room.len();
        room.resize(before + READ, 0);
        let read = self.stream.read(&mut room[before..]);
        room.truncate(before + read.as_ref().map_or(0, |read| *read));
        match read {
            Ok(0) => Err(lost),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                match self.clock.until(self.until) {
                    Duration::ZERO => Err(Broken::Late),
                    _ => Ok(()),
                }
            }
            Err(_) => Err(lost),
        }
    }
}
