//! TLS without sockets: certificates made for the occasion, handshakes in memory.

mod client;
mod file;
mod handshake;
mod lint;
mod made;
mod reload;
mod ticket;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, ServerConfig, ServerConnection};

use super::*;
use crate::config::Config;
use made::Folder;

/// 1 January 2026.
const NOW_S: u64 = 1_767_225_600;

fn authority() -> Authority {
    Authority::live(Duration::from_secs(NOW_S)).unwrap()
}

/// A configuration's listeners and pools, with one pool where it has none.
fn parse(folder: &Folder, text: &str) -> (Option<(Config, Material)>, Vec<String>) {
    load_with(folder, text, &authority())
}

fn load_with(
    folder: &Folder,
    text: &str,
    authority: &Authority,
) -> (Option<(Config, Material)>, Vec<String>) {
    let pool = "[[pool]]\nname = \"p\"\nendpoints = [{ address = \"127.0.0.1:1\" }]\n";
    let whole = match text.contains("[[pool]]") {
        true => text.to_owned(),
        false => format!("{text}\n{pool}"),
    };
    let path = folder.path("e.toml");
    let (loaded, diagnostics) = load(&path, whole.as_bytes(), authority);
    let start = folder.path("").display().to_string();
    let lines = diagnostics.iter().map(|d| d.line().replace(&start, ""));
    (loaded, lines.collect())
}

/// The material of a configuration without a problem.
fn material(folder: &Folder, text: &str, authority: &Authority) -> Material {
    let (loaded, problems) = load_with(folder, text, authority);
    assert_eq!(problems, [""; 0], "{text}");
    loaded.unwrap().1
}

/// A listener `https` with these keys in its `tls`.
fn listener(tls: &str) -> String {
    format!("[[listener]]\nname = \"https\"\naddress = \":443\"\ntls = {{ {tls} }}\n")
}

/// A listener `https` with one certificate, `site`, and these further keys in its `tls`.
fn site(more: &str) -> String {
    listener(&format!(
        "certificates = [{{ cert = \"site.pem\", key = \"site.key\" }}]{more}"
    ))
}

/// Two sides of a connection without a network between them.
struct Pair {
    client: ClientConnection,
    server: ServerConnection,
}

impl Pair {
    /// A finished handshake, or why there is none.
    fn shake(
        client: &Arc<ClientConfig>,
        server: &Arc<ServerConfig>,
        name: &str,
    ) -> Result<Self, rustls::Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut pair = Self {
            client: ClientConnection::new(Arc::clone(client), name)?,
            server: ServerConnection::new(Arc::clone(server))?,
        };
        pair.settle()?;
        assert!(!pair.client.is_handshaking() && !pair.server.is_handshaking());
        Ok(pair)
    }

    /// Carries bytes until neither side has any left.
    fn settle(&mut self) -> Result<(), rustls::Error> {
        while self.client.wants_write() || self.server.wants_write() {
            let mut bytes = Vec::new();
            while self.client.wants_write() {
                self.client.write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                self.server.read_tls(&mut rest).unwrap();
                self.server.process_new_packets()?;
            }
            let mut bytes = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut bytes).unwrap();
            }
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                self.client.read_tls(&mut rest).unwrap();
                self.client.process_new_packets()?;
            }
        }
        Ok(())
    }

    /// Whether no certificate was needed, on either side.
    fn resumed(&self) -> bool {
        let client = self.client.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        let server = self.server.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        assert_eq!(client, server);
        client
    }

    /// The first certificate that the client was shown.
    fn shown(&self) -> &[u8] {
        &self.client.peer_certificates().unwrap()[0]
    }
}

/// A pool `p` with these keys, and a client for it.
fn pool_client(folder: &Folder, keys: &str, authority: &Authority) -> Arc<Client> {
    let text = format!(
        "[[listener]]\naddress = \":80\"\n[[pool]]\nname = \"p\"\n\
         endpoints = [{{ address = \"127.0.0.1:1\" }}]\n{keys}\n"
    );
    Arc::clone(material(folder, &text, authority).client("p").unwrap())
}

/// A client that believes the folder's authority.
fn believer(folder: &Folder, authority: &Authority) -> Arc<ClientConfig> {
    let client = pool_client(folder, "tls = { ca = \"ca.pem\" }", authority);
    client.config(false)
}
