//! Whole simulations: packed or not, once or twice, and what is left of them.

use std::rc::Weak;

use super::super::Network;
use super::*;

const ORIGINS: u8 = 8;

/// One relay before 8 origins, each with a service time of its own; 4 clients send 50 requests each
/// through it, at times of their own. `packed` puts the origins into one host.
fn relay(packed: bool, seed: u64) -> (Simulation, Log) {
    let log = Log::default();
    let mut setting = setting();
    setting.seed = seed;
    setting.link.jitter = TICK * 3;
    let mut simulation = simulation(setting);
    let client_log = log.clone();
    simulation.host(Role::Clients, "clients", ip(1), |world| async move {
        for n in 0..4 {
            let client = world.process(&format!("client/{n}"), SocketAddr::new(ip(100 + n), 0));
            world.spawn(requests(client, client_log.clone(), n));
        }
    });
    simulation.host(Role::Proxy, "proxy", ip(2), |world| async move {
        let listener = world.bind(&address(2, 80), 0).await.unwrap();
        let mut next = 0;
        loop {
            let (downstream, _) = world.accept(&listener).await.unwrap();
            next = (next + 1) % ORIGINS;
            let upstream = world.connect(&address(10 + next, 80)).await.unwrap();
            world.spawn(pass(downstream, upstream));
        }
    });
    if packed {
        simulation.host(Role::Origins, "origins", ip(3), |world| async move {
            for n in 0..ORIGINS {
                let origin = world.process(&format!("origin/{n}"), SocketAddr::new(ip(10 + n), 0));
                world.spawn(serve(origin, address(10 + n, 80)));
            }
        });
    } else {
        for n in 0..ORIGINS {
            simulation.host(
                Role::Origins,
                &format!("origin/{n}"),
                ip(10 + n),
                move |w| serve(w, address(10 + n, 80)),
            );
        }
    }
    (simulation, log)
}

/// A connection for each request: its number goes out, and comes back.
async fn requests(world: World, log: Log, client: u8) {
    let think = world.rng("think");
    for n in 0..50_u8 {
        let due = u64::from(n) * 100 + think.at(n.into()).below(90);
        world.sleep_until(ticks(due)).await;
        let mut stream = world.connect(&address(2, 80)).await.unwrap();
        stream.write_all(&[n]).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), n);
        let took = (world.now().0 / 100_000) - due;
        log.note(&world, format!("{client} {n} {took}"));
    }
}

async fn pass(mut downstream: Stream, mut upstream: Stream) {
    let _ = tokio::io::copy_bidirectional(&mut downstream, &mut upstream).await;
}

async fn serve(world: World, address: Address) {
    let service = world.rng("service");
    let listener = world.bind(&address, 0).await.unwrap();
    for id in 0.. {
        let (mut stream, _) = world.accept(&listener).await.unwrap();
        let world = world.clone();
        world.clone().spawn(async move {
            let n = stream.read_u8().await.unwrap();
            let busy = TICK * (10 + service.at(id).below(20) as u32);
            world.sleep_until(world.now() + busy).await;
            stream.write_all(&[n]).await.unwrap();
        });
    }
}

fn run(packed: bool, seed: u64) -> (Vec<(u64, String)>, Weak<Network>) {
    let (mut simulation, log) = relay(packed, seed);
    simulation.run_until(ticks(6_000)).unwrap();
    let network = simulation.network().clone();
    assert_eq!(network.dry_connects(), 0);
    (log.take(), Rc::downgrade(&network))
}

fn latencies(log: Vec<(u64, String)>) -> Vec<(String, u64)> {
    let parse = |(_, what): (u64, String)| {
        let (request, took) = what.rsplit_once(' ').unwrap();
        (request.to_owned(), took.parse().unwrap())
    };
    log.into_iter().map(parse).collect()
}

#[test]
fn packed_and_unpacked_origins_agree() {
    for seed in 1..4 {
        let packed = latencies(run(true, seed).0);
        let unpacked = latencies(run(false, seed).0);
        assert_eq!(packed.len(), 200);
        let mut exact = 0;
        for ((name, a), (other, b)) in packed.iter().zip(&unpacked) {
            assert_eq!(name, other);
            assert!(a.abs_diff(*b) <= 4, "{name}: {a} and {b} ticks");
            exact += usize::from(a == b);
        }
        assert_eq!(exact, 200, "today even equal");
    }
}

#[test]
fn ticks_that_are_passed_over_change_nothing() {
    for seed in 1..4 {
        let (mut simulation, log) = relay(true, seed);
        while simulation.now() < ticks(6_000) {
            simulation.step().unwrap();
        }
        assert_eq!(run(true, seed).0, log.take());
    }
}

/// An hour has 36 million ticks: this test has an end only if they are passed over.
#[test]
fn a_quiet_hour_costs_a_few_steps() {
    const HOUR: u64 = 36_000_000;
    let log = Log::default();
    let seen = log.clone();
    let client = |world: World| async move {
        world.sleep_until(ticks(HOUR)).await;
        let mut stream = world.connect(&address(2, 80)).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        stream.read_u8().await.unwrap();
        log.note(&world, "echo");
    };
    let simulation = pair(setting(), HOUR + 10, client, |world| {
        echo(world, address(2, 80))
    });
    assert_eq!(simulation.now(), ticks(HOUR + 10));
    seen.expect(&[(HOUR + 1, "echo")]);
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a fresh thread for each simulation"
)]
fn one_seed_one_log() {
    let fresh = |seed| {
        std::thread::spawn(move || run(true, seed).0)
            .join()
            .unwrap()
    };
    assert_eq!(fresh(1), fresh(1));
    assert_ne!(fresh(1), fresh(2));
}

/// Dropped in the middle of everything, nothing panics and nothing is left.
#[test]
fn nothing_is_left_of_a_simulation() {
    for end in [0, 1, 17, 333, 6_000] {
        let (mut simulation, _log) = relay(true, 1);
        simulation.run_until(ticks(end)).unwrap();
        let network = Rc::downgrade(simulation.network());
        drop(simulation);
        assert_eq!(network.strong_count(), 0, "dropped at tick {end}");
    }
}

#[test]
fn a_panic_in_a_task_stops_the_simulation() {
    let mut simulation = simulation(setting());
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        world.sleep_until(ticks(3)).await;
        world.spawn(async { panic!("on purpose") });
        std::future::pending::<()>().await;
    });
    let error = simulation.run_until(ticks(10)).unwrap_err();
    assert!(matches!(error, super::super::Error::Panicked(at) if at == ticks(3)));
}

/// A burst that no pool of spares can hold waits for raw connections, a tick or so, and is counted.
#[test]
fn a_burst_of_connects_is_counted_and_served() {
    let log = Log::default();
    let seen = log.clone();
    let simulation = pair(
        setting(),
        20,
        |world| async move {
            for n in 0..500 {
                let (world, log) = (world.clone(), log.clone());
                world.clone().spawn(async move {
                    let _stream = world.connect(&address(2, 80)).await.unwrap();
                    log.note(&world, format!("{n}"));
                    std::future::pending::<()>().await;
                });
            }
        },
        |w| echo(w, address(2, 80)),
    );
    let log = seen.take();
    assert_eq!(log.len(), 500);
    assert!(log.iter().all(|(tick, _)| *tick <= 1), "{log:?}");
    assert_eq!(simulation.network().dry_connects(), 244);
}
