//! When each origin acts next.
//!
//! An origin has one next instant or none, and nearly every request changes one. A tournament over
//! them is cheaper than a heap: a change climbs one path, whose comparisons need no branches, and
//! leaves nothing outdated behind.

use evenkeel_core::time::Timestamp;

use super::planned::Key;

/// The low bits of a key hold the origin: a million of them.
const ORIGIN_BITS: u32 = Key::FREE_BITS;
const NEVER: u128 = u128::MAX;

/// The next instants of all origins; equal ones in the order in which they were set.
///
/// `keys[1]` is the earliest, `keys[i]` the earlier of `keys[2 * i]` and `keys[2 * i + 1]`, and the
/// second half has one for each origin: its instant, a serial number and the origin.
#[derive(Debug)]
pub(super) struct Agenda {
    keys: Vec<u128>,
}

impl Agenda {
    /// `origins` that have nothing to do.
    pub(super) fn new(origins: usize) -> Self {
        assert!(
            origins < 1 << ORIGIN_BITS,
            "more origins than a key can hold"
        );
        Self {
            keys: vec![NEVER; 2 * origins.next_power_of_two()],
        }
    }

    /// The earliest: its instant and serial number as a key that can be compared with others', and
    /// whose it is.
    #[inline]
    pub(super) fn first(&self) -> (Key, usize) {
        let key = self.keys[1];
        let origin = key as usize & ((1 << ORIGIN_BITS) - 1);
        (Key(key >> ORIGIN_BITS << ORIGIN_BITS), origin)
    }

    /// `origin` acts next at `at`: never, if that is [`Timestamp::MAX`]. Among equal instants the
    /// lowest `serial` is first; an instant that does not change keeps its own.
    pub(super) fn set(&mut self, origin: usize, at: Timestamp, serial: u64) {
        let mut place = self.keys.len() / 2 + origin;
        if instant(self.keys[place]) == at {
            return;
        }
        let mut earliest = match at {
            Timestamp::MAX => NEVER,
            at => Key::new(at, serial).0 | origin as u128,
        };
        self.keys[place] = earliest;
        while place > 1 {
            earliest = earliest.min(self.keys[place ^ 1]);
            place /= 2;
            self.keys[place] = earliest;
        }
    }
}

const fn instant(key: u128) -> Timestamp {
    Timestamp((key >> 64) as u64)
}

#[cfg(test)]
mod test {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list that is searched: few instants, so that many are equal.
        #[test]
        fn agrees_with_a_list(
            origins in 1_usize..20,
            steps in prop::collection::vec((0_usize..20, 0_u64..6), 1..200),
        ) {
            let mut agenda = Agenda::new(origins);
            let mut list = vec![(u64::MAX, 0); origins];
            for (serial, (origin, at)) in (1..).zip(steps) {
                let (origin, at) = (origin % origins, if at == 0 { u64::MAX } else { at });
                agenda.set(origin, Timestamp(at), serial);
                if list[origin].0 != at {
                    list[origin] = (at, serial);
                }
                let first = (0..origins).min_by_key(|at| list[*at]).unwrap();
                let (key, origin) = agenda.first();
                prop_assert_eq!(key.at(), Timestamp(list[first].0));
                if key.at() != Timestamp::MAX {
                    prop_assert_eq!(key, Key::new(key.at(), list[first].1));
                    prop_assert_eq!(origin, first);
                }
            }
        }
    }
}
