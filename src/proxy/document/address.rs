//! Addresses to listen on and to connect to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::kind::{Kind, Sink};
use super::{Node, Value};

/// Where a connection goes or comes in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// `127.0.0.1:3001`, `[::1]:3001`.
    Ip(SocketAddr),
    /// `app.internal:3001`: a name to be resolved, and a port.
    Name(String, u16),
    /// `unix:/run/app.sock`.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => write!(f, "{address}"),
            Self::Name(host, port) => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// Which side of a connection an [`Address`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socket {
    /// To listen on: `:8080` is every IPv4 interface, port 0 any free port.
    Listen,
    /// To connect to: a host and a port are needed.
    Connect,
}

impl Socket {
    /// Reads an address as people write it.
    ///
    /// # Errors
    /// What was expected instead, with the mended address where it can be told.
    pub fn parse(self, text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("a path behind unix:".into()),
                path if path.contains('\0') => Err("a path without a zero byte".into()),
                path => Ok(Address::Unix(path.into())),
            };
        }
        if let Some((_, rest)) = text.split_once("://") {
            let rest = rest.split(['/', '?']).next().unwrap_or_default();
            return Err(format!("an address, not a URL: {rest:?}"));
        }
        if let Ok(address) = text.parse::<SocketAddr>() {
            return match (self, address.port()) {
                (Self::Connect, 0) => Err("a port from 1 to 65535".into()),
                _ => Ok(Address::Ip(address)),
            };
        }
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Err(format!(
                "a port: \"{}\"",
                SocketAddr::new(address, self.usual_port())
            ));
        }
        self.parse_name(text)
    }

    /// `host:port` and `:port`.
    fn parse_name(self, text: &str) -> Result<Address, String> {
        let usual = self.usual_port();
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(match text.parse::<u16>() {
                Ok(port) if self == Self::Listen => format!("a colon before the port: \":{port}\""),
                Ok(port) => format!("a host before the port: \"127.0.0.1:{port}\""),
                Err(_) if is_host(text) => format!("a port: \"{text}:{usual}\""),
                Err(_) => self.expected(),
            });
        };
        let port = port
            .parse::<u16>()
            .ok()
            .filter(|&port| port > 0 || self == Self::Listen);
        let port = port.ok_or("a port from 1 to 65535 behind the colon")?;
        if host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_ipv6())
        {
            return Err(format!("IPv6 in brackets: \"[{host}]:{port}\""));
        }
        match (self, host) {
            (Self::Listen, "" | "*") => Ok(Address::Ip(SocketAddr::new(
                Ipv4Addr::UNSPECIFIED.into(),
                port,
            ))),
            (Self::Connect, "" | "*") => {
                Err(format!("a host before the port: \"127.0.0.1:{port}\""))
            }
            _ if is_host(host) => Ok(Address::Name(host.to_ascii_lowercase(), port)),
            _ => Err(self.expected()),
        }
    }

    fn usual_port(self) -> u16 {
        match self {
            Self::Listen => 8080,
            Self::Connect => 3000,
        }
    }
}

/// Whether the text can be a host's name (RFC 1123, and `_`, which container networks use); a name
/// that ends in a number is a mistyped address.
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

impl Kind for Socket {
    type Value = Address;

    fn expected(&self) -> String {
        match self {
            Self::Listen => "an address such as \":8080\", \"127.0.0.1:8080\" or \"[::]:8080\"",
            Self::Connect => {
                "an address such as \"127.0.0.1:3001\", \"app:3001\" or \"unix:/path\""
            }
        }
        .into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Address> {
        let parsed = match &value.node {
            Node::Text(text) => self.parse(text),
            Node::Integer(port) if u16::try_from(*port).is_ok() => self.parse(&port.to_string()),
            _ => Err(self.expected()),
        };
        match parsed {
            Ok(Address::Unix(path)) => Some(Address::Unix(sink.resolve(&path.to_string_lossy()))),
            Ok(address) => Some(address),
            Err(expected) => {
                sink.mismatch(value, expected);
                None
            }
        }
    }

    fn show(&self, value: &Address) -> Json {
        json!(value.to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^(unix:.+|.*:[0-9]{1,5})$" })
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// What is written, then the address to listen on and to connect to, or what is expected.
    const ADDRESSES: &[(&str, &str, &str)] = &[
        ("127.0.0.1:3001", "127.0.0.1:3001", "127.0.0.1:3001"),
        ("[::1]:80", "[::1]:80", "[::1]:80"),
        (
            "App.internal:3001",
            "app.internal:3001",
            "app.internal:3001",
        ),
        (
            "unix:/run/app.sock",
            "unix:/run/app.sock",
            "unix:/run/app.sock",
        ),
        (
            ":8080",
            "0.0.0.0:8080",
            "! a host before the port: \"127.0.0.1:8080\"",
        ),
        ("127.0.0.1:0", "127.0.0.1:0", "! a port from 1 to 65535"),
        (
            "8080",
            "! a colon before the port: \":8080\"",
            "! a host before the port: \"127.0.0.1:8080\"",
        ),
        (
            "127.0.0.1",
            "! a port: \"127.0.0.1:8080\"",
            "! a port: \"127.0.0.1:3000\"",
        ),
        (
            "localhost",
            "! a port: \"localhost:8080\"",
            "! a port: \"localhost:3000\"",
        ),
        (
            "::1:80",
            "! a port: \"[::1:80]:8080\"",
            "! a port: \"[::1:80]:3000\"",
        ),
        (
            "http://a:80/x",
            "! an address, not a URL: \"a:80\"",
            "! an address, not a URL: \"a:80\"",
        ),
        (
            "a:65536",
            "! a port from 1 to 65535 behind the colon",
            "! a port from 1 to 65535 behind the colon",
        ),
        ("unix:", "! a path behind unix:", "! a path behind unix:"),
    ];

    #[test]
    fn addresses() {
        for &(text, listen, connect) in ADDRESSES {
            for (socket, wanted) in [(Socket::Listen, listen), (Socket::Connect, connect)] {
                let found = match socket.parse(text) {
                    Ok(address) => address.to_string(),
                    Err(expected) => format!("! {expected}"),
                };
                assert_eq!(found, wanted, "{text}");
            }
        }
        for text in [
            "",
            ":",
            "a b:1",
            "127.0.0.256:80",
            "-a:1",
            "a..b:1",
            "é:1",
            "1:1",
            "[::1:80",
        ] {
            assert!(Socket::Connect.parse(text).is_err(), "{text}");
        }
    }
}
