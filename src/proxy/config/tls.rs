//! `tls` of listeners and pools: certificates by file, who must show one, what is believed.
//!
//! Only what the file says; whether the certificates can be used is told where they are loaded.

use std::path::PathBuf;

use crate::document::{Boolean, Choice, FilePath, List, Table, Text, is_host};

/// What a listener says to clients that speak TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Downstream {
    /// The names it can prove; at least one. Without a match, the first is shown.
    pub certificates: Vec<Certificate>,
    /// Versions that are spoken; at least one.
    pub protocols: Vec<Version>,
    /// Certificates of clients, if they are asked for.
    pub clients: Option<Clients>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file of the certificate, followed by those that signed it.
    pub cert: PathBuf,
    /// The file of its private key, not encrypted.
    pub key: PathBuf,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// RFC 8446.
    Tls13,
    /// RFC 5246.
    Tls12,
}

/// Which clients are believed to be who they say they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    /// The file of the authorities, in PEM, one of which must have signed.
    pub ca: PathBuf,
    /// Whether a client without a certificate is turned away.
    pub required: bool,
}

/// How endpoints are spoken to over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// The file of the authorities, in PEM, that are believed; none is the system's.
    pub ca: Option<PathBuf>,
    /// What endpoints must prove to be; none is the host of each one's address.
    pub server_name: Option<String>,
    /// Whether endpoints must prove anything.
    pub verify: bool,
    /// What is shown to endpoints that ask.
    pub certificate: Option<Certificate>,
}

pub(super) fn downstream(t: &mut Table<'_>) -> Option<Downstream> {
    const VERSION: Choice<Version> = Choice {
        what: "TLS version",
        of: &[("1.3", Version::Tls13), ("1.2", Version::Tls12)],
    };
    let example = "at least one, such as [{ cert = \"site.pem\", key = \"site.key\" }]";
    let doc = "the certificates; the one for the name that a client asks for is shown, else the \
               first";
    let certificates = t.required_tables("certificates", example, doc, certificate);
    let protocols = t.default(
        "protocols",
        List(VERSION),
        vec![Version::Tls13, Version::Tls12],
        "versions that are spoken; 1.2 is for clients from before 2019, older ones are broken",
    );
    if t.has("protocols") && protocols.is_empty() {
        let problem = t.problem(t.span("protocols"), "without a version nobody can connect");
        t.report(problem.label("expected \"1.3\", \"1.2\" or both"));
    }
    let doc = "ask clients for a certificate; absent: they are not asked";
    let clients = t.optional_table("clients", doc, clients);
    let clients = match clients {
        Some(clients) => Some(clients?),
        None => None,
    };
    Some(Downstream {
        certificates: certificates.into_iter().collect::<Option<_>>()?,
        protocols,
        clients,
    })
}

fn certificate(t: &mut Table<'_>) -> Option<Certificate> {
    let doc = "PEM file of the certificate, followed by those that signed it";
    let cert = t.required("cert", FilePath, doc);
    let doc = "PEM file of its private key, not encrypted; may be the same file";
    let key = t.required("key", FilePath, doc);
    Some(Certificate {
        cert: cert?,
        key: key?,
    })
}

fn clients(t: &mut Table<'_>) -> Option<Clients> {
    let doc = "PEM file of the authorities, one of which must have signed a client's certificate";
    let ca = t.required("ca", FilePath, doc);
    let doc = "turn away clients without a certificate; true, as who asks for one means it";
    let required = t.default("required", Boolean, true, doc);
    Some(Clients { ca: ca?, required })
}

/// None is plain text.
pub(super) fn upstream(t: &mut Table<'_>) -> Option<Option<Upstream>> {
    let is_there = t.has("tls");
    let doc = "speak TLS to endpoints; absent: plain text";
    let upstream = t.shorthand("tls", "enabled", doc, |t| {
        let doc = "whether TLS is spoken; it is where the table is there";
        let enabled = t.default("enabled", Boolean, true, doc);
        let doc = "PEM file of the authorities that are believed; absent: those of the system";
        let ca = t.optional("ca", FilePath, doc);
        let server_name = server_name(t);
        let doc = "endpoints must prove who they are; without it anybody on the way can read along";
        let verify = t.default("verify", Boolean, true, doc);
        if !verify {
            unverified(t);
        }
        let doc = "shown to endpoints that ask for a certificate";
        let certificate = match t.optional_table("certificate", doc, certificate) {
            Some(certificate) => Some(certificate?),
            None => None,
        };
        Some(enabled.then_some(Upstream {
            ca,
            server_name,
            verify,
            certificate,
        }))
    })?;
    Some(upstream.filter(|_| is_there))
}

fn server_name(t: &mut Table<'_>) -> Option<String> {
    const NAME: Text = Text {
        expected: "a name such as \"app.internal\"",
    };
    let doc = "what endpoints must prove to be; absent: the host of each one's address";
    let name = t.optional("server_name", NAME, doc)?;
    if !is_host(&name) && name.parse::<std::net::IpAddr>().is_err() {
        let message = format!("{name:?} is no name that a certificate could hold");
        let problem = t.problem(t.span("server_name"), message);
        t.report(problem.label("expected a name such as \"app.internal\", without a port"));
    }
    Some(name)
}

fn unverified(t: &mut Table<'_>) {
    let message = "endpoints are not verified: anybody between here and there can answer for them";
    let problem = t.problem(t.span("verify"), message).warning();
    let help = "`ca` takes the authority that signed the endpoints' certificates";
    t.report(
        problem
            .label("expected true outside of experiments")
            .help(help),
    );
}
