//! Interim responses (1xx) on their way to the client, before the final one.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;

/// Heads that wait to be written, and whether the client's connection may hold some back.
#[derive(Debug, Default)]
pub(super) struct Interim {
    pub(super) text: Vec<u8>,
    unflushed: bool,
}

impl Interim {
    /// Writes as much as the client takes; the rest precedes the final head. Errors are none of
    /// this: a client that is gone is noticed where its leaving is watched.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, sink: &mut (impl AsyncWrite + Unpin)) {
        while !self.text.is_empty() {
            match Pin::new(&mut *sink).poll_write(cx, &self.text) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    self.text.drain(..n);
                    self.unflushed = true;
                }
                Poll::Ready(_) | Poll::Pending => return,
            }
        }
        if self.unflushed {
            self.unflushed = Pin::new(sink).poll_flush(cx).is_pending();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::task::Waker;

    /// Takes all that is written and passes it on after so many flushes.
    #[derive(Default)]
    struct Held {
        held: Vec<u8>,
        passed: Vec<u8>,
        flushes: usize,
    }

    impl AsyncWrite for Held {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.held.extend_from_slice(buf);
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            if let Some(left) = self.flushes.checked_sub(1) {
                self.flushes = left;
                return Poll::Pending;
            }
            let Self { held, passed, .. } = &mut *self;
            passed.append(held);
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            self.poll_flush(cx)
        }
    }

    #[test]
    fn what_is_held_back_is_flushed_later() {
        for flushes in 0..3 {
            let mut sink = Held {
                flushes,
                ..Held::default()
            };
            let mut interim = Interim::default();
            interim.text.extend_from_slice(b"HTTP/1.1 100 \r\n\r\n");
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..=flushes {
                assert!(sink.passed.is_empty());
                interim.poll(&mut cx, &mut sink);
            }
            assert_eq!(sink.passed, b"HTTP/1.1 100 \r\n\r\n", "{flushes}");
        }
    }
}
