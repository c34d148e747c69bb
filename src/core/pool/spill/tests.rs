//! How much each group gets, and that requests go where it says.

use super::*;
use crate::endpoint::{EndpointIndex, Group, Spec, State as Admin};
use crate::policy::Key;
use crate::policy::tests::spec;
use crate::pool::tests::settings;
use crate::pool::{Admission, State as Pool, Verdict};
use crate::queue::Token;
use crate::rng::Stream;

/// Shares in percent of groups of which so many of so many endpoints are usable.
fn percents(zones: u32, backups: Option<u32>, groups: [(u64, u64); 3]) -> [u64; 3] {
    let settings = Settings {
        zones_percent: zones,
        backups_percent: backups,
    };
    let census = |(usable, all)| Census { all, usable };
    let shares = shares(settings, groups.map(census));
    shares.map(|share| share / 10_000)
}

/// The headroom of zones, and of all before backups are used.
const DEFAULT: (u32, Option<u32>) = (140, None);
const BOTH: (u32, Option<u32>) = (140, Some(140));

#[test]
fn a_group_keeps_what_it_can_carry() {
    let cases = [
        (
            "all are fine",
            DEFAULT,
            [(4, 4), (4, 4), (0, 0)],
            [100, 0, 0],
        ),
        (
            "one of four",
            DEFAULT,
            [(3, 4), (4, 4), (0, 0)],
            [100, 0, 0],
        ),
        (
            "two of four",
            DEFAULT,
            [(2, 4), (4, 4), (0, 0)],
            [70, 30, 0],
        ),
        (
            "nobody near",
            DEFAULT,
            [(0, 4), (4, 4), (2, 2)],
            [0, 100, 0],
        ),
        ("no zones", DEFAULT, [(1, 4), (0, 0), (4, 4)], [100, 0, 0]),
        (
            "the last resort",
            DEFAULT,
            [(0, 4), (0, 0), (1, 4)],
            [0, 0, 100],
        ),
        ("backups help", BOTH, [(2, 4), (0, 0), (4, 4)], [70, 0, 30]),
        (
            "no headroom",
            (100, Some(100)),
            [(3, 4), (0, 0), (4, 4)],
            [75, 0, 25],
        ),
        ("three groups", BOTH, [(1, 4), (1, 4), (4, 4)], [35, 35, 30]),
        (
            "too few anywhere",
            DEFAULT,
            [(1, 4), (1, 4), (0, 0)],
            [50, 50, 0],
        ),
        ("nobody at all", BOTH, [(0, 4), (0, 4), (0, 4)], [0, 0, 0]),
        ("nobody is there", DEFAULT, [(0, 0); 3], [0, 0, 0]),
        ("weights", DEFAULT, [(10, 40), (1, 1), (0, 0)], [35, 65, 0]),
    ];
    for (name, (zones, backups), groups, expected) in cases {
        assert_eq!(percents(zones, backups, groups), expected, "{name}");
    }
}

/// A millionth that rounding leaves over is no reason to bother a backup.
#[test]
fn shares_are_all_there_is_and_nobody_else_has_any() {
    for (a, b) in (0..=7).flat_map(|a| (0..=7).map(move |b| (a, b))) {
        let settings = Settings {
            zones_percent: 100,
            backups_percent: None,
        };
        let census = |(usable, all)| Census { all, usable };
        let found = shares(settings, [(a, 7), (b, 13), (1, 1)].map(census));
        assert_eq!(found.iter().sum::<u64>(), ALL, "{a}, {b}: {found:?}");
        let able = [a > 0, b > 0 && a < 7, a + b == 0];
        assert_eq!(found.map(|share| share > 0), able, "{a}, {b}: {found:?}");
    }
}

/// Endpoints by the first letter of their names: `h`ome, `e`lsewhere, `b`ackup.
fn pool(names: &[(&str, Admin)], backups: Option<u32>) -> Pool {
    let specs: Vec<Spec> = names
        .iter()
        .map(|(name, state)| Spec {
            group: match name.as_bytes()[0] {
                b'h' => Group::Home,
                b'e' => Group::Elsewhere,
                _ => Group::Backup,
            },
            state: *state,
            max_connections: Some(1000),
            ..spec(name, 1)
        })
        .collect();
    let mut settings = settings(&specs);
    settings.spill.backups_percent = backups;
    Pool::new(0, settings)
}

fn arrive(pool: &mut Pool, n: u64) -> Option<EndpointIndex> {
    let mut rng = Stream::new(3, "pick").at(n);
    match pool.arrive(Timestamp(n), Token(n), Key::None, &mut rng) {
        Admission::Picked(index) => Some(index),
        _ => None,
    }
}

/// How many of 10,000 requests go to each group.
fn counts(pool: &mut Pool) -> [u64; 3] {
    let mut counts = [0; 3];
    for n in 0..10_000 {
        let index = arrive(pool, n).expect("somebody can be picked");
        counts[pool.endpoints()[index.slot as usize].group as usize] += 1;
        let grant = pool.complete(Timestamp(n), index, Verdict::Success);
        assert_eq!(grant, None);
    }
    counts
}

const UP: Admin = Admin::Up;
const DOWN: Admin = Admin::Down;

#[test]
fn requests_follow_the_shares() {
    let half = [("h1", UP), ("h2", DOWN), ("e1", UP), ("e2", UP)];
    let [home, elsewhere, backups] = counts(&mut pool(&half, None));
    // Six standard deviations of a binomial law are 275.
    assert!(home.abs_diff(7_000) < 275, "{home} {elsewhere}");
    assert_eq!(backups, 0);
    let whole = [("h1", UP), ("h2", UP), ("e1", UP), ("b1", UP)];
    assert_eq!(counts(&mut pool(&whole, Some(140))), [10_000, 0, 0]);
    let reserve = [("h1", UP), ("h2", DOWN), ("b1", UP)];
    assert_eq!(counts(&mut pool(&reserve, None)), [10_000, 0, 0]);
    let [home, _, backups] = counts(&mut pool(&reserve, Some(140)));
    assert!(backups.abs_diff(3_000) < 275, "{home} {backups}");
}

/// A share says where a request is tried first: it does not wait while another group has room.
#[test]
fn who_finds_all_near_full_goes_elsewhere() {
    let mut pool = pool(&[("h1", UP), ("h2", DOWN), ("e1", UP)], None);
    let mut groups = [0; 3];
    for n in 0..2_000 {
        let index = arrive(&mut pool, n).expect("there is room");
        groups[pool.endpoints()[index.slot as usize].group as usize] += 1;
    }
    assert_eq!(groups, [1_000, 1_000, 0]);
    assert_eq!(arrive(&mut pool, 2_000), None);
    let index = pool.endpoints()[2].index;
    let grant = pool.complete(Timestamp(2_001), index, Verdict::Success);
    assert!(grant.is_some(), "who waits gets the first place anywhere");
}
