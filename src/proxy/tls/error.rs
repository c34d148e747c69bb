//! What can be wrong with certificates and keys, where it is asked for, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::affinity::Weak;
use crate::document::{Severity, Step};

/// Something wrong with what a configuration says of TLS.
#[derive(Debug)]
pub struct Problem {
    /// The block it belongs to: ``listener `https` ``.
    pub owner: String,
    /// Where the file says it, from its root.
    pub place: Vec<Step>,
    /// What it is.
    pub error: Error,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.owner, self.error)
    }
}

impl std::error::Error for Problem {}

/// What can be wrong with a certificate, a key or what is asked of them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file begins a PEM block that does not end.
    #[error("{path} ends in the middle of a PEM block; it may be half-written: write it anew")]
    Cut {
        /// The file.
        path: PathBuf,
    },
    /// A block of a PEM file cannot be decoded.
    #[error("{path} is damaged: {what}; write it anew")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What cannot be decoded.
        what: String,
    },
    /// There is no certificate in a file.
    #[error(
        "there is no certificate in {path}; expected PEM, which begins with \
         -----BEGIN CERTIFICATE-----"
    )]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is a key where a certificate should be.
    #[error("{path} holds a private key and no certificate; are `cert` and `key` swapped?")]
    KeyForCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is no key in a file.
    #[error(
        "there is no private key in {path}; expected PEM, which begins with \
         -----BEGIN PRIVATE KEY-----"
    )]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// There is a certificate where a key should be.
    #[error("{path} holds a certificate and no private key; are `cert` and `key` swapped?")]
    CertificateForKey {
        /// The file.
        path: PathBuf,
    },
    /// A key is encrypted.
    #[error(
        "the private key in {path} is encrypted, and nobody is there to type its passphrase; \
         decrypt it: openssl pkey -in {path} -out {plain} && chmod 600 {plain}"
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
        /// Where the decrypted key could go.
        plain: PathBuf,
    },
    /// A key is of a kind that cannot sign.
    #[error(
        "the private key in {path} cannot be used: {what}; expected RSA of 2048 bits or more, \
         ECDSA on P-256 or P-384, or Ed25519"
    )]
    UnsupportedKey {
        /// The file.
        path: PathBuf,
        /// What the library said.
        what: String,
    },
    /// A key belongs to another certificate.
    #[error(
        "the private key in {key} does not belong to the first certificate in {cert}; the \
         server's own certificate comes first, then those that signed it"
    )]
    Mismatch {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// A certificate's contents make no sense.
    #[error("certificate {number} in {path} cannot be used: {what}")]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Which one in it, from 1.
        number: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The system has no authorities to believe.
    #[error(
        "the system has no authorities to verify endpoints with{}; install ca-certificates, or \
         name the endpoints' own in `ca`",
        said(what)
    )]
    NoRoots {
        /// What the system said, if it did.
        what: String,
    },
    /// The library refuses the whole.
    #[error("these settings cannot be used: {0}")]
    Refused(String),
    /// The system has no randomness for keys of session tickets.
    #[error("no keys for session tickets: {0}")]
    Tickets(rustls::Error),
    /// The keys of sessions in a file are no good.
    #[error(
        "the keys in {path} cannot be used: {weak}; write one: openssl rand -base64 32 > {path}"
    )]
    WeakKeys {
        /// The file.
        path: PathBuf,
        /// Why.
        weak: Weak,
    },
    /// The system has no randomness for the keys of sessions.
    #[error("no keys for sessions: the system has no randomness")]
    NoRandomness,
    /// A certificate is over.
    #[error(
        "the certificate in {path} expired {}; clients refuse it: renew it",
        on("", *days, " ago")
    )]
    Expired {
        /// The file.
        path: PathBuf,
        /// Since then.
        days: u64,
    },
    /// A certificate will be over soon.
    #[error("the certificate in {path} expires {}; renew it", on("in ", *days, ""))]
    Expiring {
        /// The file.
        path: PathBuf,
        /// Until then.
        days: u64,
    },
    /// A certificate is not valid yet.
    #[error("the certificate in {path} is not valid yet; is the clock right?")]
    Early {
        /// The file.
        path: PathBuf,
    },
    /// A certificate is for nobody.
    #[error(
        "the certificate in {path} is for no name: clients read its subjectAltName only; have it \
         issued with one"
    )]
    Nameless {
        /// The file.
        path: PathBuf,
    },
    /// No certificate is for the host of a route.
    #[error("no certificate is for `{host}`; clients that ask for it will refuse what they get")]
    Uncovered {
        /// The host.
        host: String,
    },
}

impl Error {
    /// Whether it is about that file.
    pub(super) fn concerns(&self, file: &Path) -> bool {
        match self {
            Self::Unreadable { path, .. }
            | Self::Cut { path }
            | Self::Damaged { path, .. }
            | Self::NoKey { path }
            | Self::CertificateForKey { path }
            | Self::Encrypted { path, .. }
            | Self::UnsupportedKey { path, .. } => path == file,
            Self::Mismatch { key, .. } => key == file,
            _ => false,
        }
    }

    /// Whether the configuration can be used in spite of it.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Expired { .. }
            | Self::Expiring { .. }
            | Self::Early { .. }
            | Self::Nameless { .. }
            | Self::Uncovered { .. } => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

fn said(what: &str) -> String {
    match what {
        "" => String::new(),
        what => format!(" ({what})"),
    }
}

/// `today`, or that many days with what stands around them.
fn on(before: &str, days: u64, after: &str) -> String {
    match days {
        0 => "today".to_owned(),
        1 => format!("{before}1 day{after}"),
        days => format!("{before}{days} days{after}"),
    }
}
