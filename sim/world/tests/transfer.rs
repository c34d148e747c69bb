//! Bytes, and when they arrive.

use std::future::{pending, poll_fn};
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};

use evenkeel_proxy::world::Stream as _;
use tokio::io::{AsyncRead as _, ReadBuf};

use super::*;

async fn ping(world: World, log: Log, rounds: usize) {
    let mut stream = world.connect(&address(2, 80)).await.unwrap();
    log.note(&world, "connected");
    for _ in 0..rounds {
        let mut buf = [0; 5];
        stream.write_all(b"hello").await.unwrap();
        stream.read_exact(&mut buf).await.unwrap();
        assert_eq!(&buf, b"hello");
        log.note(&world, "echo");
    }
}

#[test]
fn at_zero_latency_a_connect_costs_nothing_and_an_echo_one_tick() {
    let log = Log::default();
    let seen = log.clone();
    let simulation = pair(
        setting(),
        10,
        |w| ping(w, log, 3),
        |w| echo(w, address(2, 80)),
    );
    seen.expect(&[(0, "connected"), (1, "echo"), (2, "echo"), (3, "echo")]);
    assert_eq!(simulation.network().dry_connects(), 0);
}

#[test]
fn a_connect_costs_one_round_trip_and_an_echo_another() {
    let mut setting = setting();
    setting.link.latency = TICK * 7;
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting,
        100,
        |w| ping(w, log, 2),
        |w| echo(w, address(2, 80)),
    );
    seen.expect(&[(14, "connected"), (28, "echo"), (42, "echo")]);
}

/// 250 us one way are seen at the next tick: 500 us for the handshake, then each way rounds up.
#[test]
fn parts_of_a_tick_are_rounded_up_once_per_segment() {
    let mut setting = setting();
    setting.link.latency = Duration::from_micros(250);
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting,
        50,
        |w| ping(w, log, 1),
        |w| echo(w, address(2, 80)),
    );
    seen.expect(&[(5, "connected"), (11, "echo")]);
}

/// Whoever writes first is read first, on a new connection as on one that has waited, and in the
/// order of their numbers as against it.
#[test]
fn nothing_overtakes_within_a_tick() {
    let log = Log::default();
    let (read, seen) = (log.clone(), log);
    pair(
        setting(),
        20,
        |world| async move {
            let mut first = world.connect(&address(2, 80)).await.unwrap();
            let mut second = world.connect(&address(2, 80)).await.unwrap();
            world.sleep_until(ticks(5)).await;
            second.write_all(b"a").await.unwrap();
            let mut third = world.connect(&address(2, 80)).await.unwrap();
            third.write_all(b"b").await.unwrap();
            first.write_all(b"c").await.unwrap();
            world.sleep_until(ticks(20)).await;
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            loop {
                let (mut stream, _) = world.accept(&listener).await.unwrap();
                let (world, read) = (world.clone(), read.clone());
                world.clone().spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        read.note(&world, char::from(byte));
                    }
                });
            }
        },
    );
    seen.expect(&[(5, "a"), (5, "b"), (5, "c")]);
}

/// Every arrival is the naive one: sent + latency + jitter's draw, never before the one before.
#[test]
fn jitter_is_drawn_per_segment_and_nothing_is_overtaken() {
    let link = Link {
        latency: TICK * 20,
        jitter: TICK * 10,
        ..Link::default()
    };
    let setting = Setting { link, ..setting() };
    let log = Log::default();
    let (read, seen) = (log.clone(), log);
    pair(
        setting,
        1_000,
        |world| async move {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            let begin = 100;
            for n in 0..200_u8 {
                world.sleep_until(ticks(begin + u64::from(n))).await;
                stream.write_all(&[n]).await.unwrap();
            }
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (mut stream, _) = world.accept(&listener).await.unwrap();
            while let Ok(n) = stream.read_u8().await {
                read.note(&world, n.to_string());
            }
        },
    );
    let seen = seen.take();
    let jitter = evenkeel_core::rng::Stream::new(1, "client/link")
        .child(0)
        .child(0);
    let mut latest = Timestamp::ZERO;
    for n in 0..200_u64 {
        // Segments 0 and 1 were the handshake's.
        let jitter_ns = jitter.at(n + 2).below(1_000_000);
        let at = ticks(100 + n) + link.latency + Duration::from_nanos(jitter_ns);
        latest = latest.max(at);
        let tick = latest.0.div_ceil(100_000);
        assert_eq!(seen[n as usize], (tick, n.to_string()));
    }
}

/// The jitter of one connection does not depend on what others do.
#[test]
fn a_process_has_its_own_jitter() {
    let run = |others: u64| {
        let mut setting = setting();
        setting.link.jitter = TICK * 50;
        let log = Log::default();
        let seen = log.clone();
        pair(
            setting,
            500,
            move |world| async move {
                for n in 0..others {
                    let other = world.process(&format!("other/{n}"), SocketAddr::new(ip(9), 0));
                    world.spawn(async move {
                        let _stream = other.connect(&address(2, 80)).await.unwrap();
                    });
                }
                ping(world, log, 3).await;
            },
            |w| echo(w, address(2, 80)),
        );
        seen.take()
    };
    let alone = run(0);
    assert_eq!(alone.len(), 4);
    assert_eq!(alone, run(20));
}

#[test]
fn a_writer_that_is_not_read_stops_at_the_window_and_goes_on() {
    let log = Log::default();
    let (written, read) = (log.clone(), log.clone());
    pair(
        setting(),
        100,
        |world| async move {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            let mut total = 0;
            while total < 100_000 {
                total += stream.write(&[7; 30_000]).await.unwrap().min(100_000);
                written.note(&world, format!("wrote {total}"));
            }
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (mut stream, _) = world.accept(&listener).await.unwrap();
            world.sleep_until(ticks(50)).await;
            let mut buf = vec![0; 40_000];
            for _ in 0..2 {
                let n = stream.read(&mut buf).await.unwrap();
                read.note(&world, format!("read {n}"));
            }
            pending::<()>().await;
        },
    );
    log.expect(&[
        (0, "wrote 30000"),
        (0, "wrote 60000"),
        (0, "wrote 65536"),
        (50, "read 40000"),
        (50, "read 25536"),
        (51, "wrote 95536"),
        (51, "wrote 125536"),
    ]);
}

#[test]
fn a_hundred_thousand_writes_of_one_byte_arrive_in_order() {
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting(),
        50,
        |world| async move {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            for n in 0..100_000_u32 {
                stream.write_all(&[(n % 251) as u8]).await.unwrap();
            }
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (mut stream, _) = world.accept(&listener).await.unwrap();
            world.sleep_until(ticks(20)).await;
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            let right = (0..100_000_u32).map(|n| (n % 251) as u8);
            assert!(right.eq(all.iter().copied()));
            log.note(&world, all.len().to_string());
        },
    );
    seen.expect(&[(21, "100000")]);
}

#[test]
fn an_idle_stream_says_when_it_has_something() {
    let mut setting = setting();
    setting.link.latency = TICK * 5;
    let log = Log::default();
    let (waiting, seen) = (log.clone(), log);
    pair(
        setting,
        100,
        |world| async move {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            world.sleep_until(ticks(20)).await;
            stream.write_all(b"x").await.unwrap();
            world.sleep_until(ticks(40)).await;
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (mut stream, _) = world.accept(&listener).await.unwrap();
            waiting.note(&world, "accepted");
            for what in ["byte", "end"] {
                poll_fn(|cx| stream.poll_readable(cx)).await.unwrap();
                waiting.note(&world, what);
                let _ = stream.read_u8().await;
            }
        },
    );
    seen.expect(&[(15, "accepted"), (25, "byte"), (45, "end")]);
}

#[test]
fn slices_written_at_once_arrive_at_once() {
    let mut setting = setting();
    setting.link.jitter = TICK * 50;
    let log = Log::default();
    let seen = log.clone();
    pair(
        setting,
        300,
        |world| async move {
            let mut stream = world.connect(&address(2, 80)).await.unwrap();
            let slices = [b"head".as_slice(), b"", b"body"].map(IoSlice::new);
            assert_eq!(stream.write_vectored(&slices).await.unwrap(), 8);
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (mut stream, _) = world.accept(&listener).await.unwrap();
            let mut buf = [0; 100];
            let n = stream.read(&mut buf).await.unwrap();
            log.note(&world, String::from_utf8_lossy(&buf[..n]));
        },
    );
    assert_eq!(seen.take()[0].1, "headbody");
}

/// Two processes of one host can talk as well; each way takes a tick, and a stream is not readable
/// before a read would return something.
#[test]
fn processes_of_one_host_reach_each_other() {
    let log = Log::default();
    let seen = log.clone();
    let mut simulation = simulation(setting());
    simulation.host(Role::Proxy, "proxy", ip(2), |world| async move {
        let other = world.process("other", SocketAddr::new(ip(3), 0));
        world.spawn(echo(other, address(3, 80)));
        world.sleep_until(ticks(10)).await;
        let mut stream = world.connect(&address(3, 80)).await.unwrap();
        let connected = world.now();
        for _ in 0..2 {
            stream.write_all(b"x").await.unwrap();
            poll_fn(|cx| stream.poll_readable(cx)).await.unwrap();
            let read = poll_fn(|cx| Poll::Ready(stream_has(&mut stream, cx))).await;
            log.note(&world, read.to_string());
        }
        assert!(connected <= ticks(12));
    });
    simulation.run_until(ticks(30)).unwrap();
    let seen = seen.take();
    assert_eq!(seen.iter().filter(|(_, read)| read == "true").count(), 2);
    assert!(seen[1].0 - seen[0].0 <= 3, "{seen:?}");
}

fn stream_has(stream: &mut Stream, cx: &mut Context<'_>) -> bool {
    let mut byte = [0];
    Pin::new(stream)
        .poll_read(cx, &mut ReadBuf::new(&mut byte))
        .is_ready()
}
