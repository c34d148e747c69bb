//! Engine `net`: the whole data path over a simulated network.
//!
//! The proxy is the one that is deployed: `serve`, connections, exchanges and all, with as many
//! worker shells as `server.workers` says. Clients and origins are hand-written and packed into one
//! host each, because turmoil's cost grows with the hosts.

mod application;
mod client;
mod exchange;
mod flow;
pub(crate) mod line;
pub(crate) mod luggage;
mod order;
mod proxy;
mod secret;
mod socket;
mod timeline;

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace;
use evenkeel_proxy::config::{self, Policy};
use evenkeel_proxy::document::Address;
use evenkeel_proxy::generation::Proxy;
use evenkeel_proxy::serve::BindError;

pub(crate) use self::proxy::within_reach;

use self::application::Application;
use self::client::Clients;
use self::flow::Flow;
use self::luggage::Shared;
use self::secret::Secrets;
use crate::engine::{Ended, Error, Seen};
use crate::origin::Load;
use crate::plan::{COOL_DOWN, Lane, Plan};
use crate::result::{Collector, Setup};
use crate::timeline::Timeline;
use crate::workload::{Arrivals, Visitors};
use crate::world::{Role, Setting, Simulation};

const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));
/// Of the first proxy; the others follow.
const PROXY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
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
    let simulated = |pool: &&config::Pool| matches!(pool.policy, Policy::Simulated(_));
    if let Some(pool) = plan.config().pools.iter().find(simulated) {
        return Err(Error::Simulated(pool.name.clone()));
    }
    let arrivals = Arrivals::new(seed, &plan.workloads, plan.end())?;
    let network = &plan.scenario.network;
    let setting = Setting {
        seed,
        resolution: network.resolution,
        link: network.default,
        backlog: plan.scenario.origin.backlog as usize,
    };
    let run = Rc::new(Run::new(plan, seed, observe)?);
    let sink = Rc::clone(&run);
    let mut simulation = Simulation::new(
        setting,
        Rc::new(move |event: &trace::Event| sink.collector.borrow_mut().record(0, event)),
    );
    begin_clients(&mut simulation, &run, arrivals);
    lay(&simulation, plan);
    for place in 0..usize::from(plan.scenario.proxies.count) {
        proxy::begin(&mut simulation, &run, place);
    }
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
        simulation.skip(last);
    }
    // The last response is on its way through the proxy's books for another moment.
    let moment = simulation.now() + network.resolution * 8 + settling(plan);
    simulation.run_until(moment)?;
    let now = simulation.now();
    let (notes, loads) = (notes(&run, &simulation), run.loads(now));
    drop(simulation);
    Ok(run.end(now, &loads, notes))
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
    /// Where clients connect, once the proxies listen; by proxy.
    fronts: RefCell<Vec<Option<Address>>>,
    /// All processes of proxies that there have been, each with its number.
    processes: RefCell<Vec<(usize, Arc<Proxy>)>>,
    /// Connections that clients have opened.
    dealt: Cell<u64>,
    /// By number of the origin, once they have begun. They are their own tasks', which know this
    /// run: owned here, too, both would stay for ever.
    applications: RefCell<Vec<Weak<Application>>>,
    failed: Cell<Option<BindError>>,
    /// No request will arrive any more, unless one that is waited for brings another.
    exhausted: Cell<bool>,
    /// Users' requests that have not ended for them.
    waiting: Cell<u64>,
    /// Clients that come back, with what they carry.
    visitors: RefCell<Visitors<Shared>>,
}

impl Run {
    fn new(plan: &Arc<Plan>, seed: u64, observe: bool) -> Result<Self, Error> {
        let count = usize::from(plan.scenario.proxies.count);
        let mut collector = Collector::new(plan.setup.clone());
        (1..count).for_each(|_| _ = collector.proxy());
        let timeline = Timeline::new(plan, seed);
        Ok(Self {
            plan: Arc::clone(plan),
            secrets: Secrets::new(plan)?,
            seed,
            collector: RefCell::new(collector),
            flow: Flow::new(timeline.standstill()),
            timeline,
            observe,
            seen: RefCell::default(),
            notes: Cell::default(),
            fronts: RefCell::new(vec![None; count]),
            processes: RefCell::default(),
            dealt: Cell::new(0),
            applications: RefCell::new(plan.origins.iter().map(|_| Weak::new()).collect()),
            failed: Cell::default(),
            exhausted: Cell::new(false),
            waiting: Cell::new(0),
            visitors: RefCell::default(),
        })
    }

    /// Where a new connection from `client` leads.
    fn front(&self, client: SocketAddr) -> Option<Address> {
        let number = self.dealt.replace(self.dealt.get() + 1);
        let address = match client.ip() {
            IpAddr::V4(ip) => u32::from(ip),
            IpAddr::V6(_) => 0,
        };
        let place = self.plan.deal(number, address);
        self.fronts.borrow().get(place).cloned().flatten()
    }

    fn is_over(&self) -> bool {
        self.exhausted.get() && self.waiting.get() == 0
    }

    /// The load of each endpoint's origin, by pool, while they are there.
    fn loads(&self, now: Timestamp) -> Vec<Vec<Load>> {
        let applications = self.applications.borrow();
        let load = |origin: &usize| {
            let application = applications[*origin].upgrade();
            application.map_or_else(Load::default, |application| application.load(now))
        };
        let rows = self.plan.behind.iter();
        rows.map(|row| row.iter().map(load).collect()).collect()
    }

    fn end(&self, now: Timestamp, loads: &[Vec<Load>], notes: Vec<String>) -> Ended {
        let mut collector = self.collector.replace(Collector::new(Setup::default()));
        for (number, proxy) in self.processes.take() {
            for pool in proxy.pools() {
                pool.with(|state| collector.rest(number, pool.name(), state));
            }
        }
        self.visitors.borrow().close(&mut collector);
        Ended {
            cell: collector.finish(now, loads),
            now,
            seen: self.seen.take(),
            notes,
        }
    }
}

/// Lays what is not the same between all parties.
fn lay(simulation: &Simulation, plan: &Plan) {
    if plan.shared_link().is_some() {
        return;
    }
    let network = simulation.network();
    let both = |one: &str, other: &str, [there, back]: &[Lane; 2]| {
        network.lay(one, other, there.wire());
        network.lay(other, one, back.wire());
    };
    let down = plan.downstream();
    let origins = 0..plan.origins.len();
    let up: Vec<_> = origins.map(|origin| plan.upstream(origin)).collect();
    for proxy in 0..usize::from(plan.scenario.proxies.count) {
        let proxy = plan.proxy_name(proxy, 0);
        both("downstream", &proxy, &down);
        for (origin, up) in up.iter().enumerate() {
            both(&proxy, &format!("origin/{origin}"), up);
        }
    }
}

/// How long the last message may still be under way.
fn settling(plan: &Plan) -> Duration {
    let network = &plan.scenario.network;
    let links = network.links.iter().map(|between| between.link);
    let longest = links.chain([network.default]).map(|l| l.latency + l.jitter);
    longest.max().unwrap_or_default() * 4
}

fn begin_clients(simulation: &mut Simulation, run: &Rc<Run>, arrivals: Arrivals) {
    let run = Rc::clone(run);
    simulation.host(Role::Clients, "clients", CLIENTS, |world| {
        Rc::new(Clients::new(world, run, arrivals)).dispatch()
    });
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

#[cfg(test)]
mod test;
