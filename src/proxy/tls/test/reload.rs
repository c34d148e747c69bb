//! Certificates renewed under a running proxy.

use std::io::{Read, Write};

use evenkeel_core::time::Timestamp;

use super::*;
use crate::generation::Proxy;

#[test]
fn a_reload_shows_new_clients_the_new_certificate_and_leaves_open_connections_alone() {
    let folder = Folder::with_site();
    let authority = authority();
    let load = |text: &str| load_with(&folder, text, &authority).0.unwrap();
    let (config, first) = load(&site(""));
    let proxy = Proxy::new(config, first);
    let client = || believer(&folder, &authority);
    let connect = || {
        let generation = proxy.generation();
        let server = generation.material.server("https").unwrap();
        Pair::shake(&client(), server, "site.example").unwrap()
    };
    let mut open = connect();
    let old = folder.der("site.pem");
    assert_eq!(open.shown(), old);

    folder.issue("site", &["site.example"]);
    let (config, second) = load(&site(""));
    proxy.reload(Timestamp::ZERO, config, second);
    assert_eq!(connect().shown(), folder.der("site.pem"));
    assert_ne!(connect().shown(), old);
    open.client.writer().write_all(b"hello").unwrap();
    open.settle().unwrap();
    let mut heard = [0; 5];
    open.server.reader().read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}

#[test]
fn a_listener_that_the_file_has_lost_goes_on_as_it_was() {
    let folder = Folder::with_site();
    let authority = authority();
    let load = |text: &str| load_with(&folder, text, &authority).0.unwrap();
    let (config, first) = load(&site(""));
    let proxy = Proxy::new(config, first);
    for text in [
        "[[listener]]\naddress = \":80\"\n",
        "[[listener]]\nname = \"https\"\naddress = \":443\"\n",
    ] {
        let (config, material) = load(text);
        proxy.reload(Timestamp::ZERO, config, material);
        let generation = proxy.generation();
        assert_eq!(generation.material.certificates().len(), 1);
        let server = generation.material.server("https").unwrap();
        let client = believer(&folder, &authority);
        assert!(Pair::shake(&client, server, "site.example").is_ok());
    }
}

#[test]
fn a_pool_is_spoken_to_as_its_generation_says() {
    let folder = Folder::with_site();
    let authority = authority();
    let text = |tls: &str| {
        format!(
            "[[listener]]\naddress = \":80\"\n[[pool]]\nname = \"p\"\n\
             endpoints = [{{ address = \"a:1\" }}]\n{tls}\n"
        )
    };
    let load = |tls: &str| load_with(&folder, &text(tls), &authority).0.unwrap();
    let (config, material) = load("");
    let proxy = Proxy::new(config, material);
    let spoken = || {
        let generation = proxy.generation();
        let target = generation.router.find(b"a", b"/").unwrap();
        let crate::generation::Target::Pool(target) = &**target else {
            panic!("it is a pool")
        };
        (target.tls.is_some(), target.http2)
    };
    assert_eq!(spoken(), (false, false));
    for (keys, wanted) in [
        ("tls = { ca = \"ca.pem\" }", (true, false)),
        ("tls = { ca = \"ca.pem\" }\nhttp2 = true", (true, true)),
        ("http2 = true", (false, true)),
    ] {
        let (config, material) = load(keys);
        proxy.reload(Timestamp::ZERO, config, material);
        assert_eq!(spoken(), wanted);
    }
}
