//! The response goes to the client, and what is left of the request to the endpoint; or both ways
//! of a tunnel.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_core::request::Event;
use tokio::io::AsyncWrite;

use super::Exchange;
use crate::connection::Connection;
use crate::relay::Broken;
use crate::world::World;

impl<W: World> Exchange<'_, W> {
    /// Passes the response on, and the rest of the request.
    pub(super) async fn forward(&mut self, attempt: u8) -> Event {
        if self.tunnel.is_none() {
            self.begin_download(self.head_length);
        }
        self.answered = true;
        self.stalled = None;
        self.tell();
        poll_fn(|cx| self.poll_forward(cx, attempt)).await
    }

    fn poll_forward(&mut self, cx: &mut Context<'_>, attempt: u8) -> Poll<Event> {
        if self
            .tunnel
            .as_mut()
            .is_some_and(|tunnel| tunnel.poll_reloaded(cx))
        {
            self.report(Event::Reloaded);
        }
        if let Some(event) = self.poll_upload(cx) {
            return Poll::Ready(event);
        }
        if let Some(event) = self.poll_download(cx, attempt) {
            return Poll::Ready(event);
        }
        if self.tunnel.is_some() && self.poll_tunnel_end(cx) {
            return Poll::Ready(Event::TunnelEnded);
        }
        let watch = self.upload.is_received() && self.tunnel.is_none();
        self.poll_interrupt(cx, watch)
    }

    fn poll_download(&mut self, cx: &mut Context<'_>, attempt: u8) -> Option<Event> {
        let (Some(upstream), Some(download)) = (&mut self.upstream, &mut self.download) else {
            return Some(Event::UpstreamFailed {
                attempt,
                sent: true,
            });
        };
        let Connection { stream, worker, .. } = &mut *self.connection;
        let before = download.sent() + download.payload();
        let source = &mut upstream.stream;
        let result = download.poll(cx, source, &mut upstream.buffer, stream, &worker.spare);
        let moved = download.sent() + download.payload() != before;
        let blocked = result.is_pending() && download.is_blocked();
        if moved {
            self.stalled = None;
            self.touch();
        }
        if blocked && self.stalled.is_none() {
            self.stalled = Some(self.connection.within(self.connection.terms.timeouts.write));
        }
        match result {
            Poll::Pending => None,
            Poll::Ready(Ok(())) if self.tunnel.is_some() => None,
            Poll::Ready(Ok(())) => Some(Event::BodyEnded),
            Poll::Ready(Err(Broken::Sink)) => Some(Event::ClientLeft),
            Poll::Ready(Err(_)) => Some(Event::UpstreamFailed {
                attempt,
                sent: true,
            }),
        }
    }

    /// Tells each side of a tunnel when the other has ended. True when both have.
    fn poll_tunnel_end(&mut self, cx: &mut Context<'_>) -> bool {
        let (Some(upstream), Some(download)) = (&mut self.upstream, &self.download) else {
            return true;
        };
        if self.upload.is_done() && !upstream.shut {
            upstream.shut = Pin::new(&mut upstream.stream).poll_shutdown(cx).is_ready();
        }
        if !download.is_done() {
            return false;
        }
        // A server that has closed its side has ended the conversation; clients seldom close
        // first, and one that never does must not hold the tunnel.
        true
    }
}
