//! `[proxies]`: how many proxies there are, where they stand and who gets which client.

use evenkeel_proxy::document::{Choice, Integer, Name, Table};

/// The proxies, all of the same configuration; each knows only of its own requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxies {
    /// How many; at least one.
    pub count: u16,
    /// Who gets a new connection.
    pub balancer: Balancer,
    /// Where they stand, if that is said.
    pub zone: Option<String>,
}

/// How clients' connections are dealt out to proxies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// In turn, a connection each.
    RoundRobin,
    /// By the client's address: a client stays with its proxy.
    Hash,
}

impl Balancer {
    /// Whose the connection of this number is, of `count` proxies, if it comes from `address`, an
    /// IPv4 address as a number.
    #[must_use]
    pub fn deal(self, count: u16, connection: u64, address: u32) -> usize {
        let turn = match self {
            Self::RoundRobin => connection,
            Self::Hash => evenkeel_core::rng::Stream::new(0, "balancer")
                .at(u64::from(address))
                .next_u64(),
        };
        (turn % u64::from(count.max(1))) as usize
    }
}

/// More proxies than anyone runs in front of one application; each is a host of its own.
const MOST: u16 = 64;

pub(super) fn proxies(t: &mut Table<'_>) -> Proxies {
    const BALANCER: Choice<Balancer> = Choice {
        what: "balancer",
        of: &[
            ("round_robin", Balancer::RoundRobin),
            ("hash", Balancer::Hash),
        ],
    };
    let doc = "how many; each has pools of its own and knows of its own requests only";
    let count = t.default("count", Integer(1..=MOST), 1, doc);
    let doc = "whose a new connection is: round_robin (in turn) or hash (of the client's address)";
    let balancer = t.default("balancer", BALANCER, Balancer::RoundRobin, doc);
    let doc = "where they stand, for links between zones; absent: anywhere";
    let zone = t.optional("zone", Name, doc);
    Proxies {
        count,
        balancer,
        zone,
    }
}
