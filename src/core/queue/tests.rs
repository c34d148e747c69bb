//! The queue alone: order, the bound, and what becomes of a grant.

use super::*;
use crate::rng::Stream;

fn waiter(token: u64) -> Waiter {
    Waiter {
        token: Token(token),
        tried: Tried::default(),
        key: Key::None,
        rng: Stream::new(1, "pick").at(token),
        home: crate::affinity::Home::None,
    }
}

fn slot(slot: u32) -> EndpointIndex {
    EndpointIndex {
        slot,
        generation: 0,
    }
}

fn queue(limit: usize, tokens: &[u64]) -> Queue {
    let mut queue = Queue::default();
    queue.set_limit(limit);
    for token in tokens {
        assert!(queue.join(waiter(*token)));
    }
    queue
}

/// Grants slot 0 to whomever is first.
fn next(queue: &mut Queue) -> Option<u64> {
    queue.grant(|_| Some(slot(0))).map(|grant| grant.token.0)
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
    assert!(!queue.join(waiter(3)));
    assert_eq!(next(&mut queue), Some(1));
    assert!(queue.join(waiter(3)));
    queue.set_limit(0);
    assert!(!queue.join(waiter(4)));
    assert_eq!(queue.len(), 2, "a smaller limit sends nobody away");
}

#[test]
fn who_cannot_go_is_passed_over_and_keeps_the_place() {
    let mut queue = queue(3, &[1, 2, 3]);
    let granted = queue.grant(|w| (w.token != Token(1)).then(|| slot(7)));
    assert_eq!(granted, Some(Grant { token: Token(2) }));
    assert_eq!(queue.booked(Token(2)), Some(slot(7)));
    assert_eq!(next(&mut queue), Some(1));
}

#[test]
fn leaving_gives_back_what_was_booked_and_nothing_else() {
    let mut queue = queue(4, &[1, 2, 3]);
    assert_eq!(queue.leave(Token(2)), None, "waiting: nothing was booked");
    assert_eq!(next(&mut queue), Some(1));
    assert_eq!(next(&mut queue), Some(3));
    assert_eq!(queue.leave(Token(1)), Some(slot(0)), "granted");
    assert_eq!(queue.leave(Token(1)), None, "only once");
    assert_eq!(queue.leave(Token(3)), Some(slot(0)), "granted");
    assert_eq!(queue.leave(Token(9)), None, "never seen");
    assert_eq!(queue.len(), 0);
}
