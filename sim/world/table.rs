//! What the network knows: listening addresses, names, links and trunks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use evenkeel_proxy::world::Address;

use super::listener::Queue;
use super::process::Process;
use super::trunk::Trunk;
use crate::link::Wire;

/// Names that nobody has registered get addresses from here on (RFC 2544's range for tests).
const FIRST_NAMED: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// Where ports begin that are asked for as 0.
const FIRST_PORT: u16 = 49_152;

/// One listening address.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) process: Rc<Process>,
    pub(super) down: bool,
    pub(super) refusing: bool,
    /// By worker.
    pub(super) queues: Vec<Rc<Queue>>,
}

#[derive(Debug)]
pub(super) struct Name {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) ttl: Option<Duration>,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) places: BTreeMap<Address, Place>,
    /// Who listens at a port whatever the address.
    pub(super) wildcards: BTreeMap<u16, Address>,
    pub(super) names: BTreeMap<String, Name>,
    pub(super) named: u32,
    pub(super) port: u16,
    pub(super) links: BTreeMap<String, BTreeMap<String, Rc<Wire>>>,
    pub(super) trunks: BTreeMap<(usize, usize), Rc<Trunk>>,
}

impl Table {
    /// `address` with a free port in place of port 0.
    pub(super) fn with_port(&mut self, address: &Address) -> Address {
        match address {
            Address::Ip(ip) if ip.port() == 0 => loop {
                self.port = self.port.checked_add(1).unwrap_or(0).max(FIRST_PORT);
                let chosen = Address::Ip(SocketAddr::new(ip.ip(), self.port));
                if !self.places.contains_key(&chosen) {
                    return chosen;
                }
            },
            _ => address.clone(),
        }
    }

    /// Under what `process` is known when it listens at `address`.
    pub(super) fn listening(&mut self, process: &Process, address: &Address) -> Address {
        match address {
            Address::Ip(ip) if ip.ip().is_unspecified() => {
                let key = Address::Ip(SocketAddr::new(process.address().ip(), ip.port()));
                self.wildcards.entry(ip.port()).or_insert(key.clone());
                key
            }
            Address::Name(name, port) => {
                let next = FIRST_NAMED.to_bits().wrapping_add(self.named);
                let known = self.names.entry(name.clone()).or_insert_with(|| {
                    self.named += 1;
                    Name {
                        addresses: vec![Ipv4Addr::from_bits(next).into()],
                        ttl: None,
                    }
                });
                match known.addresses.first() {
                    Some(ip) => Address::Ip(SocketAddr::new(*ip, *port)),
                    None => address.clone(),
                }
            }
            _ => address.clone(),
        }
    }
}
