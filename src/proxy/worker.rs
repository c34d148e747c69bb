//! A worker: one thread's share of the proxy.
//!
//! It owns its idle connections, buffers and waiting requests; it shares the pools. Other workers
//! reach it through its mailbox only.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use evenkeel_core::account::Account;
use evenkeel_core::queue::{Grant, Token};
use evenkeel_core::rng;
use evenkeel_core::trace::{self, NO_POOL};
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::alarm::Alarms;
use crate::buffer::Spare;
use crate::exchange::Draft;
use crate::generation::{self, Generation, Mail, Proxy};
use crate::h1::RequestHead;
use crate::http2;
use crate::idle::Idle;
use crate::log::Log;
use crate::name::{self, Names};
use crate::probe;
use crate::shelf::Shelf;
use crate::world::World;

/// How often idle connections are looked through, at least; a connection outlives its time by no
/// more than this.
const SWEEP: Duration = Duration::from_millis(100);
/// How long a connection of HTTP/2 is kept without a stream. Servers that speak it keep theirs for
/// minutes, and a stream that meets the end of one is refused, not lost.
const MULTIPLEXED: Duration = Duration::from_secs(60);

/// One worker.
pub(crate) struct Worker<W: World> {
    pub(crate) world: W,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) spare: Spare,
    /// Heads of requests; one that is put back was parsed to its end.
    pub(crate) heads: Shelf<RequestHead>,
    pub(crate) drafts: Shelf<Draft>,
    pub(crate) alarms: Alarms<W>,
    pub(crate) names: Names,
    pub(crate) idle: RefCell<Idle<W::Stream>>,
    pub(crate) http2: http2::Connections,
    pub(crate) seats: http2::Seats<W>,
    pub(crate) picks: rng::Stream,
    pub(crate) log: Option<Log>,
    ids: rng::Stream,
    number: usize,
    generation: RefCell<Arc<Generation>>,
    waiting: RefCell<BTreeMap<Token, Waiting>>,
    draining: Cell<bool>,
    drain: Notify,
    guests: RefCell<Guests>,
    /// Tunnels, each with what wakes it when the configuration has changed.
    tunnels: RefCell<Guests>,
    empty: Notify,
}

/// Connections of clients, each with what wakes it when something happens to all of them.
#[derive(Debug, Default)]
struct Guests {
    wakers: Vec<Option<Waker>>,
    free: Vec<u32>,
}

impl Guests {
    fn enter(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.wakers.push(None);
            self.wakers.len() as u32 - 1
        })
    }

    fn leave(&mut self, seat: u32) {
        self.wakers[seat as usize] = None;
        self.free.push(seat);
    }

    fn wait(&mut self, seat: u32, cx: &Context<'_>) {
        match &mut self.wakers[seat as usize] {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    fn wake(&self) {
        self.wakers.iter().flatten().for_each(Waker::wake_by_ref);
    }

    fn count(&self) -> usize {
        self.wakers.len() - self.free.len()
    }
}

/// A request in a pool's queue.
#[derive(Debug, Default)]
struct Waiting {
    granted: bool,
    waker: Option<Waker>,
}

impl<W: World> Worker<W> {
    /// Joins the proxy and starts what a worker does beside its connections.
    pub(crate) fn start(world: W, proxy: Arc<Proxy>, log: Option<Log>) -> Rc<Self> {
        let (sender, mailbox) = unbounded_channel();
        let number = proxy.join(sender);
        let worker = Rc::new(Self {
            number,
            generation: RefCell::new(proxy.generation()),
            spare: Spare::default(),
            heads: Shelf::default(),
            drafts: Shelf::default(),
            alarms: Alarms::new(&world),
            names: Names::default(),
            idle: RefCell::default(),
            http2: http2::Connections::default(),
            seats: http2::Seats::default(),
            picks: world.rng("pick"),
            ids: world.rng("request id"),
            log,
            waiting: RefCell::default(),
            draining: Cell::new(false),
            drain: Notify::new(),
            guests: RefCell::default(),
            tunnels: RefCell::default(),
            empty: Notify::new(),
            world,
            proxy,
        });
        worker.world.spawn(open_mail(Rc::clone(&worker), mailbox));
        worker.world.spawn(sweep(Rc::clone(&worker)));
        worker.world.spawn(name::refresh(Rc::clone(&worker)));
        if number == 0 {
            worker.world.spawn(probe::watch(Rc::clone(&worker)));
        }
        worker
    }

    /// The worker's number, from 0.
    pub(crate) const fn number(&self) -> usize {
        self.number
    }

    /// The configuration in force.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        Arc::clone(&self.generation.borrow())
    }

    /// What clients and logs call request number `id`: not guessable from another one's.
    pub(crate) fn request_id(&self, id: u64) -> String {
        format!("{:016x}", self.ids.at(id).next_u64())
    }

    /// Where to write down why the picks of request number `id` come out as they do, if somebody
    /// asks: the world, or the log for a share of all.
    pub(crate) fn accounts(&self, id: u64) -> Option<Vec<Account>> {
        let share = self.log.as_ref().map_or(0.0, Log::explained);
        let is_sampled = || self.ids.child(1).at(id).unit() < share;
        let asks = self.world.asks(id) || share > 0.0 && is_sampled();
        asks.then(Vec::new)
    }

    /// The token under which request number `id` waits.
    pub(crate) fn token(&self, id: u64) -> Token {
        generation::token(self.number, id)
    }

    /// Delivers a grant, here or to another worker.
    pub(crate) fn grant(&self, grant: Grant) {
        if generation::worker_of(grant.token) != self.number {
            return self.proxy.send(grant);
        }
        // Nobody waits under the token any more: it has given the grant back by itself.
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(&grant.token) {
            waiting.granted = true;
            if let Some(waker) = waiting.waker.take() {
                waker.wake();
            }
        }
    }

    /// Begins to wait under `token`. Before the pool can grant: both happen on this thread.
    pub(crate) fn wait(&self, token: Token) {
        self.waiting.borrow_mut().entry(token).or_default();
    }

    /// Ready once there is a grant for `token`.
    pub(crate) fn poll_granted(&self, cx: &mut Context<'_>, token: Token) -> Poll<()> {
        let mut waiting = self.waiting.borrow_mut();
        let Some(entry) = waiting.get_mut(&token) else {
            return Poll::Pending;
        };
        if entry.granted {
            waiting.remove(&token);
            return Poll::Ready(());
        }
        entry.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// No longer waits under `token`.
    pub(crate) fn stop_waiting(&self, token: Token) {
        self.waiting.borrow_mut().remove(&token);
    }

    /// Whether the worker takes nothing new.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Ends when the worker is to take nothing new.
    pub(crate) async fn drained(&self) {
        let notified = self.drain.notified();
        if !self.is_draining() {
            notified.await;
        }
    }

    /// Counts a client's connection in, until the guard is dropped.
    pub(crate) fn open(self: &Rc<Self>) -> Open<W> {
        self.record(0, trace::Kind::Opened);
        Open {
            seat: self.guests.borrow_mut().enter(),
            worker: Rc::clone(self),
        }
    }

    /// Ends when no client is connected.
    pub(crate) async fn emptied(&self) {
        while self.guests.borrow().count() > 0 {
            self.empty.notified().await;
        }
    }

    fn drain(&self) {
        self.draining.set(true);
        self.drain.notify_waiters();
        self.guests.borrow().wake();
        self.idle.borrow_mut().clear();
        self.http2.clear();
    }

    /// Records what concerns no pool.
    pub(crate) fn record(&self, request: u64, kind: trace::Kind) {
        let at = self.world.now();
        self.world.record(&trace::Event {
            at,
            request,
            pool: NO_POOL,
            attempt: 0,
            endpoint: None,
            kind,
        });
    }
}

/// A client's connection, for as long as it is open.
pub(crate) struct Open<W: World> {
    pub(crate) worker: Rc<Worker<W>>,
    seat: u32,
}

impl<W: World> Open<W> {
    /// Ready when the connection is to take nothing new. A connection asks before each request, so
    /// asking again costs a comparison.
    pub(crate) fn poll_drained(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.worker.is_draining() {
            return Poll::Ready(());
        }
        self.worker.guests.borrow_mut().wait(self.seat, cx);
        Poll::Pending
    }
}

impl<W: World> Drop for Open<W> {
    fn drop(&mut self) {
        self.worker.record(0, trace::Kind::Closed);
        let mut guests = self.worker.guests.borrow_mut();
        guests.leave(self.seat);
        if guests.count() == 0 {
            self.worker.empty.notify_one();
        }
    }
}

/// A tunnel, for as long as it is open.
pub(crate) struct Tunnel<W: World> {
    worker: Rc<Worker<W>>,
    seat: u32,
    /// The configuration that it knows of.
    generation: u64,
}

impl<W: World> Tunnel<W> {
    /// A tunnel that has been opened under the configuration in force.
    pub(crate) fn open(worker: &Rc<Worker<W>>) -> Self {
        Self {
            seat: worker.tunnels.borrow_mut().enter(),
            generation: worker.generation.borrow().number,
            worker: Rc::clone(worker),
        }
    }

    /// Whether the configuration has changed since this was asked.
    pub(crate) fn poll_reloaded(&mut self, cx: &Context<'_>) -> bool {
        self.worker.tunnels.borrow_mut().wait(self.seat, cx);
        let number = self.worker.generation.borrow().number;
        std::mem::replace(&mut self.generation, number) != number
    }
}

impl<W: World> Drop for Tunnel<W> {
    fn drop(&mut self) {
        self.worker.tunnels.borrow_mut().leave(self.seat);
    }
}

async fn open_mail<W: World>(worker: Rc<Worker<W>>, mut mailbox: UnboundedReceiver<Mail>) {
    while let Some(mail) = mailbox.recv().await {
        match mail {
            Mail::Grant(grant) => worker.grant(grant),
            Mail::Generation(generation) => {
                for key in generation.moved() {
                    worker.idle.borrow_mut().forget(*key, generation.number);
                    worker.http2.forget(*key);
                }
                *worker.generation.borrow_mut() = generation;
                worker.tunnels.borrow().wake();
            }
            Mail::Drain => worker.drain(),
        }
    }
}

/// Closes connections to endpoints that have been idle for too long.
async fn sweep<W: World>(worker: Rc<Worker<W>>) {
    loop {
        let now = worker.world.now();
        let next = worker.idle.borrow_mut().expire(now);
        worker.http2.expire(now, MULTIPLEXED);
        let next = next.unwrap_or(now).max(now + SWEEP);
        worker.world.sleep_until(next).await;
    }
}
