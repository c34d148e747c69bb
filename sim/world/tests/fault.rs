//! Faults and full queues.

use super::*;
use crate::hole::Holes;

/// Accepts at `address` and keeps what comes, reading until the end and noting it.
async fn keep(world: World, address: Address, log: Log) {
    let listener = world.bind(&address, 0).await.unwrap();
    loop {
        let (mut stream, _) = world.accept(&listener).await.unwrap();
        let (world, log) = (world.clone(), log.clone());
        world.clone().spawn(async move {
            let mut all = Vec::new();
            if let Err(error) = stream.read_to_end(&mut all).await {
                log.note(&world, format!("origin {:?}", error.kind()));
            }
        });
    }
}

/// 100 open connections, of which the origin has read all; one has bytes under way; new ones are
/// refused, and welcome again afterwards.
#[test]
fn a_crash_ends_every_connection_and_refuses_new_ones() {
    let mut setting = setting();
    setting.link.latency = TICK * 10;
    let log = Log::default();
    let origin_log = Log::default();
    let (client_log, seen) = (log.clone(), origin_log.clone());
    let mut simulation = simulation(setting);
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        for _ in 0..100 {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            let (world, log) = (world.clone(), client_log.clone());
            world.clone().spawn(async move {
                stream.write_all(b"x").await.unwrap();
                let end = stream.read(&mut [0]).await.map_err(|e| e.kind());
                log.note(&world, format!("{end:?}"));
            });
        }
        for at in [3_000, 4_000] {
            world.sleep_until(ticks(at)).await;
            let error = world.connect(&address(2, 80)).await.err();
            client_log.note(&world, format!("{:?}", error.map(|e| e.kind())));
        }
    });
    simulation.host(Role::Origins, "origin", ip(2), |world| {
        keep(world, address(2, 80), origin_log)
    });
    simulation.run_until(ticks(2_500)).unwrap();
    assert!(simulation.network().listener_down(&address(2, 80)));
    assert!(!simulation.network().listener_down(&address(7, 80)));
    simulation.run_until(ticks(3_500)).unwrap();
    assert!(simulation.network().listener_up(&address(2, 80)));
    simulation.run_until(ticks(5_000)).unwrap();
    let mut expected = vec![(2_510, "Ok(0)"); 100];
    expected.push((3_020, "Some(ConnectionRefused)"));
    expected.push((4_020, "None"));
    log.expect(&expected);
    seen.expect(&[(2_500, "origin ConnectionAborted"); 100]);
}

/// What the crashed side had not read makes resets: read late, and still in the queue.
#[test]
fn a_crash_resets_what_was_unread() {
    let log = Log::default();
    let client_log = log.clone();
    let mut simulation = simulation(setting());
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        for name in ["accepted", "queued"] {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            let (world, log) = (world.clone(), client_log.clone());
            world.clone().spawn(async move {
                stream.write_all(b"x").await.unwrap();
                let end = stream.read(&mut [0]).await.map_err(|e| e.kind());
                log.note(&world, format!("{name} {end:?}"));
            });
        }
    });
    simulation.host(Role::Proxy, "origin", ip(2), |world| async move {
        let listener = world.bind(&address(2, 80), 0).await.unwrap();
        let _stream = world.accept(&listener).await.unwrap();
        std::future::pending::<()>().await;
    });
    simulation.run_until(ticks(20)).unwrap();
    assert!(simulation.network().listener_down(&address(2, 80)));
    simulation.run_until(ticks(30)).unwrap();
    let mut log = log.take();
    log.sort();
    let reset = |name| (20, format!("{name} Err(ConnectionReset)"));
    assert_eq!(log, [reset("accepted"), reset("queued")]);
}

/// While it is paused a process neither accepts, reads, writes nor wakes; its kernel answers.
#[test]
fn a_paused_process_goes_on_where_it_stopped() {
    let log = Log::default();
    let (client_log, origin_log) = (log.clone(), log.clone());
    let mut simulation = simulation(setting());
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        let mut first = world.connect(&address(2, 80)).await.unwrap();
        world.sleep_until(ticks(20)).await;
        first.write_all(b"x").await.unwrap();
        let mut second = world.connect(&address(2, 80)).await.unwrap();
        client_log.note(&world, "second connected");
        second.write_all(b"y").await.unwrap();
        first.read_u8().await.unwrap();
        client_log.note(&world, "first answered");
        second.read_u8().await.unwrap();
        client_log.note(&world, "second answered");
    });
    simulation.host(Role::Proxy, "origin", ip(2), |world| async move {
        world.spawn(echo(world.clone(), address(2, 80)));
        world.sleep_until(ticks(30)).await;
        origin_log.note(&world, "awake");
    });
    simulation.run_until(ticks(10)).unwrap();
    assert!(simulation.network().pause(&address(2, 80)));
    simulation.run_until(ticks(100)).unwrap();
    log.expect(&[(20, "second connected")]);
    assert!(simulation.network().resume(&address(2, 80)));
    simulation.run_until(ticks(200)).unwrap();
    let mut log = log.take();
    log.sort();
    let expected = [
        (100, "awake"),
        (101, "first answered"),
        (101, "second answered"),
    ];
    assert_eq!(log, expected.map(|(t, what)| (t, what.to_owned())));
}

/// What is sent in a hole arrives after it, in both directions, ends too; a dial waits for it; what
/// was under way arrives. Nobody learns of an error.
#[test]
fn a_black_hole_holds_everything_until_it_ends() {
    let mut setting = setting();
    setting.link.latency = TICK * 10;
    let log = Log::default();
    let (client_log, origin_log) = (log.clone(), log.clone());
    let mut simulation = simulation(setting);
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        let mut first = world.connect(&address(2, 80)).await.unwrap();
        world.sleep_until(ticks(95)).await;
        first.write_all(b"x").await.unwrap();
        world.sleep_until(ticks(120)).await;
        first.write_all(b"y").await.unwrap();
        first.shutdown().await.unwrap();
        let (dialler, log) = (world.clone(), client_log.clone());
        world.spawn(async move {
            let _second = dialler.connect(&address(2, 80)).await.unwrap();
            log.note(&dialler, "second connected");
        });
        let mut all = Vec::new();
        first.read_to_end(&mut all).await.unwrap();
        client_log.note(&world, format!("answered {}", all.len()));
    });
    simulation.host(Role::Proxy, "origin", ip(2), |world| async move {
        let mut holes = Holes::default();
        holes.push(ticks(100), ticks(200));
        world.cut_off(holes);
        let listener = world.bind(&address(2, 80), 0).await.unwrap();
        let (mut stream, _) = world.accept(&listener).await.unwrap();
        while let Ok(byte) = stream.read_u8().await {
            origin_log.note(&world, format!("read {}", char::from(byte)));
            stream.write_u8(byte).await.unwrap();
        }
        drop(stream);
        let _second = world.accept(&listener).await.unwrap();
        origin_log.note(&world, "second accepted");
        std::future::pending::<()>().await;
    });
    simulation.run_until(ticks(400)).unwrap();
    let mut log = log.take();
    log.sort();
    let expected = [
        (105, "read x"),
        (210, "read y"),
        (220, "answered 2"),
        (220, "second connected"),
        (230, "second accepted"),
    ];
    assert_eq!(log, expected.map(|(t, what)| (t, what.to_owned())));
}

#[test]
fn refusing_leaves_open_connections_alone() {
    let log = Log::default();
    let client_log = log.clone();
    let mut simulation = simulation(setting());
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        let mut stream = world.connect(&address(2, 80)).await.unwrap();
        world.sleep_until(ticks(20)).await;
        let refused = world.connect(&address(2, 80)).await.unwrap_err();
        client_log.note(&world, format!("{:?}", refused.kind()));
        stream.write_all(b"x").await.unwrap();
        stream.read_u8().await.unwrap();
        client_log.note(&world, "answered");
    });
    simulation.host(Role::Proxy, "origin", ip(2), |w| echo(w, address(2, 80)));
    simulation.run_until(ticks(10)).unwrap();
    assert!(simulation.network().refuse(&address(2, 80), true));
    simulation.run_until(ticks(50)).unwrap();
    log.expect(&[(20, "ConnectionRefused"), (21, "answered")]);
}

/// A queue for 3 + 1: the fifth and sixth SYN are dropped; after two accepts at 1.5 s the next try,
/// 2 s after the first, gets in. Whoever gives up before leaves no trace.
#[test]
fn a_full_queue_drops_the_syn_and_the_dialler_tries_again() {
    let setting = Setting {
        backlog: 3,
        resolution: Duration::from_millis(1),
        ..setting()
    };
    let log = Log::default();
    let client_log = log.clone();
    let mut simulation = simulation(setting);
    simulation.host(Role::Clients, "client", ip(1), |world| async move {
        for n in 0..6 {
            let (world, log) = (world.clone(), client_log.clone());
            world.clone().spawn(async move {
                let _stream = world.connect(&address(2, 80)).await.unwrap();
                log.note(&world, format!("{n}"));
                std::future::pending::<()>().await;
            });
        }
        let gone = world.clone();
        let task = world.spawn(async move {
            let _ = gone.connect(&address(2, 80)).await;
        });
        world.sleep_until(Timestamp(1_200_000_000)).await;
        task.abort();
    });
    simulation.host(Role::Proxy, "origin", ip(2), |world| async move {
        let listener = world.bind(&address(2, 80), 0).await.unwrap();
        let mut held = Vec::new();
        world.sleep_until(Timestamp(1_500_000_000)).await;
        for _ in 0..2 {
            held.push(world.accept(&listener).await.unwrap());
        }
        std::future::pending::<()>().await;
    });
    simulation.run_until(Timestamp(5_000_000_000)).unwrap();
    let at_2s = 20_000;
    log.expect(&[
        (0, "0"),
        (0, "1"),
        (0, "2"),
        (0, "3"),
        (at_2s, "4"),
        (at_2s, "5"),
    ]);
}

/// The dialler leaves during the handshake: the listener never sees the connection.
#[test]
fn a_dial_given_up_leaves_nothing_in_the_queue() {
    let mut setting = setting();
    setting.link.latency = TICK * 10;
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting,
        100,
        |world| async move {
            let dialler = world.clone();
            let task = world.spawn(async move {
                let _ = dialler.connect(&address(2, 80)).await;
            });
            world.sleep_until(ticks(15)).await;
            task.abort();
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            world.accept(&listener).await.unwrap();
            log.note(&world, "accepted");
        },
    );
    seen.expect(&[]);
}
