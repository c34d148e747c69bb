//! What a request is hashed by: the bytes that a pool's policy asks for, made a key of the core.

use std::net::IpAddr;

use evenkeel_core::limit;
use evenkeel_core::policy::{Key, Kind};

use crate::affinity::carrier;
use crate::config::{self, HashKey, Policy};
use crate::document::Network;
use crate::h1::encode::{self, Forwarded};
use crate::h1::{Known, RequestHead};

/// Where a pool's keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nothing is hashed.
    Nothing,
    /// The client's network (`ip_hash`).
    Network,
    /// The request's route (`event_loop`).
    Route,
    /// Some text.
    Text(HashKey),
}

impl Source {
    /// What `pool` hashes by.
    #[must_use]
    pub fn new(pool: &config::Pool) -> Self {
        match (&pool.key, pool.policy) {
            (Some(key), _) => Self::Text(key.clone()),
            (None, Policy::Core(Kind::IpHash)) => Self::Network,
            (None, Policy::Core(Kind::EventLoop { .. })) => Self::Route,
            (None, _) => Self::Nothing,
        }
    }

    /// The key of a request whose head was parsed from `buf`.
    pub(crate) fn of(
        &self,
        head: &RequestHead,
        buf: &[u8],
        from: Forwarded,
        trusted: &[Network],
    ) -> Key {
        let client = || client(head, buf, from, trusted);
        let key = match self {
            Self::Nothing => return Key::None,
            Self::Network => return client().map_or_else(Key::nowhere, Key::network),
            Self::Route => {
                return Key::route(head.method_name.of(buf), head.target.path.of(buf));
            }
            Self::Text(key) => key,
        };
        match key {
            HashKey::Address => client().map_or(Key::None, address),
            HashKey::Path => Key::text(head.target.path.of(buf)),
            HashKey::Header(_) | HashKey::Cookie(_) => {
                carrier::asked(head, buf, key).map_or(Key::None, Key::text)
            }
            HashKey::Query(name) => {
                let query = head.target.query.of(buf);
                in_query(query.strip_prefix(b"?").unwrap_or_default(), name)
                    .map_or(Key::None, Key::text)
            }
        }
    }
}

/// Whom a limit counts the request for whose head was parsed from `buf`; `None` if the request does
/// not say.
pub(crate) fn counted(
    key: Option<&HashKey>,
    head: &RequestHead,
    buf: &[u8],
    from: Forwarded,
    trusted: &[Network],
) -> Option<limit::Key> {
    match key {
        None => Some(limit::Key::Everyone),
        Some(HashKey::Address) => client(head, buf, from, trusted).map(limit::Key::address),
        Some(HashKey::Path) => limit::Key::text(head.target.path.of(buf)),
        Some(carried) => limit::Key::text(carrier::asked(head, buf, carried)?),
    }
}

/// The key of an address as text, an IPv4 address in IPv6 as the IPv4 address that it is.
#[must_use]
pub fn address(address: IpAddr) -> Key {
    Key::text(encode::address(address, &mut [0; 45]))
}

/// What `query`, without its question mark, has in its parameter `name`.
#[must_use]
pub fn in_query<'a>(query: &'a [u8], name: &str) -> Option<&'a [u8]> {
    carrier::parameter(query, name)
}

/// Who sent the request: the connection's other end, or, if that is a trusted proxy, the rightmost
/// address of `X-Forwarded-For` that is not one.
#[inline]
fn client(head: &RequestHead, buf: &[u8], from: Forwarded, trusted: &[Network]) -> Option<IpAddr> {
    match from.trusted {
        true => behind(head, buf, from.peer, trusted),
        false => from.peer,
    }
}

/// Who sent the request that came from a trusted proxy, which is `client`.
#[inline(never)]
fn behind(
    head: &RequestHead,
    buf: &[u8],
    mut client: Option<IpAddr>,
    trusted: &[Network],
) -> Option<IpAddr> {
    let lines: Vec<&[u8]> = head.fields.known(buf, Known::XForwardedFor).collect();
    let named = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(|b| *b == b','));
    for text in named {
        let text = std::str::from_utf8(text.trim_ascii()).unwrap_or_default();
        // What is no address was not written by a proxy: the last that was speaks.
        let Ok(address) = text.parse::<IpAddr>() else {
            break;
        };
        client = Some(address);
        if !trusted.iter().any(|network| network.contains(address)) {
            break;
        }
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Cidr;
    use crate::h1::{Limits, Status, parse_request};

    const HEAD: &str = "GET /a/b?k=1&kk=2&k=3&sid=x HTTP/1.1\r\nHost: h\r\nX-User: ann\r\n\
                        Cookie: a=1; srv=z\r\nX-Forwarded-For: 9.9.9.9, 203.0.113.7\r\n\
                        Cookie: srv=y; t=2\r\nX-Forwarded-For: 10.0.0.2\r\nX-Empty:\r\n\r\n";

    fn of(source: &Source, peer: Option<IpAddr>, trusted: &[Network]) -> Key {
        let limits = Limits {
            header_bytes: 8192,
            headers: 100,
            uri_bytes: 8192,
        };
        let mut head = RequestHead::default();
        let parsed = parse_request(HEAD.as_bytes(), &limits, &mut head);
        assert!(matches!(parsed, Ok(Status::Complete(_))));
        let from = Forwarded {
            peer,
            trusted: peer.is_some_and(|peer| trusted.iter().any(|n| n.contains(peer))),
            proto: "http",
        };
        source.of(&head, HEAD.as_bytes(), from, trusted)
    }

    #[test]
    fn keys_are_what_the_configuration_names() {
        let header = |name: &str| HashKey::Header(name.to_owned());
        let cookie = |name: &str| HashKey::Cookie(name.to_owned());
        let query = |name: &str| HashKey::Query(name.to_owned());
        let cases: [(HashKey, &[u8]); 10] = [
            (HashKey::Path, b"/a/b"),
            (header("x-user"), b"ann"),
            (header("x-empty"), b""),
            (header("x-other"), b""),
            (cookie("srv"), b"z"),
            (cookie("t"), b"2"),
            (cookie("sr"), b""),
            (query("k"), b"1"),
            (query("sid"), b"x"),
            (query("id"), b""),
        ];
        for (key, expected) in cases {
            let source = Source::Text(key);
            assert_eq!(of(&source, None, &[]), Key::text(expected), "{source:?}");
        }
        assert_eq!(of(&Source::Nothing, None, &[]), Key::None);
    }

    #[test]
    fn the_client_is_the_rightmost_address_that_is_no_trusted_proxy() {
        let networks = ["10.0.0.0/8", "127.0.0.0/8"];
        let trusted = networks.map(|text| Cidr::parse(text).unwrap());
        let cases = [
            (Some("10.0.0.1"), &trusted[..], Some("203.0.113.7")),
            (Some("198.51.100.1"), &trusted[..], Some("198.51.100.1")),
            (Some("127.0.0.1"), &trusted[1..], Some("10.0.0.2")),
            (None, &trusted[..], None),
        ];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (peer, trusted, expected) in cases {
            let (peer, expected) = (peer.map(ip), expected.map(ip));
            let text = of(&Source::Text(HashKey::Address), peer, trusted);
            assert_eq!(text, expected.map_or(Key::None, address));
            let network = of(&Source::Network, peer, trusted);
            assert_eq!(network, expected.map_or_else(Key::nowhere, Key::network));
        }
    }
}
