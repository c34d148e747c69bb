//! Read buffers: borrowed from the worker while there is something to read, given back after.
//!
//! An idle connection holds none. The bytes of a buffer are initialised once in its life, so that
//! reading needs no `unsafe` and no clearing.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// Size of a buffer: what one direction of an exchange may hold before its source has to wait.
pub(crate) const SIZE: usize = 64 << 10;
/// Buffers that a worker keeps for the next reader.
const KEPT: usize = 256;

/// A worker's spare buffers.
#[derive(Debug, Default)]
pub(crate) struct Spare(RefCell<Vec<Vec<u8>>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        self.0.borrow_mut().pop().unwrap_or_else(|| vec![0; SIZE])
    }

    fn put(&self, bytes: Vec<u8>) {
        let mut spare = self.0.borrow_mut();
        if bytes.len() == SIZE && spare.len() < KEPT {
            spare.push(bytes);
        }
    }
}

/// Received bytes that are not consumed yet.
#[derive(Debug, Default)]
pub struct Buffer {
    /// Empty while nothing is borrowed; initialised throughout otherwise.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl From<Vec<u8>> for Buffer {
    /// A buffer that has received `bytes`.
    fn from(bytes: Vec<u8>) -> Self {
        let (start, end) = (0, bytes.len());
        Self { bytes, start, end }
    }
}

impl Buffer {
    /// What has been received and not consumed.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks the first `n` bytes as done with.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        debug_assert!(self.start <= self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Gives the memory back if nothing is in it.
    pub(crate) fn release(&mut self, spare: &Spare) {
        if self.is_empty() && !self.bytes.is_empty() {
            spare.put(std::mem::take(&mut self.bytes));
        }
    }

    /// Reads once behind what is there. Returns the number of bytes, 0 at the end of the stream.
    /// A full buffer grows; the caller bounds what it lets pile up. Who waits holds no memory: so
    /// the next one reads into what is warm in the cache.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        source: &mut (impl AsyncRead + Unpin),
        spare: &Spare,
    ) -> Poll<io::Result<usize>> {
        if self.bytes.is_empty() {
            self.bytes = spare.take();
        }
        if self.end == self.bytes.len() {
            if self.start > 0 {
                self.bytes.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        if Pin::new(source).poll_read(cx, &mut room)?.is_pending() {
            self.release(spare);
            return Poll::Pending;
        }
        let n = room.filled().len();
        self.end += n;
        Poll::Ready(Ok(n))
    }
}
