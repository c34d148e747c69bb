//! Who sits where: a slot of a pool is used again, and what is counted must not be mixed.
//!
//! A seat is an endpoint's stay in a pool: one slot in one generation. A row is an endpoint of the
//! results, whatever seats it has had.

use evenkeel_core::endpoint::{EndpointIndex, State};
use evenkeel_core::pool;
use evenkeel_core::trace::Event;

const NOBODY: usize = usize::MAX;

/// The seats of all pools of one proxy.
#[derive(Debug)]
pub(super) struct Roster {
    pools: Vec<Seats>,
    /// Some pool has changed: slots and seats are no longer the same.
    changed: bool,
}

/// The seats of one pool.
#[derive(Debug, Default)]
struct Seats {
    /// By slot and generation; `None` while slots are seats, which ends with the first change.
    by_slot: Option<Vec<Vec<usize>>>,
    /// The row of each seat.
    rows: Vec<usize>,
}

/// What a seat may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Its weight; 0 for one that is out of service or gone.
    pub(super) weight: u32,
    /// The most requests and tunnels that it may hold.
    pub(super) bound: u32,
}

impl Roster {
    /// One in which each slot is a seat and a row, as long as nothing changes; so many in each
    /// pool.
    pub(super) fn new(slots: impl Iterator<Item = usize>) -> Self {
        let seats = |slots| Seats {
            by_slot: None,
            rows: (0..slots).collect(),
        };
        Self {
            pools: slots.map(seats).collect(),
            changed: false,
        }
    }

    /// The endpoint of `event` with its seat in place of the slot.
    #[inline]
    pub(super) fn seat(&self, event: &Event) -> Option<EndpointIndex> {
        match self.changed {
            true => self.reseat(event),
            false => event.endpoint,
        }
    }

    fn reseat(&self, event: &Event) -> Option<EndpointIndex> {
        let mut index = event.endpoint?;
        let pool = self.pools.get(usize::from(event.pool));
        let seats = pool.and_then(|pool| pool.by_slot.as_ref()?.get(index.slot as usize));
        if let Some(seat) = seats.and_then(|seats| seats.get(index.generation as usize)) {
            index.slot = *seat as u32;
        }
        Some(index)
    }

    /// The row of a seat.
    #[inline]
    pub(super) fn row(&self, pool: u16, seat: u32) -> usize {
        if !self.changed {
            return seat as usize;
        }
        let seats = self.pools.get(usize::from(pool));
        let row = seats.and_then(|seats| seats.rows.get(seat as usize));
        row.copied().unwrap_or(seat as usize)
    }

    /// Looks at a pool after a change; `names` are those of the rows. Returns what each seat may
    /// take from now on.
    pub(super) fn learn(&mut self, state: &pool::State, names: &[String]) -> Vec<Place> {
        let pool = usize::from(state.id());
        self.changed = true;
        if self.pools.len() <= pool {
            self.pools.resize_with(pool + 1, Seats::default);
        }
        let Seats { by_slot, rows } = &mut self.pools[pool];
        let by_slot =
            by_slot.get_or_insert_with(|| (0..rows.len()).map(|seat| vec![seat]).collect());
        let mut places = vec![Place::default(); rows.len()];
        for (slot, endpoint) in (0_u32..).zip(state.endpoints()) {
            let Some(name) = state.name(slot) else {
                continue;
            };
            let generation = endpoint.index.generation as usize;
            if by_slot.len() <= slot as usize {
                by_slot.push(Vec::new());
            }
            let seats = &mut by_slot[slot as usize];
            if seats.len() <= generation {
                seats.resize(generation + 1, NOBODY);
            }
            if seats[generation] == NOBODY {
                seats[generation] = rows.len();
                rows.push(NOBODY);
                places.push(Place::default());
            }
            let seat = seats[generation];
            let row = names.iter().position(|known| known == name);
            rows[seat] = row.unwrap_or(NOBODY);
            places[seat] = Place {
                // By what was asked for, not by what the core makes of it.
                weight: match endpoint.state {
                    State::Up => endpoint.weight,
                    State::Drain | State::Down => 0,
                },
                bound: endpoint.max_connections,
            };
        }
        places
    }
}

#[cfg(test)]
mod test {
    use evenkeel_core::endpoint::{EndpointIndex, Spec, State as Admin};
    use evenkeel_core::policy;
    use evenkeel_core::time::Timestamp;
    use evenkeel_core::trace::Kind;

    use super::*;

    fn settings(endpoints: &[(&str, u32)]) -> pool::Settings {
        let spec = |(name, weight): &(&str, u32)| Spec {
            name: (*name).to_owned(),
            address: (*name).to_owned(),
            weight: *weight,
            max_connections: None,
            group: evenkeel_core::endpoint::Group::Home,
            state: Admin::Up,
        };
        pool::Settings {
            policy: policy::Kind::Random,
            endpoints: endpoints.iter().map(spec).collect(),
            retry: evenkeel_core::retry::Settings::at_once(0),
            queue: evenkeel_core::queue::Settings::fifo(0),
            guard: Default::default(),
            affinity: None,
            spill: Default::default(),
            drain: None,
        }
    }

    /// Endpoints come and go; each stay has a seat of its own, each name a row.
    #[test]
    fn seats_are_never_given_twice() {
        let names = ["a", "b", "c"].map(str::to_owned);
        let mut state = pool::State::new(0, settings(&[("a", 1), ("b", 1)]));
        let mut roster = Roster::new([2].into_iter());
        let event = |slot, generation| Event {
            endpoint: Some(EndpointIndex { slot, generation }),
            ..crate::result::test::event(0, 0, 1, None, Kind::Completed)
        };
        assert_eq!(roster.seat(&event(1, 0)).map(|seat| seat.slot), Some(1));
        let weights =
            |places: Vec<Place>| -> Vec<u32> { places.iter().map(|p| p.weight).collect() };
        // What is configured, each seat's weight, where `a`, `b` and `c` sit then.
        type Step<'a> = (
            &'a [(&'a str, u32)],
            &'a [u32],
            &'a [(u32, u32, u32, usize)],
        );
        let steps: [Step<'_>; 4] = [
            (&[("b", 2)], &[0, 2], &[(1, 0, 1, 1)]),
            (&[("b", 2), ("c", 3)], &[0, 2, 3], &[(0, 1, 2, 2)]),
            (&[("c", 3)], &[0, 0, 3], &[(0, 1, 2, 2)]),
            (
                &[("c", 3), ("b", 1), ("a", 1)],
                &[0, 0, 3, 1, 1],
                &[(1, 1, 3, 1), (2, 0, 4, 0)],
            ),
        ];
        for (configured, expected, sits) in steps {
            let granted = state.update(Timestamp::ZERO, settings(configured));
            assert!(granted.is_empty());
            assert_eq!(
                weights(roster.learn(&state, &names)),
                expected,
                "{configured:?}"
            );
            for (slot, generation, seat, row) in sits {
                let found = roster.seat(&event(*slot, *generation)).unwrap().slot;
                assert_eq!(
                    (found, roster.row(0, found)),
                    (*seat, *row),
                    "{configured:?}"
                );
            }
        }
    }
}
