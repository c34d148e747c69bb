//! Which proxy a request goes to: that of its client's connection. Connections cost nothing here,
//! but where there are several proxies, they decide.

use std::collections::BTreeMap;

use crate::plan::{ANYBODY, KEPT, Plan, client};
use crate::scenario::Protocol;
use crate::workload::Arrival;

/// The clients' connections, kept as engine `net` keeps them.
#[derive(Debug, Default)]
pub(super) struct Downstream {
    /// The proxies of idle connections, by client; the last one is used first.
    idle: BTreeMap<u64, Vec<usize>>,
    /// The proxy of a client's one connection of HTTP/2.
    lines: BTreeMap<u64, usize>,
    /// Connections of anybody, which have an address each.
    strangers: u32,
    opened: u64,
}

impl Downstream {
    /// The proxy, of several, that a request goes to, by its place; a socket always has a new
    /// connection.
    pub(super) fn take(&mut self, plan: &Plan, arrival: &Arrival, socket: bool) -> usize {
        let key = plan.connection(arrival);
        let workload = &plan.scenario.workloads[usize::from(arrival.workload)];
        if !socket && workload.protocol == Protocol::Http2 {
            if let Some(line) = self.lines.get(&key) {
                return *line;
            }
            let proxy = self.deal(plan, arrival);
            self.lines.insert(key, proxy);
            return proxy;
        }
        let idle = match socket {
            true => None,
            false => self.idle.get_mut(&key).and_then(Vec::pop),
        };
        idle.unwrap_or_else(|| self.deal(plan, arrival))
    }

    fn deal(&mut self, plan: &Plan, arrival: &Arrival) -> usize {
        let address = plan.home(arrival).unwrap_or_else(|| {
            self.strangers += 1;
            client::address(self.strangers - 1)
        });
        let connection = self.opened;
        self.opened += 1;
        plan.deal(connection, address.to_bits())
    }

    /// A connection of a client has nothing to do.
    pub(super) fn put(&mut self, key: u64, proxy: usize) {
        let idle = self.idle.entry(key).or_default();
        if key == ANYBODY || idle.len() < KEPT {
            idle.push(proxy);
        }
    }

    /// A proxy closes all connections.
    pub(super) fn close(&mut self, proxy: usize) {
        for idle in self.idle.values_mut() {
            idle.retain(|other| *other != proxy);
        }
        self.lines.retain(|_, other| *other != proxy);
    }
}
