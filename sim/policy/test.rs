//! Simulated policies in a pool of the core, pick by pick.

use std::time::Duration;

use evenkeel_core::endpoint::{EndpointIndex, Group, Spec, State as Admin};
use evenkeel_core::policy::{self, Key};
use evenkeel_core::pool::{Admission, Settings, State, Verdict};
use evenkeel_core::queue::Token;
use evenkeel_core::rng::{Rng, Stream};
use evenkeel_core::time::Timestamp;
use evenkeel_proxy::config::Simulated;

use super::{Board, build};

/// A pool under a simulated policy.
struct Pool {
    state: State,
    board: Board,
    rng: Rng,
    requests: u64,
}

impl Pool {
    fn new(endpoints: usize, simulated: Simulated) -> Self {
        let board = Board::default();
        let mut state = State::new(0, settings(endpoints));
        state.replace_policy(build(simulated, &board));
        Self {
            state,
            board,
            rng: Stream::new(1, "test").at(0),
            requests: 0,
        }
    }

    /// The slot that a request at `ms` is sent to; none if it waits.
    fn pick(&mut self, ms: u64) -> Option<u32> {
        self.requests += 1;
        match self
            .state
            .arrive(at(ms), Token(self.requests), Key::default(), &mut self.rng)
        {
            Admission::Picked(index) => Some(index.slot),
            Admission::Queued => None,
            other => panic!("{other:?}"),
        }
    }

    fn complete(&mut self, ms: u64, slot: u32) -> Option<Token> {
        let index = EndpointIndex {
            slot,
            generation: 0,
        };
        let grant = self.state.complete(at(ms), index, Verdict::Success);
        grant.map(|grant| grant.token)
    }
}

fn settings(endpoints: usize) -> Settings {
    let spec = |n| Spec {
        name: format!("e{n}"),
        address: format!("10.0.0.{n}:80"),
        weight: 1,
        max_connections: None,
        group: Group::Home,
        state: Admin::Up,
    };
    Settings {
        policy: policy::Kind::Random,
        endpoints: (0..endpoints).map(spec).collect(),
        retry: evenkeel_core::retry::Settings::at_once(0),
        queue: evenkeel_core::queue::Settings::fifo(100),
        guard: Default::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    }
}

fn at(ms: u64) -> Timestamp {
    Timestamp::ZERO + Duration::from_millis(ms)
}

#[test]
fn a_central_queue_sends_nobody_to_a_busy_endpoint() {
    let mut pool = Pool::new(2, Simulated::CentralQueue);
    let mut first = [pool.pick(0), pool.pick(0)];
    first.sort_unstable();
    assert_eq!(first, [Some(0), Some(1)]);
    assert_eq!((pool.pick(1), pool.pick(2)), (None, None));
    assert_eq!(
        pool.complete(3, 1),
        Some(Token(3)),
        "first come, first served"
    );
    assert_eq!(pool.complete(4, 0), Some(Token(4)));
}

#[test]
fn join_idle_queue_takes_the_idle_first_and_then_anyone() {
    let mut pool = Pool::new(8, Simulated::JoinIdleQueue);
    let mut first: Vec<_> = (0..8).map(|_| pool.pick(0)).collect();
    first.sort_unstable();
    assert_eq!(first, (0..8).map(Some).collect::<Vec<_>>());
    let further: Vec<_> = (0..64).map(|_| pool.pick(1)).collect();
    for slot in 0..8 {
        assert!(further.contains(&Some(slot)), "{slot} in {further:?}");
    }
    (0..72).for_each(|_| {
        if pool.state.endpoints()[5].in_flight > 0 {
            pool.complete(2, 5);
        }
    });
    assert_eq!(pool.pick(3), Some(5), "the only idle one");
}

#[test]
fn least_work_left_reads_the_board_and_not_the_counts() {
    let mut pool = Pool::new(3, Simulated::LeastWorkLeft);
    pool.board.set(0, at(30));
    pool.board.set(1, at(20));
    pool.board.set(2, at(25));
    assert_eq!((pool.pick(0), pool.pick(0)), (Some(1), Some(1)));
    pool.board.set(1, at(40));
    assert_eq!(pool.pick(1), Some(2));
    // Whatever ended before the present is nothing.
    assert_eq!(pool.pick(50), Some(0));
}

#[test]
fn a_stale_board_holds_for_its_period() {
    let period = Duration::from_millis(10);
    let mut pool = Pool::new(3, Simulated::Stale { of: 100, period });
    // Three at once: the board shows all empty, so chance decides.
    let first = pool.pick(0).expect("none is full");
    let board_after = |pool: &Pool| pool.state.endpoints().iter().map(|e| e.in_flight).collect();
    let before: Vec<u32> = board_after(&pool);
    assert_eq!(before.iter().sum::<u32>(), 1);
    let same: Vec<_> = (0..60).map(|_| pool.pick(5)).collect();
    assert!(
        same.contains(&Some(first)),
        "the board does not show what was sent since"
    );
    let mut counts: Vec<u32> = board_after(&pool);
    let least = (0..3).min_by_key(|slot| counts[*slot]).expect("three");
    counts.sort_unstable();
    assert!(
        counts[0] < counts[1],
        "the test wants one least: {counts:?}"
    );
    let next: Vec<_> = (0..20).map(|_| pool.pick(10)).collect();
    assert!(
        next.iter().all(|slot| *slot == Some(least as u32)),
        "{next:?}"
    );
}

#[test]
fn few_choices_of_a_stale_board_spread_and_prefer_the_empty() {
    let period = Duration::from_millis(10);
    let mut pool = Pool::new(4, Simulated::Stale { of: 2, period });
    for _ in 0..400 {
        pool.pick(1);
    }
    // Of two different ones the emptier: the fullest is never taken in the next period.
    let fullest = pool.state.endpoints().iter().max_by_key(|e| e.in_flight);
    let fullest = fullest.expect("four").index.slot;
    let next: Vec<_> = (0..200).map(|_| pool.pick(11)).collect();
    assert!(!next.contains(&Some(fullest)), "{next:?}");
    assert_eq!(
        next.iter().collect::<std::collections::BTreeSet<_>>().len(),
        3
    );
}
