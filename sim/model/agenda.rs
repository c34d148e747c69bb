//! When each origin acts next.
//!
//! An origin has one next instant or none, and nearly every request changes one. A tournament over
//! them is cheaper than a heap: a change climbs one path, whose comparisons need no branches, and
//! leaves nothing outdated behind.

use evenkeel_core::time::Timestamp;

/// Bits of a key that hold the origin: a million of them.
const ORIGIN_BITS: u32 = 20;
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

    /// The earliest instant, its serial number and whose it is.
    pub(super) fn first(&self) -> (Timestamp, u64, usize) {
        let key = self.keys[1];
        let serial = key as u64 >> ORIGIN_BITS;
        let origin = key & ((1 << ORIGIN_BITS) - 1);
        (instant(key), serial, origin as usize)
    }

    /// `origin` acts next at `at`: never, if that is [`Timestamp::MAX`]. Among equal instants the
    /// lowest `serial` is first; an instant that does not change keeps its own.
    pub(super) fn set(&mut self, origin: usize, at: Timestamp, serial: u64) {
        let mut place = self.keys.len() / 2 + origin;
        if instant(self.keys[place]) == at {
            return;
        }
        self.keys[place] = match at {
            Timestamp::MAX => NEVER,
            Timestamp(ns) => {
                let rest = u128::from(serial) << ORIGIN_BITS | origin as u128;
                u128::from(ns) << 64 | rest
            }
        };
        while place > 1 {
            let earlier = self.keys[place].min(self.keys[place ^ 1]);
            place /= 2;
            if self.keys[place] == earlier {
                return;
            }
            self.keys[place] = earlier;
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
                let (at, serial, origin) = agenda.first();
                prop_assert_eq!(at, Timestamp(list[first].0));
                if at != Timestamp::MAX {
                    prop_assert_eq!((serial, origin), (list[first].1, first));
                }
            }
        }
    }
}
