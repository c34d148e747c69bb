//! `hash`: the same key to the same endpoint, by nginx's plain `hash`.
//!
//! Problem: requests of one key belong together (a cache, a session), and nobody keeps a table.
//! Rule: bits 16 to 30 of the key's CRC-32 are a place on a line on which every endpoint is as long
//! as its weight, in the order of the file. If its endpoint cannot take the request, the same bits
//! of the CRC-32 of "1" and the key, "2" and the key ... are added; after 21 places, or without a
//! key, round robin. Cost: O(log n); a further place about 100 ns. Weights: exactly, for many keys;
//! a sum of weights beyond 32,768 is out of the first place's reach. Endpoints that are down or
//! drain keep their part, so that no other key moves. Pathology: a change of the list or a weight
//! moves nearly all keys ((n - 1) / n of them): `ring_hash`, `maglev` and `rendezvous` are the
//! cure; popular keys make hot endpoints. Source: nginx `ngx_http_upstream_hash_module.c`, from
//! Cache::Memcached.

use super::key::{crc32, joined};
use super::scale::Scale;
use super::{Key, PickContext, Policy, RoundRobin, Table, Weighing, walk};
use crate::endpoint::{Endpoint, EndpointIndex, Group};

/// Places tried before round robin decides: nginx's.
pub(super) const PLACES_MAX: u32 = 21;

/// See the module.
#[derive(Debug, Default)]
pub struct Hash {
    /// By group.
    scales: [Scale; 3],
    fallback: RoundRobin,
}

impl Hash {
    /// The slots of the key's places, in the order in which they are tried.
    fn walk(&self, cx: &PickContext<'_>) -> impl Iterator<Item = usize> + use<'_> {
        let scale = &self.scales[cx.tier.group as usize];
        let text = match cx.key {
            Key::Text { crc, length } => Some((crc, length)),
            _ => None,
        };
        let mut point = 0;
        (0..PLACES_MAX).map_while(move |round| {
            let (crc, length) = text?;
            let crc = match round {
                0 => crc,
                _ => joined(crc_of_decimal(round), crc, length),
            };
            point += u64::from(crc >> 16 & 0x7fff);
            scale.at(point)
        })
    }
}

impl Policy for Hash {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        let first = walk::first(self.walk(cx), endpoints, cx);
        first.or_else(|| self.fallback.pick(endpoints, cx))
    }

    fn weigh(&self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Weighing {
        walk::weigh(self.walk(cx), &self.fallback, endpoints, cx)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.scales = Group::ALL.map(|group| Scale::new(endpoints, group));
        self.fallback.rebuild(endpoints, Table::Nothing);
    }
}

/// The CRC-32 of a number below 100 as people write it.
fn crc_of_decimal(number: u32) -> u32 {
    let digits = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    crc32(0, &digits[usize::from(number < 10)..])
}
