//! Certificates made for a test: an authority of its own, and what it signs.
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use std::path::{Path, PathBuf};

/// An authority that nobody believes but who is told to.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one; no other has its key.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, key());
        Self {
            issuer: issuer.expect("it can be signed"),
        }
    }

    /// Writes the authority's certificate to `NAME.pem` in `folder`.
    pub(crate) fn write(&self, folder: &Path, name: &str) -> PathBuf {
        write(folder, &format!("{name}.pem"), &self.issuer.pem())
    }

    /// Writes a certificate for hosts and addresses to `NAME.pem`, its key to `NAME.key`.
    pub(crate) fn sign(&self, folder: &Path, name: &str, hosts: &[&str]) {
        self.issue(folder, name, params(hosts));
    }

    /// As `sign`; the certificate has ended.
    pub(crate) fn sign_ended(&self, folder: &Path, name: &str, hosts: &[&str]) {
        let mut params = params(hosts);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.issue(folder, name, params);
    }

    fn issue(&self, folder: &Path, name: &str, params: CertificateParams) {
        let key = key();
        let signed = params.signed_by(&key, &self.issuer);
        let pem = signed.expect("it can be signed").pem();
        write(folder, &format!("{name}.pem"), &pem);
        write(folder, &format!("{name}.key"), &key.serialize_pem());
    }
}

fn params(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).expect("they are names");
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a temporary file");
    path
}
