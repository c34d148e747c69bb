//! `ring_hash`: the same key to the same endpoint, and few keys move when endpoints come and go.
//!
//! Problem: `hash` moves nearly all keys when the list changes. Rule: every endpoint has 160 points
//! for each unit of its weight on a ring of 32 bits, by the CRC-32 of its host, a zero byte, its
//! port and its point before; a key belongs to the first point at or after its CRC-32. If its
//! endpoint cannot take the request, the next point is asked. Without a key, or after 1,024 points,
//! round robin decides. Weights: by points; 160 of them leave a standard deviation of 7 % of the
//! share with 10 endpoints (measured: `tests/ring_hash.rs`). Beyond 2,097,152 points in all there
//! are fewer for each unit. Disruption: of n endpoints one that goes gives up its own keys, 1 / n
//! of all, and nobody else's move.
//!
//! Parameter: `bound` (none). With a bound of c an endpoint takes no request that would give it
//! more than c times its share of the requests in flight, rounded up: the next point is asked, so
//! that popular keys overflow to their neighbours. With 1.25 on keys of Zipf's law (2,000 keys, 20
//! endpoints) 72 to 83 % of the requests stay at home, as the popular ones fall, and nobody has
//! more than 1.25 times the mean.
//!
//! Cost: O(1), 12 bytes a point with its index; a rebuild at 4,096 endpoints of weight 1 is in
//! `benches/core.rs`. Pathology: shares are uneven; without a bound one popular key is one hot
//! endpoint. Source: Karger and others 1997; nginx `hash ... consistent`, from
//! Cache::Memcached::Fast (ketama); bounded loads: Mirrokni, Thorup, Zadimoghaddam, SODA 2018.

use super::key::crc32;
use super::table::{Member, slots};
use super::{Key, PickContext, Policy, RoundRobin, Table, Weighing, walk};
use crate::endpoint::{Endpoint, EndpointIndex, Group};

/// Points for each unit of weight: nginx's and libketama's.
const POINTS: u64 = 160;
/// Most points on a ring; 24 MiB with their index.
const POINTS_MAX: u64 = 1 << 21;
/// Points asked before round robin decides.
const WALK_MAX: usize = 1024;
/// Points asked before it is worth a look whether anybody can take the request at all.
const HURRY: usize = 20;

/// See the module.
#[derive(Debug)]
pub struct RingHash {
    /// By group.
    rings: [Ring; 3],
    /// The slot of each place in the file.
    slots: Vec<u32>,
    /// The weights of those in service, together, by group.
    weights: [u64; 3],
    bound_percent: Option<u32>,
    fallback: RoundRobin,
}

/// One group's points in order, found by the upper bits of a hash.
#[derive(Debug, Default)]
pub struct Ring {
    points: Vec<Point>,
    /// Where the points begin that have these upper bits; one more than there are.
    starts: Vec<u32>,
    /// By how much a hash is shifted to its upper bits.
    shift: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Point {
    hash: u32,
    /// Its endpoint's place in the file.
    place: u32,
}

impl RingHash {
    /// A policy that lets no endpoint have more than `bound_percent` of its share of the requests
    /// in flight, if there is a bound; above 100.
    #[must_use]
    pub fn new(bound_percent: Option<u32>) -> Self {
        Self {
            rings: Default::default(),
            slots: Vec::new(),
            weights: [0; 3],
            bound_percent: bound_percent.map(|percent| percent.max(101)),
            fallback: RoundRobin::default(),
        }
    }

    /// The first endpoint from the key's point on that may take the request and has room for it;
    /// if none has, the first that may.
    fn walk(
        &self,
        endpoints: &[Endpoint],
        cx: &PickContext<'_>,
        hash: u32,
    ) -> Option<EndpointIndex> {
        let mut nearest = None;
        let mut last = None;
        for (step, slot) in self.slots_from(hash, cx.tier.group).enumerate() {
            if step == HURRY && nearest.is_none() && !endpoints.iter().any(|e| cx.eligible(e)) {
                return None;
            }
            let endpoint = &endpoints[slot];
            // Neighbours on the ring are often of one endpoint.
            if last == Some(slot) || !cx.eligible(endpoint) {
                continue;
            }
            last = Some(slot);
            if self.has_room(endpoint, cx) {
                return Some(endpoint.index);
            }
            nearest = nearest.or(Some(endpoint.index));
        }
        nearest
    }

    /// The slots of the points from `hash` on that are asked.
    fn slots_from(&self, hash: u32, group: Group) -> impl Iterator<Item = usize> {
        let ring = &self.rings[group as usize];
        let slots = ring.from(hash).map(|place| self.slots[place] as usize);
        slots.take(WALK_MAX)
    }

    fn has_room(&self, endpoint: &Endpoint, cx: &PickContext<'_>) -> bool {
        let weight = self.weights[cx.tier.group as usize];
        self.bound_percent.is_none_or(|percent| {
            let share = u128::from(cx.in_flight + 1) * u128::from(endpoint.weight);
            u128::from(endpoint.in_flight) * u128::from(weight) * 100 < share * u128::from(percent)
        })
    }
}

impl Policy for RingHash {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        if let Key::Text { crc, .. } = cx.key
            && let Some(index) = self.walk(endpoints, cx, crc)
        {
            return Some(index);
        }
        self.fallback.pick(endpoints, cx)
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        let key = match cx.key {
            Key::Text { crc, .. } => Some(crc),
            _ => None,
        };
        let group = cx.tier.group;
        let slots = key.into_iter().flat_map(|crc| self.slots_from(crc, group));
        let all = walk::weigh(slots, &self.fallback, endpoints, cx);
        let has_room = |slot: usize| self.has_room(&endpoints[slot], cx);
        all.behind(|slot| (key.is_some() && !has_room(slot)).then_some("beyond its bound"))
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], table: Table) {
        if let Table::Ring(rings) = table {
            self.rings = rings;
        }
        self.slots = slots(endpoints);
        self.weights = Group::ALL.map(|group| {
            let members = endpoints
                .iter()
                .filter(|e| e.group == group && e.is_in_service());
            members.map(|e| u64::from(e.weight)).sum()
        });
        self.fallback.rebuild(endpoints, Table::Nothing);
    }
}

impl Ring {
    pub(super) fn new(members: &[Member]) -> Self {
        let weight: u64 = members.iter().map(|m| u64::from(m.weight)).sum();
        let count = |m: &Member| match u64::from(m.weight) * POINTS {
            points if weight * POINTS <= POINTS_MAX => points,
            // Weights are 32 bits: the product has 64.
            _ => (u64::from(m.weight) * POINTS_MAX / weight).max(1),
        };
        let total: u64 = members.iter().map(count).sum();
        let mut unsorted = Vec::with_capacity(total as usize);
        for member in members {
            let mut hash = 0_u32;
            for _ in 0..count(member) {
                hash = crc32(member.identity.crc, &hash.to_le_bytes());
                unsorted.push(Point {
                    hash,
                    place: member.place,
                });
            }
        }
        Self::sorted(&unsorted)
    }

    /// Sorts by counting the upper bits, which makes the index at the same time, and drops all but
    /// the first of equal hashes: that of the first in the file, as in nginx.
    fn sorted(unsorted: &[Point]) -> Self {
        let bits = unsorted.len().max(2).ilog2();
        let shift = u32::BITS - bits;
        let bucket = |point: &Point| (point.hash >> shift) as usize;
        let mut ends = vec![0_u32; 1 << bits];
        for point in unsorted {
            ends[bucket(point)] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            let start = end;
            end += *count;
            *count = start;
        }
        let mut points = vec![Point::default(); unsorted.len()];
        for point in unsorted {
            let free = &mut ends[bucket(point)];
            points[*free as usize] = *point;
            *free += 1;
        }
        let mut start = 0;
        for end in ends {
            points[start..end as usize].sort_by_key(|point| point.hash);
            start = end as usize;
        }
        points.dedup_by_key(|point| point.hash);
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for point in &points {
            starts[bucket(point) + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        Self {
            points,
            starts,
            shift,
        }
    }

    /// The places in the file of all points from `hash` on, once around.
    fn from(&self, hash: u32) -> impl Iterator<Item = usize> {
        let bucket = (hash >> self.shift) as usize;
        let bounds = self.starts.get(bucket..bucket + 2);
        let (start, end) = bounds.map_or((0, 0), |b| (b[0] as usize, b[1] as usize));
        let inside = self.points[start..end].iter();
        let first = start + inside.take_while(|point| point.hash < hash).count();
        let (before, after) = self.points.split_at(first);
        after.iter().chain(before).map(|point| point.place as usize)
    }
}

#[cfg(test)]
impl Ring {
    /// All points, for tests that look at them: hash and place in the file.
    pub(super) fn points(&self) -> Vec<(u32, u32)> {
        self.points.iter().map(|p| (p.hash, p.place)).collect()
    }
}
