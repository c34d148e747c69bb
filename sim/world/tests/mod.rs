//! The simulated world, seen through its handle.

use std::cell::RefCell;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::Event;
use evenkeel_proxy::world::{Address, World as _};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Link, Role, Setting, Simulation, Stream, World};

mod deal;
mod end;
mod fault;
mod handle;
mod serve;
mod transfer;
mod whole;

/// Simulated time of one tick in these tests.
const TICK: Duration = Duration::from_micros(100);

fn setting() -> Setting {
    Setting {
        resolution: TICK,
        ..Setting::default()
    }
}

fn ticks(n: u64) -> Timestamp {
    Timestamp::ZERO + TICK * u32::try_from(n).unwrap()
}

fn ip(last: u8) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, last).into()
}

fn address(last: u8, port: u16) -> Address {
    Address::Ip(SocketAddr::new(ip(last), port))
}

fn simulation(setting: Setting) -> Simulation {
    Simulation::new(setting, Rc::new(|_: &Event| ()))
}

/// A simulation of one client and one origin, run for `end` ticks.
fn pair<C, O>(
    setting: Setting,
    end: u64,
    client: impl FnOnce(World) -> C + 'static,
    origin: impl FnOnce(World) -> O + 'static,
) -> Simulation
where
    C: Future<Output = ()> + 'static,
    O: Future<Output = ()> + 'static,
{
    let mut simulation = simulation(setting);
    simulation.host(Role::Clients, "client", ip(1), client);
    simulation.host(Role::Proxy, "origin", ip(2), origin);
    simulation.run_until(ticks(end)).unwrap();
    simulation
}

/// What happened, and in which tick.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<(u64, String)>>>);

impl Log {
    fn note(&self, world: &World, what: impl Into<String>) {
        let tick = world.now().0 / TICK.as_nanos() as u64;
        self.0.borrow_mut().push((tick, what.into()));
    }

    fn take(&self) -> Vec<(u64, String)> {
        self.0.take()
    }

    fn expect(&self, expected: &[(u64, &str)]) {
        let log = self.take();
        let seen: Vec<_> = log.iter().map(|(t, what)| (*t, what.as_str())).collect();
        assert_eq!(seen, expected);
    }
}

/// Echoes every connection at `address`, for ever.
async fn echo(world: World, address: Address) {
    let listener = world.bind(&address, 0).await.unwrap();
    loop {
        let (stream, _) = world.accept(&listener).await.unwrap();
        world.spawn(echo_one(stream));
    }
}

async fn echo_one(mut stream: Stream) {
    let mut buf = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut buf).await {
        if stream.write_all(&buf[..n]).await.is_err() {
            return;
        }
    }
}
