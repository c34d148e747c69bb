//! A client's HTTP/2 connection: its streams, and when it ends.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Goaway, Kind, Limit};

use super::seat::{self, Guest};
use super::{Acceptor, Most, Request};
use crate::alarm::Alarm;
use crate::buffer::Buffer;
use crate::channel::Channel;
use crate::connection::{self, Connection as Downstream, Terms};
use crate::h1::encode::Forwarded;
use crate::worker::{self, Worker};
use crate::world::World;

/// How long the resets of streams are counted together.
const RESET_WINDOW: Duration = Duration::from_secs(10);

/// Serves a connection to its end. `buffer` holds what has been read of it.
pub(crate) async fn serve<W: World>(
    open: worker::Open<W>,
    channel: Channel<W::Stream>,
    buffer: Buffer,
    terms: Rc<Terms>,
    forwarded: Forwarded,
) {
    let worker = Rc::clone(&open.worker);
    let mut alarm = Alarm::new(&worker.world);
    let deadline = worker.world.now() + terms.timeouts.header;
    let most = Most {
        header_bytes: terms.limits.header_bytes,
        streams: terms.streams,
    };
    let mut handshake = pin!(Acceptor::begin(channel, buffer, most));
    let connection = poll_fn(|cx| match handshake.as_mut().poll(cx) {
        Poll::Ready(result) => Poll::Ready(result.ok()),
        Poll::Pending => alarm.poll(cx, deadline).map(|()| None),
    });
    let Some(connection) = connection.await else {
        return;
    };
    let serving = Serving {
        connection,
        alarm,
        streams: Rc::new(Streams {
            open: Cell::new(0),
            idle_since: Cell::new(worker.world.now()),
            resets: Cell::new((worker.world.now(), 0)),
        }),
        ending: None,
        open,
        worker,
        terms,
        forwarded,
    };
    serving.run().await;
}

/// What the streams of a connection tell it.
struct Streams {
    open: Cell<usize>,
    /// When the last one ended.
    idle_since: Cell<Timestamp>,
    /// When the present window began, and how many streams the client has reset in it.
    resets: Cell<(Timestamp, u32)>,
}

struct Serving<W: World> {
    connection: Acceptor<W>,
    alarm: Alarm<W>,
    streams: Rc<Streams>,
    /// Nothing new is taken, since then.
    ending: Option<Timestamp>,
    open: worker::Open<W>,
    worker: Rc<Worker<W>>,
    terms: Rc<Terms>,
    forwarded: Forwarded,
}

enum Next {
    Stream(Request),
    /// The client has waited long enough, or the worker is to take nothing new.
    Finish,
    Closed,
}

impl<W: World> Serving<W> {
    async fn run(mut self) {
        loop {
            match poll_fn(|cx| self.poll_next(cx)).await {
                Next::Stream(request) => self.begin(request),
                Next::Finish if self.ending.is_some() => return,
                Next::Finish => {
                    self.connection.finish();
                    self.ending = Some(self.worker.world.now());
                }
                Next::Closed => {
                    if let Some(reason) = self.connection.fault() {
                        self.worker.record(0, Kind::Goaway { reason });
                    }
                    return;
                }
            }
            if self.streams.resets.get().1 > self.terms.resets {
                let limit = Limit::Resets;
                self.worker.record(0, Kind::Limited { limit });
                let reason = Goaway::Resets;
                self.worker.record(0, Kind::Goaway { reason });
                self.connection.refuse();
                self.streams.resets.set((self.worker.world.now(), 0));
            }
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        match self.connection.poll_accept(cx) {
            Poll::Ready(Some(request)) => return Poll::Ready(Next::Stream(request)),
            Poll::Ready(None) => return Poll::Ready(Next::Closed),
            Poll::Pending => {}
        }
        if self.ending.is_none() && self.open.poll_drained(cx).is_ready() {
            return Poll::Ready(Next::Finish);
        }
        let deadline = match (self.streams.open.get(), self.ending) {
            (0, Some(since)) => since + connection::LINGER,
            (0, None) => self.streams.idle_since.get() + self.terms.timeouts.idle,
            // Each stream has its own times.
            _ => Timestamp::MAX,
        };
        self.alarm.poll(cx, deadline).map(|()| Next::Finish)
    }

    /// Serves a stream beside the others.
    fn begin(&self, request: Request) {
        let Request {
            head,
            fields,
            stream,
        } = request;
        let (terms, forwarded) = (&self.terms, self.forwarded);
        let guest = Guest {
            stream: Downstream::of_stream(&self.worker, stream, head, terms, forwarded),
            fields,
            open: Open::new(&self.streams, &self.worker),
        };
        seat::serve(&self.worker, guest);
    }
}

/// A stream, for as long as it is served.
pub(super) struct Open<W: World>(Rc<Streams>, Rc<Worker<W>>);

impl<W: World> Open<W> {
    fn new(streams: &Rc<Streams>, worker: &Rc<Worker<W>>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self(Rc::clone(streams), Rc::clone(worker))
    }

    /// Counts the stream as one that its client has reset.
    pub(super) fn reset(&self) {
        self.1.record(0, Kind::Reset);
        let now = self.1.world.now();
        let (began, count) = self.0.resets.get();
        self.0.resets.set(if now.since(began) > RESET_WINDOW {
            (now, 1)
        } else {
            (began, count + 1)
        });
    }
}

impl<W: World> Drop for Open<W> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.idle_since.set(self.1.world.now());
    }
}
