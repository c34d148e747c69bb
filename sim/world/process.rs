//! A simulated process: the identity that a handle carries, and what a fault hits.
//!
//! Many processes share a host of turmoil (origins and clients are packed); each has a name, an
//! address, connections, and can be paused, alone.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Waker};

use evenkeel_core::rng;

use super::circuit::Circuit;
use super::connection::Side;
use super::trunk::Host;
use crate::hole::Holes;

/// Where Linux's range of ephemeral ports begins and ends.
const EPHEMERAL: (u16, u16) = (32_768, 60_999);

type Open = (Weak<Circuit>, Side);

/// See the module.
#[derive(Debug)]
pub(super) struct Process {
    /// `group/member` or `name`; links and randomness go by it.
    pub(super) name: String,
    /// The host of turmoil that runs it.
    pub(super) host: Rc<Host>,
    address: SocketAddr,
    port: Cell<u16>,
    dials: Cell<u64>,
    jitter: rng::Stream,
    paused: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
    holes: RefCell<Rc<Holes>>,
    connections: RefCell<BTreeMap<(u64, Side), Open>>,
}

impl Process {
    pub(super) fn new(seed: u64, name: &str, address: SocketAddr, host: Rc<Host>) -> Self {
        Self {
            name: name.to_owned(),
            host,
            address,
            port: Cell::new(EPHEMERAL.0),
            dials: Cell::new(0),
            jitter: rng::Stream::new(seed, &format!("{name}/link")),
            paused: Cell::new(false),
            waiting: RefCell::default(),
            holes: RefCell::default(),
            connections: RefCell::default(),
        }
    }

    /// Its address, the port 0 if its connections come from changing ones.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name and the groups that it is a member of, the most exact first: `a/b/c`, `a/b`, `a`.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(Some(self.name.as_str()), |name| {
            name.rsplit_once('/').map(|(group, _)| group)
        })
    }

    /// Where its next connection comes from, and that connection's jitter.
    pub(super) fn dial(&self) -> (SocketAddr, rng::Stream) {
        let dial = self.dials.replace(self.dials.get() + 1);
        let mut from = self.address;
        if from.port() == 0 {
            let port = self.port.get();
            let next = if port == EPHEMERAL.1 {
                EPHEMERAL.0
            } else {
                port + 1
            };
            self.port.set(next);
            from.set_port(port);
        }
        (from, self.jitter.child(dial))
    }

    /// True while the process is paused: it then does nothing, and `cx` is woken when it goes on.
    pub(super) fn holds(&self, cx: &Context<'_>) -> bool {
        if !self.paused.get() {
            return false;
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        true
    }

    /// When it is a black hole.
    pub(super) fn holes(&self) -> Rc<Holes> {
        self.holes.borrow().clone()
    }

    pub(super) fn cut_off(&self, holes: Holes) {
        *self.holes.borrow_mut() = Rc::new(holes);
    }

    pub(super) fn pause(&self) {
        self.paused.set(true);
    }

    pub(super) fn resume(&self) {
        self.paused.set(false);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Takes note of an open connection, so that a crash finds it.
    pub(super) fn open(&self, circuit: &Rc<Circuit>, side: Side) {
        let open = (Rc::downgrade(circuit), side);
        self.connections
            .borrow_mut()
            .insert((circuit.id, side), open);
    }

    pub(super) fn forget(&self, id: u64, side: Side) {
        self.connections.borrow_mut().remove(&(id, side));
    }

    /// Its open connections in the order of their beginning; they are no longer its own.
    pub(super) fn abandon(&self) -> impl Iterator<Item = Open> + use<> {
        self.connections.take().into_values()
    }
}
