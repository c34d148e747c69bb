//! What a client gets: the certificate for its name, a protocol, a version, or nothing.

use rustls::SignatureScheme;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, UnixTime};

use super::*;

#[test]
fn the_name_picks_the_certificate() {
    let folder = Folder::new();
    let all: &[(&str, &[&str])] = &[
        ("first", &["first.example"]),
        ("wide", &["*.site.example", "*.example"]),
        ("www", &["www.site.example", "Other.Example"]),
        ("address", &["10.0.0.1"]),
    ];
    let mut list = String::new();
    for (name, hosts) in all {
        folder.issue(name, hosts);
        list.push_str(&format!(
            "{{ cert = \"{name}.pem\", key = \"{name}.key\" }}, "
        ));
    }
    let authority = authority();
    let text = listener(&format!("certificates = [{list}]"));
    let material = material(&folder, &text, &authority);
    let server = material.server("https").unwrap();
    let client = pool_client(
        &folder,
        "tls = { verify = true, ca = \"ca.pem\" }",
        &authority,
    );
    let mut anyone = (*client.config(false)).clone();
    anyone
        .dangerous()
        .set_certificate_verifier(Arc::new(Only(all_schemes())));
    let anyone = Arc::new(anyone);
    for (asked, wanted) in [
        ("first.example", "first"),
        ("www.site.example", "www"),
        ("WWW.site.EXAMPLE", "www"),
        ("other.example", "www"),
        ("mail.site.example", "wide"),
        ("a.b.site.example", "first"),
        ("site.example", "wide"),
        ("example", "first"),
        ("nobody.test", "first"),
        // A client that asks for an address names nobody.
        ("10.0.0.1", "first"),
    ] {
        let pair = Pair::shake(&anyone, server, asked).unwrap();
        assert_eq!(
            pair.shown(),
            folder.der(&format!("{wanted}.pem")),
            "{asked}"
        );
    }
}

#[test]
fn of_two_certificates_for_a_name_the_one_that_the_client_understands() {
    let folder = Folder::new();
    folder.sign("ed", &made::params(&["a.example"]), &rcgen::PKCS_ED25519);
    folder.issue("ec", &["a.example"]);
    let text = listener(
        "certificates = [{ cert = \"ed.pem\", key = \"ed.key\" }, \
         { cert = \"ec.pem\", key = \"ec.key\" }]",
    );
    let authority = authority();
    let material = material(&folder, &text, &authority);
    let server = material.server("https").unwrap();
    let base = believer(&folder, &authority);
    for (schemes, wanted) in [
        (all_schemes(), "ed.pem"),
        (vec![SignatureScheme::ED25519], "ed.pem"),
        (vec![SignatureScheme::ECDSA_NISTP256_SHA256], "ec.pem"),
    ] {
        let mut client = (*base).clone();
        client
            .dangerous()
            .set_certificate_verifier(Arc::new(Only(schemes)));
        let pair = Pair::shake(&Arc::new(client), server, "a.example").unwrap();
        assert_eq!(pair.shown(), folder.der(wanted));
    }
    let mut client = (*base).clone();
    let verifier = Only(vec![SignatureScheme::RSA_PSS_SHA256]);
    client
        .dangerous()
        .set_certificate_verifier(Arc::new(verifier));
    assert!(Pair::shake(&Arc::new(client), server, "a.example").is_err());
}

#[test]
fn only_the_configured_versions_are_spoken() {
    use rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    let folder = Folder::with_site();
    let authority = authority();
    let speaks = |versions: &[&'static rustls::SupportedProtocolVersion]| {
        let builder = ClientConfig::builder_with_details(
            Arc::clone(&authority.provider),
            authority.clock.clone(),
        );
        let roots = roots(&folder.path("ca.pem"), &Files).unwrap().0;
        let builder = builder.with_protocol_versions(versions).unwrap();
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    };
    let (old, new) = (&rustls::version::TLS12, &rustls::version::TLS13);
    let clients = [speaks(&[old]), speaks(&[new]), speaks(&[old, new])];
    for (protocols, wanted) in [
        ("", [Some(TLSv1_2), Some(TLSv1_3), Some(TLSv1_3)]),
        (
            ", protocols = [\"1.2\", \"1.3\"]",
            [Some(TLSv1_2), Some(TLSv1_3), Some(TLSv1_3)],
        ),
        (
            ", protocols = [\"1.3\"]",
            [None, Some(TLSv1_3), Some(TLSv1_3)],
        ),
        (
            ", protocols = [\"1.2\"]",
            [Some(TLSv1_2), None, Some(TLSv1_2)],
        ),
    ] {
        let material = material(&folder, &site(protocols), &authority);
        let server = material.server("https").unwrap();
        let spoken = clients.each_ref().map(|client| {
            let pair = Pair::shake(client, server, "site.example").ok();
            pair.and_then(|pair| pair.server.protocol_version())
        });
        assert_eq!(spoken, wanted, "{protocols}");
    }
}

#[test]
fn http2_is_offered_where_it_is_spoken() {
    let folder = Folder::with_site();
    let authority = authority();
    let h2: &[u8] = b"h2";
    let h1: &[u8] = b"http/1.1";
    let mut client = (*believer(&folder, &authority)).clone();
    for (asked, http2, wanted) in [
        (&[h2, h1][..], true, Some(h2)),
        (&[h1, h2], true, Some(h2)),
        (&[h1], true, Some(h1)),
        (&[], true, None),
        (&[h2, h1], false, Some(h1)),
        (&[], false, None),
    ] {
        client.alpn_protocols = asked.iter().map(|name| name.to_vec()).collect();
        let text = format!("{}http2 = {http2}\n", site(""));
        let material = material(&folder, &text, &authority);
        let server = material.server("https").unwrap();
        let pair = Pair::shake(&Arc::new(client.clone()), server, "site.example").unwrap();
        assert_eq!(pair.server.alpn_protocol(), wanted, "{asked:?} {http2}");
    }
    client.alpn_protocols = vec![h2.to_vec()];
    let material = material(&folder, &format!("{}http2 = false\n", site("")), &authority);
    let server = material.server("https").unwrap();
    assert!(Pair::shake(&Arc::new(client), server, "site.example").is_err());
}

#[test]
fn clients_show_what_the_listener_asks_for() {
    let (folder, stranger) = (Folder::with_site(), Folder::new());
    let authority = authority();
    folder.issue("me", &["me"]);
    stranger.issue("me", &["me"]);
    stranger.write("site-ca.pem", folder.read("ca.pem"));
    let own = "certificate = { cert = \"me.pem\", key = \"me.key\" }";
    let known = pool_client(
        &folder,
        &format!("tls = {{ ca = \"ca.pem\", {own} }}"),
        &authority,
    );
    let keys = format!("tls = {{ ca = \"site-ca.pem\", {own} }}");
    let unknown = pool_client(&stranger, &keys, &authority);
    let nobody = believer(&folder, &authority);
    for (clients, wanted) in [
        ("", [true, true, true]),
        (", clients = { ca = \"ca.pem\" }", [false, true, false]),
        (
            ", clients = { ca = \"ca.pem\", required = true }",
            [false, true, false],
        ),
        (
            ", clients = { ca = \"ca.pem\", required = false }",
            [true, true, false],
        ),
    ] {
        let material = material(&folder, &site(clients), &authority);
        let server = material.server("https").unwrap();
        let all = [nobody.clone(), known.config(false), unknown.config(false)];
        let served = all.map(|client| Pair::shake(&client, server, "site.example").is_ok());
        assert_eq!(served, wanted, "{clients}");
    }
}

/// Nothing that a connection does not need is kept or given away.
#[test]
fn a_listener_keeps_no_sessions_and_gives_no_secrets() {
    let folder = Folder::with_site();
    let material = material(&folder, &site(""), &authority());
    let server = material.server("https").unwrap();
    assert!(!server.session_storage.can_cache());
    assert_eq!(
        (server.max_early_data_size, server.send_tls13_tickets),
        (0, 1)
    );
    assert!(!server.enable_secret_extraction && !server.key_log.will_log("CLIENT_RANDOM"));
}

fn all_schemes() -> Vec<SignatureScheme> {
    let provider = aws_lc_rs::default_provider();
    provider
        .signature_verification_algorithms
        .supported_schemes()
}

/// Believes everybody, and understands these signatures.
#[derive(Debug)]
struct Only(Vec<SignatureScheme>);

impl ServerCertVerifier for Only {
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
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.clone()
    }
}
