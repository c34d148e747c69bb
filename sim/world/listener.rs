//! Listening sockets: a queue for each worker that has bound the address.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::world::{Address, Peer};

use super::World;
use super::circuit::Circuit;
use super::clock::Alarm;
use super::connection::ACCEPTER;
use super::stream::Stream;

/// A connection that waits to be accepted.
#[derive(Debug)]
struct Entry {
    circuit: Rc<Circuit>,
    peer: Peer,
    /// When the handshake is over at this side.
    at: Timestamp,
}

/// What one worker has still to accept.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) worker: usize,
    entries: RefCell<VecDeque<Entry>>,
    /// Another process takes what is new.
    leaving: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Queue {
    pub(super) fn new(worker: usize) -> Self {
        Self {
            worker,
            entries: RefCell::default(),
            leaving: Cell::new(false),
            waker: RefCell::default(),
        }
    }

    pub(super) fn leave(&self) {
        self.leaving.set(true);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    pub(super) fn push(&self, circuit: Rc<Circuit>, peer: Peer, at: Timestamp) {
        if let Some(waker) = self.waker.take() {
            circuit.post(ACCEPTER, waker);
        }
        let mut entries = self.entries.borrow_mut();
        entries.push_back(Entry { circuit, peer, at });
    }

    /// Forgets a connection that its opener has given up before it was there.
    pub(super) fn remove(&self, circuit: &Rc<Circuit>) {
        self.entries
            .borrow_mut()
            .retain(|entry| !Rc::ptr_eq(&entry.circuit, circuit));
        circuit.abort(ACCEPTER, Timestamp::ZERO);
    }

    /// Resets everything that waits, as a kernel does when the socket is closed.
    pub(super) fn reset(&self, now: Timestamp) {
        for entry in self.entries.take() {
            entry.circuit.abort(ACCEPTER, now);
        }
    }

    /// The first connection that is there, or when there will be one.
    fn pop(&self, now: Timestamp) -> Result<(Rc<Circuit>, Peer), Option<Timestamp>> {
        let mut entries = self.entries.borrow_mut();
        match entries.iter().position(|entry| entry.at <= now) {
            Some(i) => {
                let entry = entries.remove(i).expect("position found it");
                Ok((entry.circuit, entry.peer))
            }
            None => Err(entries.iter().map(|entry| entry.at).min()),
        }
    }
}

/// A listening socket of one worker.
#[derive(Debug)]
pub struct Listener {
    world: World,
    /// As it was asked for, with the port that it got.
    pub(super) address: Address,
    /// As it is known in the network.
    key: Address,
    queue: Rc<Queue>,
}

impl Listener {
    pub(super) fn bind(world: &World, address: &Address, worker: usize) -> io::Result<Self> {
        let (address, key, queue) = world.network.bind(&world.process, address, worker)?;
        Ok(Self {
            world: world.clone(),
            address,
            key,
            queue,
        })
    }

    pub(super) async fn accept(&self) -> io::Result<(Stream, Peer)> {
        let mut alarm = Alarm::default();
        poll_fn(|cx| Poll::Ready(Ok(std::task::ready!(self.poll_accept(&mut alarm, cx))))).await
    }

    fn poll_accept(&self, alarm: &mut Alarm, cx: &mut Context<'_>) -> Poll<(Stream, Peer)> {
        let world = &self.world;
        if world.process.holds(cx) {
            return Poll::Pending;
        }
        match self.queue.pop(world.network.now()) {
            Ok((circuit, peer)) => {
                Poll::Ready((Stream::new(world.clone(), circuit, ACCEPTER), peer))
            }
            Err(until) => {
                *self.queue.waker.borrow_mut() = Some(cx.waker().clone());
                if let Some(at) = until {
                    let _ = alarm.poll(&world.network.clock, at, cx);
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.network.unbind(&self.key, &self.queue);
        self.queue.reset(self.world.network.now());
    }
}
