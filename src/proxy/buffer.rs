//! Read buffers: borrowed from the worker while there is something to read, given back after.
//!
//! An idle connection holds none. The bytes of a buffer are initialised once in its life, so that
//! reading needs no `unsafe` and no clearing.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

/// What one direction of an exchange may hold before its source has to wait.
pub(crate) const SIZE: usize = 64 << 10;
/// The same where both sides keep up: a long body costs by the calls that move it. A slow taker
/// never makes the proxy hold so much.
const WIDE: usize = 256 << 10;
/// Room before what is received, where a head grows that is forwarded with what follows it.
const HEADROOM: usize = 512;
/// Buffers of [`SIZE`] that a worker keeps for the next reader.
const KEPT: usize = 256;
/// Wide buffers that it keeps.
const KEPT_WIDE: usize = 16;

/// A worker's spare buffers.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    plain: RefCell<Vec<Vec<u8>>>,
    wide: RefCell<Vec<Vec<u8>>>,
}

impl Spare {
    fn take(&self, wide: bool) -> Vec<u8> {
        let (list, size) = if wide {
            (&self.wide, WIDE)
        } else {
            (&self.plain, SIZE)
        };
        let kept = list.borrow_mut().pop();
        kept.unwrap_or_else(|| vec![0; HEADROOM + size])
    }

    fn put(&self, bytes: Vec<u8>) {
        let (list, most) = match bytes.len().checked_sub(HEADROOM) {
            Some(SIZE) => (&self.plain, KEPT),
            Some(WIDE) => (&self.wide, KEPT_WIDE),
            _ => return,
        };
        let mut list = list.borrow_mut();
        if list.len() < most {
            list.push(bytes);
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
    /// The next read is to be a wide one: the last one brought much.
    wide: bool,
}

impl From<Vec<u8>> for Buffer {
    /// A buffer that has received `bytes`.
    fn from(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self {
            bytes,
            end,
            ..Self::default()
        }
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
    }

    /// Puts `text` before what is there, so that both leave in one piece. False if there is no
    /// room.
    pub(crate) fn prepend(&mut self, text: &[u8]) -> bool {
        let Some(start) = self.start.checked_sub(text.len()) else {
            return false;
        };
        self.bytes[start..self.start].copy_from_slice(text);
        self.start = start;
        true
    }

    /// Who takes what is read here does not keep up: the next read is not to be a wide one.
    pub(crate) fn narrow(&mut self) {
        self.wide = false;
    }

    /// Gives the memory back if nothing is in it.
    pub(crate) fn release(&mut self, spare: &Spare) {
        if self.is_empty() && !self.bytes.is_empty() {
            (self.start, self.end) = (0, 0);
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
        self.make_room(spare);
        let mut room = ReadBuf::new(&mut self.bytes[self.end..]);
        if Pin::new(source).poll_read(cx, &mut room)?.is_pending() {
            self.release(spare);
            return Poll::Pending;
        }
        let n = room.filled().len();
        self.end += n;
        self.wide = n >= SIZE;
        Poll::Ready(Ok(n))
    }

    fn make_room(&mut self, spare: &Spare) {
        if self.is_empty() {
            if self.wide != (self.bytes.len() == HEADROOM + WIDE) {
                self.release(spare);
            }
            if self.bytes.is_empty() {
                self.bytes = spare.take(self.wide);
            }
            let start = HEADROOM.min(self.bytes.len());
            (self.start, self.end) = (start, start);
        }
        if self.end == self.bytes.len() {
            if self.start > HEADROOM {
                self.bytes.copy_within(self.start..self.end, HEADROOM);
                (self.start, self.end) = (HEADROOM, self.end - self.start + HEADROOM);
            } else {
                self.bytes.resize(self.bytes.len() * 2, 0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Fills `buffer` once from `bytes`; returns how many came.
    fn fill(buffer: &mut Buffer, mut bytes: &[u8], spare: &Spare) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        match buffer.poll_fill(&mut cx, &mut bytes, spare) {
            Poll::Ready(read) => read.expect("a slice has no errors"),
            Poll::Pending => panic!("a slice is ready"),
        }
    }

    #[test]
    fn reads_are_wide_while_they_bring_much() {
        let (spare, long) = (Spare::default(), vec![b'x'; WIDE * 2]);
        let mut buffer = Buffer::default();
        // What there is to read, and what is read of it.
        let reads = [
            (WIDE, SIZE),
            (WIDE * 2, WIDE),
            (SIZE, SIZE),
            (SIZE + 1, SIZE + 1),
            (SIZE - 1, SIZE - 1),
            (WIDE, SIZE),
        ];
        for (there, read) in reads {
            assert_eq!(fill(&mut buffer, &long[..there], &spare), read, "{there}");
            buffer.consume(read);
        }
        buffer.narrow();
        assert_eq!(fill(&mut buffer, &long, &spare), SIZE);
    }

    #[test]
    fn who_holds_nothing_gives_its_memory_back() {
        let (spare, long) = (Spare::default(), vec![b'x'; WIDE]);
        let mut buffer = Buffer::default();
        for _ in 0..3 {
            let read = fill(&mut buffer, &long, &spare);
            buffer.release(&spare);
            assert_eq!(buffer.filled().len(), read);
            buffer.consume(read);
            buffer.release(&spare);
            assert!(buffer.bytes.is_empty() && buffer.is_empty());
        }
        let kept = [&spare.plain, &spare.wide].map(|list| list.borrow().len());
        assert_eq!(kept, [1, 1]);
    }

    #[test]
    fn what_is_put_before_stands_before() {
        let (spare, text) = (Spare::default(), vec![b'x'; 5000]);
        let mut buffer = Buffer::default();
        fill(&mut buffer, b"head body", &spare);
        buffer.consume(5);
        assert!(buffer.prepend(b"another head "));
        assert_eq!(buffer.filled(), b"another head body");
        assert!(!buffer.prepend(&text));
        assert_eq!(buffer.filled(), b"another head body");
        let mut given = Buffer::from(b"body".to_vec());
        assert!(!given.prepend(b"x"));
        assert!(given.prepend(b""));
    }

    #[test]
    fn a_full_buffer_loses_nothing() {
        let spare = Spare::default();
        let long: Vec<u8> = (0..=250).cycle().take(SIZE * 3).collect();
        let mut buffer = Buffer::default();
        let mut read = fill(&mut buffer, &long, &spare);
        buffer.consume(1000);
        while read < long.len() {
            read += fill(&mut buffer, &long[read..], &spare);
            assert_eq!(buffer.filled(), &long[1000..read]);
        }
    }
}
