//! The proxies: each a whole `serve` in a host of its own, and what happens to it while it runs.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use evenkeel_core::account::Account;
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::Event;
use evenkeel_proxy::affinity::Keyring;
use evenkeel_proxy::config::{self, AffinityKind, Ask, Config, Cookie};
use evenkeel_proxy::document::Address;
use evenkeel_proxy::generation::Proxy;
use evenkeel_proxy::serve::{self, BindError, Places};
use evenkeel_proxy::tls::Material;
use evenkeel_proxy::world::{Sleep as _, Task, World as _};

use super::{PROXY, Run};
use crate::plan::{self, Turn};
use crate::world::{Record, Role, Simulation, World};

/// Begins proxy number `place`.
pub(super) fn begin(simulation: &mut Simulation, run: &Rc<Run>, place: usize) {
    let run = Rc::clone(run);
    let name = run.plan.proxy_name(place, 0);
    simulation.host(
        Role::Proxy,
        &name,
        address(place),
        move |world| async move {
            let mut seat = Seat {
                world,
                run,
                place,
                restarts: 0,
                generation: 0,
                swaps: 0,
            };
            match seat.start(place).await {
                Ok(process) => seat.follow(process).await,
                Err(error) => seat.run.failed.set(Some(error)),
            }
        },
    );
}

/// The address of proxy number `place`.
fn address(place: usize) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(u32::from(PROXY).wrapping_add(place as u32)))
}

/// The place of one proxy, whichever process has it.
struct Seat {
    world: World,
    run: Rc<Run>,
    place: usize,
    restarts: u32,
    generation: usize,
    /// How often the certificates have been renewed.
    swaps: usize,
}

/// What a process decides, and where it is written down.
struct Book {
    run: Rc<Run>,
    /// The process.
    number: usize,
}

impl Record for Book {
    fn record(&self, event: &Event) {
        self.run.collector.borrow_mut().record(self.number, event);
    }

    fn asks(&self, request: u64) -> bool {
        let mut collector = self.run.collector.borrow_mut();
        collector.accounts(self.number, request).is_some()
    }

    fn account(&self, request: u64, accounts: &[Account]) {
        let mut collector = self.run.collector.borrow_mut();
        if let Some(all) = collector.accounts(self.number, request) {
            all.extend_from_slice(accounts);
        }
    }
}

/// One process of a proxy.
struct Process {
    /// Among all processes of the run.
    number: usize,
    proxy: Arc<Proxy>,
    workers: Vec<Task>,
    /// Where it listens.
    at: Vec<Address>,
}

impl Seat {
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.run.plan.generations[self.generation].config)
    }

    fn material(&self) -> Material {
        let secrets = self.run.secrets.as_ref();
        let material = secrets.and_then(|secrets| secrets.materials.get(self.swaps));
        let mut material = material.cloned().unwrap_or_default();
        let process = self.run.plan.proxy_name(self.place, self.restarts);
        for pool in &self.config().pools {
            material.seal(&pool.name, keys(pool, &process));
        }
        material
    }

    /// Starts process number `number`, and tells clients where it is.
    async fn start(&self, number: usize) -> Result<Process, BindError> {
        let config = self.config();
        let sink = Rc::clone(&self.run);
        let mut world = self.world.clone();
        if self.restarts > 0 {
            let name = self.run.plan.proxy_name(self.place, self.restarts);
            world = world.process(&name, (address(self.place), 0).into());
        }
        let world = world.recording(Rc::new(Book { run: sink, number }));
        let places = Places::new(&config.listeners);
        let proxy = Arc::new(Proxy::new(within_reach(&config), self.material()));
        let process = (number, Arc::clone(&proxy));
        self.run.processes.borrow_mut().push(process);
        let mut process = Process {
            number,
            proxy: Arc::clone(&proxy),
            workers: Vec::new(),
            at: self.listening(&config),
        };
        for _ in 0..config.server.workers.unwrap_or(1) {
            let (proxy, at) = (Arc::clone(&proxy), &process.at);
            let bound = serve::bind(world.clone(), proxy, &places, at, None).await?;
            let addresses = bound.addresses().iter();
            process.at = addresses.map(|(_, address)| address.clone()).collect();
            let task = world.spawn(async move {
                bound.run(|| ()).await;
            });
            process.workers.push(task);
        }
        let front = self.run.plan.front();
        let front = config.listeners.iter().position(|l| Some(l) == front);
        let front = front.and_then(|n| process.at.get(n));
        self.run.fronts.borrow_mut()[self.place] = front.map(|front| self.reachable(front));
        Ok(process)
    }

    /// Where it listens: as configured; further proxies at addresses of their own.
    fn listening(&self, config: &Config) -> Vec<Address> {
        if self.place == 0 {
            return Vec::new();
        }
        let own = |at: &Address| match at {
            Address::Ip(ip) => Address::Ip(SocketAddr::new(address(self.place), ip.port())),
            Address::Name(_, port) => Address::Ip(SocketAddr::new(address(self.place), *port)),
            Address::Unix(path) => {
                let mut path = path.clone().into_os_string();
                path.push(format!("-{}", self.place));
                Address::Unix(path.into())
            }
        };
        let listeners = config.listeners.iter();
        listeners.map(|listener| own(&listener.address)).collect()
    }

    /// An address that clients can dial: the proxy's own where it listens on all.
    fn reachable(&self, at: &Address) -> Address {
        match at {
            Address::Ip(ip) if ip.ip().is_unspecified() => {
                Address::Ip(SocketAddr::new(address(self.place), ip.port()))
            }
            other => other.clone(),
        }
    }

    /// Does what the plan says, when it says so.
    async fn follow(&mut self, mut process: Process) {
        let run = Rc::clone(&self.run);
        let mut alarm = self.world.sleep_until(Timestamp::MAX);
        for (at, turn) in &run.plan.turns {
            if *at > self.world.now() {
                alarm.reset(*at);
                (&mut alarm).await;
            }
            match turn {
                Turn::Reload(generation) => {
                    self.generation = *generation;
                    self.reload(&process);
                }
                Turn::Swap => {
                    self.swaps += 1;
                    self.reload(&process);
                }
                Turn::Resolve { name, addresses } => {
                    let network = self.world.network();
                    network.set_name(name, addresses.clone(), None);
                }
                Turn::Restart { proxy, handover } => {
                    if proxy.is_none_or(|proxy| usize::from(proxy) == self.place) {
                        match self.restart(process, *handover).await {
                            Ok(new) => process = new,
                            Err(error) => return run.failed.set(Some(error)),
                        }
                    }
                }
            }
        }
    }

    /// What SIGHUP does.
    fn reload(&self, process: &Process) {
        let (now, config) = (self.world.now(), self.config());
        let proxy = &process.proxy;
        proxy.reload(now, within_reach(&config), self.material());
        self.teach(process);
    }

    /// Tells what the pools may do from now on.
    fn teach(&self, process: &Process) {
        let (now, config) = (self.world.now(), self.config());
        for pool in process.proxy.pools() {
            let mut sections = config.pools.iter();
            if let Some(section) = sections.find(|section| section.name == pool.name()) {
                let mut collector = self.run.collector.borrow_mut();
                let limit = plan::limit(section);
                pool.with(|state| collector.learn(process.number, now, state, limit));
            }
        }
    }

    /// Ends a process, and starts the next one: before it takes nothing new any more, or after it
    /// has ended.
    async fn restart(&mut self, old: Process, handover: bool) -> Result<Process, BindError> {
        self.restarts += 1;
        if !handover {
            old.proxy.drain();
            for worker in old.workers {
                // One that panicked has stopped the simulation.
                let _ = worker.await;
            }
            return self.next().await;
        }
        let network = Rc::clone(self.world.network());
        old.at.iter().for_each(|at| network.hand_over(at));
        let new = self.next().await;
        let world = self.world.clone();
        let tick = self.run.plan.scenario.network.resolution;
        self.world.spawn(async move {
            // Who has been let in must not find a closed socket.
            while old.at.iter().any(|at| network.handed_over(at) > 0) {
                world.sleep_until(world.now() + tick).await;
            }
            old.proxy.drain();
        });
        new
    }

    async fn next(&self) -> Result<Process, BindError> {
        let number = self.run.collector.borrow_mut().proxy();
        let process = self.start(number).await?;
        self.teach(&process);
        Ok(process)
    }
}

/// The keys of a pool's sessions: those of one file are the same in all proxies, others are a
/// process's own.
fn keys(pool: &config::Pool, process: &str) -> Keyring {
    match pool.affinity.as_ref().map(|affinity| &affinity.kind) {
        Some(AffinityKind::Cookie(Cookie {
            keys: Some(path), ..
        })) => Keyring::of(path.as_os_str().as_encoded_bytes()),
        _ => Keyring::of(process.as_bytes()),
    }
}

/// The configuration with its checks as simulated origins can be asked: 200 is all that they say.
pub(crate) fn within_reach(config: &Config) -> Config {
    let mut config = config.clone();
    let healths = config
        .pools
        .iter_mut()
        .filter_map(|pool| pool.health.as_mut());
    for check in healths.flat_map(|health| &mut health.checks) {
        check.port = None;
        check.expect = check.expect.of_latency_alone();
        if check.ask != Ask::Tcp {
            check.ask = Ask::plain();
        }
    }
    config
}
