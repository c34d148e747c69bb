//! Which certificate a client is shown: the one for the name it asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::identity::Identity;

/// The certificates of a listener by name.
#[derive(Debug)]
pub(super) struct Choice {
    /// A name may have several, such as one of RSA beside one of ECDSA.
    by_name: BTreeMap<String, Vec<Arc<CertifiedKey>>>,
    first: Vec<Arc<CertifiedKey>>,
}

impl Choice {
    /// Of these, in the order of the configuration.
    pub(super) fn new(identities: &[Identity]) -> Self {
        let mut by_name: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for identity in identities {
            for name in &identity.names {
                let keys = by_name.entry(name.clone()).or_default();
                keys.push(Arc::clone(&identity.key));
            }
        }
        let first = identities.iter().take(1);
        Self {
            by_name,
            first: first.map(|identity| Arc::clone(&identity.key)).collect(),
        }
    }

    /// The certificates for a name: the exact ones, else those of the wildcard one label up (RFC
    /// 9525, section 6.3), else the first of all.
    fn candidates(&self, name: Option<&str>) -> &[Arc<CertifiedKey>] {
        let named = name.and_then(|name| {
            let wildcard = || {
                let (_, parent) = name.split_once('.')?;
                self.by_name.get(&format!("*.{parent}"))
            };
            self.by_name.get(name).or_else(wildcard)
        });
        named.unwrap_or(&self.first)
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let candidates = self.candidates(hello.server_name());
        let schemes = hello.signature_schemes();
        let understood = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(schemes).is_some();
        let key = candidates.iter().find(understood);
        key.or(candidates.first()).cloned()
    }
}
