//! Bytes, and when they arrive.

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
