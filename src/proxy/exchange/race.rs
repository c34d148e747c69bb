//! The tries of a request: one as a rule, two while a late one has another beside it.
//!
//! The exchange holds one try in its own fields, as the core does; the other one stands aside and
//! changes places with it to be polled. Whoever has something to report stays, so that everything
//! that follows knows of one try only.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::request::Event;

use super::{Exchange, Upstream};
use crate::channel::Channel;
use crate::h1::ResponseHead;
use crate::relay::Relay;
use crate::world::World;

/// A connection that is being opened.
pub(super) struct Opening<'a, S> {
    pub(super) endpoint: EndpointIndex,
    pub(super) channel: Pin<Box<dyn Future<Output = io::Result<Channel<S>>> + 'a>>,
}

/// The try that stands aside.
pub(super) struct Rival<'a, S> {
    attempt: u8,
    opening: Option<Opening<'a, S>>,
    upstream: Option<Upstream<S>>,
    upload: Relay,
    response: ResponseHead,
    continued: bool,
}

impl<W: World> Exchange<'_, W> {
    /// Goes on with the tries until one of them has something to report, or time is up.
    pub(super) async fn pursue(&mut self) -> Event {
        poll_fn(|cx| self.poll_tries(cx)).await
    }

    fn poll_tries(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(event) = self.poll_try(cx) {
            return Poll::Ready(event);
        }
        if self.rival.is_some() {
            self.change_places();
            if let Some(event) = self.poll_try(cx) {
                return Poll::Ready(event);
            }
            self.change_places();
        }
        // A client whose body is being read is heard by who reads it.
        let watch = self.upstream.is_none() || self.upload.is_received();
        self.poll_interrupt(cx, watch)
    }

    fn poll_try(&mut self, cx: &mut Context<'_>) -> Option<Event> {
        let attempt = self.attempt;
        let Some(opening) = &mut self.opening else {
            return match self.upstream {
                Some(_) => self.poll_send(cx, attempt),
                None => None,
            };
        };
        let endpoint = opening.endpoint;
        let Poll::Ready(opened) = opening.channel.as_mut().poll(cx) else {
            return None;
        };
        self.opening = None;
        Some(match opened {
            Ok(channel) => {
                self.upstream = Some(Upstream::new(channel, endpoint, false));
                let reused = false;
                Event::Connected { attempt, reused }
            }
            Err(error) => {
                if let Some(entry) = &mut self.life.entry {
                    entry.explain(attempt, &error);
                }
                Event::DialFailed { attempt }
            }
        })
    }

    /// The present try goes on beside the one that comes next.
    pub(super) fn keep(&mut self) {
        let upload = self.upload.fork();
        self.rival = Some(Box::new(Rival {
            attempt: self.attempt,
            opening: self.opening.take(),
            upstream: self.upstream.take(),
            upload: std::mem::replace(&mut self.upload, upload),
            response: std::mem::take(&mut self.draft.response),
            continued: std::mem::take(&mut self.continued),
        }));
    }

    /// Gives a try up; the one beside it, if there is one, goes on.
    pub(super) fn cancel(&mut self, attempt: u8) {
        if self.attempt == attempt {
            (self.opening, self.upstream) = (None, None);
            self.carry_on();
        } else {
            self.rival = None;
        }
    }

    /// Goes on with the try that stands aside, if the present one has ended.
    pub(super) fn carry_on(&mut self) {
        if self.rival.is_some() && self.opening.is_none() && self.upstream.is_none() {
            self.change_places();
            self.rival = None;
        }
    }

    /// The two tries change places.
    fn change_places(&mut self) {
        let Some(rival) = &mut self.rival else {
            return;
        };
        let Rival {
            attempt,
            opening,
            upstream,
            upload,
            response,
            continued,
        } = &mut **rival;
        std::mem::swap(attempt, &mut self.attempt);
        std::mem::swap(opening, &mut self.opening);
        std::mem::swap(upstream, &mut self.upstream);
        std::mem::swap(upload, &mut self.upload);
        std::mem::swap(response, &mut self.draft.response);
        std::mem::swap(continued, &mut self.continued);
    }
}
