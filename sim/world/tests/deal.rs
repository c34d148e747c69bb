//! Addresses: who gets which connection.

use std::collections::BTreeMap;
use std::path::PathBuf;

use evenkeel_proxy::world::Peer;

use super::*;

/// Both workers get about half of 400 peers, and a peer that comes again the same one.
#[test]
fn workers_share_the_connections_by_peer() {
    let dealt: Rc<RefCell<BTreeMap<SocketAddr, Vec<usize>>>> = Rc::default();
    let seen = dealt.clone();
    pair(
        setting(),
        20,
        |world| async move {
            for round in 0..2 {
                world.sleep_until(ticks(round * 10)).await;
                for n in 0..400_u16 {
                    let from = SocketAddr::new(ip((n % 200) as u8), 5_000 + n);
                    let client = world.process("client", from);
                    client.connect(&address(2, 80)).await.unwrap();
                }
            }
        },
        |world| async move {
            for worker in 0..2 {
                let (world, dealt) = (world.clone(), dealt.clone());
                world.clone().spawn(async move {
                    let listener = world.bind(&address(2, 80), worker).await.unwrap();
                    loop {
                        let (_, peer) = world.accept(&listener).await.unwrap();
                        let Peer::Ip(peer) = peer else { panic!() };
                        dealt.borrow_mut().entry(peer).or_default().push(worker);
                    }
                });
            }
        },
    );
    let dealt = seen.take();
    assert_eq!(dealt.len(), 400);
    assert!(dealt.values().all(|w| w.len() == 2 && w[0] == w[1]));
    let first = dealt.values().filter(|w| w[0] == 0).count();
    // 200 expected, standard deviation 10.
    assert!((150..250).contains(&first), "{first}");
}

#[test]
fn an_address_belongs_to_one_process_and_a_worker_binds_once() {
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting(),
        5,
        |_| async {},
        |world| async move {
            let mine = world.bind(&address(2, 80), 0).await.unwrap();
            let other = world.process("other", SocketAddr::new(ip(3), 0));
            for (world, worker) in [(&world, 0), (&other, 1), (&world, 1)] {
                let bound = world.bind(&address(2, 80), worker).await;
                log.note(world, format!("{:?}", bound.map_err(|e| e.kind()).err()));
            }
            drop(mine);
            let bound = other.bind(&address(2, 80), 0).await;
            log.note(&world, format!("{:?}", bound.map_err(|e| e.kind()).err()));
        },
    );
    seen.expect(&[
        (0, "Some(AddrInUse)"),
        (0, "Some(AddrInUse)"),
        (0, "None"),
        (0, "None"),
    ]);
}

/// Any address will do: a name, a path, every interface, a port to be chosen.
#[test]
fn every_kind_of_address_can_be_listened_at() {
    let name = Address::Name("api.internal".into(), 80);
    let unix = Address::Unix(PathBuf::from("/run/api.sock"));
    let any = Address::Ip(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 8080));
    let log = Log::default();
    let seen = log.clone();
    let bound = [name.clone(), unix.clone(), any.clone()];
    pair(
        setting(),
        50,
        |world| async move {
            let (known, _) = world.resolve("api.internal", 80).await.unwrap();
            let everywhere: SocketAddr = "203.0.113.9:8080".parse().unwrap();
            for to in [
                name,
                Address::Ip(known[0]),
                unix,
                address(2, 8080),
                Address::Ip(everywhere),
                address(2, 49_152),
            ] {
                let connected = world.connect(&to).await.map_err(|e| e.kind()).err();
                log.note(&world, format!("{to}: {connected:?}"));
            }
        },
        |world| async move {
            for address in bound {
                world.spawn(echo(world.clone(), address));
            }
            let chosen = world.bind(&address(2, 0), 0).await.unwrap();
            assert_eq!(world.local_address(&chosen).unwrap(), address(2, 49_152));
            std::future::pending::<()>().await;
        },
    );
    seen.expect(&[
        (0, "api.internal:80: None"),
        (0, "198.18.0.1:80: None"),
        (0, "unix:/run/api.sock: None"),
        (0, "10.0.0.2:8080: None"),
        (0, "203.0.113.9:8080: None"),
        (0, "10.0.0.2:49152: None"),
    ]);
}

/// The most exact entry counts, for both directions unless the way back has its own.
#[test]
fn links_go_by_process_group_and_default() {
    let link = |n| Link {
        latency: TICK * n,
        ..Link::default()
    };
    let log = Log::default();
    let seen = log.clone();
    let mut simulation = simulation(setting());
    let network = simulation.network().clone();
    network.set_link("downstream", "origins", link(10));
    network.set_link("downstream", "origins/b", link(20));
    network.set_link("origins/b", "downstream/7", link(30));
    simulation.host(Role::Clients, "clients", ip(1), |world| async move {
        for (name, to) in [("other", 3), ("downstream/6", 3), ("downstream/7", 4)] {
            let client = world.process(name, SocketAddr::new(ip(1), 0));
            let before = world.now();
            client.connect(&address(to, 80)).await.unwrap();
            let took = world.now().since(before).as_nanos() / TICK.as_nanos();
            log.note(&world, format!("{name} {took}"));
        }
    });
    simulation.host(Role::Proxy, "origins", ip(2), |world| async move {
        for (name, last) in [("origins/a", 3), ("origins/b", 4)] {
            let origin = world.process(name, SocketAddr::new(ip(last), 0));
            world.spawn(echo(origin, address(last, 80)));
        }
    });
    simulation.run_until(ticks(200)).unwrap();
    seen.expect(&[
        (0, "other 0"),
        (20, "downstream/6 20"),
        (70, "downstream/7 50"),
    ]);
}
