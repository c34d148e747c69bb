//! Raw turmoil connections, opened ahead, so that no logical one waits for turmoil's handshake.
//!
//! Between two hosts lies a trunk: spares, open at both ends, each taken over by one logical
//! connection and dropped with it. Each host runs a kernel, which accepts raw connections, opens
//! spares and drops raw streams whose connection is over.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Poll, Waker};

use evenkeel_core::time::Timestamp;
use tokio::sync::Notify;
use turmoil::net::{TcpListener, TcpStream};

use super::connection::{OPENER, Side};
use super::network::Network;
use super::simulation::spawn;

/// Spares that a host keeps at first, over all its trunks, and in each of them at least. A trunk's
/// double, up to [`MOST_SPARES`], in each tick in which it runs dry.
const SPARES: usize = 256;
const LEAST_SPARES: usize = 16;
const MOST_SPARES: usize = 1024;
/// Raw connections that a host may have opened: turmoil panics when its ports run out.
const MOST_OPENED: usize = 40_000;
/// A kernel listens at raw ports 1 to this, and after every [`GENERATION`] connections its peers
/// go on to the next one. So a pair of ports is not used again while a late segment of its last
/// connection may still be under way.
const PORTS: u16 = 8;
const GENERATION: u64 = 16_384;

/// A host of turmoil, as its kernel and the handles know it.
pub(super) struct Host {
    /// Its place in a step.
    pub(super) order: usize,
    ip: IpAddr,
    kernel: Notify,
    /// Tasks to wake because of something that happened to a connection, with their ranks.
    inbox: RefCell<Vec<(u64, Waker)>>,
    mail: Notify,
    /// Raw connections that have come in, by the address they came from.
    arrived: RefCell<BTreeMap<(SocketAddr, u16), TcpStream>>,
    grave: RefCell<Vec<TcpStream>>,
    /// Raw connections opened from here and not yet dropped, and all that ever were.
    open: Cell<usize>,
    opened: Cell<u64>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("order", &self.order).finish()
    }
}

impl Host {
    pub(super) fn new(order: usize, ip: IpAddr) -> Self {
        Self {
            order,
            ip,
            kernel: Notify::new(),
            inbox: RefCell::default(),
            mail: Notify::new(),
            arrived: RefCell::default(),
            grave: RefCell::default(),
            open: Cell::new(0),
            opened: Cell::new(0),
        }
    }

    /// Wakes a task that waits at `side` of connection number `id`. What is posted before the
    /// host's turn is delivered in this order: what openers wait for first, by connection, so that
    /// it does not matter which of the hosts that answer it came from and how they are packed; then
    /// what they have sent here, as they sent it: a request may not overtake one of the same tick.
    pub(super) fn post(&self, side: Side, id: u64, waker: Waker) {
        let mut inbox = self.inbox.borrow_mut();
        if inbox.is_empty() {
            self.mail.notify_one();
        }
        let rank = if side == OPENER { id } else { u64::MAX };
        inbox.push((rank, waker));
    }

    /// Delivers what is posted, for ever.
    async fn deliver(self: Rc<Self>) {
        let mut inbox = Vec::new();
        loop {
            self.mail.notified().await;
            std::mem::swap(&mut inbox, &mut *self.inbox.borrow_mut());
            inbox.sort_by_key(|(rank, _)| *rank);
            for (_, waker) in inbox.drain(..) {
                waker.wake();
                // What is accepted is served by a task of its own, which has its turn before the
                // next delivery.
                step_back().await;
            }
        }
    }

    /// Has the kernel drop `raw` here: turmoil wants it dropped on its own host.
    pub(super) fn bury(&self, raw: TcpStream, opened_here: bool) {
        self.grave.borrow_mut().push(raw);
        if opened_here {
            self.open.set(self.open.get().saturating_sub(1));
        }
        self.kernel.notify_one();
    }
}

/// A raw connection that nobody uses yet.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) near: TcpStream,
    pub(super) far: TcpStream,
}

/// The spares from one host to another.
#[derive(Debug)]
pub(super) struct Trunk {
    to: Rc<Host>,
    spares: RefCell<VecDeque<Spare>>,
    opening: Cell<usize>,
    waiting: Cell<usize>,
    target: Cell<usize>,
    grown: Cell<Option<Timestamp>>,
    ready: Notify,
}

impl Trunk {
    pub(super) fn new(to: Rc<Host>) -> Self {
        Self {
            to,
            spares: RefCell::default(),
            opening: Cell::new(0),
            waiting: Cell::new(0),
            target: Cell::new(LEAST_SPARES),
            grown: Cell::new(None),
            ready: Notify::new(),
        }
    }

    /// Gives back a spare that was not needed.
    pub(super) fn put(&self, spare: Spare) {
        self.spares.borrow_mut().push_front(spare);
        self.ready.notify_one();
    }

    fn pop(&self) -> Option<Spare> {
        self.spares.borrow_mut().pop_front()
    }

    fn grow(&self, now: Timestamp) {
        if self.grown.replace(Some(now)) != Some(now) {
            self.target.set((self.target.get() * 2).min(MOST_SPARES));
        }
    }

    /// How many to open now: none while half of them are there.
    fn lacks(&self) -> usize {
        let have = self.spares.borrow().len() + self.opening.get();
        if self.waiting.get() == 0 && have * 2 > self.target.get() {
            return 0;
        }
        (self.target.get() + self.waiting.get()).saturating_sub(have)
    }
}

/// One who waits at a dry trunk, until it is dropped.
struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Takes a spare from `from` to `to`; where there is none, waits a tick or so for a new one.
///
/// # Errors
/// `AddrNotAvailable` when `from` has more connections open than turmoil has ports.
pub(super) async fn take(network: &Network, from: &Rc<Host>, to: &Rc<Host>) -> io::Result<Spare> {
    let trunk = network.trunk(from, to);
    let spare = trunk.pop();
    if trunk.lacks() > 0 {
        from.kernel.notify_one();
    }
    if let Some(spare) = spare {
        return Ok(spare);
    }
    network.count_dry();
    let _waiting = Waiting::new(&trunk.waiting);
    trunk.grow(network.now());
    loop {
        if from.open.get() >= MOST_OPENED {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        from.kernel.notify_one();
        trunk.ready.notified().await;
        if let Some(spare) = trunk.pop() {
            return Ok(spare);
        }
    }
}

/// Lets every task run that is ready now; unlike tokio's `yield_now`, in their order.
async fn step_back() {
    let mut stepped = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut stepped, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs the kernel of `host`: never ends.
pub(super) async fn kernel(network: Rc<Network>, host: Rc<Host>) {
    spawn(&network, host.clone().deliver());
    for port in 1..=PORTS {
        spawn(&network, accept(host.clone(), port));
    }
    super::clock::warm_up(1).await;
    let trunks = network.trunks(&host);
    for trunk in &trunks {
        trunk.target.set((SPARES / trunks.len()).max(LEAST_SPARES));
    }
    loop {
        host.grave.take();
        for trunk in network.trunks(&host) {
            for _ in 0..trunk.lacks() {
                if host.open.get() < MOST_OPENED {
                    trunk.opening.set(trunk.opening.get() + 1);
                    host.open.set(host.open.get() + 1);
                    spawn(&network, open(host.clone(), trunk.clone()));
                }
            }
        }
        host.kernel.notified().await;
    }
}

async fn accept(host: Rc<Host>, port: u16) {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .await
        .expect("no one else binds raw ports");
    loop {
        let (raw, from) = listener.accept().await.expect("turmoil accepts for ever");
        host.arrived.borrow_mut().insert((from, port), raw);
    }
}

async fn open(host: Rc<Host>, trunk: Rc<Trunk>) {
    let opened = host.opened.replace(host.opened.get() + 1);
    let port = 1 + (opened / GENERATION % u64::from(PORTS)) as u16;
    let near = TcpStream::connect(SocketAddr::new(trunk.to.ip, port))
        .await
        .expect("every kernel listens");
    let from = near.local_addr().expect("turmoil knows it");
    let far = trunk.to.arrived.borrow_mut().remove(&(from, port));
    trunk.opening.set(trunk.opening.get() - 1);
    let far = far.expect("a raw connection is accepted before its opener knows");
    trunk.spares.borrow_mut().push_back(Spare { near, far });
    trunk.ready.notify_one();
}
