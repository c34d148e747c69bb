//! TLS: from files of certificates and keys to what rustls needs, in every world.
//!
//! An [`Authority`] lives as long as the proxy and owns what may outlive a configuration: the
//! crypto provider, the keys of session tickets, the clock. A [`Material`] is what one generation
//! has: a side of TLS for each listener and pool. Nothing here reads a clock or opens a socket.

mod choice;
mod client;
mod clock;
mod error;
mod identity;
mod lint;
mod load;
mod material;
mod pem;
mod server;
mod ticket;
mod vault;

#[cfg(test)]
mod test;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{RootCertStore, ServerConfig};

use self::identity::Identity;
use crate::config;

pub use client::Client;
pub use error::{Error, Problem};
pub use identity::names_in;
pub use load::load;
pub use material::{Certificate, Material};
pub use ticket::Ticketer;
pub use vault::{Files, Vault};

/// What outlives generations. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Authority {
    provider: Arc<CryptoProvider>,
    keys: Arc<ticket::Keys>,
    clock: Arc<clock::Clock>,
}

impl Authority {
    /// One that uses this cryptography; `unix_now` is the date.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn new(
        provider: CryptoProvider,
        ticketer: Ticketer,
        unix_now: Duration,
    ) -> Result<Self, Error> {
        let clock = Arc::<clock::Clock>::default();
        clock.set(unix_now);
        let keys = ticket::Keys::new(ticketer, Arc::clone(&clock)).map_err(Error::Tickets)?;
        Ok(Self {
            provider: Arc::new(provider),
            keys: Arc::new(keys),
            clock,
        })
    }

    /// That of the real world: aws-lc.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub fn live(unix_now: Duration) -> Result<Self, Error> {
        Self::new(
            aws_lc_rs::default_provider(),
            aws_lc_rs::Ticketer::new,
            unix_now,
        )
    }

    /// A key that nobody can guess.
    fn draw(&self) -> Result<[u8; 32], Error> {
        let mut key = [0; 32];
        let drawn = self.provider.secure_random.fill(&mut key);
        drawn.map_err(|_| Error::NoRandomness)?;
        Ok(key)
    }

    /// Says what date it is: certificates end by it, keys of tickets change by it.
    pub fn set_time(&self, unix_now: Duration) {
        self.clock.set(unix_now);
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// What rustls needs to serve as a listener with these settings does.
///
/// # Errors
///
/// If a certificate, a key or the clients' authorities cannot be had.
pub fn server(
    tls: &config::ListenerTls,
    http2: bool,
    authority: &Authority,
    vault: &dyn Vault,
) -> Result<Arc<ServerConfig>, Error> {
    let certificates = tls.certificates.iter();
    let identities: Result<Vec<_>, _> = certificates
        .map(|certificate| Identity::load(certificate, &authority.provider, vault))
        .collect();
    server::build(tls, http2, &identities?, authority, vault)
}

/// The protocols offered to a client, by preference (RFC 7301).
fn alpn(http2: bool) -> Vec<Vec<u8>> {
    let all: &[&[u8]] = if http2 {
        &[b"h2", b"http/1.1"]
    } else {
        &[b"http/1.1"]
    };
    all.iter().map(|protocol| protocol.to_vec()).collect()
}

/// The authorities of a file, and their bytes.
fn roots(path: &Path, vault: &dyn Vault) -> Result<(RootCertStore, Vec<u8>), Error> {
    let certificates = vault.authorities(path)?;
    let bytes = certificates.iter().flat_map(|der| der.iter().copied());
    let bytes = bytes.collect();
    let mut store = RootCertStore::empty();
    for (n, certificate) in certificates.into_iter().enumerate() {
        store
            .add(certificate)
            .map_err(|error| Error::BadCertificate {
                path: path.to_owned(),
                number: n + 1,
                what: error.to_string(),
            })?;
    }
    Ok((store, bytes))
}

fn refused(error: rustls::Error) -> Error {
    Error::Refused(error.to_string())
}
