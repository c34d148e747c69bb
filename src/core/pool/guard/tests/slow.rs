//! Slow start: what a new endpoint gets of a pool's requests, under each kind of policy.

use super::*;

const WINDOW: Duration = Duration::from_secs(10);

fn guard(n: usize) -> Settings {
    let spec = slow_start::Spec {
        time: WINDOW,
        requests: None,
        aggression_milli: 1000,
    };
    Settings {
        slow_starts: vec![Some(spec); n],
        ..Settings::default()
    }
}

fn with(policy: Kind, names: &str, guard: Settings) -> PoolSettings {
    PoolSettings {
        policy,
        ..settings(names, guard)
    }
}

/// The share of the endpoint in the last slot, of 20,000 requests one at a time at `now`.
fn share(pool: &mut Pool, now: Timestamp, salt: u64) -> f64 {
    let last = pool.endpoints().len() as u32 - 1;
    let mut hits = 0;
    for id in 0..20_000 {
        let mut rng = Stream::new(salt, "pick").at(id);
        if let Admission::Picked(who) = pool.arrive(now, Token(id), Key::None, &mut rng) {
            hits += u32::from(who.slot == last);
            pool.complete(now, who, Verdict::Success);
        }
    }
    f64::from(hits) / 20_000.0
}

/// An endpoint of warmth `w` that joins three others gets w / (3 + w), drawn 20,000 times: within
/// 0.016 (five standard deviations). Under `least_request` it gets at most w / 4, and when nothing
/// is in flight a quarter of that, for then its chance and its weight both count.
#[test]
fn its_share_grows() {
    let policies = [
        Kind::RoundRobin,
        Kind::Random,
        Kind::LeastRequest,
        Kind::P2c { choices: 2 },
    ];
    for policy in policies {
        let mut pool = Pool::new(0, with(policy, "abc", guard(3)));
        assert_eq!(pool.update(START, with(policy, "abcd", guard(4))), []);
        for (warmth, salt) in [(0.1, 1), (0.25, 2), (0.5, 3), (0.75, 4), (1.0, 5)] {
            let found = share(&mut pool, START + WINDOW.mul_f64(warmth), salt);
            let (low, high) = match policy {
                Kind::LeastRequest if warmth < 1.0 => (warmth / 16.0, warmth / 4.0),
                _ => (warmth / (3.0 + warmth), warmth / (3.0 + warmth)),
            };
            let range = low - 0.016..high + 0.016;
            assert!(range.contains(&found), "{policy:?} at {warmth}: {found}");
        }
    }
}

/// Nine that hold ten requests each, and an idle one, to which these policies would send all that
/// they may.
#[test]
fn an_idle_one_is_not_stampeded() {
    for policy in [Kind::LeastRequest, Kind::P2c { choices: 2 }] {
        let first = |guard: fn(usize) -> Settings| {
            let mut pool = Pool::new(0, with(policy, "abcdefghi", guard(9)));
            for id in 0..90 {
                pool.arrive(START, Token(id), Key::None, &mut rng(id));
            }
            assert_eq!(
                pool.update(START, with(policy, "abcdefghij", guard(10))),
                []
            );
            share(&mut pool, START, 7)
        };
        let slow = first(guard);
        assert!(
            slow < 0.03,
            "{policy:?}: a tenth of a tenth, or twice that, not {slow}"
        );
        let all = first(|_| Settings::default());
        assert!(all > 0.15, "{policy:?} without slow start: {all}");
    }
}

#[test]
fn a_pool_that_is_all_new_skips_it() {
    let mut pool = Pool::new(0, settings("ab", guard(2)));
    assert_eq!(picks(&mut pool, START, 4), "abab", "at the beginning");
    let _ = pool.update(START, settings("", guard(0)));
    let _ = pool.update(START, settings("cd", guard(2)));
    let warming = pool
        .guard
        .as_ref()
        .map(|guard| guard.slow_start.iter(START).count());
    assert_eq!(warming, Some(2));
    let found = share(&mut pool, START, 1);
    assert!(
        (found - 0.5).abs() < 0.02,
        "each is as warm as the other: {found}"
    );
}

#[test]
fn a_cold_one_is_better_than_none() {
    let mut pool = Pool::new(0, settings("a", guard(1)));
    let full = Spec {
        max_connections: Some(1),
        ..spec("a", 1)
    };
    let two = PoolSettings {
        endpoints: vec![full, spec("b", 1)],
        ..settings("", guard(2))
    };
    assert_eq!(pool.update(START, two), []);
    for id in 0..100 {
        let admission = pool.arrive(START, Token(id), Key::None, &mut rng(id));
        assert!(matches!(admission, Admission::Picked(_)), "{admission:?}");
    }
}

#[test]
fn who_returns_from_an_ejection_starts_slowly() {
    let guard = Settings {
        outlier: Some(outliers()),
        ..guard(4)
    };
    let mut pool = Pool::new(0, settings("abcd", guard));
    fail(&mut pool, START, 3, 3);
    let now = START + S * 6;
    assert_eq!(pool.tick(now), []);
    let who = pool.endpoints()[3].index;
    pool.judge(now, who, &told(now, Ended::Answered(200)));
    assert!(!pool.is_ejected(3));
    let found = share(&mut pool, now, 1);
    assert!(
        (0.01..0.06).contains(&found),
        "a tenth of a quarter: {found}"
    );
}

#[test]
fn who_was_down_starts_slowly_and_who_only_had_to_be_checked_does_not() {
    let guard = Settings {
        health: Some(checks()),
        ..guard(4)
    };
    let mut pool = Pool::new(0, settings("abcd", guard));
    probe(&mut pool, START, "abc");
    let mut now = START;
    assert_eq!(picks(&mut pool, now, 6), "abcabc");
    while pool.standing(3) != Standing::Up {
        now = pool.next_deadline();
        probe(&mut pool, now, "abcd");
    }
    let found = share(&mut pool, now, 1);
    assert!(
        (0.01..0.06).contains(&found),
        "a tenth of a quarter: {found}"
    );
}
