//! `ip_hash`: a client's network to the same endpoint, by nginx's `ip_hash`.
//!
//! Problem: sessions in the memory of an endpoint, clients without cookies. Rule: three octets of
//! an IPv4 address, or all of an IPv6 one, take h = 89 to (h * 113 + octet) % 6271 one after
//! another; h is a place on a line on which every endpoint is as long as its weight, in the order
//! of the file. If its endpoint cannot take the request, the octets are applied again; after 21
//! places round robin decides. Cost: O(log n). Weights: by their share of 6,271 values; a sum of
//! weights beyond that is not covered. Endpoints that are down or drain keep their part. Pathology:
//! everybody behind one address (offices, mobile carriers, a proxy that `trusted_proxies` does not
//! name) comes to one endpoint; 254 neighbours go together; a change of the list moves nearly all
//! clients. Source: nginx `ngx_http_upstream_ip_hash_module.c`.

use super::hash::PLACES_MAX;
use super::scale::Scale;
use super::{Key, PickContext, Policy, RoundRobin, Table, Weighing, walk};
use crate::endpoint::{Endpoint, EndpointIndex, Group};

/// See the module.
#[derive(Debug, Default)]
pub struct IpHash {
    /// By group.
    scales: [Scale; 3],
    fallback: RoundRobin,
}

impl IpHash {
    /// The slots of the network's places, in the order in which they are tried.
    fn walk(&self, cx: &PickContext<'_>) -> impl Iterator<Item = usize> + use<'_> {
        let line = &self.scales[cx.tier.group as usize];
        let network = match cx.key {
            Key::Network { scale, shift } => Some((u64::from(scale), u64::from(shift))),
            _ => None,
        };
        let mut hash = 89;
        (0..PLACES_MAX).map_while(move |_| {
            let (scale, shift) = network?;
            hash = (hash * scale + shift) % 6271;
            line.at(hash)
        })
    }
}

impl Policy for IpHash {
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
