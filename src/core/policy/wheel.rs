//! Weighted random draws over a pool: the mechanism under `random` and `p2c`.

use super::PickContext;
use crate::endpoint::{Endpoint, Group};
use crate::rng::Rng;

/// Draws that may hit an endpoint which is full, cooling or tried before the rest is counted out.
/// With half of the pool out of service, 1 in 65,536 picks pays for the scan.
const SPINS: u32 = 16;

/// Slots with their weights, by group.
#[derive(Debug, Default)]
pub(super) struct Wheel([Ring; 3]);

/// `slots[i]` owns the part of the ring that ends at `ends[i]`; `ends` is empty when all weights
/// are equal, so that a draw needs no search.
#[derive(Debug, Default)]
struct Ring {
    slots: Vec<u32>,
    ends: Vec<u64>,
}

impl Wheel {
    pub(super) fn rebuild(&mut self, endpoints: &[Endpoint]) {
        for (ring, group) in self.0.iter_mut().zip(Group::ALL) {
            ring.rebuild(endpoints, group);
        }
    }

    /// The position of an eligible endpoint other than `except`, drawn by weight.
    // Inlined: nearly every draw hits at once.
    #[inline(always)]
    pub(super) fn draw(
        &self,
        endpoints: &[Endpoint],
        cx: &mut PickContext<'_>,
        except: Option<usize>,
    ) -> Option<usize> {
        let ring = &self.0[cx.tier.group as usize];
        if ring.slots.len() <= usize::from(except.is_some()) {
            return None;
        }
        let at = ring.spin(cx.rng);
        if Some(at) != except && cx.eligible(&endpoints[at]) {
            return Some(at);
        }
        ring.spin_on(endpoints, cx, except)
    }

    /// Two different eligible endpoints, as two draws one after another find them; fewer if there
    /// are not so many.
    pub(super) fn pair(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Vec<usize> {
        let first = self.draw(endpoints, cx, None);
        let second = first.and_then(|first| self.draw(endpoints, cx, Some(first)));
        first.into_iter().chain(second).collect()
    }
}

impl Ring {
    fn rebuild(&mut self, endpoints: &[Endpoint], group: Group) {
        let members = || {
            endpoints
                .iter()
                .filter(|e| e.group == group && e.is_in_service())
        };
        self.slots = members().map(|e| e.index.slot).collect();
        self.ends.clear();
        let mut weights = members().map(|e| e.weight);
        let first = weights.next();
        if weights.any(|w| Some(w) != first) {
            self.ends.extend(members().scan(0, |end, e| {
                *end += u64::from(e.weight);
                Some(*end)
            }));
        }
    }

    /// A draw whose first spin has missed.
    #[inline(never)]
    fn spin_on(
        &self,
        endpoints: &[Endpoint],
        cx: &mut PickContext<'_>,
        except: Option<usize>,
    ) -> Option<usize> {
        for _ in 1..SPINS {
            let at = self.spin(cx.rng);
            if Some(at) != except && cx.eligible(&endpoints[at]) {
                return Some(at);
            }
        }
        count_out(endpoints, cx, except)
    }

    #[inline(always)]
    fn spin(&self, rng: &mut Rng) -> usize {
        let place = match self.ends.last() {
            None => rng.below(self.slots.len() as u64) as usize,
            Some(total) => {
                let point = rng.below(*total);
                self.ends.partition_point(|end| *end <= point)
            }
        };
        self.slots[place] as usize
    }
}

/// An exact draw among the eligible alone.
#[cold]
fn count_out(
    endpoints: &[Endpoint],
    cx: &mut PickContext<'_>,
    except: Option<usize>,
) -> Option<usize> {
    let eligible =
        |cx: &PickContext<'_>, at: usize| Some(at) != except && cx.eligible(&endpoints[at]);
    let total = (0..endpoints.len())
        .filter(|at| eligible(cx, *at))
        .map(|at| u64::from(endpoints[at].weight))
        .sum();
    let mut point = cx.rng.below(total);
    (0..endpoints.len())
        .filter(|at| eligible(cx, *at))
        .find(|at| {
            let weight = u64::from(endpoints[*at].weight);
            let hit = point < weight;
            point = point.saturating_sub(weight);
            hit
        })
}
