//! Files that are missing, swapped, cut or encrypted: what their owner is told.

use proptest::prelude::*;

use super::*;

/// A listener with the certificate `a.pem` and the key `a.key`: what is told, without the name of
/// the configuration.
fn told(folder: &Folder) -> Vec<String> {
    let text = listener("certificates = [{ cert = \"a.pem\", key = \"a.key\" }]");
    let (loaded, problems) = parse(folder, &text);
    let failed = problems.iter().any(|line| line.contains(": error: "));
    assert_eq!(loaded.is_none(), failed, "{problems:?}");
    problems
}

/// Where `a.pem` and `a.key` are asked for.
const CERT: &str = "e.toml:4:34: error: ";
const KEY: &str = "e.toml:4:49: error: ";

/// A certificate, a key and what their owner is told begins so, at the place that asks for it.
type Pair<'a> = (&'a str, &'a str, &'a str);

fn check(folder: &Folder, place: &str, cases: &[Pair<'_>]) {
    for (cert, key, wanted) in cases {
        folder.write("a.pem", cert);
        folder.write("a.key", key);
        let told = told(folder);
        let begin = format!("{place}{wanted}");
        assert_eq!(told.len(), 1, "{told:?}\n{begin}");
        assert!(told[0].starts_with(&begin), "{}\n{begin}", told[0]);
        assert!(told[0].ends_with("; asked for by listener `https`"));
    }
}

#[test]
fn a_certificate_that_cannot_be_used_says_why() {
    let folder = Folder::with_site();
    let (cert, key) = (folder.read("site.pem"), folder.read("site.key"));
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let chain = format!("{cert}{bad}");
    let half = &cert[..cert.len() / 2];
    let cases: &[Pair<'_>] = &[
        (
            "",
            &key,
            "there is no certificate in a.pem; expected PEM, which begins with ---",
        ),
        ("\u{0}\u{1}", &key, "there is no certificate in a.pem"),
        (
            &key,
            &cert,
            "a.pem holds a private key and no certificate; are `cert` and",
        ),
        (&encrypted, &key, "a.pem holds a private key"),
        (bad, &key, "certificate 1 in a.pem cannot be used"),
        (&chain, &key, "certificate 2 in a.pem cannot be used"),
        (
            half,
            &key,
            "a.pem ends in the middle of a PEM block; it may be half-written",
        ),
        (&cert.replace('M', "*"), &key, "a.pem is damaged: base64"),
    ];
    check(&folder, CERT, cases);
}

#[test]
fn a_key_that_cannot_be_used_says_why_and_what_to_do() {
    let folder = Folder::with_site();
    let (cert, key) = (folder.read("site.pem"), folder.read("site.key"));
    folder.issue("other", &["other.example"]);
    let other = folder.read("other.pem");
    let reversed = format!("{other}{cert}");
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
               DEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let decrypt = "the private key in a.key is encrypted, and nobody is there to type its \
                   passphrase; decrypt it: openssl pkey -in a.key -out a.plain.key";
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let another = "the private key in a.key does not belong to the first certificate in a.pem; the";
    let half = &key[..key.len() / 2];
    let cases: &[Pair<'_>] = &[
        (
            &cert,
            &cert,
            "a.key holds a certificate and no private key; are `cert` and",
        ),
        (&cert, "", "there is no private key in a.key"),
        (&cert, &encrypted, decrypt),
        (&cert, old, decrypt),
        (&cert, empty, "the private key in a.key cannot be used"),
        (&other, &key, another),
        (&reversed, &key, another),
        (&cert, half, "a.key ends in the middle of a PEM block"),
    ];
    check(&folder, KEY, cases);
}

#[test]
fn a_file_may_hold_more_than_is_needed() {
    let folder = Folder::with_site();
    let (cert, key) = (folder.read("site.pem"), folder.read("site.key"));
    let both = format!("Subject: site\n{key}{cert}");
    let chain = format!("{cert}{}", folder.read("ca.pem"));
    let crlf = cert.replace('\n', "\r\n");
    for (cert, key) in [(&cert, &key), (&both, &both), (&chain, &key), (&crlf, &key)] {
        folder.write("a.pem", cert);
        folder.write("a.key", key);
        assert_eq!(told(&folder), [""; 0], "{cert}{key}");
    }
}

#[test]
fn a_missing_file_is_told_with_its_name() {
    let folder = Folder::with_site();
    folder.write("a.pem", folder.read("site.pem"));
    let [told] = &told(&folder)[..] else { panic!() };
    let wanted = format!("{KEY}cannot read a.key: No such file");
    assert!(told.starts_with(&wanted), "{told}");
}

#[test]
fn everything_that_is_wrong_is_told_in_the_order_of_the_file() {
    let folder = Folder::with_site();
    let text = "[[listener]]\naddress = \":1\"\n\
                tls.certificates = [{ cert = \"a\", key = \"b\" }]\n\
                tls.clients.ca = \"e\"\n\
                [[pool]]\nname = \"p\"\nendpoints = [{ address = \"a:1\" }]\n\
                tls = { ca = \"c\" }\n\
                [[listener]]\naddress = \":2\"\n\
                tls.certificates = [{ cert = \"site.pem\", key = \"d\" }]\n\
                [[listener]]\naddress = \":3\"\n\
                tls.certificates = [{ cert = \"site.pem\", key = \"site.key\" }]\n\
                tls.clients.ca = \"site.key\"\n";
    let (loaded, told) = parse(&folder, text);
    assert!(loaded.is_none());
    let wanted = [
        "e.toml:3:30: error: cannot read a: ",
        "e.toml:8:14: error: cannot read c: ",
        "e.toml:11:48: error: cannot read d: ",
        "e.toml:15:18: error: site.key holds a private key",
    ];
    assert_eq!(told.len(), wanted.len(), "{told:#?}");
    for (told, wanted) in told.iter().zip(wanted) {
        assert!(told.starts_with(wanted), "{told}\n{wanted}");
    }
}

#[test]
fn dates_and_names_are_warned_of() {
    let folder = Folder::new();
    let late = (2100, 1, 1);
    let mut early = made::params(&["a.example"]);
    early.not_before = rcgen::date_time_ymd(2027, 1, 1);
    type Case<'a> = (&'a [&'a str], (i32, u8, u8), &'a str);
    let cases: &[Case<'_>] = &[
        (&["a.example"], late, ""),
        (&["a.example"], (2026, 1, 16), ""),
        (&["a.example"], (2026, 1, 15), ""),
        (
            &["a.example"],
            (2026, 1, 14),
            "the certificate in a.pem expires in 13 days; renew it",
        ),
        (
            &["a.example"],
            (2026, 1, 2),
            "the certificate in a.pem expires in 1 day;",
        ),
        (
            &["a.example"],
            (2026, 1, 1),
            "the certificate in a.pem expires today;",
        ),
        (
            &["a.example"],
            (2025, 12, 31),
            "the certificate in a.pem expired 1 day ago; clients",
        ),
        (&[], late, "the certificate in a.pem is for no name"),
        (&["10.0.0.1"], late, ""),
    ];
    let check = |wanted: &str| {
        let told = told(&folder);
        let begin = format!("e.toml:4:34: warning: {wanted}");
        match wanted {
            "" => assert_eq!(told, [""; 0]),
            _ => assert!(
                told.len() == 1 && told[0].starts_with(&begin),
                "{told:?}\n{begin}"
            ),
        }
    };
    for (hosts, end, wanted) in cases {
        folder.issue_until("a", hosts, *end);
        check(wanted);
    }
    folder.sign("a", &early, &rcgen::PKCS_ED25519);
    check("the certificate in a.pem is not valid yet");
}

#[test]
fn certificates_are_told_once_with_names_and_end() {
    let folder = Folder::new();
    let names = ["B.example", "*.b.example", "::1", "10.0.0.1"];
    folder.issue_until("b", &names, (2026, 1, 3));
    folder.issue("a", &["a.example"]);
    let pair = |name| format!("{{ cert = \"{name}.pem\", key = \"{name}.key\" }}");
    let three = [pair("b"), pair("a"), pair("b")].join(", ");
    let (loaded, _) = parse(&folder, &listener(&format!("certificates = [{three}]")));
    let (_, material) = loaded.unwrap();
    let [b, a] = &material.certificates()[..] else {
        panic!("{material:?}")
    };
    assert_eq!((b.listener, b.path), ("https", &*folder.path("b.pem")));
    assert_eq!(b.names, ["b.example", "*.b.example", "::1", "10.0.0.1"]);
    assert_eq!(b.not_after_s, NOW_S as i64 + 2 * 86_400);
    assert_eq!(a.names, ["a.example"]);
    let expiring = |days: u64| material.expiring(Duration::from_secs(NOW_S + days * 86_400));
    assert_eq!(expiring(0).len(), 1);
    let told = &expiring(3)[0];
    assert!(
        told.contains("listener `https`: ") && told.contains(" expired 1 day ago"),
        "{told}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_file_is_cut_without_a_word(part in 0.0..1.0_f64, key in any::<bool>()) {
        let folder = Folder::with_site();
        let name = if key { "site.key" } else { "site.pem" };
        let text = folder.read(name);
        // Without the newline that ends it, it is whole.
        let length = (part * (text.trim_end().len() as f64)) as usize;
        folder.write(name, &text[..length]);
        let (loaded, _) = parse(&folder, &site(""));
        prop_assert!(loaded.is_none());
    }

    #[test]
    fn no_byte_makes_it_panic(at in any::<usize>(), byte: u8, key in any::<bool>()) {
        let folder = Folder::with_site();
        let name = if key { "site.key" } else { "site.pem" };
        let mut text = folder.read(name).into_bytes();
        let length = text.len();
        text[at % length] = byte;
        folder.write(name, text);
        let _ = parse(&folder, &site(""));
    }
}
