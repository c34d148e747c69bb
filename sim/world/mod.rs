//! The simulated world: turmoil behind the proxy's seam.
//!
//! turmoil runs hosts, tick by tick, and carries bytes. Everything else is logical and lives in the
//! [`Network`]: addresses, handshakes, latency, windows, ends, faults. A handle is one process of
//! that network, whatever host of turmoil it is packed into.

mod circuit;
mod clock;
mod connection;
mod dial;
mod fault;
mod link;
mod listener;
mod network;
mod process;
mod simulation;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod trunk;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use evenkeel_core::account::Account;
use evenkeel_core::{rng, time::Timestamp, trace};
use evenkeel_proxy::world::{self, Address, Peer, Task};

pub use clock::{Sleep, Timer};
pub use link::Link;
pub use listener::Listener;
pub use network::{Network, Record, Recorder};
pub use simulation::{EPOCH, Error, Role, Setting, Simulation};
pub use stream::Stream;

use process::Process;

/// A handle to the simulated world: one process of it.
#[derive(Clone)]
pub struct World {
    network: Rc<Network>,
    process: Rc<Process>,
    record: Recorder,
}

impl World {
    /// Another process of this host, called `name` (`group/member` or `group`). Its connections
    /// come from `address`, with a new port each where the port is 0.
    #[must_use]
    pub fn process(&self, name: &str, address: SocketAddr) -> Self {
        let seed = self.network.setting.seed;
        let process = Process::new(seed, name, address, self.process.host.clone());
        Self {
            process: Rc::new(process),
            ..self.clone()
        }
    }

    /// The same process, whose decisions go to `record`.
    #[must_use]
    pub fn recording(&self, record: Recorder) -> Self {
        Self {
            record,
            ..self.clone()
        }
    }

    /// Where its connections come from, the port 0 if that is a new one each time.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// The network, for faults, names and links.
    #[must_use]
    pub fn network(&self) -> &Rc<Network> {
        &self.network
    }

    /// Sleeps until `deadline`, and not at all if it is not later than now.
    async fn sleep_to(&self, deadline: Timestamp) {
        world::World::sleep_until(self, deadline).await;
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("World").field(&self.process.name).finish()
    }
}

impl world::World for World {
    const RESET_STREAMS: (usize, Duration) = (usize::MAX, Duration::MAX);

    type Stream = Stream;
    type Listener = Listener;
    type Sleep = Sleep;
    type Timer = Timer;

    async fn bind(&self, address: &Address, worker: usize) -> io::Result<Listener> {
        Listener::bind(self, address, worker)
    }

    fn local_address(&self, listener: &Listener) -> io::Result<Address> {
        Ok(listener.address.clone())
    }

    async fn accept(&self, listener: &Listener) -> io::Result<(Stream, Peer)> {
        listener.accept().await
    }

    async fn connect(&self, address: &Address) -> io::Result<Stream> {
        dial::connect(self, address).await
    }

    async fn resolve(
        &self,
        name: &str,
        port: u16,
    ) -> io::Result<(Vec<SocketAddr>, Option<Duration>)> {
        self.network.resolve(name, port)
    }

    fn now(&self) -> Timestamp {
        self.network.now()
    }

    fn unix_now(&self) -> Duration {
        simulation::EPOCH + self.now().since(Timestamp::ZERO)
    }

    fn sleep_until(&self, deadline: Timestamp) -> Sleep {
        Sleep::new(self.network.clone(), self.process.clone(), deadline)
    }

    fn spawn(&self, future: impl Future<Output = ()> + 'static) -> Task {
        simulation::spawn(&self.network, future)
    }

    fn rng(&self, stream: &str) -> rng::Stream {
        let name = format!("{}/{stream}", self.process.name);
        rng::Stream::new(self.network.setting.seed, &name)
    }

    fn record(&self, event: &trace::Event) {
        self.record.record(event);
    }

    fn asks(&self, request: u64) -> bool {
        self.record.asks(request)
    }

    fn account(&self, request: u64, accounts: &[Account]) {
        self.record.account(request, accounts);
    }

    fn timer(&self) -> Timer {
        Timer(self.network.clock.clone())
    }
}
