//! Endpoints on a line, each as long as its weight: the mechanism under `hash` and `ip_hash`.

use crate::endpoint::{Endpoint, Group};

/// The endpoints of one group in the order of the file, those that are down or drain included, so
/// that a state that changes moves only the keys of its own endpoint.
#[derive(Debug, Default)]
pub(super) struct Scale {
    slots: Vec<u32>,
    /// `slots[i]` owns the part of the line that ends at `ends[i]`.
    ends: Vec<u64>,
}

impl Scale {
    pub(super) fn new(endpoints: &[Endpoint], group: Group) -> Self {
        let mut scale = Self::default();
        let mut end = 0;
        for endpoint in members(endpoints, group) {
            end += u64::from(endpoint.weight);
            scale.slots.push(endpoint.index.slot);
            scale.ends.push(end);
        }
        scale
    }

    /// Whose part `point` falls on, counting round and round; `None` if there is nobody.
    pub(super) fn at(&self, point: u64) -> Option<usize> {
        let point = point.checked_rem(*self.ends.last()?)?;
        let place = self.ends.partition_point(|end| *end <= point);
        Some(self.slots[place] as usize)
    }
}

/// The endpoints that a table has places for: those of a group with any weight, in the order of the
/// file.
pub(super) fn members(endpoints: &[Endpoint], group: Group) -> Vec<&Endpoint> {
    let is_member = |e: &&Endpoint| e.group == group && e.weight > 0;
    let mut members: Vec<_> = endpoints.iter().filter(is_member).collect();
    members.sort_by_key(|e| e.place);
    members
}
