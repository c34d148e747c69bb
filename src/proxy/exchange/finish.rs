//! The end of an exchange: answers of our own, and where its two connections go.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use evenkeel_core::request::{Local, Outcome};

use super::{Exchange, PANIC, Upstream};
use crate::buffer::Buffer;
use crate::channel::Channel;
use crate::connection::{After, Connection, DRAIN};
use crate::h1::{self, Framing, encode};
use crate::relay::Relay;
use crate::world::World;

impl<W: World> Exchange<'_, W> {
    /// Answers in the endpoint's place.
    pub(super) async fn answer(&mut self, local: Local) {
        let text = match local {
            Local::NoEndpoint => "no server is available for this page",
            Local::QueueFull | Local::QueueTimeout | Local::Shed => "all servers are busy",
            Local::BadGateway => "the server could not be reached or broke off",
            Local::GatewayTimeout => "the server did not answer in time",
        };
        let mut extra = Vec::new();
        if local.status() == 503 {
            extra.push(("Retry-After", &b"1"[..]));
        }
        extra.extend(self.life.pool().panics().map(|how| (PANIC, how.as_bytes())));
        self.say(local.status(), text, &extra).await;
    }

    async fn say(&mut self, status: u16, text: &str, extra: &[encode::Extra<'_>]) {
        // What is left of an interim head goes first, or the answer would stand in its middle.
        let before = std::mem::take(&mut self.interim.text);
        let head_only = self.head.method == h1::Method::Head;
        let close = !self.may_keep();
        let id = self.life.id;
        self.answered = true;
        if !self
            .connection
            .local(before, id, status, text, extra, (close, head_only))
            .await
        {
            self.connection.buffer = Buffer::default();
        }
    }

    /// Whether the connection may serve another request after an answer of our own.
    fn may_keep(&self) -> bool {
        self.head.keep_alive
            && self.upload.is_consumed()
            && self.fault.is_none()
            && !self.connection.worker.is_draining()
    }

    /// Puts the connections where they belong.
    pub(super) async fn finish(&mut self, outcome: Outcome) -> After {
        if let Some(entry) = &mut self.life.entry {
            entry.bytes = self.download.as_ref().map_or(0, Relay::payload);
        }
        match outcome {
            Outcome::Complete { .. } if self.tunnel.is_some() => After::Close,
            Outcome::Complete { .. } => {
                self.keep_upstream();
                self.after_response().await
            }
            Outcome::Local(_) if self.may_keep() => After::Keep,
            Outcome::Local(_) => After::Close,
            Outcome::Cut { .. } => self.cut(),
            Outcome::Cancelled => {
                self.upstream = None;
                if let (Some(status), false) = (self.fault, self.answered) {
                    let text = match status {
                        408 => "the request's body did not come in time",
                        413 => "the request's body is too large",
                        _ => "the request's body is malformed",
                    };
                    self.say(status, text, &[]).await;
                    return After::Close;
                }
                self.cut()
            }
        }
    }

    /// A response that ended too early must look so: where only the close would mark the end, it
    /// is a reset.
    fn cut(&self) -> After {
        let until_close = self.draft.response.framing_for(self.head.version) == Framing::UntilClose;
        if self.answered && until_close {
            After::Abort
        } else {
            After::Close
        }
    }

    fn keep_upstream(&mut self) {
        let Some(mut upstream) = self.upstream.take() else {
            return;
        };
        let worker = &self.connection.worker;
        // An endpoint that did not want the body may take it for its next request.
        let unwanted = self.head.expect_continue && !self.continued;
        let clean = upstream.buffer.is_empty() && !upstream.broken && self.upload.is_done();
        let clean = clean && !unwanted;
        upstream.buffer.release(&worker.spare);
        let again = self.draft.response.keep_alive && !matches!(upstream.stream, Channel::Http2(_));
        if clean && again && !worker.is_draining() {
            let (pool, now) = (self.life.pool().id(), worker.world.now());
            let Upstream {
                endpoint, stream, ..
            } = upstream;
            let idle = &mut worker.idle.borrow_mut();
            let (bounds, generation) = (self.target.idle, self.life.generation());
            idle.put((pool, endpoint), stream, now, bounds, generation);
        }
    }

    /// The response is complete. What is left of the request's body is read, within bounds, so that
    /// the next request can be found behind it.
    async fn after_response(&mut self) -> After {
        let framing = self.draft.response.framing_for(self.head.version);
        let worker = Rc::clone(&self.connection.worker);
        // What a client of HTTP/2 still sends concerns its stream alone.
        let ends = framing == Framing::UntilClose || self.head.version == h1::Version::Http2;
        if !self.head.keep_alive && self.upload.is_consumed() && self.connection.buffer.is_empty() {
            return After::Part;
        }
        if !self.head.keep_alive || ends || worker.is_draining() {
            return After::Close;
        }
        if self.upload.is_consumed() {
            return After::Keep;
        }
        let deadline = self.connection.within(self.connection.terms.timeouts.body);
        let mut sink = tokio::io::sink();
        self.upload.bound(DRAIN);
        let drained = poll_fn(|cx| {
            let Connection {
                stream,
                buffer,
                alarm,
                ..
            } = &mut *self.connection;
            match self
                .upload
                .poll(cx, stream, buffer, &mut sink, &worker.spare)
            {
                Poll::Ready(result) => return Poll::Ready(result.is_ok()),
                Poll::Pending => {}
            }
            alarm.poll(cx, deadline).map(|()| false)
        });
        if drained.await {
            After::Keep
        } else {
            After::Close
        }
    }
}
