//! A listener's side of TLS.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::ServerConfig;
use rustls::SupportedCipherSuite;
use rustls::crypto::CryptoProvider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, NoServerSessionStorage, WebPkiClientVerifier};

use super::choice::Choice;
use super::identity::Identity;
use super::ticket::{Scope, Tickets};
use super::{Authority, Error, Vault, alpn, refused, roots};
use crate::config::{self, Version};

/// What rustls needs for a listener.
///
/// # Errors
///
/// If the clients' authorities cannot be read.
pub(super) fn build(
    tls: &config::ListenerTls,
    http2: bool,
    identities: &[Identity],
    authority: &Authority,
    vault: &dyn Vault,
) -> Result<Arc<ServerConfig>, Error> {
    let provider = &authority.provider;
    let (verifier, scope) = match &tls.clients {
        Some(clients) => verifier(clients, provider, vault)?,
        None => (Arc::new(NoClientAuth) as _, Scope::default()),
    };
    let versions: Vec<_> = tls
        .protocols
        .iter()
        .map(|version| supported(*version))
        .collect();
    let mut server =
        ServerConfig::builder_with_details(Arc::clone(provider), authority.clock.clone())
            .with_protocol_versions(&versions)
            .map_err(refused)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(Choice::new(identities)));
    server.alpn_protocols = alpn(http2);
    server.ticketer = Arc::new(Tickets {
        keys: Arc::clone(&authority.keys),
        scope,
    });
    // A ticket is state that the client keeps: the listener keeps none. A second one would be
    // encrypted, sent and rarely used.
    server.session_storage = Arc::new(NoServerSessionStorage {});
    server.send_tls13_tickets = 1;
    Ok(Arc::new(server))
}

const fn supported(version: Version) -> &'static rustls::SupportedProtocolVersion {
    match version {
        Version::Tls13 => &rustls::version::TLS13,
        Version::Tls12 => &rustls::version::TLS12,
    }
}

/// Who checks clients' certificates, and what sets apart the tickets of clients so admitted.
fn verifier(
    clients: &config::Clients,
    provider: &Arc<CryptoProvider>,
    vault: &dyn Vault,
) -> Result<(Arc<dyn ClientCertVerifier>, Scope), Error> {
    let (store, bytes) = roots(&clients.ca, vault)?;
    let scope = scope(provider, &[&[u8::from(clients.required)], &*bytes].concat());
    let builder = WebPkiClientVerifier::builder_with_provider(
        Arc::<RootCertStore>::new(store),
        Arc::clone(provider),
    );
    let builder = match clients.required {
        true => builder,
        false => builder.allow_unauthenticated(),
    };
    let verifier = builder
        .build()
        .map_err(|error| Error::Refused(error.to_string()))?;
    Ok((verifier, scope))
}

fn scope(provider: &CryptoProvider, policy: &[u8]) -> Scope {
    let mut scope = Scope::default();
    let hash = provider.cipher_suites.first().map(|suite| match suite {
        SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
    });
    if let Some(hash) = hash {
        let hash = hash.hash(policy);
        for (to, from) in scope.iter_mut().zip(hash.as_ref()) {
            *to = *from;
        }
    }
    scope
}
