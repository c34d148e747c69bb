//! A certificate with its key, ready to be shown, and what it says of itself.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{Error, Vault, pem};
use crate::config;

/// How long before its end a certificate is complained of: 14 days.
const WARNING_S: i64 = 14 * DAY_S;

const DAY_S: i64 = 24 * 60 * 60;

/// A certificate with its key.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) path: PathBuf,
    /// Its names in lower case, `*.` in front of a wildcard's.
    pub(super) names: Vec<String>,
    pub(super) not_before_s: i64,
    pub(super) not_after_s: i64,
}

impl Identity {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    ///
    /// If a file, the certificate or the key is unusable, or if they do not belong together.
    pub(super) fn load(
        config: &config::Certificate,
        provider: &CryptoProvider,
        vault: &dyn Vault,
    ) -> Result<Self, Error> {
        let (chain, key) = vault.identity(config)?;
        let path = config.cert.clone();
        let bad = |number, what| Error::BadCertificate {
            path: path.clone(),
            number,
            what,
        };
        let mut parsed = chain.iter().enumerate().map(|(n, der)| {
            let (_, certificate) =
                X509Certificate::from_der(der).map_err(|error| bad(n + 1, error.to_string()))?;
            Ok(certificate)
        });
        let first = parsed.next().expect("a file without certificates fails")?;
        let names = names(&first).map_err(|what| bad(1, what))?;
        let validity = first.validity();
        let (not_before_s, not_after_s) = (
            validity.not_before.timestamp(),
            validity.not_after.timestamp(),
        );
        parsed.try_for_each(|certificate| certificate.map(drop))?;
        drop(parsed);
        let key = certified(config, chain, key, provider)?;
        Ok(Self {
            key: Arc::new(key),
            path,
            names,
            not_before_s,
            not_after_s,
        })
    }

    /// What is to be said of its dates and names at `unix_s`.
    pub(super) fn warnings(&self, unix_s: i64) -> Vec<Error> {
        let path = || self.path.clone();
        let mut warnings = Vec::new();
        warnings.extend(expiry(path(), self.not_after_s, unix_s));
        if unix_s < self.not_before_s {
            warnings.push(Error::Early { path: path() });
        }
        if self.names.is_empty() {
            warnings.push(Error::Nameless { path: path() });
        }
        warnings
    }
}

/// What is to be said of a certificate's end, if it is over or near.
pub(super) fn expiry(path: PathBuf, not_after_s: i64, unix_s: i64) -> Option<Error> {
    let left_s = not_after_s.saturating_sub(unix_s);
    let days = left_s.unsigned_abs() / DAY_S.unsigned_abs();
    match left_s {
        ..0 => Some(Error::Expired { path, days }),
        0..WARNING_S => Some(Error::Expiring { path, days }),
        _ => None,
    }
}

fn certified(
    config: &config::Certificate,
    chain: Vec<CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, Error> {
    let unsupported = |error: rustls::Error| Error::UnsupportedKey {
        path: config.key.clone(),
        what: error.to_string(),
    };
    let key = provider.key_provider.load_private_key(key);
    let certified = CertifiedKey::new(chain, key.map_err(unsupported)?);
    match certified.keys_match() {
        Ok(()) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(Error::Mismatch {
            cert: config.cert.clone(),
            key: config.key.clone(),
        }),
        Err(error) => Err(Error::BadCertificate {
            path: config.cert.clone(),
            number: 1,
            what: error.to_string(),
        }),
    }
}

/// The names of the first certificate in a file, as [`Certificate::names`](super::Certificate) has
/// them.
///
/// # Errors
///
/// If it cannot be read.
pub fn names_in(path: &Path) -> Result<Vec<String>, Error> {
    let chain = pem::certificates(path)?;
    let bad = |what| Error::BadCertificate {
        path: path.to_owned(),
        number: 1,
        what,
    };
    let (_, first) =
        X509Certificate::from_der(&chain[0]).map_err(|error| bad(error.to_string()))?;
    names(&first).map_err(bad)
}

/// The names and addresses of a certificate's subjectAltName (RFC 5280, section 4.2.1.6).
fn names(certificate: &X509Certificate<'_>) -> Result<Vec<String>, String> {
    let extension = certificate.subject_alternative_name();
    let Some(extension) = extension.map_err(|error| error.to_string())? else {
        return Ok(Vec::new());
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    Ok(extension
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect())
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    let v6 = || <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from);
    v4().or_else(v6)
}
