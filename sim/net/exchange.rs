//! One request and its response on a client's connection.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use evenkeel_proxy::channel::{Channel, Sink as _};
use evenkeel_proxy::h1::{self, Limits, Method, ResponseHead, Status};
use tokio::io::AsyncWriteExt;

use super::client::Job;
use super::flow::FIELD;
use super::line::Received;
use crate::world::Stream;

/// Body bytes are written from here.
pub(super) static BODY: [u8; 16 << 10] = [b'x'; 16 << 10];

/// What asks for a WebSocket (RFC 6455, section 4.1); the key is the RFC's own.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// How far an exchange came.
pub(super) enum Broken {
    /// Lost before any byte of the response.
    Unanswered,
    /// Lost inside the response.
    Cut,
}

/// Sends a request and reads its response, whose head is then in `head`.
pub(super) async fn exchange(
    stream: &mut Channel<Stream>,
    received: &mut Received,
    head: &mut ResponseHead,
    job: &Job,
) -> Result<(), Broken> {
    write(stream, job)
        .await
        .map_err(|error| match error.kind() {
            // HTTP/2 cannot say it, however often it is tried.
            io::ErrorKind::InvalidInput => Broken::Cut,
            _ => Broken::Unanswered,
        })?;
    read_head(stream, received, head, job).await?;
    match received.skip(stream, head.framing).await {
        true => Ok(()),
        false => Err(Broken::Cut),
    }
}

/// Reads the head of a response that is no interim one.
pub(super) async fn read_head(
    stream: &mut Channel<Stream>,
    received: &mut Received,
    head: &mut ResponseHead,
    job: &Job,
) -> Result<(), Broken> {
    let method = Method::of(job.ask.method.as_bytes());
    let limits = Limits::default();
    loop {
        match h1::parse_response(received.bytes(), method, &limits, head) {
            Ok(Status::Complete(length)) => {
                if let Some(luggage) = &job.luggage {
                    luggage.take(head, received.bytes());
                }
                received.consume(length);
                if !head.is_interim() {
                    return Ok(());
                }
            }
            Ok(Status::Partial) => match received.fill(stream).await {
                Ok(n) if n > 0 => {}
                _ if received.bytes().is_empty() => return Err(Broken::Unanswered),
                _ => return Err(Broken::Cut),
            },
            Err(_) => return Err(Broken::Cut),
        }
    }
}

/// Whether a stream without an answer has reached nobody: refused, or its connection is gone.
pub(super) fn was_lost(stream: &Channel<Stream>) -> bool {
    matches!(stream, Channel::Http2(stream) if stream.is_refused() || !stream.is_reset())
}

pub(super) async fn write(stream: &mut Channel<Stream>, job: &Job) -> io::Result<()> {
    let mut head = format!("{}{FIELD}: {}\r\n", job.ask.head(), job.ticket.text());
    if let Some(luggage) = &job.luggage {
        head.push_str(&luggage.lines);
    }
    if job.upgrade {
        head.push_str(UPGRADE);
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    write_body(stream, job.ask.body_bytes).await?;
    poll_fn(|cx| stream.poll_finish(cx, &[])).await
}

/// Writes `bytes` bytes of body.
pub(super) async fn write_body(stream: &mut Channel<Stream>, mut bytes: u64) -> io::Result<()> {
    while bytes > 0 {
        let piece = bytes.min(BODY.len() as u64);
        stream.write_all(&BODY[..piece as usize]).await?;
        bytes -= piece;
    }
    Ok(())
}

/// The line of a head that asks to wait; nothing for no time.
pub(super) fn come_back(later: Duration) -> String {
    match later.as_secs() {
        0 => String::new(),
        seconds => format!("Retry-After: {seconds}\r\n"),
    }
}
