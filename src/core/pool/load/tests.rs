//! Whom a pool wants asked, and that a request's driver learns of it.

use super::*;
use crate::policy::Kind;
use crate::policy::tests::spec;
use crate::pool::tests::settings;
use crate::pool::{Admission, Settings};
use crate::queue::Token;
use crate::rng::Stream;
use std::time::Duration;

fn asking(asks: bool) -> Settings {
    Settings {
        policy: Kind::Prequal {
            quantile_percent: 30,
            probes: 8,
            asks,
        },
        ..settings(&["a", "b", "c"].map(|name| spec(name, 1)))
    }
}

fn pick(pool: &mut State, number: u64) {
    let mut rng = Stream::new(1, "pick").at(number);
    let key = crate::policy::Key::None;
    let admission = pool.arrive(Timestamp(number), Token(number), key, &mut rng);
    assert!(matches!(admission, Admission::Picked(_)), "{admission:?}");
}

fn all_wanted(pool: &mut State) -> Vec<Wanted> {
    let mut wanted: Vec<_> = std::iter::from_fn(|| pool.wanted()).collect();
    wanted.sort_by_key(|wanted| wanted.endpoint.slot);
    wanted
}

const LOAD: Load = Load {
    in_flight: Some(1),
    took: Duration::from_millis(1),
};

#[test]
fn who_is_being_asked_is_wanted_no_more() {
    let mut pool = State::new(0, asking(true));
    (0..20).for_each(|number| pick(&mut pool, number));
    let wanted = all_wanted(&mut pool);
    assert_eq!(wanted.len(), 3, "each once");
    (20..40).for_each(|number| pick(&mut pool, number));
    assert_eq!(all_wanted(&mut pool), []);
    for (wanted, load) in wanted.iter().zip([Ok(LOAD), Err(Outcome::Timeout)]) {
        let event = pool.told(Timestamp(40), *wanted, load);
        assert_eq!(event.endpoint, Some(wanted.endpoint));
        let outcome = load.err().unwrap_or(Outcome::Passed);
        assert_eq!(event.kind, trace::Kind::Asked { outcome });
    }
    (40..60).for_each(|number| pick(&mut pool, number));
    assert_eq!(all_wanted(&mut pool), wanted[..2], "an end, good or bad");
}

#[test]
fn a_reload_forgets_who_is_gone_and_answers_to_another_policy() {
    let mut pool = State::new(0, asking(true));
    (0..20).for_each(|number| pick(&mut pool, number));
    let wanted = all_wanted(&mut pool);
    let mut two = asking(true);
    two.endpoints.remove(0);
    two.endpoints.push(spec("d", 1));
    let _ = pool.update(Timestamp(20), two);
    (20..40).for_each(|number| pick(&mut pool, number));
    let new = all_wanted(&mut pool);
    assert_eq!(new.len(), 1, "the others are being asked");
    assert_ne!(new[0].endpoint, wanted[0].endpoint, "the slot has another");
    let _ = pool.told(Timestamp(40), wanted[0], Ok(LOAD));

    for asks in [false, true] {
        let _ = pool.update(Timestamp(41), asking(asks));
    }
    (41..60).for_each(|number| pick(&mut pool, number));
    assert_eq!(all_wanted(&mut pool).len(), 3);
    let _ = pool.told(Timestamp(60), wanted[1], Ok(LOAD));
    (60..80).for_each(|number| pick(&mut pool, number));
    assert_eq!(all_wanted(&mut pool), [], "that was told of another policy");
}

#[test]
fn who_does_not_ask_wants_nobody() {
    let mut pool = State::new(0, asking(false));
    (0..20).for_each(|number| pick(&mut pool, number));
    assert!(!pool.asks());
    assert_eq!(pool.wanted(), None);
}
