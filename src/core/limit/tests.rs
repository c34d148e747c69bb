//! Limits: tables of what happens to a few requests, and what a full table does.

use std::cell::RefCell;
use std::net::IpAddr;
use std::ops::DerefMut;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

mod machine;

const MS: Duration = Duration::from_millis(1);

fn at(ms: u32) -> Timestamp {
    Timestamp::ZERO + MS * ms
}

/// A request every 100 ms.
fn rate(burst: u32, delay: Option<u32>) -> Settings {
    Settings {
        rate: Some(Rate {
            every: Span::of(MS * 100),
            burst,
            delay,
        }),
        requests: None,
        keys: 1000,
        dry_run: false,
    }
}

fn requests(most: u32) -> Settings {
    Settings {
        rate: None,
        requests: Some(most),
        ..rate(0, None)
    }
}

/// A request of one key, and the rules that it has.
struct Asked<'a> {
    rules: &'a [RefCell<State>],
    key: Option<Key>,
}

impl Rules for Asked<'_> {
    fn count(&self) -> usize {
        self.rules.len()
    }

    fn key(&self, _: usize) -> Option<Key> {
        self.key
    }

    fn lock(&self, rule: usize) -> impl DerefMut<Target = State> {
        self.rules[rule].borrow_mut()
    }
}

type Answer = (Result<Timestamp, Refusal>, Vec<Note>);

fn come(rules: &[RefCell<State>], now: Timestamp, key: u32) -> Answer {
    let asked = Asked {
        rules,
        key: Some(Key::V4(key)),
    };
    let (answer, said) = admit(&asked, now);
    (answer, said.notes)
}

fn one(settings: Settings) -> [RefCell<State>; 1] {
    [RefCell::new(State::new(settings))]
}

fn refused(again: Option<Timestamp>) -> Result<Timestamp, Refusal> {
    Err(Refusal { rule: 0, again })
}

/// What nginx does with the same numbers: a burst goes on at once, waits, or does both.
#[test]
fn a_burst_goes_on_or_waits() {
    let all_at_once = [Ok(at(0)), Ok(at(0)), Ok(at(0)), refused(Some(at(100)))];
    let all_wait = [Ok(at(0)), Ok(at(100)), Ok(at(200)), refused(Some(at(100)))];
    let some_wait = [Ok(at(0)), Ok(at(0)), Ok(at(100)), refused(Some(at(100)))];
    let cases = [
        (None, all_at_once),
        (Some(0), all_wait),
        (Some(1), some_wait),
    ];
    for (delay, expected) in cases {
        let rules = one(rate(2, delay));
        for (n, expected) in expected.into_iter().enumerate() {
            assert_eq!(come(&rules, at(0), 1).0, expected, "{delay:?}, request {n}");
        }
        // At the time that it was told, the next one goes on, and no other.
        assert!(come(&rules, at(100), 1).0.is_ok(), "{delay:?}");
        assert!(come(&rules, at(100), 1).0.is_err(), "{delay:?}");
    }
}

#[test]
fn clients_have_a_limit_each() {
    let rules = one(rate(0, None));
    for key in 0..100 {
        assert_eq!(come(&rules, at(0), key).0, Ok(at(0)));
        assert_eq!(come(&rules, at(99), key).0, refused(Some(at(100))));
        assert_eq!(come(&rules, at(100), key).0, Ok(at(100)));
    }
}

#[test]
fn so_many_may_be_there_and_who_leaves_makes_room() {
    let rules = one(requests(2));
    let leave = || rules[0].borrow_mut().leave(Key::V4(1));
    assert!(come(&rules, at(0), 1).0.is_ok());
    assert!(come(&rules, at(0), 1).0.is_ok());
    assert_eq!(come(&rules, at(0), 1).0, refused(None));
    leave();
    assert!(come(&rules, at(0), 1).0.is_ok());
    assert_eq!(come(&rules, at(0), 1).0, refused(None));
    (0..2).for_each(|_| leave());
    assert!(come(&rules, at(0), 2).0.is_ok());
    assert_eq!(
        rules[0].borrow().len(),
        1,
        "who is not there makes room for who comes"
    );
}

#[test]
fn a_request_is_charged_to_all_rules_or_to_none() {
    let rules = [rate(0, None), requests(1), rate(9, None)].map(|s| RefCell::new(State::new(s)));
    assert_eq!(come(&rules, at(0), 1).0, Ok(at(0)));
    // The second rule refuses: the first, which would not, is not charged.
    let (answer, notes) = come(&rules, at(100), 1);
    assert_eq!(
        answer,
        Err(Refusal {
            rule: 1,
            again: None
        })
    );
    assert_eq!(notes.len(), 1);
    rules[1].borrow_mut().leave(Key::V4(1));
    assert_eq!(come(&rules, at(100), 1).0, Ok(at(100)));
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_nothing() {
    let dry = |settings| Settings {
        dry_run: true,
        ..settings
    };
    let rules = [dry(rate(1, Some(0))), dry(requests(1))].map(|s| RefCell::new(State::new(s)));
    let said = [
        vec![],
        vec![(0, Verdict::Held), (1, Verdict::Requests)],
        vec![(0, Verdict::Rate), (1, Verdict::Requests)],
    ];
    for expected in said {
        let (answer, notes) = come(&rules, at(0), 1);
        assert_eq!(answer, Ok(at(0)));
        let mut said: Vec<_> = notes.iter().map(|n| (n.rule, n.verdict)).collect();
        said.sort_by_key(|(rule, _)| *rule);
        assert_eq!(said, expected);
        assert!(notes.iter().all(|note| note.dry_run));
    }
}

#[test]
fn who_cannot_be_told_is_not_limited() {
    let rules = one(rate(0, None));
    for _ in 0..9 {
        let asked = Asked {
            rules: &rules,
            key: None,
        };
        assert_eq!(admit(&asked, at(0)).0, Ok(at(0)));
    }
    assert!(rules[0].borrow().is_empty());
}

/// Thousands of addresses that come once each are forgotten for each other; who owes much is not.
#[test]
fn a_flood_of_newcomers_forgives_no_debtor() {
    let rules = one(Settings {
        keys: 10,
        ..rate(50, None)
    });
    for _ in 0..51 {
        assert!(come(&rules, at(0), 1).0.is_ok());
    }
    assert!(come(&rules, at(0), 1).0.is_err());
    for other in 2..5_000 {
        assert!(come(&rules, at(0), other).0.is_ok());
        assert!(rules[0].borrow().len() <= 10);
    }
    assert!(come(&rules, at(0), 1).0.is_err(), "it would be forgiven");
}

#[test]
fn a_table_full_of_those_who_are_there_takes_no_other() {
    let rules = one(Settings {
        keys: 2,
        ..requests(9)
    });
    assert!(come(&rules, at(0), 1).0.is_ok());
    assert!(come(&rules, at(0), 2).0.is_ok());
    let (answer, notes) = come(&rules, at(0), 3);
    assert_eq!(answer, refused(None));
    assert_eq!(notes[0].verdict, Verdict::Full);
    assert!(come(&rules, at(0), 2).0.is_ok());
    rules[0].borrow_mut().leave(Key::V4(1));
    assert!(come(&rules, at(1), 3).0.is_ok());
}

/// However many have requests there, those who have none are found.
#[test]
fn tunnels_do_not_keep_others_from_being_forgotten() {
    let rules = one(Settings {
        keys: 100,
        requests: Some(1),
        ..rate(0, None)
    });
    for key in 0..100 {
        assert!(come(&rules, at(0), key).0.is_ok());
    }
    let refused = |key: &u32| come(&rules, at(0), *key).0.is_err();
    // A newcomer looks at a few; one after the other they come to an end.
    rules[0].borrow_mut().leave(Key::V4(99));
    let tries = (100..200).take_while(refused).count();
    assert!(tries < 8, "{tries}");
    assert!(
        come(&rules, at(0), 500).0.is_err(),
        "and then there is none"
    );
    rules[0].borrow_mut().update(Settings {
        keys: 1,
        requests: Some(1),
        ..rate(0, None)
    });
    assert_eq!(rules[0].borrow().len(), 100);
}

#[test]
fn who_owes_something_owes_it_after_a_reload() {
    let rules = one(rate(4, None));
    for _ in 0..5 {
        assert!(come(&rules, at(0), 1).0.is_ok());
    }
    rules[0].borrow_mut().update(rate(3, None));
    assert_eq!(come(&rules, at(0), 1).0, refused(Some(at(200))));
    assert!(come(&rules, at(0), 2).0.is_ok());
    rules[0].borrow_mut().update(Settings {
        keys: 1,
        ..rate(3, None)
    });
    assert_eq!(rules[0].borrow().len(), 1);
    assert!(come(&rules, at(0), 1).0.is_err(), "the other one owed less");
}

#[test]
fn addresses_are_clients() {
    let key = |text: &str| Key::address(text.parse::<IpAddr>().unwrap());
    let same = [
        ("10.0.0.1", "::ffff:10.0.0.1", true),
        ("10.0.0.1", "10.0.0.2", false),
        ("2001:db8::1", "2001:db8::ffff:1", true),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
    ];
    for (one, other, expected) in same {
        assert_eq!(key(one) == key(other), expected, "{one} {other}");
    }
}

#[test]
fn texts_are_clients() {
    assert_eq!(Key::text(b""), None);
    let texts = ["a", "b", "aa", "a\0", "12345678", "123456789", "12345678\0"];
    for one in texts {
        for other in texts {
            let equal = Key::text(one.as_bytes()) == Key::text(other.as_bytes());
            assert_eq!(equal, one == other, "{one:?} {other:?}");
        }
    }
}
