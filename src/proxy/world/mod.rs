//! The seam: everything of the outside that the data path may touch.
//!
//! `serve`, idle connections, administration and drain are written once over `W: World`, with
//! static dispatch. The real world ([`real`]) is tokio; the simulated one lives in `evenkeel-sim`.
//! The handle carries the host's identity, its clock and its randomness; there is one for each
//! worker, and it is `!Send`.

pub mod real;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::time::Duration;

use evenkeel_core::account::Account;
use evenkeel_core::{rng, time::Timestamp, trace};
use tokio::io::{AsyncRead, AsyncWrite};

pub use crate::document::Address;

/// A handle to a world. Cheap to clone.
pub trait World: Clone + 'static {
    /// How many streams that this side has reset a connection of HTTP/2 remembers, to ignore late
    /// frames of them, and for how long. It is counted by the machine's clock, so a world whose
    /// clock is another one has neither bound.
    const RESET_STREAMS: (usize, Duration) = (50, Duration::from_secs(1));

    /// A connected byte stream.
    type Stream: Stream;
    /// A listening socket.
    type Listener: 'static;
    /// A sleep that can be set again.
    type Sleep: Sleep;
    /// What hyper wants as a timer; it demands `Send + Sync`, so it holds no more than a base.
    type Timer: hyper::rt::Timer + Clone + Send + Sync + 'static;

    /// Listens at `address` for worker number `worker`. Several workers may bind one address;
    /// connections are then dealt out among them.
    fn bind(
        &self,
        address: &Address,
        worker: usize,
    ) -> impl Future<Output = io::Result<Self::Listener>>;

    /// The address that `listener` got, of interest where port 0 was asked for.
    fn local_address(&self, listener: &Self::Listener) -> io::Result<Address>;

    /// Waits for the next connection.
    fn accept(
        &self,
        listener: &Self::Listener,
    ) -> impl Future<Output = io::Result<(Self::Stream, Peer)>>;

    /// Opens a connection. Bounded by the caller's deadline, not by this.
    fn connect(&self, address: &Address) -> impl Future<Output = io::Result<Self::Stream>>;

    /// Looks a name up. The second part is how long the answer may be kept, where known.
    fn resolve(
        &self,
        name: &str,
        port: u16,
    ) -> impl Future<Output = io::Result<(Vec<SocketAddr>, Option<Duration>)>>;

    /// The time since this world began.
    fn now(&self) -> Timestamp;

    /// The date, since 1970: for log lines, certificates and the age of cookies, which
    /// several proxies must agree on; never for other decisions.
    fn unix_now(&self) -> Duration;

    /// Sleeps until an instant. Never for a duration: late wake-ups would add up.
    fn sleep_until(&self, deadline: Timestamp) -> Self::Sleep;

    /// Runs `future` beside the caller, on the same thread.
    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Task;

    /// The named source of randomness of this host.
    fn rng(&self, stream: &str) -> rng::Stream;

    /// Takes note of one decision.
    fn record(&self, event: &trace::Event);

    /// Whether this world wants to know why the picks of request number `request` come out as they
    /// do.
    fn asks(&self, request: u64) -> bool {
        let _ = request;
        false
    }

    /// Why they have come out so, if it asked.
    fn account(&self, request: u64, accounts: &[Account]) {
        let _ = (request, accounts);
    }

    /// hyper's timer in this world.
    fn timer(&self) -> Self::Timer;
}

/// A byte stream that can say when it has something to read before a buffer is at hand.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + 'static {
    /// Ready when a read may return bytes, the end or an error; an idle connection waits here and
    /// holds no buffer. It is a hint that can be wrong once: a read that then has nothing is
    /// pending, and this is not ready again before there is something.
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Closes with a reset: the other side must not take what it got for all there was.
    fn abort(self);
}

/// A timer: one for each connection, armed again lazily.
pub trait Sleep: Future<Output = ()> + Unpin + 'static {
    /// Moves the deadline, also of a sleep that has ended.
    fn reset(&mut self, deadline: Timestamp);
}

/// A spawned task; dropping the handle detaches it.
pub type Task = tokio::task::JoinHandle<()>;

/// The other side of an accepted connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// An IP address and port.
    Ip(SocketAddr),
    /// A process of this machine, over a Unix domain socket.
    Unix,
}
