//! A folder of certificates and keys, with the authority that signed them.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    SignatureAlgorithm,
};
use tempfile::TempDir;

pub(super) struct Folder {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Folder {
    /// A folder with `ca.pem`.
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "the authority");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let folder = Self {
            folder: TempDir::new().unwrap(),
            issuer: Issuer::new(params, key),
        };
        folder.write("ca.pem", certificate.pem());
        folder
    }

    /// A folder with `ca.pem`, and `site.pem` and `site.key` for `site.example`.
    pub(super) fn with_site() -> Self {
        let folder = Self::new();
        folder.issue("site", &["site.example"]);
        folder
    }

    /// Writes `name.pem` and `name.key`, for these hosts and addresses.
    pub(super) fn issue(&self, name: &str, hosts: &[&str]) {
        self.issue_until(name, hosts, (2100, 1, 1));
    }

    /// The same, with the last day as year, month and day.
    pub(super) fn issue_until(&self, name: &str, hosts: &[&str], (y, m, d): (i32, u8, u8)) {
        let mut params = params(hosts);
        params.not_after = rcgen::date_time_ymd(y, m, d);
        self.sign(name, &params, &PKCS_ECDSA_P256_SHA256);
    }

    /// Writes a certificate with these parameters and a new key of this kind.
    pub(super) fn sign(
        &self,
        name: &str,
        params: &CertificateParams,
        algorithm: &'static SignatureAlgorithm,
    ) {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.pem"), certificate.pem());
        self.write(&format!("{name}.key"), key.serialize_pem());
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The first certificate of a file.
    pub(super) fn der(&self, name: &str) -> Vec<u8> {
        super::pem::certificates(&self.path(name)).unwrap()[0].to_vec()
    }
}

/// What a certificate for these hosts and addresses says.
pub(super) fn params(hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    CertificateParams::new(hosts).unwrap()
}
