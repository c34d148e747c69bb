//! The request goes out and the head of the response comes in.

use std::task::{Context, Poll};

use evenkeel_core::request::Event;
use evenkeel_core::time::Span;

use super::{Exchange, PANIC, again};
use crate::connection::Connection;
use crate::h1::encode::{self, ResponsePlan};
use crate::h1::{self, Framing, Status, Version};
use crate::relay::{Broken, Relay};
use crate::worker::Tunnel;
use crate::world::World;

impl<W: World> Exchange<'_, W> {
    /// Sends the request and waits for the head of the response.
    pub(super) async fn send(&mut self) -> Event {
        if self.life.request.may_replay() && self.upload.payload() == 0 {
            self.upload.keep(self.target.replay_limit);
        }
        self.upload
            .restart(&mut self.connection.buffer)
            .extend_from_slice(&self.draft.request);
        self.upload.replay();
        // What an earlier try received of a head says nothing of this one's.
        self.draft.response.reset();
        self.continued = false;
        self.stalled = None;
        self.pursue().await
    }

    /// Goes on with a try that has a connection.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, attempt: u8) -> Option<Event> {
        if let Some(event) = self.poll_upload(cx) {
            return Some(event);
        }
        loop {
            if let Some(event) = self.read_head(attempt) {
                return Some(event);
            }
            self.interim.poll(cx, &mut self.connection.stream);
            // A client that takes none of them holds up the endpoint that sends many.
            if self.interim.text.len() > self.connection.terms.limits.header_bytes {
                break;
            }
            let Some(upstream) = &mut self.upstream else {
                return Some(self.lost(attempt));
            };
            let spare = &self.connection.worker.spare;
            match upstream.buffer.poll_fill(cx, &mut upstream.stream, spare) {
                Poll::Ready(Ok(n)) if n > 0 => self.touch(),
                Poll::Ready(_) => return Some(self.lost(attempt)),
                Poll::Pending => break,
            }
        }
        None
    }

    /// Moves the request's body on. A sink that takes no more is not the end: the endpoint may have
    /// answered without wanting all of it.
    pub(super) fn poll_upload(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        let upstream = self.upstream.as_mut()?;
        if upstream.broken || (self.upload.is_done() && self.tunnel.is_none()) {
            return None;
        }
        let Connection {
            stream,
            buffer,
            worker,
            ..
        } = &mut *self.connection;
        let before = self.upload.sent() + self.upload.payload();
        let sink = &mut upstream.stream;
        let result = self.upload.poll(cx, stream, buffer, sink, &worker.spare);
        if self.upload.sent() + self.upload.payload() != before {
            self.stalled = None;
            self.touch();
        }
        let waits = result.is_pending() && !self.upload.is_blocked() && self.tunnel.is_none();
        if waits && self.stalled.is_none() {
            self.stalled = Some(self.connection.within(self.connection.terms.timeouts.body));
        }
        // Told at once: how long the try may take depends on it.
        if !self.upload.is_replayable()
            && self.upload.payload() > 0
            && self.life.request.may_replay()
        {
            self.report(Event::ReplayLost);
        }
        if self.life.request.is_partial() && self.upload.is_consumed() && !self.head.upgrade {
            self.report(Event::Received);
        }
        match result {
            Poll::Pending | Poll::Ready(Ok(())) => None,
            Poll::Ready(Err(Broken::Sink)) => {
                self.upstream.as_mut()?.broken = true;
                self.stalled = None;
                None
            }
            Poll::Ready(Err(Broken::Source)) => Some(Event::ClientLeft),
            Poll::Ready(Err(Broken::Malformed(reject))) => {
                self.fault = Some(reject.status());
                Some(Event::ClientLeft)
            }
            Poll::Ready(Err(Broken::TooLong)) => {
                self.fault = Some(413);
                Some(Event::ClientLeft)
            }
        }
    }

    /// Parses what the endpoint has sent so far. Interim heads are put on their way.
    fn read_head(&mut self, attempt: u8) -> Option<Event> {
        let upstream = self.upstream.as_mut()?;
        let limits = self.connection.terms.limits;
        let websocket = self.head.upgrade && self.head.version == Version::Http2;
        loop {
            let buf = upstream.buffer.filled();
            if buf.is_empty() {
                return None;
            }
            let response = &mut self.draft.response;
            match h1::parse_response(buf, self.head.method, &limits, response) {
                Ok(Status::Partial) => return None,
                Err(_) => return Some(self.malformed(attempt)),
                Ok(Status::Complete(length)) if response.is_interim() => {
                    self.continued |= response.status == 100;
                    if self.head.version != Version::Http10 {
                        let plan = ResponsePlan {
                            version: self.head.version,
                            framing: Framing::None,
                            keep_alive: true,
                            extra: &[],
                        };
                        encode::response(response, buf, &plan, &mut self.interim.text);
                    }
                    upstream.buffer.consume(length);
                }
                Ok(Status::Complete(length)) if response.status == 101 => {
                    if !self.head.upgrade {
                        return Some(self.malformed(attempt));
                    }
                    self.begin_tunnel(length);
                    return Some(Event::Upgraded { attempt });
                }
                // The client would take it for the opening (RFC 8441 section 5).
                Ok(Status::Complete(_)) if websocket && response.is_success() => {
                    return Some(self.malformed(attempt));
                }
                Ok(Status::Complete(length)) => {
                    if !self.learn(length) {
                        return None;
                    }
                    self.head_length = length;
                    return Some(Event::Head {
                        attempt,
                        status: self.draft.response.status,
                        retry_after: self.retry_after(),
                    });
                }
            }
        }
    }

    /// What the endpoint has sent is no answer: nothing more is expected of it.
    fn malformed(&mut self, attempt: u8) -> Event {
        self.upstream = None;
        let sent = true;
        Event::UpstreamFailed { attempt, sent }
    }

    /// How long the endpoint asks to wait, if its response may be one to try again for.
    fn retry_after(&self) -> Span {
        if !self.target.plan.may_refuse(self.draft.response.status) {
            return Span(0);
        }
        let buf = self
            .upstream
            .as_ref()
            .map_or(&[][..], |u| u.buffer.filled());
        let mut values = self.draft.response.fields.values(buf, "retry-after");
        let unix_now = self.connection.worker.world.unix_now();
        again::asked(values.next(), unix_now)
    }

    /// Puts the head of the response, of so many bytes, on its way.
    pub(super) fn begin_download(&mut self, length: usize) {
        let Some(upstream) = &mut self.upstream else {
            return;
        };
        let limits = self.connection.terms.limits;
        let framing = self.draft.response.framing_for(self.head.version);
        let panic = self.life.pool().panics().map(|how| (PANIC, how.as_bytes()));
        let framings = (self.draft.response.framing, framing);
        let output = std::mem::take(&mut self.draft.download);
        let mut relay = Relay::new(framings, &limits, u64::MAX, output);
        let plan = ResponsePlan {
            version: self.head.version,
            framing,
            keep_alive: self.head.keep_alive && !self.connection.worker.is_draining(),
            extra: panic.as_slice(),
        };
        relay.head().append(&mut self.interim.text);
        encode::response(
            &self.draft.response,
            upstream.buffer.filled(),
            &plan,
            relay.head(),
        );
        upstream.buffer.consume(length);
        self.download = Some(relay);
    }

    fn begin_tunnel(&mut self, length: usize) {
        let limits = self.connection.terms.limits;
        let raw = (Framing::UntilClose, Framing::UntilClose);
        self.begin_download(length);
        if let Some(download) = self.download.take() {
            let output = download.into_output();
            self.download = Some(Relay::new(raw, &limits, u64::MAX, output));
        }
        self.upload = Relay::new(raw, &limits, u64::MAX, Vec::new());
        self.tunnel = Some(Tunnel::open(&self.connection.worker));
    }
}
