//! The guard against rules that are read off the endpoints, over random histories.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    WaitMs(u64),
    /// All probes that are due end; those of the endpoints in this set pass.
    Probe(u8),
    /// A request goes where the pool says and ends so.
    Request(Ended),
    /// The endpoints in this set are configured.
    Update(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let ended = prop_oneof![
        Just(Ended::Answered(200)),
        Just(Ended::Answered(500)),
        Just(Ended::Failed),
        Just(Ended::Left),
    ];
    prop_oneof![
        3 => (1_u64..4_000).prop_map(Step::WaitMs),
        3 => any::<u8>().prop_map(Step::Probe),
        8 => ended.prop_map(Step::Request),
        1 => any::<u8>().prop_map(Step::Update),
    ]
}

fn names(set: u8) -> String {
    let some = ('a'..='f').enumerate().filter(|(n, _)| set >> n & 1 == 1);
    some.map(|(_, name)| name).collect()
}

/// Who may be picked, by the definition.
fn naive(pool: &Pool, settings: panic::Settings) -> (Mode, Vec<bool>) {
    let in_service = || pool.endpoints().iter().filter(|e| e.is_in_service());
    let is = |e: &Endpoint, standing| {
        pool.standing(e.index.slot) == standing && !pool.is_ejected(e.index.slot)
    };
    let (well, new) = (
        |e: &Endpoint| is(e, Standing::Up),
        |e: &Endpoint| is(e, Standing::Checking),
    );
    let all = in_service().count() as f64;
    let enough = |n: usize| n as f64 * 1e6 >= all * f64::from(settings.below_ppm);
    let usable = in_service().filter(|e| well(e)).count();
    let with_new = in_service().filter(|e| well(e) || new(e)).count();
    let mode = match (all == 0.0 || enough(with_new), settings.closed) {
        (true, _) => Mode::Off,
        (false, true) => Mode::Closed,
        (false, false) => Mode::Open,
    };
    let fit = |e: &Endpoint| match mode {
        Mode::Open => true,
        Mode::Closed => false,
        Mode::Off => well(e) || (new(e) && !enough(usable)),
    };
    (mode, pool.endpoints().iter().map(fit).collect())
}

fn check(pool: &Pool, settings: panic::Settings) {
    let (mode, fit) = naive(pool, settings);
    if pool.guard.is_none() {
        return assert!(pool.endpoints().iter().all(Endpoint::is_fit));
    }
    assert_eq!(pool.panic(), mode);
    for (endpoint, expected) in pool.endpoints().iter().zip(fit) {
        let slot = endpoint.index.slot;
        // One that is on trial may be picked, once.
        let on_trial = pool.is_ejected(slot) && endpoint.fit && mode != Mode::Open;
        if endpoint.is_in_service() && !on_trial {
            assert_eq!(endpoint.fit, expected, "slot {slot}");
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_definition(
        (percent, closed) in (prop::sample::select(vec![0_u32, 30, 50, 100]), any::<bool>()),
        (has_health, has_outlier) in (any::<bool>(), any::<bool>()),
        first in any::<u8>(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let panic = panic::Settings { below_ppm: percent * 10_000, closed };
        let guard = Settings {
            health: has_health.then(checks),
            outlier: has_outlier.then(outliers),
            panic,
            concurrency: None,
            slow_starts: Vec::new(),
        };
        let mut pool = pool(&names(first), guard.clone());
        let mut now = START;
        for step in steps {
            match step {
                Step::WaitMs(ms) => now = now + Duration::from_millis(ms),
                Step::Probe(healthy) => probe(&mut pool, now, &names(healthy)),
                Step::Update(set) => {
                    let _ = pool.update(now, settings(&names(set), guard.clone()));
                }
                Step::Request(ended) => {
                    let able = |e: &Endpoint| e.fit && e.is_in_service();
                    let able: Vec<_> = pool.endpoints().iter().map(able).collect();
                    match pool.arrive(now, Token(1), Key::None, &mut rng(now.0)) {
                        Admission::Picked(who) => {
                            prop_assert!(able[who.slot as usize]);
                            pool.judge(now, who, &told(now, ended));
                            pool.complete(now, who, Verdict::Success);
                        }
                        other => {
                            prop_assert_eq!(other, Admission::NoEndpoint);
                            prop_assert!(!able.contains(&true));
                        }
                    }
                }
            }
            check(&pool, panic);
        }
    }
}
