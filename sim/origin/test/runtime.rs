//! What the runtime of a `node` origin adds, by hand.

use super::*;
use crate::law::Law;

fn with(runtime: Runtime) -> Spec {
    Spec { runtime, ..node() }
}

/// When jobs of 10 ms each, a second apart, are done after they came, in milliseconds; with a
/// crash and a restart before those numbers.
fn takes(spec: Spec, jobs: u64, crashes: &[u64]) -> Vec<f64> {
    let mut station = Station::new(spec, draws(1, 0));
    let mut takes = Vec::new();
    for id in 0..jobs {
        let at = Timestamp(id * 1_000 * MS);
        if crashes.contains(&id) {
            assert!(station.crash(at).is_empty());
            station.restart();
        }
        assert!(station.offer(at, &job(id, 10 * MS, 0)));
        station.advance(Timestamp::MAX, &mut |_, done| {
            takes.push((done.0 - at.0) as f64 / MS as f64);
        });
    }
    takes
}

#[test]
fn a_cold_process_is_slow_and_a_crash_makes_it_cold() {
    let warmup = Some(Warmup {
        requests: 4,
        factor: 5.0,
    });
    let cold = with(Runtime {
        warmup,
        ..Runtime::default()
    });
    let expected = [
        50.0, 38.284_271, 33.094_011, 30.0, 10.0, 10.0, 50.0, 38.284_271,
    ];
    assert_eq!(takes(cold, 8, &[6]), expected);
}

#[test]
fn collections_come_by_requests() {
    let collection = |every, ms| Collection {
        every,
        pause: Law::constant(Duration::from_millis(ms)),
    };
    let heap = with(Runtime {
        collections: vec![collection(3, 6), collection(4, 100)],
        ..Runtime::default()
    });
    let expected = [10.0, 10.0, 16.0, 110.0, 10.0, 16.0, 10.0, 10.0, 16.0, 110.0];
    assert_eq!(takes(heap, 10, &[6]), expected);
}

/// Draws belong to the process and its count, also after a crash.
#[test]
fn no_pause_is_drawn_twice() {
    let heap = with(Runtime {
        collections: vec![Collection {
            every: 1,
            pause: Law::exponential(Duration::from_millis(6)),
        }],
        ..Runtime::default()
    });
    let drawn = takes(heap.clone(), 20, &[10]);
    assert_eq!(drawn, takes(heap, 20, &[]));
    assert!((1..20).all(|n| drawn[n] != drawn[n - 1]), "{drawn:?}");
}

/// New connections wait for one turn each, and their first requests for one more; with all at once
/// they stand in the order of their arrival.
#[test]
fn a_loop_accepts_one_connection_in_a_turn() {
    // Arrival in ms, whether the connection is new; 10 ms of work each.
    let script = [
        (0, false),
        (1, true),
        (2, true),
        (3, false),
        (12, false),
        (35, false),
    ];
    let done = |one_accept| {
        let runtime = Runtime {
            one_accept,
            ..Runtime::default()
        };
        let mut station = Station::new(with(runtime), draws(1, 0));
        let mut order = Vec::new();
        for (id, (at, fresh)) in (0..).zip(script) {
            let job = Job {
                fresh,
                ..job(id, 10 * MS, 0)
            };
            let at = Timestamp(at * MS);
            station.advance(at, &mut |id, at| order.push((id, at.0 / MS)));
            assert!(station.offer(at, &job));
        }
        station.advance(Timestamp::MAX, &mut |id, at| order.push((id, at.0 / MS)));
        order
    };
    let all = [(0, 10), (1, 20), (2, 30), (3, 40), (4, 50), (5, 60)];
    assert_eq!(done(false), all);
    // At 10 a turn begins with 3, and 1 is accepted; at 20 one with 1 and 4, and 2 is accepted.
    let one = [(0, 10), (3, 20), (1, 30), (4, 40), (2, 50), (5, 60)];
    assert_eq!(done(true), one);
}
