//! What is written for speed, beside the plain way of saying it.

use std::net::{IpAddr, Ipv4Addr};

use super::super::encode::address;
use super::super::field::Known;
use super::super::token;

#[test]
fn addresses_read_as_the_standard_library_writes_them() {
    let mut addresses: Vec<IpAddr> = ["::1", "2001:db8::ffff:0:1", "::ffff:10.0.0.1"]
        .map(|text| text.parse().expect("an address"))
        .to_vec();
    for octet in 0..=u8::MAX {
        addresses.push(Ipv4Addr::new(octet, 0, 255 - octet, octet / 2).into());
    }
    for is in addresses {
        let mut text = [0; 45];
        let expected = is.to_canonical().to_string();
        assert_eq!(address(is, &mut text), expected.as_bytes(), "{is}");
    }
}

#[test]
fn a_name_with_one_byte_changed_is_known_if_only_its_case_is_another() {
    let known = [
        "te",
        "via",
        "host",
        "date",
        "cookie",
        "connection",
        "keep-alive",
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-y",
    ];
    for name in known {
        let original = Known::of(name.as_bytes());
        assert_ne!(original, Known::Other, "{name}");
        let changes = (0..name.len()).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte)));
        for (at, byte) in changes {
            let mut changed = name.as_bytes().to_vec();
            changed[at] = byte;
            // Names are tokens, as they are where heads are parsed.
            if token::token_end(&changed, 0) < changed.len() {
                continue;
            }
            let found = Known::of(&changed);
            let spelt = changed.iter().map(|b| if *b == b'_' { b'-' } else { *b });
            let text = String::from_utf8_lossy(&changed);
            if changed.eq_ignore_ascii_case(name.as_bytes()) {
                assert_eq!(found, original, "{text}");
            } else if spelt.eq(name.bytes()) {
                assert_eq!(found, Known::Lookalike, "{text}");
            } else if changed.starts_with(b"x-forwarded-") {
                assert_eq!(found, Known::XForwarded, "{text}");
            } else {
                assert_eq!(found, Known::Other, "{text}");
            }
        }
    }
}
