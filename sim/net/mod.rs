//! Engine `net`: the whole data path over a simulated network.
//!
//! The proxy is the one that is deployed: `serve`, connections, exchanges and all, with as many
//! worker shells as `server.workers` says. Clients and origins are hand-written and packed into one
//! host each, because turmoil's cost grows with the hosts.

mod application;
mod client;
mod exchange;
mod flow;
mod line;
mod secret;
mod socket;
mod timeline;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{Ask, Config};
use evenkeel_proxy::document::Address;
use evenkeel_proxy::serve::{self, BindError, Places};

use self::application::Application;
use self::client::Clients;
use self::flow::Flow;
use self::secret::Secrets;
use crate::engine::{Ended, Error, Seen};
use crate::plan::{COOL_DOWN, Plan};
use crate::result::Collector;
use crate::timeline::Timeline;
use crate::workload::Arrivals;
use crate::world::{Link, Role, Setting, Simulation, World};

const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
const ORIGINS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));

/// How origins are spread over turmoil's hosts. It must not matter: a test holds both together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// All in one host.
    One,
    /// A host each.
    Each,
}

/// Runs `plan` under `seed`, on a thread of its own. With `observe`, every request is reported.
/// `on_time` is called now and then with the simulated time; false ends the run.
///
/// # Errors
///
/// A recorded workload cannot be opened, TLS has settings that cannot be used, the proxy cannot
/// bind, or the world broke down.
pub fn run(
    plan: &Arc<Plan>,
    seed: u64,
    observe: bool,
    packing: Packing,
    on_time: &mut dyn FnMut(Timestamp) -> bool,
) -> Result<Ended, Error> {
    let arrivals = Arrivals::new(seed, &plan.workloads, plan.end())?;
    let network = &plan.scenario.network;
    let setting = Setting {
        seed,
        resolution: network.resolution,
        link: Link {
            latency: network.latency,
            jitter: network.jitter,
        },
        backlog: plan.scenario.origin.backlog as usize,
    };
    let run = Rc::new(Run::new(plan, seed, observe)?);
    let sink = Rc::clone(&run);
    let mut simulation = Simulation::new(
        setting,
        Rc::new(move |event| sink.collector.borrow_mut().record(event)),
    );
    begin_clients(&mut simulation, &run, arrivals);
    begin_proxy(&mut simulation, &run);
    begin_origins(&mut simulation, &run, packing);
    let last = plan.end() + COOL_DOWN;
    let mut steps = 0_u32;
    while !run.is_over() && simulation.now() < last {
        simulation.step()?;
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(512) && !on_time(simulation.now()) {
            return Err(Error::Interrupted);
        }
        if let Some(error) = run.failed.take() {
            return Err(error.into());
        }
    }
    // The last response is on its way through the proxy's books for another moment.
    let moment = simulation.now() + network.resolution * 8 + (network.latency + network.jitter) * 4;
    simulation.run_until(moment)?;
    let now = simulation.now();
    let notes = notes(&run, &simulation);
    drop(simulation);
    Ok(run.end(now, notes))
}

fn notes(run: &Run, simulation: &Simulation) -> Vec<String> {
    let mut notes = run.notes.take();
    let dry = simulation.network().dry_connects();
    if dry > 0 {
        notes.push(format!(
            "{dry} connections were opened a tick late: too many in one instant"
        ));
    }
    notes
}

/// What the parties of one run share.
struct Run {
    plan: Arc<Plan>,
    /// What is needed for TLS, if anybody speaks it.
    secrets: Option<Secrets>,
    seed: u64,
    /// What happens to origins.
    timeline: Timeline,
    collector: RefCell<Collector>,
    /// Requests on their way, so that an origin knows whose request it has.
    flow: Flow,
    observe: bool,
    seen: RefCell<Vec<Seen>>,
    notes: Cell<Vec<String>>,
    /// Where clients connect, once the proxy listens.
    front: RefCell<Option<Address>>,
    /// By number of the origin, once they have begun.
    applications: RefCell<Vec<Option<Rc<Application>>>>,
    failed: Cell<Option<BindError>>,
    /// No request will arrive any more, unless one that is waited for brings another.
    exhausted: Cell<bool>,
    /// Users' requests that have not ended for them.
    waiting: Cell<u64>,
}

impl Run {
    fn new(plan: &Arc<Plan>, seed: u64, observe: bool) -> Result<Self, Error> {
        Ok(Self {
            plan: Arc::clone(plan),
            secrets: Secrets::new(plan)?,
            seed,
            timeline: Timeline::new(plan, seed),
            collector: RefCell::new(Collector::new(plan.setup.clone())),
            flow: Flow::default(),
            observe,
            seen: RefCell::default(),
            notes: Cell::default(),
            front: RefCell::default(),
            applications: RefCell::new((0..plan.origins.len()).map(|_| None).collect()),
            failed: Cell::default(),
            exhausted: Cell::new(false),
            waiting: Cell::new(0),
        })
    }

    fn is_over(&self) -> bool {
        self.exhausted.get() && self.waiting.get() == 0
    }

    fn end(&self, now: Timestamp, notes: Vec<String>) -> Ended {
        let applications = self.applications.borrow();
        let load = |origin: &usize| {
            let application = applications[*origin].as_ref();
            application
                .map(|application| application.load(now))
                .unwrap_or_default()
        };
        let rows = self.plan.behind.iter();
        let loads: Vec<_> = rows.map(|row| row.iter().map(load).collect()).collect();
        let collector = self.collector.replace(Collector::new(Default::default()));
        Ended {
            cell: collector.finish(now, &loads),
            now,
            seen: self.seen.take(),
            notes,
        }
    }
}

fn begin_clients(simulation: &mut Simulation, run: &Rc<Run>, arrivals: Arrivals) {
    let run = Rc::clone(run);
    simulation.host(Role::Clients, "clients", CLIENTS, |world| {
        Rc::new(Clients::new(world, run, arrivals)).dispatch()
    });
}

fn begin_proxy(simulation: &mut Simulation, run: &Rc<Run>) {
    let run = Rc::clone(run);
    simulation.host(Role::Proxy, "proxy", PROXY, |world| async move {
        let config: &Config = run.plan.config();
        let workers = config.server.workers.unwrap_or(1);
        let places = Places::new(&config.listeners);
        let proxy = Arc::new(evenkeel_proxy::generation::Proxy::new(
            within_reach(config),
            run.secrets
                .as_ref()
                .map(|secrets| secrets.material.clone())
                .unwrap_or_default(),
        ));
        let mut at: Vec<Address> = Vec::new();
        for _ in 0..workers {
            let world: World = world.clone();
            match serve::bind(world.clone(), Arc::clone(&proxy), &places, &at, None).await {
                Ok(bound) => {
                    at = bound
                        .addresses()
                        .iter()
                        .map(|(_, address)| address.clone())
                        .collect();
                    evenkeel_proxy::world::World::spawn(&world, async move {
                        bound.run(|| ()).await;
                    });
                }
                Err(error) => return run.failed.set(Some(error)),
            }
        }
        let front = run.plan.front();
        let front = config.listeners.iter().position(|l| Some(l) == front);
        *run.front.borrow_mut() = front.and_then(|n| at.get(n)).map(reachable);
    });
}

/// The configuration with its checks as simulated origins can be asked: 200 is all that they say.
fn within_reach(config: &Config) -> Config {
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

/// An address that clients can dial: the proxy's own where it listens on all.
fn reachable(address: &Address) -> Address {
    match address {
        Address::Ip(ip) if ip.ip().is_unspecified() => {
            Address::Ip(SocketAddr::new(PROXY, ip.port()))
        }
        other => other.clone(),
    }
}

fn begin_origins(simulation: &mut Simulation, run: &Rc<Run>, packing: Packing) {
    let origins = 0..run.plan.origins.len();
    let groups: Vec<Vec<usize>> = match packing {
        Packing::One => vec![origins.collect()],
        Packing::Each => origins.map(|origin| vec![origin]).collect(),
    };
    for (n, group) in groups.into_iter().enumerate() {
        let run = Rc::clone(run);
        let address = match ORIGINS {
            IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from(u32::from(ip) + n as u32)),
            other @ IpAddr::V6(_) => other,
        };
        simulation.host(
            Role::Origins,
            &format!("origins{n}"),
            address,
            move |world| async move {
                for origin in &group {
                    Application::begin(&world, &run, *origin);
                }
                timeline::follow(&world, &run, &group).await;
            },
        );
    }
}

/// How long a connection with nothing to do may be kept by an origin, if it closes at all.
fn keep_alive(plan: &Plan) -> Option<Duration> {
    use crate::origin::connection::{KEEP_ALIVE_ADVERTISED, KEEP_ALIVE_REAL};
    use crate::scenario::Model;
    // Node.js closes later than it announces.
    let grace = KEEP_ALIVE_REAL - KEEP_ALIVE_ADVERTISED;
    let node = plan.scenario.origin.model == Model::Node;
    node.then(|| plan.scenario.origin.keep_alive + grace)
}
