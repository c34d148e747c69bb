//! Ends, resets and refusals: what each side learns, and when.

use std::io::ErrorKind;

use evenkeel_proxy::world::Stream as _;

use super::*;

const LATENCY: u64 = 10;

fn far() -> Setting {
    let mut setting = setting();
    setting.link.latency = TICK * LATENCY as u32;
    setting
}

/// Notes how reading `stream` ends.
async fn drain(world: &World, log: &Log, stream: &mut Stream) {
    let mut buf = [0; 64];
    loop {
        match stream.read(&mut buf).await {
            Ok(0) => return log.note(world, "end"),
            Ok(n) => log.note(world, format!("{n} bytes")),
            Err(error) => return log.note(world, format!("{:?}", error.kind())),
        }
    }
}

/// The connection is up at tick 20 (client) and 30 (origin).
fn connected<C, O>(
    client: impl FnOnce(World, Stream) -> C + 'static,
    origin: impl FnOnce(World, Stream) -> O + 'static,
) where
    C: Future<Output = ()> + 'static,
    O: Future<Output = ()> + 'static,
{
    pair(
        far(),
        300,
        |world| async move {
            let stream = world.connect(&address(2, 80)).await.unwrap();
            client(world, stream).await;
        },
        |world| async move {
            let listener = world.bind(&address(2, 80), 0).await.unwrap();
            let (stream, _) = world.accept(&listener).await.unwrap();
            origin(world, stream).await;
        },
    );
}

#[test]
fn refused_after_one_round_trip() {
    let log = Log::default();
    let seen = log.clone();
    pair(
        far(),
        100,
        |world| async move {
            let error = world.connect(&address(2, 81)).await.unwrap_err();
            log.note(&world, format!("{:?}", error.kind()));
            let name = Address::Name("nowhere".into(), 80);
            let error = world.connect(&name).await.unwrap_err();
            log.note(&world, format!("{:?}", error.kind()));
        },
        |w| echo(w, address(2, 80)),
    );
    seen.expect(&[(20, "ConnectionRefused"), (20, "NotFound")]);
}

#[test]
fn one_direction_ends_and_the_other_goes_on() {
    let log = Log::default();
    let (client_log, seen) = (log.clone(), log.clone());
    connected(
        |world, mut stream| async move {
            stream.write_all(b"ask").await.unwrap();
            stream.shutdown().await.unwrap();
            let error = stream.write_all(b"more").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BrokenPipe);
            drain(&world, &client_log, &mut stream).await;
        },
        |world, mut stream| async move {
            drain(&world, &log, &mut stream).await;
            stream.write_all(b"answer").await.unwrap();
        },
    );
    seen.expect(&[(30, "3 bytes"), (30, "end"), (40, "6 bytes"), (40, "end")]);
}

#[test]
fn a_close_with_unread_bytes_resets_after_what_was_sent() {
    let log = Log::default();
    let seen = log.clone();
    connected(
        |world, mut stream| async move {
            stream.write_all(b"never read").await.unwrap();
            drain(&world, &log, &mut stream).await;
            let error = stream.write_all(b"x").await.unwrap_err();
            log.note(&world, format!("write: {:?}", error.kind()));
        },
        |world, mut stream| async move {
            stream.write_all(b"bye").await.unwrap();
            world.sleep_until(ticks(50)).await;
        },
    );
    seen.expect(&[
        (40, "3 bytes"),
        (60, "ConnectionReset"),
        (60, "write: ConnectionReset"),
    ]);
}

/// An aborted answer cannot pass for a complete one.
#[test]
fn an_abort_resets_after_what_was_sent() {
    let log = Log::default();
    let seen = log.clone();
    connected(
        |world, mut stream| async move { drain(&world, &log, &mut stream).await },
        |world, mut stream| async move {
            stream.write_all(b"half").await.unwrap();
            world.sleep_until(ticks(35)).await;
            stream.abort();
        },
    );
    seen.expect(&[(40, "4 bytes"), (45, "ConnectionReset")]);
}

/// The peer closes at 40 with nothing unread; bytes sent at 45 reach nobody, and the reset they
/// bring back is there at 65.
#[test]
fn writing_to_a_closed_peer_fails_once_its_answer_is_there() {
    let log = Log::default();
    let seen = log.clone();
    connected(
        |world, mut stream| async move {
            world.sleep_until(ticks(45)).await;
            for at in [45, 64, 65] {
                world.sleep_until(ticks(at)).await;
                let written = stream.write(b"x").await.map_err(|e| e.kind());
                log.note(&world, format!("{written:?}"));
            }
        },
        |world, stream| async move {
            world.sleep_until(ticks(40)).await;
            drop(stream);
        },
    );
    seen.expect(&[(45, "Ok(1)"), (64, "Ok(1)"), (65, "Err(BrokenPipe)")]);
}

/// A writer that waits for room at a peer that goes away is woken by the reset.
#[test]
fn a_waiting_writer_learns_of_the_reset() {
    let log = Log::default();
    let seen = log.clone();
    connected(
        |world, mut stream| async move {
            let error = stream.write_all(&[0; 100_000]).await.unwrap_err();
            log.note(&world, format!("{:?}", error.kind()));
        },
        |world, stream| async move {
            world.sleep_until(ticks(40)).await;
            drop(stream);
        },
    );
    seen.expect(&[(50, "ConnectionReset")]);
}

/// The reset that late bytes bring back leaves the end an end, and breaks the next write.
#[test]
fn bytes_under_way_to_a_closed_peer_bring_a_reset_after_its_end() {
    let log = Log::default();
    let seen = log.clone();
    connected(
        |world, mut stream| async move {
            world.sleep_until(ticks(35)).await;
            stream.write_all(b"late").await.unwrap();
            drain(&world, &log, &mut stream).await;
            for at in [54, 55] {
                world.sleep_until(ticks(at)).await;
                drain(&world, &log, &mut stream).await;
                let written = stream.write(b"x").await.map_err(|e| e.kind());
                log.note(&world, format!("{written:?}"));
            }
        },
        |world, stream| async move {
            world.sleep_until(ticks(40)).await;
            drop(stream);
        },
    );
    seen.expect(&[
        (50, "end"),
        (54, "end"),
        (54, "Ok(1)"),
        (55, "end"),
        (55, "Err(BrokenPipe)"),
    ]);
}
