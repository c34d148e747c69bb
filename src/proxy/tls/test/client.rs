//! A pool's side: whom it believes, whom it asks for, what it offers.

use std::net::SocketAddr;

use super::*;
use crate::world::Address;

#[test]
fn endpoints_prove_who_they_are() {
    let folder = Folder::new();
    folder.issue("site", &["site.example", "127.0.0.1"]);
    let stranger = Folder::new();
    stranger.write("other.pem", stranger.read("ca.pem"));
    folder.write("other.pem", stranger.read("ca.pem"));
    let authority = authority();
    let site = material(&folder, &site(""), &authority);
    let server = site.server("https").unwrap();
    let at = |name: &str| Address::Name(name.into(), 1);
    let ip = |address: &str| Address::Ip(SocketAddr::new(address.parse().unwrap(), 1));
    for (tls, address, wanted) in [
        ("ca = \"ca.pem\"", at("site.example"), true),
        ("ca = \"ca.pem\"", at("other.example"), false),
        ("ca = \"ca.pem\"", ip("127.0.0.1"), true),
        ("ca = \"ca.pem\"", ip("127.0.0.2"), false),
        ("ca = \"other.pem\"", at("site.example"), false),
        (
            "ca = \"ca.pem\", server_name = \"site.example\"",
            ip("127.0.0.2"),
            true,
        ),
        (
            "ca = \"ca.pem\", server_name = \"other.example\"",
            ip("127.0.0.1"),
            false,
        ),
        ("verify = false", at("other.example"), true),
        ("verify = false", Address::Unix("/a".into()), true),
    ] {
        let text = format!(
            "[[listener]]\naddress = \":80\"\n[[pool]]\nname = \"p\"\n\
             endpoints = [{{ address = \"a:1\" }}]\ntls = {{ {tls} }}\n"
        );
        let (loaded, _) = load_with(&folder, &text, &authority);
        let (_, material) = loaded.unwrap();
        let client = material.client("p").unwrap();
        let name = client.server_name(&address);
        let pair = Pair::shake(&client.config(false), server, &name.to_str());
        assert_eq!(pair.is_ok(), wanted, "{tls} {address}");
    }
}

#[test]
fn an_endpoint_is_refused_once_its_certificate_has_ended() {
    let folder = Folder::new();
    folder.issue_until("site", &["site.example"], (2026, 6, 1));
    let authority = authority();
    let material = material(&folder, &site(""), &authority);
    let server = material.server("https").unwrap();
    for (days, wanted) in [(0, true), (150, true), (151, false), (152, false)] {
        // A new client each: what it knows of the last time needs no certificate.
        let client = believer(&folder, &authority);
        authority.set_time(Duration::from_secs(NOW_S + days * 86_400 + 1));
        let pair = Pair::shake(&client, server, "site.example");
        assert_eq!(pair.is_ok(), wanted, "after {days} days");
        authority.set_time(Duration::from_secs(NOW_S));
    }
}

#[test]
fn a_pool_offers_what_it_speaks() {
    let folder = Folder::with_site();
    let authority = authority();
    let material = material(&folder, &site(""), &authority);
    let server = material.server("https").unwrap();
    let client = pool_client(&folder, "tls = { ca = \"ca.pem\" }", &authority);
    for (http2, wanted) in [(false, &b"http/1.1"[..]), (true, b"h2")] {
        let pair = Pair::shake(&client.config(http2), server, "site.example").unwrap();
        assert_eq!(pair.client.alpn_protocol(), Some(wanted));
    }
}

#[test]
fn a_pool_in_plain_text_has_no_client() {
    let folder = Folder::new();
    for tls in [
        "",
        "tls = false",
        "tls = { enabled = false, ca = \"nowhere\" }",
    ] {
        let text = format!(
            "[[listener]]\naddress = \":80\"\n[[pool]]\nname = \"p\"\n\
             endpoints = [{{ address = \"a:1\" }}]\n{tls}\n"
        );
        let material = material(&folder, &text, &authority());
        assert!(material.client("p").is_none() && material.server("https").is_none());
    }
}
