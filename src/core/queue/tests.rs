//! The queue alone: order, the bound, what becomes of a grant, and what an overload changes.

mod machine;

use super::*;
use crate::rng::Stream;

const NOW: Timestamp = Timestamp(5_000_000_000);
const MS: Duration = Duration::from_millis(1);

fn waiter(token: u64, since: Timestamp) -> Waiter {
    Waiter {
        explained: false,
        token: Token(token),
        priority: Priority::Normal,
        since,
        tried: Tried::default(),
        key: Key::None,
        rng: Stream::new(1, "pick").at(token),
        home: crate::affinity::Home::None,
    }
}

impl Queue {
    /// What there is for the request, if anything is.
    pub(crate) fn booked(&self, token: Token) -> Option<EndpointIndex> {
        let (_, endpoint) = self.granted.iter().find(|(granted, _)| *granted == token)?;
        Some(*endpoint)
    }
}

fn slot(slot: u32) -> EndpointIndex {
    EndpointIndex {
        slot,
        generation: 0,
    }
}

fn queue(limit: usize, tokens: &[u64]) -> Queue {
    ordered(Settings::fifo(limit), tokens)
}

/// Who joins one after the other, a millisecond apart.
fn ordered(settings: Settings, tokens: &[u64]) -> Queue {
    let mut queue = Queue::default();
    queue.set(settings);
    let mut at = NOW;
    for token in tokens {
        assert!(queue.join(waiter(*token, at)));
        at = at + MS;
    }
    queue
}

/// Grants slot 0 to whomever is first.
fn next(queue: &mut Queue) -> Option<u64> {
    next_at(queue, NOW + MS * 10)
}

fn next_at(queue: &mut Queue, now: Timestamp) -> Option<u64> {
    queue
        .grant(now, |_| Some(slot(0)))
        .map(|grant| grant.token.0)
}

#[test]
fn first_in_first_out() {
    let mut queue = queue(3, &[5, 3, 4]);
    let order: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
    assert_eq!(order, [5, 3, 4]);
}

#[test]
fn the_limit_counts_those_who_wait_and_not_the_granted() {
    let mut queue = queue(2, &[1, 2]);
    assert!(!queue.join(waiter(3, NOW)));
    assert_eq!(next(&mut queue), Some(1));
    assert!(queue.join(waiter(3, NOW)));
    queue.set(Settings::fifo(0));
    assert!(!queue.join(waiter(4, NOW)));
    assert_eq!(queue.len(), 2, "a smaller limit sends nobody away");
}

#[test]
fn who_cannot_go_is_passed_over_and_keeps_the_place() {
    let mut queue = queue(3, &[1, 2, 3]);
    let granted = queue.grant(NOW, |w| (w.token != Token(1)).then(|| slot(7)));
    assert_eq!(granted, Some(Grant { token: Token(2) }));
    assert_eq!(queue.booked(Token(2)), Some(slot(7)));
    assert_eq!(next(&mut queue), Some(1));
}

#[test]
fn leaving_gives_back_what_was_booked_and_nothing_else() {
    let mut queue = queue(4, &[1, 2, 3]);
    assert_eq!(
        queue.leave(Token(2)),
        Answer::Nothing,
        "waiting: nothing was booked"
    );
    assert_eq!(next(&mut queue), Some(1));
    assert_eq!(next(&mut queue), Some(3));
    assert_eq!(queue.leave(Token(1)), Answer::Booked(slot(0)), "granted");
    assert_eq!(queue.leave(Token(1)), Answer::Nothing, "only once");
    assert_eq!(queue.leave(Token(3)), Answer::Booked(slot(0)), "granted");
    assert_eq!(queue.leave(Token(9)), Answer::Nothing, "never seen");
    assert_eq!(queue.len(), 0);
}

/// An adaptive queue that is overloaded after 100 ms, with CoDel's bound at 20 ms.
const ADAPTIVE: Settings = Settings {
    limit: 3,
    order: Order::Adaptive,
    overload: Duration::from_millis(100),
    codel: Some(Duration::from_millis(20)),
};

#[test]
fn last_in_first_out_sends_away_the_oldest_when_it_is_full() {
    let lifo = Settings {
        order: Order::Lifo,
        ..Settings::fifo(2)
    };
    let mut queue = ordered(lifo, &[1, 2, 3]);
    assert_eq!(queue.untold(), Some(Grant { token: Token(1) }));
    assert_eq!(queue.untold(), None);
    assert_eq!(queue.leave(Token(1)), Answer::Shed);
    assert_eq!(queue.leave(Token(1)), Answer::Nothing, "told once");
    let order: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
    assert_eq!(order, [3, 2]);
    queue.set(Settings { limit: 0, ..lifo });
    assert!(!queue.join(waiter(4, NOW)), "there is no queue");
}

#[test]
fn an_overload_turns_the_queue_round_and_sends_away_who_is_late() {
    let mut queue = ordered(ADAPTIVE, &[1, 2, 3]);
    assert!(
        !queue.join(waiter(4, NOW + MS * 99)),
        "no overload, and full"
    );
    let fifo = next_at(&mut queue, NOW + MS * 99);
    assert_eq!((fifo, queue.untold()), (Some(1), None), "no overload");
    assert!(queue.join(waiter(5, NOW + MS * 99)));
    let newest = next_at(&mut queue, NOW + MS * 100);
    assert_eq!((newest, queue.len()), (Some(5), 0));
    let late: Vec<_> = std::iter::from_fn(|| queue.untold()).collect();
    assert_eq!(
        late,
        [2, 3].map(|token| Grant {
            token: Token(token)
        })
    );
}

/// Tokens below ten are high, those below a hundred normal, the others low.
fn ranked(token: u64) -> Waiter {
    let priority = match token {
        0..10 => Priority::High,
        10..100 => Priority::Normal,
        _ => Priority::Low,
    };
    Waiter {
        explained: false,
        priority,
        ..waiter(token, NOW)
    }
}

#[test]
fn higher_priorities_go_first_and_each_line_keeps_its_order() {
    for (order, expected) in [
        (Order::Fifo, [1, 2, 10, 11, 100, 101]),
        (Order::Lifo, [2, 1, 11, 10, 101, 100]),
    ] {
        let mut queue = queue(6, &[]);
        queue.set(Settings {
            order,
            ..Settings::fifo(6)
        });
        for token in [100, 10, 1, 101, 11, 2] {
            assert!(queue.join(ranked(token)));
        }
        let went: Vec<_> = std::iter::from_fn(|| next(&mut queue)).collect();
        assert_eq!(went, expected, "{order:?}");
    }
}

/// Who would go last is sent away for those who would go before: nobody else is.
#[test]
fn a_full_queue_sheds_the_lowest_priority() {
    let table = [
        (Order::Fifo, 1, Some(101)),
        (Order::Fifo, 10, Some(101)),
        (Order::Fifo, 102, None),
        (Order::Lifo, 10, Some(100)),
        (Order::Lifo, 102, Some(100)),
    ];
    for (order, newcomer, gone) in table {
        let mut queue = queue(3, &[]);
        queue.set(Settings {
            order,
            ..Settings::fifo(3)
        });
        for token in [20, 100, 101] {
            assert!(queue.join(ranked(token)));
        }
        assert_eq!(queue.join(ranked(newcomer)), gone.is_some(), "{newcomer}");
        let told = queue.untold().map(|grant| grant.token.0);
        assert_eq!(told, gone, "{order:?}, {newcomer}");
        assert_eq!(queue.len(), 3);
    }
}

#[test]
fn a_line_of_higher_priority_is_never_shed_for_a_lower_one() {
    let mut queue = queue(2, &[]);
    queue.set(Settings {
        order: Order::Lifo,
        ..Settings::fifo(2)
    });
    assert!(queue.join(ranked(1)) && queue.join(ranked(2)));
    assert!(!queue.join(ranked(10)) && !queue.join(ranked(100)));
    assert_eq!(queue.untold(), None);
}

#[test]
fn a_queue_that_was_empty_is_not_overloaded() {
    let mut queue = ordered(ADAPTIVE, &[1]);
    assert_eq!(next_at(&mut queue, NOW + MS * 90), Some(1));
    for token in [2, 3] {
        assert!(queue.join(waiter(token, NOW + MS * 95)));
    }
    assert_eq!(next_at(&mut queue, NOW + MS * 190), Some(2));
    assert_eq!(next_at(&mut queue, NOW + MS * 191), Some(3));
    assert_eq!(queue.untold(), None);
}

#[test]
fn a_place_is_not_left_empty_because_all_are_late() {
    let mut queue = ordered(
        Settings {
            order: Order::Fifo,
            ..ADAPTIVE
        },
        &[1, 2],
    );
    assert_eq!(next_at(&mut queue, NOW + MS * 500), Some(1));
    assert_eq!(queue.untold(), Some(Grant { token: Token(2) }));
}

#[test]
fn who_was_sent_away_and_leaves_is_not_told() {
    let mut queue = ordered(ADAPTIVE, &[1, 2, 3]);
    assert_eq!(next_at(&mut queue, NOW + MS * 200), Some(3));
    assert_eq!(queue.leave(Token(1)), Answer::Shed);
    assert_eq!(queue.untold(), Some(Grant { token: Token(2) }));
    assert_eq!(queue.untold(), None);
}
