//! What the pools themselves count when a run is over.
//!
//! The other checks believe events alone, so a count that leaks without an event escapes them: the
//! endpoint looks busier than it is, for ever, and a policy that compares loads avoids it.

use evenkeel_core::pool;

/// What the pool called `name` still counts, a clause for each number that is not zero.
pub(super) fn leftovers(name: &str, state: &pool::State) -> Vec<String> {
    let mut leftovers = Vec::new();
    let mut note = |whose: &str, count: u64, what: &str| {
        if count > 0 {
            leftovers.push(format!("{whose} still counts {count} {what}"));
        }
    };
    let own = format!("pool {name}");
    note(&own, state.in_flight(), "in flight");
    note(&own, state.queued() as u64, "waiting");
    for (slot, endpoint) in (0..).zip(state.endpoints()) {
        // What is gone has been forgotten with its slot.
        let Some(endpoint_name) = state.name(slot) else {
            continue;
        };
        let whose = format!("pool {name}, endpoint {endpoint_name}");
        note(&whose, endpoint.in_flight.into(), "in flight");
        note(&whose, endpoint.tunnels.into(), "tunnels");
        note(&whose, endpoint.latency.awaited().into(), "answers awaited");
    }
    leftovers
}

#[cfg(test)]
mod test {
    use evenkeel_core::endpoint::{Spec, State as Admin, Until};
    use evenkeel_core::policy::{self, Key};
    use evenkeel_core::pool::{Admission, Settings, State, Verdict};
    use evenkeel_core::queue::Token;
    use evenkeel_core::rng::Stream;
    use evenkeel_core::time::Timestamp;

    use super::*;

    const NOW: Timestamp = Timestamp::ZERO;

    /// One endpoint with room for one, and a policy that wants to know when answers come.
    fn pool() -> State {
        let spec = Spec {
            name: "a".to_owned(),
            address: "a".to_owned(),
            weight: 1,
            max_connections: Some(1),
            group: evenkeel_core::endpoint::Group::Home,
            state: Admin::Up,
        };
        let until = Until::Header;
        State::new(
            0,
            Settings {
                policy: policy::Kind::LeastTime { until },
                endpoints: vec![spec],
                retry: evenkeel_core::retry::Settings::at_once(0),
                queue: evenkeel_core::queue::Settings::fifo(1),
                guard: Default::default(),
                affinity: None,
                spill: Default::default(),
                drain: None,
            },
        )
    }

    fn admit(pool: &mut State, token: u64) -> Admission {
        let mut rng = Stream::new(1, "rest").at(token);
        pool.admit(NOW, Token(token), Default::default(), Key::None, &mut rng)
    }

    /// Each count that is kept, one after another, and then their ends.
    #[test]
    fn every_count_is_looked_at() {
        let mut pool = pool();
        assert!(leftovers("p", &pool).is_empty());
        let Admission::Picked(index) = admit(&mut pool, 0) else {
            panic!("it is idle");
        };
        let in_flight = "pool p, endpoint a still counts 1 in flight";
        let own = "pool p still counts 1 in flight";
        assert_eq!(leftovers("p", &pool), [own, in_flight]);
        let sent = pool.send(NOW, index, Key::None).expect("it is measured");
        let awaited = "pool p, endpoint a still counts 1 answers awaited";
        assert_eq!(leftovers("p", &pool), [own, in_flight, awaited]);
        pool.upgrade(NOW, index);
        let tunnel = "pool p, endpoint a still counts 1 tunnels";
        assert_eq!(leftovers("p", &pool), [tunnel, awaited]);
        assert_eq!(admit(&mut pool, 1), Admission::Queued);
        let waiting = "pool p still counts 1 waiting";
        assert_eq!(leftovers("p", &pool), [waiting, tunnel, awaited]);
        assert_eq!(pool.leave(NOW, Token(1)), None);
        pool.heard(NOW, index, NOW, sent, evenkeel_core::endpoint::Answer::Good);
        assert_eq!(pool.hang_up(NOW, index, Verdict::Success), None);
        assert!(leftovers("p", &pool).is_empty());
    }
}
