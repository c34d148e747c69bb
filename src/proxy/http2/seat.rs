//! The tasks that serve streams, each one stream after another: to spawn one for every stream costs
//! a large allocation and the moves of its future.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::server::Open;
use crate::connection::Connection;
use crate::worker::Worker;
use crate::world::World;

/// Tasks that a worker keeps for the next stream.
const KEPT: usize = 256;

/// A stream to be served.
pub(super) struct Guest<W: World> {
    pub(super) stream: Connection<W>,
    /// How many fields its head has.
    pub(super) fields: usize,
    pub(super) open: Open<W>,
}

/// The tasks of a worker that wait for a stream.
pub(crate) struct Seats<W: World>(RefCell<Vec<Rc<Seat<W>>>>);

struct Seat<W: World> {
    guest: Cell<Option<Guest<W>>>,
    waker: Cell<Option<Waker>>,
}

impl<W: World> Default for Seats<W> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<W: World> Seats<W> {
    fn take(&self) -> Option<Rc<Seat<W>>> {
        self.0.borrow_mut().pop()
    }

    /// Takes a seat back, if there are not enough.
    fn keep(&self, seat: &Rc<Seat<W>>) -> bool {
        let mut free = self.0.borrow_mut();
        let few = free.len() < KEPT;
        if few {
            free.push(Rc::clone(seat));
        }
        few
    }
}

/// Serves a stream beside the others.
pub(super) fn serve<W: World>(worker: &Rc<Worker<W>>, guest: Guest<W>) {
    if let Some(seat) = worker.seats.take() {
        seat.guest.set(Some(guest));
        if let Some(waker) = seat.waker.take() {
            waker.wake();
        }
        return;
    }
    let seat = Rc::new(Seat {
        guest: Cell::new(Some(guest)),
        waker: Cell::default(),
    });
    let host = Rc::clone(worker);
    worker.world.spawn(async move {
        loop {
            let Guest {
                stream,
                fields,
                open,
            } = seat.seated().await;
            if stream.serve_stream(fields).await {
                open.reset();
            }
            drop(open);
            if !host.seats.keep(&seat) {
                return;
            }
        }
    });
}

impl<W: World> Seat<W> {
    async fn seated(&self) -> Guest<W> {
        poll_fn(|cx| match self.guest.take() {
            Some(guest) => Poll::Ready(guest),
            None => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}
