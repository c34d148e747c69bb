//! A scenario on real sockets: the real `serve`, applications that are processes of their own, and
//! clients that send every request when it is due. Beside it stands the simulated run of the same
//! plan: same arrivals, same services. Where the two differ, the model is wrong.
//!
//! Processes and threads block: nothing here shares a runtime, or a mistake, with the proxy.

mod application;
mod client;
mod clock;
mod comparison;
mod errand;
mod fault;
mod generator;
pub(crate) mod line;
mod log;
mod machine;
mod obstacle;
mod origin;
mod part;
mod process;
mod signal;
#[cfg(test)]
mod test;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::{Access, Config, Format, Sink};
use evenkeel_proxy::document::{Address, Network};
use serde::Deserialize;

pub use application::Program;
pub use clock::Clock;
pub use comparison::{Circumstances, Comparison};
pub use generator::{Heard, run as generate};
pub use obstacle::obstacle;
pub use origin::Origin;
pub use part::{Listening, Order, look_after, order, originate, terminate, wait};
pub use process::{Launcher, Process};

use self::fault::{Origins, Seat};
use self::machine::Usage;
use self::signal::Signal;
use crate::net::within_reach;
use crate::plan::Plan;
use crate::result::{Digest, Latency, Run};
use crate::sweep::Stop;
use crate::timeline::Timeline;
use crate::workload;

/// A live run that is to be made.
#[derive(Clone, Debug)]
pub struct Live {
    /// What is run.
    pub plan: Arc<Plan>,
    /// Its seed.
    pub seed: u64,
    /// What starts its processes.
    pub launcher: Launcher,
    /// Where the user's own application runs.
    pub folder: PathBuf,
}

/// A live run that came to its end.
#[derive(Clone, Debug)]
pub struct Round {
    /// What it came to, as that of a simulated run; its trace is empty.
    pub run: Run,
    /// By how much requests were sent too late.
    pub late: Latency,
    /// Processors that others used meanwhile; absent where that is not known.
    pub others: Option<f64>,
    /// What a user should know, a line each.
    pub notes: Vec<String>,
}

/// Why there is no live run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A process could not be started, or ended too early.
    #[error("cannot start {what}: {source}")]
    Start {
        /// Which one.
        what: String,
        /// What became of it.
        source: io::Error,
    },
    /// A process could not be stopped, killed or started again when a fault wanted it.
    #[error("cannot do what a fault says: {0}")]
    Fault(io::Error),
    /// The proxy's log cannot be read.
    #[error("cannot read the proxy's log: {0}")]
    Log(io::Error),
    /// A recorded workload cannot be read.
    #[error(transparent)]
    Workload(#[from] workload::Error),
}

/// A line that `serve` says.
#[derive(Debug, Deserialize)]
struct Said {
    event: String,
    listener: Option<String>,
    address: Option<String>,
}

impl Live {
    /// Runs it once. `on_time` is told the time of the run now and then. Ends early when `stop` is
    /// asked.
    ///
    /// # Errors
    ///
    /// See [`Error`]. No process is left in any case.
    pub fn round(&self, stop: &Stop, on_time: &mut dyn FnMut(Timestamp)) -> Result<Round, Error> {
        let (origins, addresses) = self.origins()?;
        let (mut proxy, front) = self.proxy(addresses)?;
        let output = proxy.output();
        let reading = thread::Builder::new().name("log".into());
        let reading = reading.spawn(move || output.map_or(Ok(Vec::new()), log::read));
        let reading = reading.map_err(Error::Log)?;
        let usage = || {
            let mut pids = origins.pids();
            pids.extend(proxy.pids());
            Usage::now(&pids)
        };
        let before = usage();
        let clock = self.begin(&origins)?;
        let heard = self.drive(&origins, front, clock, stop, on_time)?;
        let usage = before.zip(usage());
        let others = usage.map(|(before, now)| now.others_since(&before));
        proxy.end();
        if stop.is_asked() {
            // Who has asked does not wait for a drain; that it is gone already is as well.
            let _ = proxy.signal(Signal::Kill);
        }
        let records = reading.join().expect("reading a log panics never");
        let records = records.map_err(Error::Log)?;
        drop(proxy);
        let mut cell = heard.cell;
        log::count(&self.plan, &records, clock.date_us(), &mut cell);
        let simulated_s = clock.now().0 as f64 / 1e9;
        Ok(Round {
            run: Run {
                schema: 1,
                scenario: self.plan.scenario.name.clone(),
                engine: "live",
                seed: self.seed,
                trace_hash: Digest::default(),
                simulated_s,
                wall_s: simulated_s,
                cells: vec![cell],
            },
            late: heard.late,
            others,
            notes: heard.notes,
        })
    }

    /// Starts all origins: their processes, and where each listens.
    fn origins(&self) -> Result<(Origins, Vec<SocketAddr>), Error> {
        let (mut processes, mut addresses, mut orders) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..self.plan.origins.len() {
            let begun = self.launcher.start_origin(&self.order(number, 0));
            let (process, address) = begun.map_err(|source| Error::Start {
                what: format!("the application of endpoint {}", self.name(number)),
                source,
            })?;
            processes.push(Seat::new(process));
            addresses.push(address);
            orders.push(self.order(number, address.port()));
        }
        let origins = Origins {
            seats: Mutex::new(processes),
            orders,
            launcher: self.launcher.clone(),
        };
        Ok((origins, addresses))
    }

    fn order(&self, number: usize, port: u16) -> Order {
        let command = self.plan.scenario.origin.command.clone();
        if command.is_empty() {
            return Order::Origin { number, port };
        }
        Order::Application(Program {
            command,
            folder: self.folder.clone(),
            name: self.name(number),
            port,
            speed: self.plan.origins[number].spec.speed,
        })
    }

    /// The name of the first endpoint that an origin is behind.
    fn name(&self, number: usize) -> String {
        let mut rows = self.plan.behind.iter().zip(&self.plan.setup.names);
        let name = rows.find_map(|(behind, names)| {
            let place = behind.iter().position(|origin| *origin == number)?;
            names.get(place).cloned()
        });
        name.unwrap_or_default()
    }

    /// Starts the proxy: its process, and where clients connect.
    fn proxy(&self, origins: Vec<SocketAddr>) -> Result<(Process, SocketAddr), Error> {
        let failed = |source| Error::Start {
            what: "the proxy".to_owned(),
            source,
        };
        let order = Order::Proxy(origins);
        let mut process = self.launcher.start(&order).map_err(failed)?;
        let name = self.plan.front().map(|listener| listener.name.clone());
        let mut front = None;
        loop {
            let said: Said = process.hear().map_err(failed)?;
            match (said.event.as_str(), said.address) {
                ("listening", Some(address)) if said.listener == name => {
                    front = address.parse().ok();
                }
                ("ready", _) => break,
                _ => {}
            }
        }
        let nowhere = || failed(io::Error::other("it listens nowhere"));
        Ok((process, front.ok_or_else(nowhere)?))
    }

    /// Begins the run at all origins at once.
    fn begin(&self, origins: &Origins) -> Result<Clock, Error> {
        let clock = Clock::began(Duration::ZERO);
        origins.tell(clock).map_err(|source| Error::Start {
            what: "the applications".to_owned(),
            source,
        })?;
        Ok(clock)
    }

    fn drive(
        &self,
        origins: &Origins,
        front: SocketAddr,
        clock: Clock,
        stop: &Stop,
        on_time: &mut dyn FnMut(Timestamp),
    ) -> Result<Heard, Error> {
        let timeline = Timeline::new(&self.plan, self.seed);
        let over = Stop::default();
        thread::scope(|scope| {
            let following = scope.spawn(|| origins.follow(&timeline, clock, &over));
            let heard = generate(&self.plan, self.seed, front, clock, stop, on_time);
            over.stop();
            let followed = following.join().expect("signals panic never");
            followed.map_err(Error::Fault)?;
            Ok(heard?)
        })
    }
}

/// `config` as the proxy of a live run has it: on the loopback, before `origins`, with an access
/// log on its standard output, and with checks of simulated applications as those can be asked.
#[must_use]
pub fn deployed(plan: &Plan, config: &Config, origins: &[SocketAddr]) -> Config {
    let mut config = match plan.scenario.origin.command.is_empty() {
        true => within_reach(config),
        false => config.clone(),
    };
    let anywhere = Address::Ip(SocketAddr::from(([127, 0, 0, 1], 0)));
    let loopback = Network {
        address: Ipv4Addr::new(127, 0, 0, 0).into(),
        prefix: 8,
    };
    for listener in &mut config.listeners {
        listener.address = anywhere.clone();
        // All clients are one machine: where each would be, its requests say.
        listener.trusted_proxies = vec![loopback];
    }
    if let Some(admin) = &mut config.admin {
        admin.address = anywhere;
    }
    let endpoints = config.pools.iter_mut().flat_map(|pool| &mut pool.endpoints);
    for endpoint in endpoints {
        let known = plan
            .origins
            .iter()
            .position(|o| o.address == endpoint.address);
        if let Some(address) = known.and_then(|origin| origins.get(origin)) {
            endpoint.address = Address::Ip(*address);
        }
    }
    config.log.access = Some(Access {
        path: Sink::Stdout,
        format: Format::Json,
        explain: Default::default(),
    });
    config
}
