//! A logical connection with the raw one under it, shared by both ends.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::task::Waker;

use evenkeel_core::time::Timestamp;
use turmoil::net::TcpStream;

use super::connection::{ACCEPTER, Connection, OPENER, Side};
use super::link::Path;
use super::trunk::{Host, Spare};

/// See the module. Both raw streams live until both ends have closed, and are then dropped on
/// their hosts.
pub(super) struct Circuit {
    /// Its number in the simulation.
    pub(super) id: u64,
    pub(super) connection: RefCell<Connection>,
    raws: [RefCell<Option<TcpStream>>; 2],
    hosts: [Rc<Host>; 2],
    established: Cell<bool>,
}

impl Circuit {
    pub(super) fn new(id: u64, hosts: [Rc<Host>; 2], paths: [Path; 2], spare: Spare) -> Self {
        Self {
            id,
            connection: RefCell::new(Connection::new(id, hosts.clone(), paths)),
            raws: [spare.near, spare.far].map(|raw| RefCell::new(Some(raw))),
            hosts,
            established: Cell::new(false),
        }
    }

    /// Runs `act` on the raw stream of `side`; none if both ends have closed.
    pub(super) fn raw<R>(&self, side: Side, act: impl FnOnce(&mut TcpStream) -> R) -> Option<R> {
        self.raws[side].borrow_mut().as_mut().map(act)
    }

    /// The first tick, from `now` and `next`, at which the raw stream can deliver what `side`
    /// writes: at once to a host that comes later in the step, else in the next one.
    pub(super) fn earliest(&self, side: Side, now: Timestamp, next: Timestamp) -> Timestamp {
        if self.hosts[1 - side].order > self.hosts[side].order {
            now
        } else {
            next
        }
    }

    /// Whether both ends are on one host, where turmoil delivers after all other tasks of a tick.
    pub(super) fn is_local(&self) -> bool {
        Rc::ptr_eq(&self.hosts[0], &self.hosts[1])
    }

    /// `side` is gone, as [`Connection::close`] says.
    pub(super) fn close(&self, side: Side, now: Timestamp) {
        self.connection.borrow_mut().close(side, now);
        self.bury();
    }

    /// `side` is gone and says so with a reset.
    pub(super) fn abort(&self, side: Side, now: Timestamp) {
        self.connection.borrow_mut().abort(side, now);
        self.bury();
    }

    /// Wakes a task of `side`'s host.
    pub(super) fn post(&self, side: Side, waker: Waker) {
        self.hosts[side].post(side, self.id, waker);
    }

    /// The opener knows that the connection is there.
    pub(super) fn establish(&self) {
        self.established.set(true);
    }

    /// Whether the opener knows that the connection is there.
    pub(super) fn is_established(&self) -> bool {
        self.established.get()
    }

    fn bury(&self) {
        if !self.connection.borrow().is_over() {
            return;
        }
        for side in [OPENER, ACCEPTER] {
            if let Some(raw) = self.raws[side].take() {
                self.hosts[side].bury(raw, side == OPENER);
            }
        }
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Circuit").field("id", &self.id).finish()
    }
}
