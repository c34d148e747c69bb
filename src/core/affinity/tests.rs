//! The table of sessions against a naive one, and the age of cookies.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

const TTL: Duration = Duration::from_secs(10);

fn at(s: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_secs(s)
}

#[test]
fn a_table_forgets_what_is_unused_for_its_time_or_for_longest() {
    let (a, b) = (Name::of("a"), Name::of("b"));
    let mut table = Table::new(TTL, 2);
    assert!(!table.put(at(0), 1, a));
    assert!(!table.put(at(1), 2, b));
    assert_eq!(table.find(at(2), 1), Some(a));
    assert!(table.put(at(3), 3, b), "the second is unused for longest");
    assert_eq!(table.find(at(3), 2), None);
    assert_eq!((table.count(a), table.count(b), table.len()), (1, 1, 2));
    assert_eq!(table.find(at(12), 1), Some(a), "ten seconds are not over");
    assert_eq!(table.find(at(14), 3), None, "eleven are");
    table.put(at(14), 1, b);
    assert_eq!((table.count(a), table.count(b)), (0, 1));
    table.put(at(14), 4, b);
    table.bound(TTL, 1);
    assert_eq!(
        (table.find(at(14), 1), table.find(at(14), 4)),
        (None, Some(b))
    );
    table.expire(at(30));
    assert!(table.is_empty());
}

#[test]
fn cookies_are_renewed_after_half_their_time_and_refused_after_all_of_it() {
    for (age_s, worn, stale) in [(0, false, false), (5, false, false), (6, true, false)] {
        assert_eq!((is_worn(age_s, TTL), is_stale(age_s, TTL)), (worn, stale));
    }
    assert!(!is_stale(10, TTL));
    assert!(is_stale(11, TTL));
}

#[derive(Clone, Copy, Debug)]
enum Deed {
    Find(u64),
    Put(u64, u64),
    Wait(u64),
    Bound(usize),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => (0..40_u64).prop_map(Deed::Find),
        8 => (0..40_u64, 0..3_u64).prop_map(|(session, home)| Deed::Put(session, home)),
        1 => (0..6_u64).prop_map(Deed::Wait),
        1 => (1..30_usize).prop_map(Deed::Bound),
    ]
}

proptest! {
    /// A list in the order of last use does the same.
    #[test]
    fn a_table_is_a_short_list(deeds in prop::collection::vec(deed(), 0..400)) {
        let mut table = Table::new(TTL, 20);
        let (mut list, mut limit, mut now) = (Vec::<(u64, u64, u64)>::new(), 20, 0);
        for deed in deeds {
            list.retain(|(_, _, used)| now - used <= TTL.as_secs());
            match deed {
                Deed::Find(session) => {
                    let found = list.iter().position(|(s, ..)| *s == session);
                    let known = found.map(|place| {
                        let (_, home, _) = list.remove(place);
                        list.push((session, home, now));
                        Name(home)
                    });
                    prop_assert_eq!(table.find(at(now), session), known);
                }
                Deed::Put(session, home) => {
                    let before = list.len();
                    list.retain(|(s, ..)| *s != session);
                    let evicts = before == list.len() && before == limit;
                    if evicts {
                        list.remove(0);
                    }
                    list.push((session, home, now));
                    prop_assert_eq!(table.put(at(now), session, Name(home)), evicts);
                }
                Deed::Wait(s) => now += s,
                Deed::Bound(most) => {
                    limit = most;
                    table.expire(at(now));
                    table.bound(TTL, most);
                    list.drain(..list.len().saturating_sub(most));
                }
            }
            table.expire(at(now));
            list.retain(|(_, _, used)| now - used <= TTL.as_secs());
            prop_assert_eq!(table.len(), list.len());
            for home in 0..3 {
                let here = list.iter().filter(|(_, h, _)| *h == home).count() as u64;
                prop_assert_eq!(table.count(Name(home)), here);
            }
        }
    }
}
