//! A simulation: turmoil's hosts, stepped one tick at a time.

use std::future::{Future, pending, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use evenkeel_core::time::{Timestamp, nanos};
use evenkeel_proxy::world::Task;

use super::World;
use super::clock;
use super::link::Link;
use super::network::{Network, Recorder};
use super::process::Process;
use super::trunk::{self, Host};

/// 1 January 2026: when every simulation begins.
pub const EPOCH: Duration = Duration::from_secs(1_767_225_600);
/// Steps before tick 0. In the first two the kernels open spares; then origins, proxies and, at
/// tick 0, clients begin, one step apart, so that who is dialled listens before who dials.
const WARM_UP: u64 = 4;
/// Raw segments under way in a connection, of at least one byte each: more than the window has
/// bytes, so that it is never turmoil's limit that binds.
const RAW_CAPACITY: usize = 2 * super::connection::WINDOW_BYTES;

/// What a simulation is given.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The seed of all randomness.
    pub seed: u64,
    /// How much simulated time one tick stands for.
    pub resolution: Duration,
    /// What lies between two processes where nothing else is said.
    pub link: Link,
    /// Connections that a listener keeps unaccepted, less one (as in Linux).
    pub backlog: usize,
}

impl Setting {
    pub(super) fn resolution_ns(&self) -> u64 {
        nanos(self.resolution).max(1)
    }
}

impl Default for Setting {
    /// Seed 1, 100 us, nothing in between, Node's backlog.
    fn default() -> Self {
        Self {
            seed: 1,
            resolution: Duration::from_micros(100),
            link: Link::default(),
            backlog: 511,
        }
    }
}

/// What a host is for. Hosts are registered in this order, because within a step a message reaches
/// only hosts that come later; trunks are laid from each role to the next. There may be several
/// hosts of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Runs the clients.
    Clients,
    /// Runs a proxy.
    Proxy,
    /// Runs origins.
    Origins,
}

impl Role {
    /// How many steps before tick 0 it begins.
    const fn head_start(self) -> u64 {
        match self {
            Self::Clients => 0,
            Self::Proxy => 1,
            Self::Origins => 2,
        }
    }
}

/// Why a simulation cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A task has panicked; what it said is on stderr.
    #[error("a simulated task panicked at {0}")]
    Panicked(Timestamp),
    /// turmoil has stopped.
    #[error("the simulation stopped at {0}: {1}")]
    Stopped(Timestamp, String),
}

/// One simulation. Not `Send`: built, run and dropped on a thread of its own.
#[expect(
    missing_debug_implementations,
    reason = "turmoil's simulation has none"
)]
pub struct Simulation {
    sim: turmoil::Sim<'static>,
    network: Rc<Network>,
    hosts: Vec<(Role, Rc<Host>)>,
    begun: bool,
}

impl Simulation {
    /// A simulation without hosts, whose decisions go to `record`.
    #[must_use]
    pub fn new(setting: Setting, record: Recorder) -> Self {
        let sim = turmoil::Builder::new()
            .epoch(std::time::UNIX_EPOCH + EPOCH)
            .rng_seed(setting.seed)
            .simulation_duration(Duration::MAX)
            .tick_duration(Duration::from_millis(1))
            .min_message_latency(Duration::ZERO)
            .max_message_latency(Duration::ZERO)
            .ephemeral_ports(1024..=65_535)
            .tcp_capacity(RAW_CAPACITY)
            .build();
        Self {
            sim,
            network: Rc::new(Network::new(setting, record)),
            hosts: Vec::new(),
            begun: false,
        }
    }

    /// The network, for faults, names and links.
    #[must_use]
    pub fn network(&self) -> &Rc<Network> {
        &self.network
    }

    /// Registers a host. `software` begins at time 0, origins first and clients last, as a process
    /// `name` at `address`; it may make more of them with [`World::process`].
    ///
    /// # Panics
    /// When hosts are not registered in the order of their roles, or after the first step.
    pub fn host<F>(
        &mut self,
        role: Role,
        name: &str,
        address: IpAddr,
        software: impl FnOnce(World) -> F + 'static,
    ) where
        F: Future<Output = ()> + 'static,
    {
        let order = self.hosts.len();
        assert!(
            !self.begun && self.hosts.iter().all(|(other, _)| *other <= role),
            "clients, proxies, origins, in this order and before the first step"
        );
        let raw_name = format!("host{order}");
        let host = Rc::new(Host::new(order, self.sim.lookup(raw_name.as_str())));
        for (other, from) in &self.hosts {
            let next = [(Role::Clients, Role::Proxy), (Role::Proxy, Role::Origins)];
            if next.contains(&(*other, role)) {
                self.network.trunk(from, &host);
            }
        }
        self.hosts.push((role, host.clone()));
        let network = self.network.clone();
        let address = SocketAddr::new(address, 0);
        let process = Process::new(network.setting.seed, name, address, host.clone());
        self.sim.client(raw_name, async move {
            spawn(&network, trunk::kernel(network.clone(), host));
            clock::warm_up(WARM_UP - role.head_start()).await;
            let world = World {
                process: Rc::new(process),
                record: Rc::clone(&network.record),
                network: network.clone(),
            };
            stirring(&network, software(world)).await;
            // turmoil stops a host whose software has ended.
            pending().await
        });
    }

    /// The time of the next step.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.network.now()
    }

    /// Runs every host at the current tick.
    ///
    /// # Errors
    /// When a task has panicked, or turmoil gives up.
    pub fn step(&mut self) -> Result<(), Error> {
        if !self.begun {
            self.begun = true;
            for _ in 0..WARM_UP {
                self.turn()?;
            }
        }
        self.network.clock.wake();
        self.turn()?;
        self.network.clock.advance();
        Ok(())
    }

    /// Goes on to the next tick in which anything may happen, or to `until` if that is earlier; to
    /// be called after a step, before anything is changed from outside.
    ///
    /// A tick in which no task had a turn leaves nothing under way: what had been sent before has
    /// come, and nothing was sent in it. From then on time passes until a timer ends.
    pub fn skip(&mut self, until: Timestamp) {
        if self.network.was_quiet() {
            self.network.clock.skip(until);
        }
    }

    /// Steps until `deadline`, which is left for the next step.
    ///
    /// # Errors
    /// As [`Simulation::step`].
    pub fn run_until(&mut self, deadline: Timestamp) -> Result<(), Error> {
        while self.now() < deadline {
            self.step()?;
            self.skip(deadline);
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<(), Error> {
        let turned = self.sim.step();
        let now = self.network.now();
        if self.network.panicked().get() {
            return Err(Error::Panicked(now));
        }
        turned
            .map(|_| ())
            .map_err(|error| Error::Stopped(now, error.to_string()))
    }
}

/// Spawns a task on the current host; if it panics, the simulation stops.
#[expect(clippy::disallowed_methods, reason = "the simulated world's own spawn")]
pub(super) fn spawn(network: &Rc<Network>, future: impl Future<Output = ()> + 'static) -> Task {
    let guard = Guard(network.clone());
    tokio::task::spawn_local(async move {
        stirring(&guard.0, future).await;
    })
}

/// Runs `future` and tells the network of each of its turns.
async fn stirring(network: &Network, future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        network.stir();
        future.as_mut().poll(cx)
    })
    .await;
}

struct Guard(Rc<Network>);

impl Drop for Guard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.panicked().set(true);
        }
    }
}
