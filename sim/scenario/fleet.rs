//! `[[fleet]]`: a pool of the configuration with as many endpoints as the question needs.
//!
//! How a policy scales is asked with ten, a hundred and ten thousand endpoints, and nobody wants to
//! write those down.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use evenkeel_proxy::config::{Config, Endpoint, Pool};
use evenkeel_proxy::document::{Address, Integer, Name, Names, Table};

/// Most endpoints of a fleet: more than anyone runs behind one proxy.
const MOST: u32 = 65_000;

/// One fleet as it was read.
pub(super) struct Fleet {
    pool: String,
    endpoints: u32,
}

pub(super) fn fleet(
    t: &mut Table<'_>,
    config: Option<&Config>,
    names: &mut Names,
) -> Option<Fleet> {
    let pool = t.required("pool", Name, "the pool that is filled up");
    names.declare(t, "pool", pool.as_deref());
    let doc = "how many endpoints it has then: those of the configuration, and copies of its last \
               one, each at an address of its own that is its name (10.64.0.11:80)";
    let endpoints = t.required("endpoints", Integer(1..=MOST), doc)?;
    let (pool, config) = (pool?, config?);
    let Some(known) = config.pools.iter().find(|known| known.name == pool) else {
        let known: Vec<&str> = config.pools.iter().map(|pool| pool.name.as_str()).collect();
        t.unknown(t.span("pool"), &pool, "pool", &known);
        return None;
    };
    if known.endpoints.len() > endpoints as usize {
        let message = format!("the pool has {} endpoints already", known.endpoints.len());
        let problem = t.problem(t.span("endpoints"), message);
        t.report(problem.label("a fleet adds to them; expected as many or more"));
        return None;
    }
    Some(Fleet { pool, endpoints })
}

impl Fleet {
    /// Fills its pool up.
    pub(super) fn launch(&self, config: &mut Config) {
        for (place, pool) in (0..).zip(&mut config.pools) {
            if pool.name == self.pool {
                fill(pool, place, self.endpoints);
            }
        }
    }
}

/// Pool number `place` has the addresses from 10.(64 + place).0.0 on.
fn fill(pool: &mut Pool, place: u8, endpoints: u32) {
    let Some(last) = pool.endpoints.last().cloned() else {
        return;
    };
    let first = Ipv4Addr::new(10, 64_u8.wrapping_add(place), 0, 0);
    for n in pool.endpoints.len() as u32 + 1..=endpoints {
        let ip = IpAddr::V4(Ipv4Addr::from(u32::from(first) + n));
        let address = Address::Ip(SocketAddr::new(ip, 80));
        pool.endpoints.push(Endpoint {
            name: address.to_string(),
            address,
            ..last.clone()
        });
    }
}
