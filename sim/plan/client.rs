//! Who sends a request, as far as the proxy can tell: on whose connection it comes, from which
//! address, and what it says of its client. One rule for both engines, so that policies that hash
//! by any of it pick alike in both.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use evenkeel_core::limit;
use evenkeel_core::policy::Key;
use evenkeel_proxy::config::HashKey;
use evenkeel_proxy::key::{self, Source};

use super::{Ask, Generation, Plan};
use crate::scenario::Protocol;
use crate::workload::{Arrival, Visit};

/// The client of requests that anybody may send, on any idle connection.
pub const ANYBODY: u64 = 0;
/// Idle connections that one client keeps: what browsers keep to a host.
pub const KEPT: usize = 6;
/// How many connections of HTTP/2 the requests of anybody share.
const SHARED: u64 = 8;
/// How many clients send the requests of anybody where a pool hashes by address.
const STRANGERS: u64 = 1024;

/// Clients have the addresses of 100.64.0.0/10 (RFC 6598): there is room for four million.
const FIRST: Ipv4Addr = Ipv4Addr::new(100, 64, 0, 0);
const ROOM: u32 = 1 << 22;
/// Close to the golden section of the room, and odd, so that every number has an address of its
/// own: neighbours are in different networks, and any few are spread evenly.
const STRIDE: u32 = 2_592_223;

/// The address of client number `number`.
#[must_use]
pub fn address(number: u32) -> Ipv4Addr {
    let place = number.wrapping_add(1).wrapping_mul(STRIDE) % ROOM;
    Ipv4Addr::from_bits(FIRST.to_bits() + place)
}

/// What pools hash by and limits count by, at any time of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    /// The client's address.
    address: bool,
    /// What only the request itself can tell: headers, cookies and parameters.
    marks: Vec<HashKey>,
}

impl Asked {
    pub(super) fn by(generations: &[Generation]) -> Self {
        let mut asked = Self::default();
        let pools = generations.iter().flat_map(|g| &g.config.pools);
        let limits = generations.iter().flat_map(|g| &g.config.limits);
        let limits = limits.filter_map(|limit| limit.key.clone().map(Source::Text));
        for source in pools.map(Source::new).chain(limits) {
            match source {
                Source::Nothing | Source::Route | Source::Text(HashKey::Path) => {}
                Source::Network | Source::Text(HashKey::Address) => asked.address = true,
                Source::Text(mark) if asked.marks.contains(&mark) => {}
                Source::Text(mark) => asked.marks.push(mark),
            }
        }
        asked
    }
}

impl Plan {
    /// The client on whose connections a request goes.
    #[must_use]
    pub fn connection(&self, arrival: &Arrival) -> u64 {
        let client = match (&arrival.record, arrival.visit) {
            (None, Visit::Single) if self.asked.address => 1 + arrival.client() % STRANGERS,
            (None, Visit::Single) => ANYBODY,
            _ => arrival.client(),
        };
        let workload = &self.scenario.workloads[usize::from(arrival.workload)];
        match (client, workload.protocol) {
            (ANYBODY, Protocol::Http2) => arrival.n % SHARED,
            _ => client,
        }
    }

    /// Where the client of a request is; `None` for anybody, whose connections have an address
    /// each.
    #[must_use]
    pub fn home(&self, arrival: &Arrival) -> Option<Ipv4Addr> {
        let workloads = self.scenario.workloads.len() as u64;
        let workload = usize::from(arrival.workload);
        let holds = self.scenario.workloads[workload].sockets.is_some();
        let member = match (&arrival.record, arrival.visit) {
            // Two recorded clients may share an address, as behind one router.
            (Some(_), _) => arrival.client(),
            (None, Visit::Single) if !holds => {
                let stranger = arrival.client() % STRANGERS;
                return self.asked.address.then(|| address(stranger as u32));
            }
            (None, _) => arrival.visitor(),
        };
        let number = member.wrapping_mul(workloads) + workload as u64;
        Some(address(number.wrapping_add(STRANGERS) as u32))
    }

    /// `ask` as the client of `arrival` sends it: with what pools want to tell clients apart by.
    #[must_use]
    pub fn marked(&self, mut ask: Ask, arrival: &Arrival) -> Ask {
        for mark in &self.asked.marks {
            let client = name(arrival);
            match mark {
                HashKey::Header(field) => ask.fields += &format!("{field}: {client}\r\n"),
                HashKey::Cookie(cookie) => ask.fields += &format!("Cookie: {cookie}={client}\r\n"),
                HashKey::Query(parameter) if is_absent(&ask.path, parameter) => {
                    let sign = if ask.path.contains('?') { '&' } else { '?' };
                    ask.path += &format!("{sign}{parameter}={client}");
                }
                HashKey::Query(_) | HashKey::Address | HashKey::Path => {}
            }
        }
        ask
    }

    /// What `arrival` is hashed by at a pool that hashes by `source`: what the proxy would find in
    /// the request.
    #[must_use]
    pub fn key(&self, source: &Source, arrival: &Arrival) -> Key {
        let home = || self.home(arrival).map(Into::into);
        match source {
            Source::Nothing => Key::None,
            Source::Network => home().map_or_else(Key::nowhere, Key::network),
            Source::Text(HashKey::Address) => home().map_or(Key::None, key::address),
            Source::Text(key) => Key::text(&self.said(key, arrival)),
            Source::Route => {
                let method = match &arrival.record {
                    Some(record) => &*record.method,
                    None => &self.ask(arrival).method,
                };
                Key::route(
                    method.as_bytes(),
                    self.said(&HashKey::Path, arrival).as_ref(),
                )
            }
        }
    }

    /// Whom a limit counts `arrival` for that tells clients apart by `key`.
    #[must_use]
    pub fn counted(&self, key: Option<&HashKey>, arrival: &Arrival) -> Option<limit::Key> {
        match key {
            None => Some(limit::Key::Everyone),
            Some(HashKey::Address) => {
                let home = self.home(arrival)?;
                Some(limit::Key::address(home.into()))
            }
            Some(key) => limit::Key::text(&self.said(key, arrival)),
        }
    }

    fn ask(&self, arrival: &Arrival) -> &Ask {
        &self.asks[usize::from(arrival.workload)][usize::from(arrival.class)]
    }

    /// What `arrival` says of its client by its path, a field, a cookie or a parameter.
    fn said<'a>(&'a self, key: &HashKey, arrival: &'a Arrival) -> Cow<'a, [u8]> {
        let path = match &arrival.record {
            Some(record) => &*record.path,
            None => &self.ask(arrival).path,
        };
        let (plain, query) = path.split_once('?').unwrap_or((path, ""));
        match key {
            HashKey::Path => Cow::Borrowed(plain.as_bytes()),
            HashKey::Query(parameter) if !is_absent(path, parameter) => {
                let said = key::in_query(query.as_bytes(), parameter);
                Cow::Borrowed(said.unwrap_or_default())
            }
            _ => Cow::Owned(name(arrival).into_bytes()),
        }
    }
}

/// What a client calls itself.
fn name(arrival: &Arrival) -> String {
    format!("{:x}", arrival.client())
}

/// Whether the query of `path` says nothing of `parameter`.
fn is_absent(path: &str, parameter: &str) -> bool {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let mut names = query.split('&').filter_map(|pair| pair.split_once('='));
    names.all(|(name, _)| name != parameter)
}

#[cfg(test)]
mod test {
    use std::collections::BTreeSet;

    use super::*;

    /// No two of the room's addresses are one, and the first thousand are nearly all in networks
    /// of their own.
    #[test]
    fn addresses_are_spread() {
        let room: BTreeSet<Ipv4Addr> = (0..ROOM).map(address).collect();
        assert_eq!(room.len(), ROOM as usize);
        let networks = (0..1000).map(|n| address(n).to_bits() >> 8);
        assert_eq!(networks.collect::<BTreeSet<_>>().len(), 1000);
    }
}
