//! What operators are told of certificates: at the start, at a reload, in `/metrics`.
use std::net::SocketAddr;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tempfile::TempDir;

use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin::REFUSING;

const METRIC: &str = "evenkeel_certificate_expiry_timestamp_seconds";

/// 1 January of these years, in seconds since 1970.
const IN_2090: u64 = 3_786_912_000;
const IN_2091: u64 = 3_818_448_000;

/// Writes `site.pem` and `site.key`, for a certificate that ends with 1 January of that year.
fn renew(folder: &Path, year: i32) {
    let host = "site.example".to_owned();
    let mut params = CertificateParams::new([host]).expect("a name");
    params.not_after = date_time_ymd(year, 1, 1);
    let key = KeyPair::generate().expect("randomness");
    let certificate = params.self_signed(&key).expect("a key that signs");
    for (name, text) in [
        ("site.pem", certificate.pem()),
        ("site.key", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("a temporary file");
    }
}

/// A proxy with a second listener, `https`, that shows the folder's certificate.
fn config(folder: &Path) -> Config {
    let address = SocketAddr::from(([127, 0, 0, 1], 0));
    let (cert, key) = (folder.join("site.pem"), folder.join("site.key"));
    let certificate = format!("{{ cert = {cert:?}, key = {key:?} }}");
    Config {
        blocks: format!(
            "[[listener]]\nname = \"https\"\naddress = \"{address}\"\n\
             tls = {{ certificates = [{certificate}] }}\n"
        ),
        ..Config::new([REFUSING])
    }
}

fn end(proxy: &Evenkeel) -> u64 {
    proxy.counter(METRIC)
}

#[test]
fn a_reload_renews_certificates_or_says_why_not() {
    let folder = TempDir::new().unwrap();
    renew(folder.path(), 2090);
    let config = config(folder.path());
    let mut proxy = Evenkeel::start(&config);
    assert_eq!(end(&proxy), IN_2090);
    std::fs::write(folder.path().join("site.pem"), "").unwrap();
    proxy.reload(&config.text());
    proxy.process.says("there is no certificate in");
    proxy.process.says("the configuration in force was kept");
    assert_eq!(end(&proxy), IN_2090);
    renew(folder.path(), 2091);
    proxy.reload(&config.text());
    while proxy.process.line_with("event")["event"] != "reloaded" {}
    assert_eq!(end(&proxy), IN_2091);
    proxy.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_ends_the_start_with_3() {
    let folder = TempDir::new().unwrap();
    renew(folder.path(), 2090);
    let config = config(folder.path());
    std::fs::remove_file(folder.path().join("site.key")).unwrap();
    let (mut process, _folder) = Evenkeel::launch(&config);
    process.says("site.key: No such file");
    assert_eq!(process.exit().code(), Some(3));
}
