//! Endpoints that drain: when they are empty, who is told, when tunnels end and sessions go.

mod machine;

use super::*;
use crate::affinity::{self, Claim, Memory, Name, OnDown, Session};
use crate::endpoint::{Spec, Tried};
use crate::policy::Key;
use crate::policy::tests::spec;
use crate::pool::tests::settings;
use crate::pool::{Admission, Settings, Verdict};
use crate::queue::Token;

const SECOND: Duration = Duration::from_secs(1);

const AFFINITY: affinity::Settings = affinity::Settings {
    memory: Memory::Cookie { ttl: None },
    on_down: OnDown::Repick,
};

fn at(seconds: u32) -> Timestamp {
    Timestamp::ZERO + SECOND * (100 + seconds)
}

/// Two endpoints of which `a` may drain.
fn two(drains: bool, time: Option<Duration>) -> Settings {
    let state = if drains { Admin::Drain } else { Admin::Up };
    let a = Spec {
        state,
        ..spec("a", 1)
    };
    Settings {
        drain: time,
        ..settings(&[a, spec("b", 1)])
    }
}

fn arrive(pool: &mut State, token: u64) -> EndpointIndex {
    let mut rng = Stream::new(1, "pick").at(token);
    match pool.arrive(at(0), Token(token), Key::None, &mut rng) {
        Admission::Picked(index) => index,
        other => panic!("{other:?}"),
    }
}

/// Whose end is told.
fn told(pool: &mut State) -> Vec<(Timestamp, u32)> {
    let news = std::iter::from_fn(|| pool.news());
    let drained = news.filter(|event| event.kind == trace::Kind::Drained);
    drained
        .map(|event| (event.at, event.endpoint.expect("it has one").slot))
        .collect()
}

#[test]
fn who_is_empty_is_told_at_once_and_others_when_they_are() {
    let mut pool = State::new(0, two(false, None));
    let _ = pool.update(at(1), two(true, None));
    assert_eq!(told(&mut pool), [(at(1), 0)]);
    // Once: another reload brings nothing new.
    let _ = pool.update(at(2), two(true, None));
    assert_eq!(told(&mut pool), []);
    let _ = pool.update(at(3), two(false, None));

    let (one, other) = (arrive(&mut pool, 1), arrive(&mut pool, 2));
    let tunnel = [one, other].into_iter().find(|index| index.slot == 0);
    let tunnel = tunnel.expect("in turn");
    pool.upgrade(at(4), tunnel);
    let _ = pool.update(at(5), two(true, None));
    assert_eq!(told(&mut pool), [], "a tunnel is there");
    assert_eq!(arrive(&mut pool, 3).slot, 1, "it takes nothing new");
    assert_eq!(pool.hang_up(at(6), tunnel, Verdict::Success), None);
    assert_eq!(told(&mut pool), [(at(6), 0)]);
}

#[test]
fn tunnels_end_one_after_another_within_the_time() {
    let mut pool = State::new(0, two(false, Some(SECOND * 10)));
    let [a, b] = [0, 1].map(|slot: usize| pool.endpoints()[slot].index);
    assert_eq!(pool.parting(at(0), a, 1), None);
    let _ = pool.update(at(1), two(true, Some(SECOND * 10)));
    let mut seconds = [0; 10];
    for id in 0..10_000 {
        let ends = pool.parting(at(1), a, id).expect("it drains");
        assert_eq!(pool.parting(at(1), a, id), Some(ends), "asked again");
        seconds[ends.since(at(1)).as_secs() as usize] += 1;
        let late = pool.parting(at(9), a, id).expect("it drains");
        assert!(at(9) <= late && late <= at(11), "who comes later has less");
    }
    // Six standard deviations of a binomial law are 180.
    assert!(
        seconds.iter().all(|n: &i32| n.abs_diff(1_000) < 180),
        "{seconds:?}"
    );
    assert_eq!(pool.parting(at(1), b, 1), None);
    let _ = pool.update(at(2), two(true, None));
    assert_eq!(pool.parting(at(2), a, 1), None, "as long as they last");
}

/// Sessions stay with a draining endpoint until its time is over; then it is empty for good.
#[test]
fn sessions_stay_for_the_time() {
    let sticky = |drains| Settings {
        affinity: Some(AFFINITY),
        ..two(drains, Some(SECOND * 10))
    };
    let mut pool = State::new(0, sticky(false));
    let _ = pool.update(at(1), sticky(true));
    assert_eq!(told(&mut pool), [], "a session may come back");
    let ask = |pool: &mut State, now: Timestamp| {
        let mut session = Session {
            claim: Claim::Endpoint {
                name: Name::of("a"),
                age_s: 0,
            },
            ..Session::default()
        };
        pool.recognise(now, &mut session);
        let mut rng = Stream::new(1, "pick").at(7);
        let admission = pool.on_behalf(&session, |pool| {
            pool.admit(now, Token(7), Tried::default(), Key::None, &mut rng)
        });
        let Admission::Picked(index) = admission else {
            panic!("{admission:?}")
        };
        let _ = pool.complete(now, index, Verdict::Success);
        index.slot
    };
    assert_eq!(ask(&mut pool, at(10)), 0);
    assert_eq!(pool.next_deadline(), at(11));
    assert_eq!(ask(&mut pool, at(11)), 1);
    assert_eq!(pool.tick(at(11)), []);
    assert_eq!(told(&mut pool), [(at(11), 0)]);
    assert_eq!(pool.next_deadline(), Timestamp::MAX);
}

/// What is there when the time is over ends by itself, and nobody looks again and again.
#[test]
fn who_is_late_is_waited_for() {
    let sticky = |drains| Settings {
        affinity: Some(AFFINITY),
        ..two(drains, Some(SECOND * 10))
    };
    let mut pool = State::new(0, sticky(false));
    let late = arrive(&mut pool, 1);
    let _ = pool.update(at(1), sticky(late.slot == 0));
    assert_eq!((late.slot, pool.next_deadline()), (0, at(11)));
    assert_eq!(pool.tick(at(11)), []);
    assert_eq!(pool.next_deadline(), Timestamp::MAX);
    assert_eq!(pool.complete(at(20), late, Verdict::Success), None);
    assert_eq!(told(&mut pool), [(at(20), 0)]);
}
