//! Tables of hashing policies, made of a configuration alone and before it is applied: a pool is
//! locked while it changes, and a table for thousands of endpoints takes milliseconds.
//!
//! A table names endpoints by their place in the file. Which slot that is, a policy looks up: slots
//! depend on what the pool was before.

use super::Kind;
use super::maglev;
use super::ring_hash::Ring;
use crate::endpoint::{Endpoint, Group, Identity, Spec};

/// What a policy needs that takes long to make.
#[derive(Debug, Default)]
pub enum Table {
    /// Nothing.
    #[default]
    Nothing,
    /// A ring for each group.
    Ring([Ring; 3]),
    /// The place in the file of each place of a Maglev table, for each group; empty if there is
    /// nobody.
    Maglev([Vec<u32>; 3]),
}

/// What a table is made of: an endpoint with any weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) place: u32,
    pub(super) identity: Identity,
    pub(super) weight: u32,
}

impl Table {
    /// The table of `kind` for the endpoints of a file.
    #[must_use]
    pub fn new(kind: Kind, specs: &[Spec]) -> Self {
        let of = |group| {
            let specs = (0..).zip(specs);
            let members = specs.filter(|(_, s)| s.group == group && s.weight > 0);
            let member = |(place, spec): (u32, &Spec)| Member {
                place,
                identity: Identity::of(&spec.address),
                weight: spec.weight,
            };
            members.map(member).collect::<Vec<_>>()
        };
        match kind {
            Kind::RingHash { .. } => Self::Ring(Group::ALL.map(|group| Ring::new(&of(group)))),
            Kind::Maglev => Self::Maglev(Group::ALL.map(|group| maglev::populate(&of(group)))),
            _ => Self::Nothing,
        }
    }
}

/// The slot of each place in the file.
pub(super) fn slots(endpoints: &[Endpoint]) -> Vec<u32> {
    let present = || endpoints.iter().filter(|e| e.weight > 0);
    let places = present().map(|e| e.place as usize + 1).max();
    let mut slots = vec![0; places.unwrap_or(0)];
    for endpoint in present() {
        slots[endpoint.place as usize] = endpoint.index.slot;
    }
    slots
}
