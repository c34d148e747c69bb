//! Reading on a connection: what came and is not parsed yet.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::Poll;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::channel::Channel;
use evenkeel_proxy::h1::{Decoder, Eof, Framing, Limits};
use evenkeel_proxy::world::Sleep as _;
use tokio::io::AsyncReadExt;

use crate::world::{Sleep, Stream};

/// Room made for each read.
pub(crate) const READ: usize = 4 << 10;

/// Received bytes.
#[derive(Debug, Default)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    start: usize,
}

impl Received {
    /// What is there.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The first `n` bytes are done with.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.start = 0;
        }
    }

    /// Where the next bytes are put, behind those that are there: room for a read is made.
    pub(crate) fn room(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() - self.bytes.len() < READ {
            self.bytes.drain(..std::mem::take(&mut self.start));
            self.bytes.reserve(READ);
        }
        &mut self.bytes
    }

    /// Reads once; 0 bytes are the end.
    pub(super) async fn fill(&mut self, stream: &mut Channel<Stream>) -> io::Result<usize> {
        stream.read_buf(self.room()).await
    }

    /// Passes over what is there of a body: whether it was well, once that is decided.
    pub(crate) fn pass(&mut self, decoder: &mut Decoder) -> Option<bool> {
        while !decoder.is_end() {
            let Ok(step) = decoder.decode(self.bytes()) else {
                return Some(false);
            };
            self.consume(step.consumed);
            if !step.end && step.consumed == 0 {
                return None;
            }
        }
        Some(true)
    }

    /// Reads a body to its end. False if it does not come.
    pub(super) async fn skip(&mut self, stream: &mut Channel<Stream>, framing: Framing) -> bool {
        let mut decoder = Decoder::new(framing, &Limits::default());
        loop {
            if let Some(well) = self.pass(&mut decoder) {
                return well;
            }
            match self.fill(stream).await {
                Ok(n) if n > 0 => {}
                Ok(_) => return decoder.eof() == Eof::Complete,
                Err(_) => return false,
            }
        }
    }
}

/// Waits until there is something to read; false when `deadline` passes first.
pub(super) async fn readable(
    stream: &mut Channel<Stream>,
    alarm: &mut Sleep,
    deadline: Timestamp,
) -> bool {
    alarm.reset(deadline);
    poll_fn(|cx| {
        if stream.poll_readable(cx).is_ready() {
            return Poll::Ready(true);
        }
        Pin::new(&mut *alarm).poll(cx).map(|()| false)
    })
    .await
}

impl From<Vec<u8>> for Received {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }
}
