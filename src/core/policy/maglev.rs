//! `maglev`: the same key to the same endpoint, evenly, at the price of one look.
//!
//! Problem: a ring is uneven, or large. Rule: a table of 65,537 places; every endpoint has a
//! permutation of them by its address, and they take turns, by weight, in claiming the next free
//! place of their own. A key's hash is a place. If its endpoint cannot take the request, the hash
//! is hashed again; after 32 places, or without a key, round robin decides. Weights: within two
//! places of 65,537; below 1 / 65,537 of the sum an endpoint has none. Disruption: of n endpoints
//! one that goes gives up its own keys, and of the others' 0.2 % (n = 10) to 0.6 % (n = 100) move
//! too. Endpoints that are down or drain keep their places, so that nobody else's keys move.
//!
//! Cost: O(1) and one cache line of 256 KiB. A rebuild takes some milliseconds whatever the number
//! of endpoints (`benches/core.rs`). Pathology: with more than some 650 endpoints shares differ by
//! more than 1 %; popular keys make hot endpoints (`ring_hash` has a bound). Source: Eisenbud and
//! others, NSDI 2016, section 3.4; the turns by weight are Envoy's.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::table::{Member, slots};
use super::{Key, PickContext, Policy, RoundRobin, Table, Weighing, walk};
use crate::endpoint::{Endpoint, EndpointIndex, Identity};
use crate::rng::mix;

/// Places of the table, a prime: the paper's small one, and Envoy's.
const PLACES: u64 = 65_537;
/// Places asked before round robin decides.
const LOOKS: u32 = 32;
/// A place that nobody has claimed yet.
const FREE: u32 = u32::MAX;

/// See the module.
#[derive(Debug, Default)]
pub struct Maglev {
    /// See [`Table::Maglev`].
    tables: [Vec<u32>; 3],
    /// The slot of each place in the file.
    slots: Vec<u32>,
    fallback: RoundRobin,
}

impl Maglev {
    /// The slots of the key's places, in the order in which they are tried.
    fn walk(&self, cx: &PickContext<'_>) -> impl Iterator<Item = usize> + use<'_> {
        let table = &self.tables[cx.tier.group as usize];
        let looks = match cx.key != Key::None && !table.is_empty() {
            true => LOOKS,
            false => 0,
        };
        let mut hash = cx.key.bits();
        (0..looks).map(move |_| {
            let place = table[(hash % PLACES) as usize];
            hash = mix(hash);
            self.slots[place as usize] as usize
        })
    }
}

impl Policy for Maglev {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let first = walk::first(self.walk(cx), endpoints, cx);
        first.or_else(|| self.fallback.pick(endpoints, cx))
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        walk::weigh(self.walk(cx), &self.fallback, endpoints, cx)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], table: Table) {
        if let Table::Maglev(tables) = table {
            self.tables = tables;
        }
        self.slots = slots(endpoints);
        self.fallback.rebuild(endpoints, Table::Nothing);
    }
}

/// The order in which one endpoint claims places.
struct Permutation {
    next: u32,
    skip: u32,
}

impl Permutation {
    const fn new(identity: Identity) -> Self {
        Self {
            next: (identity.bits % PLACES) as u32,
            skip: (mix(identity.bits) % (PLACES - 1) + 1) as u32,
        }
    }

    fn claim(&mut self, table: &mut [u32], member: u32) {
        loop {
            let place = self.next as usize;
            self.next = (self.next + self.skip) % PLACES as u32;
            if table[place] == FREE {
                table[place] = member;
                return;
            }
        }
    }
}

/// Everybody's turns in order: the heaviest has one in each round, the others are on time for their
/// part of it.
pub(super) fn populate(members: &[Member]) -> Vec<u32> {
    let Some(heaviest) = members.iter().map(|m| u64::from(m.weight)).max() else {
        return Vec::new();
    };
    let mut table = vec![FREE; PLACES as usize];
    let mut orders: Vec<_> = members
        .iter()
        .map(|e| Permutation::new(e.identity))
        .collect();
    let round = |turn: u64, at: usize| (turn * heaviest).div_ceil(u64::from(members[at].weight));
    let turns = (0..members.len()).map(|at| Reverse((round(1, at), at, 1)));
    let mut turns: BinaryHeap<_> = turns.collect();
    for _ in 0..PLACES {
        let mut first = turns
            .peek_mut()
            .expect("there is a member, and its turn comes again");
        let Reverse((_, at, turn)) = *first;
        orders[at].claim(&mut table, members[at].place);
        *first = Reverse((round(turn + 1, at), at, turn + 1));
    }
    table
}
