//! Clients and servers that others wrote, in front of and behind `evenkeel serve`: curl, Node.js,
//! gRPC, WebSockets, a browser. What they say of the protocols is not what this project believes of
//! them, which is the point.
#![allow(
    clippy::disallowed_methods,
    reason = "real programs on real sockets are what these tests are about"
)]

#[path = "client/browser.rs"]
mod browser;
#[path = "client/curl.rs"]
mod curl;
#[path = "client/grpc.rs"]
mod grpc;
#[path = "client/node.rs"]
mod node;
mod real;
#[cfg(feature = "sim")]
#[path = "client/report.rs"]
mod report;
#[path = "client/websocket.rs"]
mod websocket;

use real::certificate::Authority;
use real::evenkeel::{Config, Evenkeel};
use std::net::SocketAddr;
use tempfile::TempDir;

/// The listener that speaks TLS.
const HTTPS: &str = r#"
[[listener]]
name = "https"
address = "127.0.0.1:0"
tls = { certificates = [{ cert = "site.pem", key = "site.key" }] }
"#;

/// What the certificate `site` is for.
const HOSTS: &[&str] = &["localhost", "127.0.0.1"];

/// A folder with the certificate `site` and the authority `ca` that signed it.
fn workshop() -> (TempDir, Authority) {
    let folder = TempDir::new().expect("a temporary folder");
    let authority = Authority::new("evenkeel's tests");
    authority.write(folder.path(), "ca");
    authority.sign(folder.path(), "site", HOSTS);
    (folder, authority)
}

/// A configuration with a plain listener, `http`, and one with TLS, `https`.
fn config(origins: impl IntoIterator<Item = SocketAddr>, pool: &'static str) -> Config {
    Config {
        pool,
        blocks: HTTPS.into(),
        ..Config::new(origins)
    }
}

/// A proxy of [`config`] in a folder of [`workshop`].
fn proxy(origins: impl IntoIterator<Item = SocketAddr>, pool: &'static str) -> Evenkeel {
    Evenkeel::start_in(workshop().0, &config(origins, pool).text())
}
