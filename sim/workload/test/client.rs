//! Clients that come back and clients that try again, against naive references.

use std::collections::BTreeMap;

use evenkeel_core::rng::Stream;
use proptest::prelude::*;

use super::*;
use crate::result::End;

fn users(users: u32, think: Law) -> Spec {
    Spec::plain(Source::Users { users, think })
}

fn sessions(rate: f64, requests: Count, think: Law) -> Spec {
    Spec {
        sessions: Some(Sessions { requests, think }),
        ..poisson(rate)
    }
}

/// All arrivals when each takes as long as `service` says, in the order in which they come.
fn drive(specs: &[Spec], end: u64, service: impl Fn(&Arrival) -> u64) -> Vec<Arrival> {
    let mut arrivals = Arrivals::new(1, specs, Timestamp(end)).unwrap();
    let mut under_way: BTreeMap<(u64, usize), Arrival> = BTreeMap::new();
    let mut all = Vec::new();
    loop {
        let done = under_way.first_key_value().map(|(key, _)| *key);
        match done {
            Some(key) if Timestamp(key.0) <= arrivals.due() => {
                let arrival = under_way.remove(&key).unwrap();
                arrivals.ended(&arrival, Timestamp(key.0));
            }
            _ => {
                let Some(arrival) = arrivals.next() else {
                    return all;
                };
                let done = arrival.due.0 + service(&arrival);
                under_way.insert((done, all.len()), arrival.clone());
                all.push(arrival);
            }
        }
    }
}

/// A service time that knows nothing of the workload's draws.
fn service(salt: u64, most: u64, arrival: &Arrival) -> u64 {
    let stream = Stream::new(salt, "test").child(u64::from(arrival.workload));
    stream.at(arrival.n).below(most)
}

proptest! {
    /// Each user alone, one request after the other: due, served, thought.
    #[test]
    fn users_are_independent_loops(
        count in 1_u32..6,
        think_ms in 0_u64..2_000,
        most in 1_u64..SECOND,
        salt in any::<u64>(),
    ) {
        let think = Law::exponential(Duration::from_millis(think_ms));
        let end = 5 * SECOND;
        let spec = users(count, think.clone());
        let found = drive(&[spec], end, |a| service(salt, most, a) + 1_000_000);
        prop_assert!(found.is_sorted_by_key(|a| a.due));
        let stream = Stream::new(1, "think").child(0);
        let mut naive = Vec::new();
        for user in 0..u64::from(count) {
            let mut n = user << 32;
            let mut due = stream.at(n).below(think_ms * 1_000_000);
            while due < end {
                naive.push((due, n));
                let arrival = Arrival { n, ..found[0].clone() };
                n += 1;
                due += service(salt, most, &arrival) + 1_000_000 + think.draw(&mut stream.at(n));
            }
        }
        naive.sort_unstable();
        let found: Vec<_> = found.iter().map(|a| (a.due.0, a.n)).collect();
        prop_assert_eq!(found, naive);
    }

    /// What ends when moves only what follows in a session: open workloads and the beginnings of
    /// sessions stay, and every request has its class and cost by number.
    #[test]
    fn ends_move_nobody_else(salts in any::<[u64; 2]>(), most in any::<[u32; 2]>()) {
        let think = Law::constant(Duration::from_millis(300));
        let class = |weight| Class { weight, cost: f64::from(weight), service: None, io: None };
        let specs = [
            poisson(20.0),
            Spec {
                classes: vec![class(3), class(1)],
                ..sessions(5.0, Count::Geometric { mean: 3.0 }, think)
            },
        ];
        let end = 20 * SECOND;
        let [one, two] = [0, 1].map(|i| {
            drive(&specs, end, |a| service(salts[i], u64::from(most[i]) + 1, a))
        });
        let fixed = |all: &[Arrival]| -> Vec<Arrival> {
            let begins = |a: &&Arrival| a.workload == 0 || a.visit.begins();
            all.iter().filter(begins).cloned().collect()
        };
        prop_assert_eq!(fixed(&one), fixed(&two));
        let classes = |all: &[Arrival]| -> BTreeMap<(u16, u64), (u16, u64)> {
            all.iter().map(|a| ((a.workload, a.n), (a.class, a.client()))).collect()
        };
        let (one, two) = (classes(&one), classes(&two));
        for (key, value) in &one {
            prop_assert!(two.get(key).is_none_or(|other| other == value));
        }
    }
}

#[test]
fn sessions_have_the_requests_that_they_drew() {
    let requests = Count::Geometric { mean: 4.0 };
    let spec = sessions(50.0, requests, Law::constant(Duration::from_millis(1)));
    let all = drive(&[spec], 20 * SECOND, |_| 1_000_000);
    let mut visits: BTreeMap<u64, Vec<(u64, Visit)>> = BTreeMap::new();
    for arrival in &all {
        let of = visits.entry(arrival.n >> 32).or_default();
        of.push((arrival.n & 0xffff_ffff, arrival.visit));
    }
    let counts = Stream::new(1, "session").child(0);
    let late = visits.len() - 5;
    assert!(late > 800, "{late}");
    for (session, of) in visits.into_iter().take(late) {
        let count = u64::from(requests.draw(&mut counts.at(session)));
        let expected: Vec<_> = (0..count)
            .map(|k| {
                let (first, last) = (k == 0, k + 1 == count);
                (k, Visit::Session { first, last })
            })
            .collect();
        assert_eq!(of, expected, "session {session}");
    }
}

#[test]
fn users_begin_within_one_think_time() {
    let think = Law::exponential(Duration::from_secs(2));
    let all = drive(&[users(1_000, think)], 60 * SECOND, |_| 60 * SECOND);
    assert_eq!(all.len(), 1_000);
    let late = all.iter().filter(|a| a.due.0 > SECOND).count();
    assert!(
        all.iter().all(|a| a.due.0 < 2 * SECOND) && (400..600).contains(&late),
        "{late}"
    );
}

fn client() -> Client {
    Client {
        timeout: Some(Duration::from_secs(5)),
        retries: 3,
        backoff: Backoff {
            first: Duration::from_millis(100),
            most: Duration::from_secs(60),
            jitter: true,
        },
        abort: None,
    }
}

fn conduct(client: Client) -> (Conduct, Vec<Arrival>) {
    let spec = Spec {
        client,
        ..poisson(100.0)
    };
    let all = arrivals(1, std::slice::from_ref(&spec), 100);
    (Conduct::new(1, &[spec]), all)
}

#[test]
fn waits_double_and_are_drawn_from_their_half_on() {
    let (conduct, all) = conduct(client());
    let done = Timestamp(SECOND);
    for arrival in &all {
        for retry in 0..5 {
            let arrival = Arrival {
                retry,
                ..arrival.clone()
            };
            assert_eq!(
                conduct.after(&arrival, End::Status(404), done),
                Next::Over(End::Status(404), done)
            );
            let next = conduct.after(&arrival, End::Status(503), done);
            match next {
                Next::Again(at) => {
                    let whole = 100_000_000 << retry;
                    let wait = at.0 - done.0;
                    assert!(
                        retry < 3 && (whole / 2..=whole).contains(&wait),
                        "{retry}: {wait}"
                    );
                }
                Next::Over(..) => assert_eq!(
                    (retry >= 3, next),
                    (true, Next::Over(End::Status(503), done))
                ),
            }
        }
    }
}

/// 10,000 requests: one in ten leaves, within five standard deviations, at the drawn moment and
/// whatever try it is at.
#[test]
fn a_share_of_clients_leaves() {
    let after = Law::constant(Duration::from_secs(1));
    let (conduct, all) = conduct(Client {
        abort: Some(Abort { share: 0.1, after }),
        ..client()
    });
    let leaves = |arrival: &&Arrival| {
        let (until, end) = conduct.patience(arrival, arrival.due);
        let expected = match end {
            End::Cancelled => 1,
            _ => 5,
        };
        assert_eq!(until.0 - arrival.due.0, expected * SECOND);
        end == End::Cancelled
    };
    let gone: Vec<_> = all.iter().filter(leaves).collect();
    let (n, expected) = (all.len() as f64, gone.len() as f64);
    assert!(
        (expected / n - 0.1).abs() < 5.0 * (0.09 / n).sqrt(),
        "{expected} of {n}"
    );
    for arrival in gone {
        let late = Timestamp(arrival.due.0 + SECOND - 1);
        assert_eq!(
            conduct.after(arrival, End::Refused, late),
            Next::Over(End::Cancelled, Timestamp(arrival.due.0 + SECOND)),
            "it leaves while it waits to try again"
        );
    }
}

#[test]
fn a_try_of_a_client_draws_a_service_of_its_own() {
    let service = Service::new(1, Law::exponential(Duration::from_millis(8)), None);
    let first = arrivals(1, &[poisson(10.0)], 1)[0].clone();
    let again = Arrival {
        retry: 1,
        ..first.clone()
    };
    assert_ne!(service.draw(&first, 1), service.draw(&again, 1));
    assert_ne!(service.draw(&again, 1), service.draw(&again, 2));
}
