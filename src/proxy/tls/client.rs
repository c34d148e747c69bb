//! A pool's side of TLS: how its endpoints are spoken to.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{DigitallySignedStruct, SignatureScheme};

use super::identity::Identity;
use super::{Authority, Error, Vault, alpn, refused, roots};
use crate::config;
use crate::world::Address;

/// How a pool's endpoints are spoken to over TLS.
#[derive(Clone, Debug)]
pub struct Client {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
}

impl Client {
    /// What a pool with these settings needs.
    ///
    /// # Errors
    ///
    /// If its certificate, its key or the authorities cannot be had.
    pub fn new(
        tls: &config::PoolTls,
        authority: &Authority,
        vault: &dyn Vault,
    ) -> Result<Self, Error> {
        let certificate = tls.certificate.as_ref();
        let identity = certificate
            .map(|certificate| Identity::load(certificate, &authority.provider, vault))
            .transpose()?;
        Self::build(tls, identity.as_ref(), authority, vault)
    }

    pub(super) fn build(
        tls: &config::PoolTls,
        identity: Option<&Identity>,
        authority: &Authority,
        vault: &dyn Vault,
    ) -> Result<Self, Error> {
        let provider = &authority.provider;
        let builder =
            ClientConfig::builder_with_details(Arc::clone(provider), authority.clock.clone())
                .with_safe_default_protocol_versions()
                .map_err(refused)?
                .dangerous()
                .with_custom_certificate_verifier(verifier(tls, provider, vault)?);
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(
                Arc::clone(&identity.key),
            ))),
        };
        config.alpn_protocols = alpn(false);
        let http1 = Arc::new(config.clone());
        config.alpn_protocols = vec![b"h2".to_vec()];
        let server_name = tls.server_name.clone().map(ServerName::try_from);
        Ok(Self {
            http1,
            http2: Arc::new(config),
            server_name: server_name
                .transpose()
                .map_err(|error| Error::Refused(format!("`server_name`: {error}")))?,
        })
    }

    /// What rustls needs to offer HTTP/2 or HTTP/1.1: never both, as what was asked for is what is
    /// spoken.
    #[must_use]
    pub fn config(&self, http2: bool) -> Arc<ClientConfig> {
        Arc::clone(if http2 { &self.http2 } else { &self.http1 })
    }

    /// What the endpoint at `address` must prove to be.
    #[must_use]
    pub fn server_name(&self, address: &Address) -> ServerName<'static> {
        let own = || match address {
            Address::Ip(address) => Some(address.ip().into()),
            Address::Name(name, _) => ServerName::try_from(name.clone()).ok(),
            Address::Unix(_) => None,
        };
        // Only where nothing is verified can an endpoint be without a name.
        let none = || ServerName::try_from("localhost").expect("it is a name");
        self.server_name.clone().or_else(own).unwrap_or_else(none)
    }
}

fn verifier(
    tls: &config::PoolTls,
    provider: &Arc<CryptoProvider>,
    vault: &dyn Vault,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    if !tls.verify {
        return Ok(Arc::new(Anyone(Arc::clone(provider))));
    }
    let store = match &tls.ca {
        Some(path) => roots(path, vault)?.0,
        None => vault.system()?,
    };
    let builder = WebPkiServerVerifier::builder_with_provider(
        Arc::<RootCertStore>::new(store),
        Arc::clone(provider),
    );
    let verifier = builder
        .build()
        .map_err(|error| Error::Refused(error.to_string()))?;
    Ok(verifier)
}

/// Believes every certificate (`verify = false`), but only of who has its key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.0.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
