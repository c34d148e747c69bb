//! What a pool says of its picks: every reason for which an endpoint is left out, and that who asks
//! gets the endpoint that it would have got.

use std::time::Duration;

use super::*;
use crate::endpoint::EndpointIndex;
use crate::policy::tests::{EVERY, spec};
use crate::policy::{Best, Kind};
use crate::pool::tests::settings;
use crate::pool::{Settings, Verdict};
use crate::queue::{Applicant, Grant, Priority};
use crate::rng::Stream;
use crate::slow_start;

const NOW: Timestamp = Timestamp(1_000_000_000);
const SLOW: slow_start::Spec = slow_start::Spec {
    time: Duration::from_secs(30),
    requests: None,
    aggression_milli: 1000,
};

/// Who asks why.
fn curious(token: u64) -> Applicant {
    Applicant {
        token: Token(token),
        priority: Priority::Normal,
        explained: true,
    }
}

fn arrive(pool: &mut State, token: u64) -> (Admission, Account) {
    let mut rng = Stream::new(1, "pick").at(token);
    let key = Key::text(&token.to_le_bytes());
    let admission = pool.arrive(NOW, curious(token), key, &mut rng);
    let account = pool.accounted(Token(token)).expect("it asked");
    (admission, account)
}

/// Endpoints with why they were left out.
fn skips(account: &Account) -> Vec<(&str, &str)> {
    let skip = |c: &Candidate| c.skipped.map_or("", Skip::name);
    let all = account.candidates.iter();
    all.map(|c| (c.name.as_str(), skip(c)))
        .filter(|(_, skip)| !skip.is_empty())
        .collect()
}

/// Four endpoints `a` to `d`, of which something is the matter with some.
#[test]
fn every_reason_is_told() {
    type Change = fn(&mut Settings);
    type Skips<'a> = &'a [(&'a str, &'a str)];
    let cases: [(&str, Change, Skips<'_>); 5] = [
        ("all well", |_| (), &[]),
        (
            "out of service",
            |s| {
                s.endpoints[0].state = Admin::Down;
                s.endpoints[1].state = Admin::Drain;
                s.endpoints[2].weight = 0;
            },
            &[("a", "down"), ("b", "draining"), ("c", "weightless")],
        ),
        (
            "other groups",
            |s| {
                s.endpoints[1].group = Group::Elsewhere;
                s.endpoints[3].group = Group::Backup;
            },
            &[("b", "elsewhere"), ("d", "backup")],
        ),
        (
            "full",
            |s| s.endpoints[2].max_connections = Some(0),
            &[("c", "full")],
        ),
        (
            "spilled",
            |s| {
                s.spill.zones_percent = 1;
                for endpoint in &mut s.endpoints[2..] {
                    endpoint.group = Group::Elsewhere;
                }
                s.endpoints[0].state = Admin::Drain;
            },
            &[("a", "draining"), ("b", "spilled")],
        ),
    ];
    for (name, change, expected) in cases {
        let mut settings = settings(&["a", "b", "c", "d"].map(|name| spec(name, 1)));
        change(&mut settings);
        let mut pool = State::new(0, settings);
        let accounts: Vec<Account> = (0..64).map(|token| arrive(&mut pool, token).1).collect();
        let told = accounts.iter().any(|account| skips(account) == expected);
        assert!(told, "{name}: {:?}", skips(&accounts[0]));
    }
}

#[test]
fn failed_dials_earlier_tries_and_ejections_are_told() {
    let mut settings = settings(&["a", "b", "c"].map(|name| spec(name, 1)));
    settings.guard.slow_starts = vec![None];
    let mut pool = State::new(0, settings);
    let (Admission::Picked(first), _) = arrive(&mut pool, 0) else {
        panic!("somebody is free");
    };
    assert!(pool.complete(NOW, first, Verdict::DialFailed).is_none());
    let mut tried = Tried::default();
    tried.push(EndpointIndex {
        slot: 1,
        generation: 0,
    });
    let mut rng = Stream::new(1, "pick").at(1);
    let admission = pool.admit(NOW, curious(1), tried, Key::None, &mut rng);
    let account = pool.accounted(Token(1)).expect("it asked");
    assert_eq!(skips(&account), [("a", "cooling"), ("b", "tried")]);
    assert!(matches!(admission, Admission::Picked(index) if index.slot == 2));
    assert!(pool.accounted(Token(1)).is_none(), "told once");
}

/// An endpoint that has just come is warming, and most picks are not in its share.
#[test]
fn warming_endpoints_are_told() {
    let guarded = |names: &[&str]| {
        let specs: Vec<_> = names.iter().map(|name| spec(name, 1)).collect();
        let mut settings = settings(&specs);
        settings.guard.slow_starts = vec![Some(SLOW); names.len()];
        settings
    };
    let mut pool = State::new(0, guarded(&["a", "b"]));
    let grants = pool.update(NOW, guarded(&["a", "b", "c"]));
    assert!(grants.is_empty());
    let accounts: Vec<Account> = (0..100).map(|token| arrive(&mut pool, token).1).collect();
    let held = accounts.iter().filter(|a| skips(a) == [("c", "warming")]);
    assert!(held.count() > 50, "{:?}", accounts[0]);
}

/// A wait ends with an account of its own, and who leaves leaves none behind.
#[test]
fn waiting_requests_are_told_when_it_is_their_turn() {
    let bounded = |name| crate::endpoint::Spec {
        max_connections: Some(1),
        ..spec(name, 1)
    };
    let mut pool = State::new(0, settings(&["a", "b"].map(bounded)));
    let (Admission::Picked(first), _) = arrive(&mut pool, 0) else {
        panic!("somebody is free");
    };
    arrive(&mut pool, 1);
    for token in [2, 3] {
        let (admission, account) = arrive(&mut pool, token);
        assert_eq!(admission, Admission::Queued);
        assert_eq!(account.reason, Reason::Nobody);
        assert_eq!(skips(&account), [("a", "full"), ("b", "full")]);
    }
    assert_eq!(
        pool.complete(NOW, first, Verdict::Success),
        Some(Grant { token: Token(2) })
    );
    assert_eq!(pool.leave(NOW, Token(2)), Some(Grant { token: Token(3) }));
    assert!(pool.accounted(Token(2)).is_none());
    let account = pool.accounted(Token(3)).expect("it was granted");
    assert_eq!(
        skips(&account).len(),
        1,
        "one of both has room: {account:?}"
    );
}

/// Two pools go through the same, and in one of them everybody asks why: under every policy all get
/// the same endpoints, and what was told in advance is what came.
#[test]
fn who_asks_gets_what_it_would_have_got() {
    for kind in EVERY {
        let mut pools = [(); 2].map(|()| {
            let mut before = various(kind);
            before.endpoints.remove(2);
            let mut pool = State::new(0, before);
            assert!(pool.update(NOW, various(kind)).is_empty());
            pool
        });
        let mut flying = Vec::new();
        let mut dice = Stream::new(3, "dice").at(0);
        for n in 0..2_000 {
            let now = NOW + Duration::from_millis(n);
            let key = match kind {
                Kind::IpHash => Key::network(std::net::Ipv4Addr::from(n as u32 * 7919).into()),
                _ => Key::text(&(n / 3).to_le_bytes()),
            };
            let [silent, asks] = &mut pools;
            let draws = || Stream::new(1, "pick").at(n);
            let plain = silent.arrive(now, Token(n), key, &mut draws());
            let told = asks.arrive(now, curious(n), key, &mut draws());
            assert_eq!(plain, told, "{kind:?}");
            let account = asks.accounted(Token(n)).expect("it asked");
            check(kind, &account, told);
            if let Admission::Picked(index) = told {
                flying.push(index);
            }
            for pool in &mut pools {
                let _ = pool.leave(now, Token(n));
            }
            while flying.len() > 12 {
                let at = dice.below(flying.len() as u64) as usize;
                let index = flying.swap_remove(at);
                let verdict = match dice.below(10) {
                    0 => Verdict::DialFailed,
                    _ => Verdict::Success,
                };
                for pool in &mut pools {
                    assert!(pool.complete(now, index, verdict).is_none());
                }
            }
        }
    }
}

/// Weights, groups, bounds and a slow start.
fn various(kind: Kind) -> Settings {
    let mut settings = settings(&["a", "b", "c", "d", "e", "f"].map(|name| spec(name, 2)));
    settings.policy = kind;
    settings.endpoints[0].weight = 1;
    settings.endpoints[1].max_connections = Some(3);
    settings.endpoints[3].group = Group::Elsewhere;
    settings.endpoints[4].state = Admin::Drain;
    settings.endpoints[5].group = Group::Backup;
    settings.guard.slow_starts = vec![Some(SLOW); 6];
    settings
}

/// Whether the account foretells the admission.
fn check(kind: Kind, account: &Account, admission: Admission) {
    let taken = account.candidates.iter().filter(|c| c.score.is_some());
    let drawn = account.candidates.iter().any(|c| c.drawn > 0);
    let ahead = account
        .candidates
        .iter()
        .any(|c| c.score.is_some() && c.behind.is_none());
    let running = taken.filter(|c| !drawn || c.drawn > 0);
    let running: Vec<_> = running.filter(|c| !ahead || c.behind.is_none()).collect();
    let Admission::Picked(index) = admission else {
        assert!(
            running.is_empty(),
            "{kind:?}: {admission:?}, not {account:?}"
        );
        return;
    };
    let Reason::Policy { best, .. } = account.reason else {
        panic!("{kind:?}: {account:?}");
    };
    let score = |c: &&Candidate| c.score.expect("it was asked for");
    let chosen = running.iter().find(|c| c.endpoint == index);
    let chosen = chosen.map(score).expect("it is among them");
    let is_best = running.iter().map(score).all(|other| match best {
        Best::Least => chosen <= other,
        Best::Most => chosen >= other,
        Best::Drawn => true,
    });
    assert!(is_best, "{kind:?}: {account:?}");
}
