//! The live proxy: threads, signals and what is said on standard output.
//!
//! One thread and runtime for each worker, one for administration and signals, one for the log.
#![expect(
    clippy::disallowed_methods,
    reason = "threads and signals are the real world's"
)]
#![expect(
    clippy::disallowed_types,
    reason = "the beginning of time is taken here"
)]

use std::fs::OpenOptions;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalRuntime};
use tokio::signal::unix::{SignalKind, signal};

use crate::admin;
use crate::config::{Access, Config, Sink};
use crate::exposition::Observed;
use crate::generation::Proxy;
use crate::log::Log;
use crate::metric;
use crate::serve::{self, BindError, Places};
use crate::tls::Material;
use crate::world::real::Real;
use crate::world::{Address, Sleep, World};

/// Why a live proxy could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A listener could not be bound.
    #[error("{0}; stop what uses the address, or configure another one")]
    Bind(#[from] BindError),
    /// The access log could not be opened.
    #[error("cannot open the access log {path}: {source}")]
    Log {
        /// The log's path.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A thread, runtime or signal handler could not be had.
    #[error("the system refused a thread or a signal handler: {0}")]
    System(#[from] io::Error),
}

/// What a live proxy tells while it runs, one call each.
pub trait Listener {
    /// A listener or the administration has an address.
    fn listening(&mut self, name: &str, address: &Address);
    /// Everything listens.
    fn ready(&mut self);
    /// SIGHUP: what to put in force, or nothing if the file is not valid.
    fn reload(&mut self) -> Option<(Config, Material)>;
    /// What `reload` gave is in force: at the pools now, at the routes once each worker has read
    /// its mail.
    fn reloaded(&mut self);
    /// Nothing listens any more; requests are being finished.
    fn draining(&mut self);
    /// Something that an operator should know.
    fn complain(&mut self, what: &str);
}

/// How often certificates that end are complained of.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What threads tell the one that controls them.
enum Report {
    Bound(Vec<(String, Address)>),
    Failed(Error),
    Closed,
    Ended { served: bool },
}

/// Serves `config` (`material` was loaded for it) with `workers` threads until SIGTERM or SIGINT,
/// and then until every request is finished or the configured time for it is over.
///
/// # Errors
///
/// If it cannot be started. Once it serves, nothing ends it but a signal.
pub fn run(
    config: Config,
    material: Material,
    workers: usize,
    tell: &mut impl Listener,
) -> Result<(), Error> {
    let start = Instant::now();
    let seed = RandomState::new().hash_one(start);
    let log = config.log.access.as_ref().map(open_log).transpose()?;
    let (log, writer) = log.unzip();
    let places = Places::new(&config.listeners);
    let proxy = Arc::new(Proxy::new(config, material));
    let counters: Vec<_> = (0..workers)
        .map(|_| Arc::<metric::Worker>::default())
        .collect();
    let (reports, inbox) = channel();
    let mut threads = Vec::new();
    let mut addresses = Vec::new();
    for (n, counters) in counters.iter().enumerate() {
        let seat = Seat {
            world: (start, seed, Arc::clone(counters)),
            proxy: Arc::clone(&proxy),
            places: places.clone(),
            at: addresses
                .iter()
                .map(|(_, address): &(_, Address)| address.clone())
                .collect(),
            log: log.clone(),
            reports: reports.clone(),
        };
        let name = format!("worker {n}");
        threads.push(
            thread::Builder::new()
                .name(name)
                .spawn(move || seat.work())?,
        );
        match inbox.recv() {
            Ok(Report::Bound(bound)) => addresses = bound,
            Ok(Report::Failed(error)) => return Err(error),
            Ok(Report::Closed | Report::Ended { .. }) | Err(_) => {
                return Err(io::Error::other("a worker ended before it served").into());
            }
        }
    }
    for (name, address) in &addresses {
        tell.listening(name, address);
    }
    let observed = Observed {
        proxy,
        counters,
        log,
    };
    control((start, seed), observed, tell)?;
    wait_for_workers(threads, &inbox, tell);
    if let Some(writer) = writer {
        // Every handle to the log is gone by now, so the writer has come to its end.
        let _ = writer.join();
    }
    Ok(())
}

/// A worker's thread before it runs.
struct Seat {
    world: (Instant, u64, Arc<metric::Worker>),
    proxy: Arc<Proxy>,
    places: Places,
    at: Vec<Address>,
    log: Option<Log>,
    reports: Sender<Report>,
}

impl Seat {
    fn work(self) {
        let Self {
            world: (start, seed, counters),
            proxy,
            places,
            at,
            log,
            reports,
        } = self;
        let runtime = match runtime() {
            Ok(runtime) => runtime,
            Err(error) => return drop(reports.send(Report::Failed(error.into()))),
        };
        runtime.block_on(async {
            let world = Real::new(start, seed, counters);
            let bound = match serve::bind(world, proxy, &places, &at, log).await {
                Ok(bound) => bound,
                Err(error) => return drop(reports.send(Report::Failed(error.into()))),
            };
            // The other side is there for as long as this thread is.
            let _ = reports.send(Report::Bound(bound.addresses().to_vec()));
            let served = bound.run(|| drop(reports.send(Report::Closed))).await;
            let _ = reports.send(Report::Ended { served });
        });
    }
}

fn runtime() -> io::Result<LocalRuntime> {
    Builder::new_current_thread()
        .enable_all()
        .build_local(Default::default())
}

/// Administration and signals, until the proxy is to end.
fn control(
    (start, seed): (Instant, u64),
    observed: Observed,
    tell: &mut impl Listener,
) -> Result<(), Error> {
    runtime()?.block_on(async {
        let world = Real::new(start, seed, Arc::default());
        let proxy = Arc::clone(&observed.proxy);
        if let Some(config) = &proxy.generation().config.admin {
            let error = |source| BindError {
                name: "admin".into(),
                address: config.address.clone(),
                source,
            };
            let listener = world.bind(&config.address, 0).await.map_err(error)?;
            tell.listening("admin", &world.local_address(&listener)?);
            world.spawn(admin::serve(world.clone(), listener, observed));
        }
        let mut term = signal(SignalKind::terminate())?;
        let mut int = signal(SignalKind::interrupt())?;
        let mut hup = signal(SignalKind::hangup())?;
        tell.ready();
        let mut look = world.sleep_until(world.now() + DAY);
        loop {
            tokio::select! {
                biased;
                _ = term.recv() => break,
                _ = int.recv() => break,
                _ = hup.recv() => {
                    if let Some((config, material)) = tell.reload() {
                        proxy.reload(world.now(), config, material);
                        tell.reloaded();
                    }
                }
                what = proxy.notice() => tell.complain(&what),
                () = &mut look => {
                    for what in proxy.generation().material.expiring(world.unix_now()) {
                        tell.complain(&what);
                    }
                    look.reset(world.now() + DAY);
                }
            }
        }
        proxy.drain();
        Ok(())
    })
}

fn wait_for_workers(
    threads: Vec<JoinHandle<()>>,
    inbox: &Receiver<Report>,
    tell: &mut impl Listener,
) {
    let mut open = threads.len();
    let mut running = threads.len();
    let mut unserved = 0;
    while running > 0 {
        match inbox.recv() {
            Ok(Report::Closed) => {
                open -= 1;
                if open == 0 {
                    tell.draining();
                }
            }
            Ok(Report::Ended { served }) => {
                running -= 1;
                unserved += usize::from(!served);
            }
            Ok(Report::Bound(_) | Report::Failed(_)) => {}
            Err(_) => break,
        }
    }
    for thread in threads {
        if thread.join().is_err() {
            tell.complain("a worker had panicked; please report it with what it printed");
        }
    }
    if unserved > 0 {
        tell.complain("the time for draining was over before all clients were served");
    }
}

/// Calls `then` when the process is interrupted (SIGINT). A second interrupt ends it at once.
///
/// # Errors
///
/// If the system refuses a thread.
pub fn on_interrupt(then: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let watch = move || {
        let Ok(runtime) = runtime() else { return };
        runtime.block_on(async {
            let Ok(mut interrupt) = signal(SignalKind::interrupt()) else {
                return;
            };
            interrupt.recv().await;
            then();
            interrupt.recv().await;
            std::process::exit(130);
        });
    };
    thread::Builder::new()
        .name("interrupt".into())
        .spawn(watch)?;
    Ok(())
}

/// Opens the access log and starts the thread that writes it.
fn open_log(access: &Access) -> Result<(Log, JoinHandle<()>), Error> {
    let (log, lines) = Log::new(access.explain.fraction());
    let mut sink: Box<dyn Write + Send> = match &access.path {
        Sink::Stdout => Box::new(io::stdout()),
        Sink::File(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let error = |source| Error::Log {
                path: path.display().to_string(),
                source,
            };
            Box::new(file.map_err(error)?)
        }
    };
    let writer = thread::Builder::new()
        .name("access log".into())
        .spawn(move || {
            lines.write_to(&mut sink, |error| {
                let _ = writeln!(
                    io::stderr(),
                    "evenkeel: the access log cannot be written: {error}"
                );
            });
        })?;
    Ok((log, writer))
}
