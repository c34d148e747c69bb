//! What a request wants of an origin, and how it is answered.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::io;

use evenkeel_proxy::channel::{Channel, Sink as _};
use evenkeel_proxy::h1;
use tokio::io::AsyncWriteExt;

use super::application::Receipt;
use super::exchange::write_body;
use crate::world::Stream;

/// Responses up to this size leave in one piece.
const WHOLE: u64 = 16 << 10;

/// What a request wants of the origin.
pub(super) struct Order {
    pub(super) status: u16,
    pub(super) bytes: u64,
    pub(super) head_only: bool,
    pub(super) close: bool,
    /// It asks for a tunnel.
    pub(super) upgrade: bool,
    pub(super) reset: bool,
    pub(super) receipt: Option<Receipt>,
    /// It is a probe, which is told how many requests there are beside it.
    pub(super) probe: bool,
    /// Lines of the head, and the beginning of the body that names a session.
    pub(super) handed_out: (String, String),
}

impl Order {
    /// Answers on `stream`, with further lines of the head.
    pub(super) async fn answer(&self, stream: &mut Channel<Stream>, told: &str) -> io::Result<()> {
        let mut head = String::with_capacity(128);
        let status = self.status;
        let _ = write!(head, "HTTP/1.1 {status} {}\r\n", h1::reason(status));
        let (lines, begin) = &self.handed_out;
        let length = self.bytes.max(begin.len() as u64);
        head.push_str(lines);
        head.push_str(told);
        let bodiless = self.head_only || matches!(status, 100..200 | 204 | 304);
        if !matches!(status, 100..200 | 204) {
            let _ = write!(head, "Content-Length: {length}\r\n");
        }
        if self.close {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        let mut message = head.into_bytes();
        let (begin, bytes) = match bodiless {
            true => ("", 0),
            false => (&**begin, length - begin.len() as u64),
        };
        message.extend_from_slice(begin.as_bytes());
        if bytes <= WHOLE {
            message.resize(message.len() + bytes as usize, b'x');
            stream.write_all(&message).await?;
        } else {
            stream.write_all(&message).await?;
            write_body(stream, bytes).await?;
        }
        poll_fn(|cx| stream.poll_finish(cx, &[])).await
    }
}
