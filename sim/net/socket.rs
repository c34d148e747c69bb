//! Long-lived sockets: a client that upgrades its connection, holds it and comes back, and an
//! origin that says back what it hears. The bytes of a tunnel are nobody's but theirs, so they are
//! not framed.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::channel::Channel;
use evenkeel_proxy::h1::ResponseHead;
use evenkeel_proxy::world::{Sleep as _, World as _};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::client::{Clients, Job};
use super::exchange::{BODY, Broken, read_head, write};
use super::line::Received;
use crate::result::{End, Turn};
use crate::workload::{Arrival, Talk};
use crate::world::{Sleep, Stream, World};

/// The answer that opens a WebSocket: the RFC's own (RFC 6455, section 4.2.2).
const AGREED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Room for each read.
const READ: usize = 4 << 10;

impl Clients {
    /// A client that wants a socket until `until`.
    pub(super) async fn hold(self: Rc<Self>, mut arrival: Arrival, until: Timestamp) {
        let world = self.process(self.run.plan.home(&arrival));
        let mut failures = 0;
        loop {
            let end = self.hold_one(&world, &arrival, until).await;
            failures = match end {
                None | Some(End::Cancelled) => break,
                Some(End::Status(101)) => 0,
                Some(_) => failures,
            };
            let now = self.world.now();
            let Some(again) = self.conduct.reconnect(&arrival, failures, now, until) else {
                break;
            };
            failures += 1;
            self.world.sleep_until(again).await;
            arrival.retry += 1;
            arrival.due = again;
            let mut collector = self.run.collector.borrow_mut();
            collector.sent(again, arrival.workload, arrival.class);
            collector.socket(again, Turn::Reconnect);
        }
        self.over(&arrival, self.world.now());
    }

    /// Opens a socket and holds it. Why there is none any more; `None` if nobody wants it.
    async fn hold_one(&self, world: &World, arrival: &Arrival, until: Timestamp) -> Option<End> {
        let job = self.job(arrival.clone(), arrival.due, true);
        let opened = self.patiently(job.until.0, self.open(world, &job)).await;
        let now = self.world.now();
        let _ = self.run.flow.leave(job.ticket, now);
        let opened = opened.unwrap_or(Err(job.until.1));
        let end = opened
            .as_ref()
            .map_or_else(|end| *end, |_| End::Status(101));
        self.tell(arrival, end, now);
        let Ok(mut stream) = opened else {
            return Some(end);
        };
        self.run.collector.borrow_mut().socket(now, Turn::Opened);
        let talk = self.conduct.messages(arrival);
        let mut conversation = Conversation::new(talk, now, until);
        let mut alarm = world.sleep_until(Timestamp::MAX);
        let cut = poll_fn(|cx| conversation.poll(cx, world, &mut stream, &mut alarm)).await;
        if cut {
            let now = self.world.now();
            self.run.collector.borrow_mut().socket(now, Turn::Cut);
            return Some(end);
        }
        let _ = stream.shutdown().await;
        let mut rest = [0; READ];
        while stream.read(&mut rest).await.is_ok_and(|length| length > 0) {}
        None
    }

    async fn open(&self, world: &World, job: &Job) -> Result<Channel<Stream>, End> {
        let stream = self.connect(world, &job.ask.host, false).await;
        let mut stream = stream.ok_or(End::Refused)?;
        write(&mut stream, job).await.map_err(|_| End::Reset)?;
        let (mut received, mut head) = (Received::default(), ResponseHead::default());
        match read_head(&mut stream, &mut received, &mut head, job).await {
            Ok(()) if head.status == 101 => Ok(stream),
            Ok(()) => match received.skip(&mut stream, head.framing).await {
                true => Err(End::Status(head.status)),
                false => Err(End::Cut),
            },
            Err(Broken::Unanswered) => Err(End::Reset),
            Err(Broken::Cut) => Err(End::Cut),
        }
    }
}

/// A client's side of an open socket.
struct Conversation {
    talk: Option<Talk>,
    next: Timestamp,
    until: Timestamp,
    /// Of messages, not written yet.
    bytes: u64,
}

impl Conversation {
    fn new(mut talk: Option<Talk>, now: Timestamp, until: Timestamp) -> Self {
        let first = talk.as_mut().map(|talk| talk.next(now));
        Self {
            next: first.unwrap_or(Timestamp::MAX),
            talk,
            until,
            bytes: 0,
        }
    }

    /// Speaks and listens. Ready with true when the socket is cut, false when it is time to go.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        world: &World,
        stream: &mut Channel<Stream>,
        alarm: &mut Sleep,
    ) -> Poll<bool> {
        loop {
            if listen(cx, stream).is_ready() || self.say(cx, stream).is_err() {
                return Poll::Ready(true);
            }
            let now = world.now();
            if now >= self.until {
                return Poll::Ready(false);
            }
            if now >= self.next
                && let Some(talk) = &mut self.talk
            {
                self.bytes += talk.bytes();
                self.next = talk.next(self.next);
                continue;
            }
            alarm.reset(self.next.min(self.until));
            if pin!(&mut *alarm).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Writes what can be written of the messages that are due.
    fn say(&mut self, cx: &mut Context<'_>, stream: &mut Channel<Stream>) -> io::Result<()> {
        while self.bytes > 0 {
            let piece = &BODY[..self.bytes.min(BODY.len() as u64) as usize];
            match Pin::new(&mut *stream).poll_write(cx, piece) {
                Poll::Ready(length) => self.bytes -= length? as u64,
                Poll::Pending => break,
            }
        }
        match Pin::new(stream).poll_flush(cx) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Ok(()),
        }
    }
}

/// Reads what there is. Ready when the other side has ended.
fn listen(cx: &mut Context<'_>, stream: &mut Channel<Stream>) -> Poll<()> {
    loop {
        let mut room = [0; READ];
        let mut heard = ReadBuf::new(&mut room);
        match Pin::new(&mut *stream).poll_read(cx, &mut heard) {
            Poll::Ready(Ok(())) if !heard.filled().is_empty() => {}
            Poll::Ready(_) => return Poll::Ready(()),
            Poll::Pending => return Poll::Pending,
        }
    }
}

/// An origin's side: it agrees, and says back what it hears until the client has said all.
pub(super) async fn serve(stream: &mut Channel<Stream>, received: &mut Received) -> io::Result<()> {
    stream.write_all(AGREED).await?;
    loop {
        let length = received.bytes().len();
        stream.write_all(received.bytes()).await?;
        stream.flush().await?;
        received.consume(length);
        if received.fill(stream).await? == 0 {
            return stream.shutdown().await;
        }
    }
}
