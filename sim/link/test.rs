//! Links against tables that a reader can check by head.

use evenkeel_core::rng::{Rng, Stream};
use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(n: u64) -> Timestamp {
    Timestamp(n * MS)
}

fn rng(n: u64) -> Rng {
    Stream::new(1, "test").at(n)
}

/// Five milliseconds, a megabyte a second.
const LINK: Link = Link {
    latency: Duration::from_millis(5),
    jitter: Duration::ZERO,
    bandwidth: Some(1_000_000),
    loss_ppm: 0,
};

/// When is sent, how many bytes, when they arrive: all in milliseconds and kilobytes.
#[test]
fn bytes_leave_one_after_another() {
    let wire = Wire::new(LINK, Arc::default());
    let table = [
        (0, 0, 5),
        (0, 10, 15),
        (0, 10, 25),
        (4, 0, 25),
        (30, 1, 36),
        (30, 1, 37),
    ];
    for (sent, kilobytes, arrives) in table {
        let arrival = wire.arrival(at(sent), kilobytes * 1_000, rng(0));
        assert_eq!(arrival, Arrival::At(at(arrives)), "{sent} {kilobytes}");
    }
}

#[test]
fn spells_change_the_latency_and_hold_what_is_sent() {
    let slow = |from, until, factor, plus, ramp| Spell {
        from: at(from),
        until: at(until),
        effect: Effect::Slow {
            factor,
            plus: ms(plus),
            ramp: ms(ramp),
        },
    };
    let cut = |from, until| Spell {
        from: at(from),
        until: at(until),
        effect: Effect::Cut,
    };
    let spells = [
        slow(10, 20, 2.0, 1, 0),
        slow(30, 50, 3.0, 0, 10),
        cut(60, 70),
        cut(65, 80),
        slow(78, 82, 1.0, 20, 0),
    ];
    let link = Link {
        bandwidth: None,
        ..LINK
    };
    let wire = Wire::new(link, Arc::new(spells));
    let table = [
        (9, 14),
        (10, 21),
        (19, 30),
        (20, 25),
        (30, 35),
        (35, 45),
        (40, 55),
        (49, 64),
        (50, 55),
        (59, 64),
        (60, 105),
        (79, 105),
        (80, 105),
        (82, 87),
    ];
    for (sent, arrives) in table {
        let arrival = wire.arrival(at(sent), 1, rng(0));
        assert_eq!(arrival, Arrival::At(at(arrives)), "{sent}");
    }
}

#[test]
fn a_segment_that_is_always_lost_ends_its_connection() {
    let link = Link {
        loss_ppm: 1_000_000,
        bandwidth: None,
        ..LINK
    };
    let wire = Wire::new(link, Arc::default());
    // 200 + 400 + 800 + 1600 + 3200 + 6400 ms.
    assert_eq!(wire.arrival(at(0), 1, rng(0)), Arrival::Lost(at(12_605)));
}

/// 100,000 messages of one segment and of ten: the share that is late and the share that is late
/// by two losses, within five standard deviations.
#[test]
fn losses_come_at_their_rate() {
    let link = Link {
        loss_ppm: 20_000,
        bandwidth: None,
        ..LINK
    };
    let wire = Wire::new(link, Arc::default());
    for (bytes, late, later) in [(1, 0.02, 0.0004), (14_600, 0.182_927, 0.003_993)] {
        let mut counts = [0.0; 2];
        for n in 0..100_000 {
            let took = wire.arrival(at(0), bytes, rng(n)).at().0 / MS - 5;
            counts[0] += f64::from(u8::from(took >= 200));
            counts[1] += f64::from(u8::from(took >= 600));
        }
        for (count, share) in counts.into_iter().zip([late, later]) {
            let (mean, sd) = (1e5 * share, libm::sqrt(1e5 * share * (1.0 - share)));
            assert!((count - mean).abs() < 5.0 * sd, "{bytes}: {counts:?}");
        }
    }
}

proptest! {
    /// Whatever the cuts, nothing leaves within one, nothing is lost, and order is kept.
    #[test]
    fn a_cut_delays_and_loses_nothing(
        cuts in prop::collection::vec((0_u64..100, 1_u64..30), 0..5),
        sent in prop::collection::vec(0_u64..150, 1..50),
    ) {
        let spells: Vec<_> = cuts
            .iter()
            .map(|(from, length)| Spell {
                from: at(*from),
                until: at(from + length),
                effect: Effect::Cut,
            })
            .collect();
        let link = Link { bandwidth: None, ..LINK };
        let wire = Wire::new(link, spells.into());
        let mut sent = sent;
        sent.sort_unstable();
        let mut latest = Timestamp::ZERO;
        for n in sent {
            // Against a walk through time, a millisecond a step.
            let is_cut = |t| cuts.iter().any(|(from, length)| *from <= t && t < from + length);
            let left = (n..).find(|t| !is_cut(*t)).expect("cuts end");
            let arrival = wire.arrival(at(n), 1, rng(0));
            prop_assert_eq!(arrival, Arrival::At(at(left) + LINK.latency));
            prop_assert!(arrival.at() >= latest);
            latest = arrival.at();
        }
    }
}
