//! TLS as a client: version 1.3, the given certificate trusted, nothing ever resumed.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::{ClientConfig, HandshakeKind, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::client::{HOST, Outcome};

/// What makes a TLS connection out of a plain one.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Tls {
    /// Trusts the certificates of the PEM file `ca` and offers `protocol` by ALPN.
    pub(crate) fn new(ca: &str, protocol: &str) -> Outcome<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca)? {
            roots.add(certificate?)?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        config.alpn_protocols = vec![protocol.into()];
        Ok(Self {
            connector: TlsConnector::from(Arc::new(config)),
            name: ServerName::try_from(HOST)?,
        })
    }

    /// Does one full handshake.
    ///
    /// # Errors
    ///
    /// It fails, or was not a full one.
    pub(crate) async fn wrap(&self, stream: TcpStream) -> Outcome<TlsStream<TcpStream>> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        match stream.get_ref().1.handshake_kind() {
            Some(HandshakeKind::Full) => Ok(stream),
            other => Err(format!("the handshake was {other:?}").into()),
        }
    }
}

/// What a connection agreed on: peers are alike only where this is.
pub(crate) fn agreed(stream: &TlsStream<TcpStream>) -> String {
    let tls = stream.get_ref().1;
    let suite = tls.negotiated_cipher_suite().map(|suite| suite.suite());
    let group = tls
        .negotiated_key_exchange_group()
        .map(|group| group.name());
    let words = [
        suite.map(|it| format!("{it:?}")),
        group.map(|it| format!("{it:?}")),
    ];
    let words = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    // The name that everybody else gives it.
    words.replace("TLS13_", "TLS_")
}
