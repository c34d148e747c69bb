//! Files of certificates and keys, in PEM (RFC 7468): what stands in them, or why it cannot be had.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::Error;

/// The system's bundle of all authorities is a quarter of a MiB.
const SIZE_BYTES: u64 = 16 << 20;

/// The certificates of a file in their order, at least one.
pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text = read(path)?;
    let sections = sections(path, &text)?;
    let has_key = is_encrypted(&text) || sections.iter().any(|(kind, _)| is_key(*kind));
    let certificates: Vec<_> = sections
        .into_iter()
        .filter(|(kind, _)| *kind == SectionKind::Certificate)
        .map(|(_, der)| CertificateDer::from(der))
        .collect();
    let path = path.to_owned();
    match (certificates.is_empty(), has_key) {
        (false, _) => Ok(certificates),
        (true, true) => Err(Error::KeyForCertificate { path }),
        (true, false) => Err(Error::NoCertificate { path }),
    }
}

/// The first private key of a file.
pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let text = read(path)?;
    if is_encrypted(&text) {
        let path = path.to_owned();
        let plain = path.with_extension("plain.key");
        return Err(Error::Encrypted { path, plain });
    }
    let sections = sections(path, &text)?;
    let has_certificate = sections
        .iter()
        .any(|(kind, _)| *kind == SectionKind::Certificate);
    let key = sections
        .into_iter()
        .find_map(|(kind, der)| PrivateKeyDer::from_pem(kind, der));
    let path = path.to_owned();
    key.ok_or(if has_certificate {
        Error::CertificateForKey { path }
    } else {
        Error::NoKey { path }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SIZE_BYTES).read_to_end(&mut text));
    let unreadable = |source| Error::Unreadable {
        path: path.to_owned(),
        source,
    };
    read.map_err(unreadable)?;
    Ok(text)
}

/// The blocks of a file whose kinds are known.
fn sections(path: &Path, text: &[u8]) -> Result<Vec<(SectionKind, Vec<u8>)>, Error> {
    let sections: Result<Vec<_>, _> = <(SectionKind, Vec<u8>)>::pem_slice_iter(text).collect();
    let path = path.to_owned();
    sections.map_err(|error| match error {
        pem::Error::MissingSectionEnd { .. } | pem::Error::IllegalSectionStart { .. } => {
            Error::Cut { path }
        }
        other => Error::Damaged {
            path,
            what: other.to_string(),
        },
    })
}

/// PKCS #8 says it in the block's name, older formats (RFC 1421) in its header.
fn is_encrypted(text: &[u8]) -> bool {
    let has = |mark: &str| text.windows(mark.len()).any(|part| part == mark.as_bytes());
    has("-----BEGIN ENCRYPTED PRIVATE KEY-----") || has("Proc-Type: 4,ENCRYPTED")
}

const fn is_key(kind: SectionKind) -> bool {
    matches!(
        kind,
        SectionKind::PrivateKey | SectionKind::RsaPrivateKey | SectionKind::EcPrivateKey
    )
}
