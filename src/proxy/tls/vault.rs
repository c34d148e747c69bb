//! Where certificates, keys and authorities are kept.

use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Error, pem};
use crate::affinity::Keyring;
use crate::config;

/// Where certificates, keys and authorities are kept. In a simulation there are none of those that
/// a configuration names: keys of production stay where they are.
pub trait Vault {
    /// A certificate, followed by those that signed it, and its key.
    ///
    /// # Errors
    ///
    /// If there is none, or one that cannot be read.
    fn identity(
        &self,
        files: &config::Certificate,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error>;

    /// The authorities in a file.
    ///
    /// # Errors
    ///
    /// If there are none, or it cannot be read.
    fn authorities(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error>;

    /// The keys of sessions in a file.
    ///
    /// # Errors
    ///
    /// If there are none that are any good, or it cannot be read.
    fn keyring(&self, path: &Path) -> Result<Keyring, Error>;

    /// The authorities that everybody believes.
    ///
    /// # Errors
    ///
    /// If there are none.
    fn system(&self) -> Result<RootCertStore, Error>;
}

/// Files in PEM, and the system's store.
#[derive(Clone, Copy, Debug)]
pub struct Files;

impl Vault for Files {
    fn identity(
        &self,
        files: &config::Certificate,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        Ok((pem::certificates(&files.cert)?, pem::key(&files.key)?))
    }

    fn authorities(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
        pem::certificates(path)
    }

    fn keyring(&self, path: &Path) -> Result<Keyring, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Keyring::parse(&text).map_err(|weak| Error::WeakKeys {
            path: path.to_owned(),
            weak,
        })
    }

    /// Some that cannot be parsed are usual.
    fn system(&self) -> Result<RootCertStore, Error> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        let (added, _) = store.add_parsable_certificates(found.certs);
        if added == 0 {
            let what = found.errors.first().map(ToString::to_string);
            let what = what.unwrap_or_default();
            return Err(Error::NoRoots { what });
        }
        Ok(store)
    }
}
