//! Hosts of routes that no certificate is for.

use super::*;

#[test]
fn a_host_without_a_certificate_is_warned_of() {
    let folder = Folder::new();
    folder.issue(
        "site",
        &["site.example", "*.app.example", "10.0.0.1", "::1"],
    );
    let told = |listeners: &str, hosts: &str| {
        let (loaded, told) = parse(
            &folder,
            &format!("{listeners}[[route]]\nhost = {hosts}\npool = \"p\"\n"),
        );
        assert!(loaded.is_some(), "{told:?}");
        let tail = "; clients that ask for it will refuse what they get";
        let hosts = told.iter().map(|line| {
            let (place, rest) = line.split_once(" warning: no certificate is for ").unwrap();
            let (host, _) = rest.split_once(tail).unwrap();
            format!("{} {host}", place.trim_start_matches("e.toml"))
        });
        hosts.collect::<Vec<_>>()
    };
    let https = site("");
    for (hosts, wanted) in [
        ("\"site.example\"", &[][..]),
        ("\"*.app.example\"", &[]),
        (
            "[\"a.app.example\", \"Site.Example\", \"10.0.0.1\", \"[::1]\"]",
            &[],
        ),
        ("\"www.example\"", &[":6:8: `www.example`"]),
        (
            "[\"site.example\", \"a.b.app.example\", \"*.example\", \"*.b.example\"]",
            &[":6:25: `a.b.app.example`", ":6:57: `*.b.example`"],
        ),
        ("\"10.0.0.2\"", &[":6:8: `10.0.0.2`"]),
    ] {
        assert_eq!(told(&https, hosts), wanted, "{hosts}");
    }
    let plain = "[[listener]]\naddress = \":80\"\n";
    let redirect = "redirect = \"https\"\n";
    let host = "\"www.example\"";
    assert_eq!(told(&format!("{https}{plain}"), host), [""; 0]);
    assert_eq!(told(plain, host), [""; 0]);
    assert_eq!(told(&format!("{https}{plain}{redirect}"), host).len(), 1);
}
