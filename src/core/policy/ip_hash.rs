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
use super::{Key, PickContext, Policy, RoundRobin, Table};
use crate::endpoint::{Endpoint, EndpointIndex, Group};

/// See the module.
#[derive(Debug, Default)]
pub struct IpHash {
    /// By group.
    scales: [Scale; 3],
    fallback: RoundRobin,
}

impl Policy for IpHash {
    fn pick(&mut self, endpoints: &[Endpoint], cx: &mut PickContext<'_>) -> Option<EndpointIndex> {
        if let Key::Network { scale, shift } = cx.key {
            let line = &self.scales[cx.tier.group as usize];
            let mut hash = 89;
            for _ in 0..PLACES_MAX {
                hash = (hash * u64::from(scale) + u64::from(shift)) % 6271;
                let endpoint = &endpoints[line.at(hash)?];
                if cx.eligible(endpoint) {
                    return Some(endpoint.index);
                }
            }
        }
        self.fallback.pick(endpoints, cx)
    }

    fn rebuild(&mut self, endpoints: &[Endpoint], _: Table) {
        self.scales = Group::ALL.map(|group| Scale::new(endpoints, group));
        self.fallback.rebuild(endpoints, Table::Nothing);
    }
}
