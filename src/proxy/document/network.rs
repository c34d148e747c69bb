//! Networks to recognise peers by.

use std::fmt;
use std::net::IpAddr;

use serde_json::{Value as Json, json};

use super::kind::{Kind, Sink};
use super::{Node, Value};

/// The addresses that begin with the same bits: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// The first address; the bits behind the prefix are zero.
    pub address: IpAddr,
    /// How many leading bits count.
    pub prefix: u8,
}

impl Network {
    /// Whether the address belongs to it; an IPv4 address in IPv6 clothes counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && mask(address, self.prefix) == self.address
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The address with everything behind the prefix set to zero.
fn mask(address: IpAddr, prefix: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let bits = u32::MAX
                .checked_shl(32 - u32::from(prefix.min(32)))
                .unwrap_or(0);
            IpAddr::V4((u32::from(v4) & bits).into())
        }
        IpAddr::V6(v6) => {
            let bits = u128::MAX
                .checked_shl(128 - u32::from(prefix.min(128)))
                .unwrap_or(0);
            IpAddr::V6((u128::from(v6) & bits).into())
        }
    }
}

/// A network in CIDR notation (RFC 4632), or one address.
#[derive(Clone, Copy, Debug)]
pub struct Cidr;

impl Cidr {
    /// `10.0.0.0/8` as a network.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Network, String> {
        const EXPECTED: &str = "a network such as \"10.0.0.0/8\" or one address";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        let longest: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse::<u8>).ok();
        let prefix = prefix.filter(|&prefix| prefix <= longest);
        let prefix = prefix.ok_or_else(|| format!("a prefix from 0 to {longest}"))?;
        match mask(address, prefix) {
            network if network == address => Ok(Network { address, prefix }),
            network => Err(format!("no bits behind the prefix: \"{network}/{prefix}\"")),
        }
    }
}

impl Kind for Cidr {
    type Value = Network;

    fn expected(&self) -> String {
        "a network such as \"10.0.0.0/8\"".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Network> {
        let parsed = match &value.node {
            Node::Text(text) => Self::parse(text),
            _ => Err(self.expected()),
        };
        parsed
            .map_err(|expected| sink.mismatch(value, expected))
            .ok()
    }

    fn show(&self, value: &Network) -> Json {
        json!(value.to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^[0-9a-fA-F.:]+(/[0-9]{1,3})?$" })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn networks() {
        let cases = [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("10.0.0.0/8", "::1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::/0", "1.2.3.4", false),
            ("192.168.0.7", "192.168.0.7", true),
            ("192.168.0.7", "192.168.0.8", false),
            ("fd00::/8", "fd12::1", true),
        ];
        for (network, address, inside) in cases {
            let parsed = Cidr::parse(network).expect(network);
            assert_eq!(
                parsed.contains(address.parse().expect(address)),
                inside,
                "{network}"
            );
        }
        let wrong = "no bits behind the prefix: \"10.0.0.0/8\"";
        assert_eq!(Cidr::parse("10.1.0.0/8"), Err(wrong.into()));
        for text in [
            "",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0/8",
            "10.0.0.0/-1",
            "a/8",
        ] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
    }
}
