//! Limits that are found out: who waits for them, and who goes on when they rise.

use super::*;

const TOOK: Duration = Duration::from_millis(10);

fn bounded() -> Settings {
    Settings {
        concurrency: Some(concurrency::Settings {
            min: 1,
            max: 8,
            tolerance_ppm: 250_000,
            interval: S * 60,
        }),
        ..Settings::default()
    }
}

/// Answers, each after 10 ms, until the only endpoint has another limit: when, and which.
fn until_bounded(pool: &mut Pool, mut now: Timestamp) -> (Timestamp, u32) {
    let who = pool.endpoints()[0].index;
    loop {
        now = now + TOOK;
        let report = Report {
            first_byte: Some(TOOK),
            ..told(now - TOOK, Ended::Answered(200))
        };
        if pool.judge(now, who, &report) {
            let [(Some(0), trace::Kind::Bounded { limit })] = news(pool)[..] else {
                panic!("one limit has changed")
            };
            return (now, limit);
        }
    }
}

#[test]
fn whoever_waits_goes_when_a_limit_rises() {
    let mut pool = pool("a", bounded());
    let who = pool.endpoints()[0].index;
    let arrive = |pool: &mut Pool, now, id| pool.arrive(now, Token(id), Key::None, &mut rng(id));
    for id in 0..4 {
        assert_eq!(arrive(&mut pool, START, id), Admission::Picked(who));
    }
    let (now, limit) = until_bounded(&mut pool, START);
    assert_eq!(limit, 1, "it is measured");
    for id in 4..7 {
        assert_eq!(arrive(&mut pool, now, id), Admission::Queued);
    }
    for _ in 0..3 {
        assert_eq!(pool.complete(now, who, Verdict::Success), None);
    }
    let next = Some(Grant { token: Token(4) });
    assert_eq!(pool.complete(now, who, Verdict::Success), next);

    let (now, limit) = until_bounded(&mut pool, now);
    assert_eq!((limit, pool.next_deadline()), (8, Timestamp::ZERO));
    let both = [5, 6].map(|id| Grant { token: Token(id) });
    assert_eq!(pool.tick(now), both);
    assert_eq!(pool.endpoints()[0].in_flight, 3);
    assert_eq!(pool.next_deadline(), Timestamp::MAX);
}

#[test]
fn a_configuration_without_limits_takes_them_away() {
    let mut pool = pool("ab", bounded());
    let limits = |pool: &Pool| [0, 1].map(|slot: usize| pool.endpoints()[slot].limit);
    assert_eq!(limits(&pool), [8; 2]);
    let _ = pool.update(START, settings("ab", Settings::default()));
    assert_eq!(limits(&pool), [u32::MAX; 2]);
    let _ = pool.update(START, settings("ab", bounded()));
    assert_eq!(limits(&pool), [8; 2]);
    let other = Settings {
        concurrency: None,
        health: Some(checks()),
        ..Settings::default()
    };
    let _ = pool.update(START, settings("ab", other));
    assert_eq!(limits(&pool), [u32::MAX; 2]);
}
