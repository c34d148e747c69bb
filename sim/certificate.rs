//! Certificates of a simulation. Private keys of production are not where simulations run, so every
//! certificate and authority that a configuration names is replaced by one of an authority that the
//! simulation has of its own, and that everybody in it believes.
//!
//! Keys are the same in every run and their signatures have one length (RFC 8032), so that
//! handshakes have as many bytes each time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_proxy::affinity::Keyring;
use evenkeel_proxy::config::{Certificate, Config, Host};
use evenkeel_proxy::tls::{Error, Vault, names_in};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_ED25519,
    SerialNumber, date_time_ymd,
};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::plan::HOST;

/// How long certificates last from the beginning of a simulation: longer than any runs.
pub(crate) const LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7).
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20,
];

/// The authority of a simulation, and whom it signs for.
pub(crate) struct Issuer {
    authority: CertifiedIssuer<'static, KeyPair>,
    names: BTreeMap<PathBuf, Vec<String>>,
    life: Duration,
    renewals: u8,
}

impl Issuer {
    /// For the certificates of `config`, which last for `life` from the beginning. A certificate is
    /// for the names that stand in its file, or for the hosts of all routes if there is none, and
    /// always for the simulator's own host.
    ///
    /// # Errors
    ///
    /// If the authority cannot be made.
    pub(crate) fn new(config: &Config, life: Duration) -> Result<Self, Error> {
        let mut params = params(vec![], life)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = "authority of the simulation";
        params.distinguished_name.push(DnType::CommonName, name);
        let authority = CertifiedIssuer::self_signed(params, key(1)?).map_err(refused)?;
        let listeners = config.listeners.iter();
        let certificates = listeners
            .filter_map(|listener| listener.tls.as_ref())
            .flat_map(|tls| &tls.certificates);
        let names = certificates.map(|certificate| {
            let names = names_in(&certificate.cert).unwrap_or_default();
            let names = match names.is_empty() {
                true => hosts(config),
                false => names,
            };
            (certificate.cert.clone(), names)
        });
        Ok(Self {
            names: names.collect(),
            authority,
            life,
            renewals: 0,
        })
    }

    /// Whoever is signed for from now on has another key and another serial number.
    pub(crate) fn renew(&mut self) {
        self.renewals = self.renewals.wrapping_add(1);
    }

    /// Signs for whoever shows the certificate of this file under these names.
    pub(crate) fn name(&mut self, path: PathBuf, names: Vec<String>) {
        self.names.insert(path, names);
    }
}

impl Vault for Issuer {
    fn identity(
        &self,
        files: &Certificate,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
        let mut names = self.names.get(&files.cert).cloned().unwrap_or_default();
        if !names.iter().any(|name| name == HOST) {
            names.push(HOST.to_owned());
        }
        let own = key(self.renewals.wrapping_add(2))?;
        let mut params = params(names, self.life)?;
        let serial = self.renewals.wrapping_add(1);
        params.serial_number = Some(SerialNumber::from(vec![serial]));
        let signed = params.signed_by(&own, &self.authority).map_err(refused)?;
        let own = PrivatePkcs8KeyDer::from(own.serialize_der());
        Ok((vec![signed.der().clone()], own.into()))
    }

    fn authorities(&self, _: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
        Ok(vec![self.authority.as_ref().der().clone()])
    }

    fn keyring(&self, path: &Path) -> Result<Keyring, Error> {
        Ok(Keyring::of(path.as_os_str().as_encoded_bytes()))
    }

    fn system(&self) -> Result<RootCertStore, Error> {
        let mut store = RootCertStore::empty();
        store
            .add(self.authority.as_ref().der().clone())
            .map_err(refused)?;
        Ok(store)
    }
}

/// What all certificates say.
fn params(names: Vec<String>, life: Duration) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names).map_err(refused)?;
    params.serial_number = Some(SerialNumber::from(vec![1]));
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 1) + life;
    Ok(params)
}

/// Key number `n`.
fn key(n: u8) -> Result<KeyPair, Error> {
    let der = [&PKCS8[..], &[n; 32]].concat();
    let der = PrivatePkcs8KeyDer::from(der);
    KeyPair::from_pkcs8_der_and_sign_algo(&der, &PKCS_ED25519).map_err(refused)
}

/// The hosts of all routes, as a certificate spells them.
fn hosts(config: &Config) -> Vec<String> {
    let name = |host: &Host| match host {
        Host::Exact(host) => host.trim_matches(['[', ']']).to_owned(),
        Host::Wildcard(ending) => format!("*{ending}"),
    };
    let mut names = Vec::new();
    for host in config.routes.iter().flat_map(|route| &route.hosts) {
        let name = name(host);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Refused(error.to_string())
}
