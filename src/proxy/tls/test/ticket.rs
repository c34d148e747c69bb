//! Sessions taken up again: anywhere, for a while, and never past a listener's terms.

use super::*;
use crate::tls::ticket::PERIOD_S;

fn at(period: f64) -> Duration {
    // Periods are counted from 1970, and the day begins with one.
    Duration::from_secs(NOW_S + (period * PERIOD_S as f64) as u64)
}

#[test]
fn a_session_is_resumed_at_any_worker_through_one_change_of_keys() {
    let folder = Folder::with_site();
    for protocol in ["1.3", "1.2"] {
        for (issued, used, wanted) in [
            (0.0, 0.0, true),
            (0.0, 0.99, true),
            (0.99, 1.0, true),
            (0.0, 1.99, true),
            (0.99, 2.0, false),
            (0.0, 2.0, false),
            (0.0, 9.0, false),
            // A clock that is set back takes nothing away.
            (1.0, 0.5, true),
        ] {
            let authority = authority();
            let text = site(&format!(", protocols = [\"{protocol}\"]"));
            // Material of two generations: workers share more than that.
            let (one, two) = (
                material(&folder, &text, &authority),
                material(&folder, &text, &authority),
            );
            let client = believer(&folder, &authority);
            authority.set_time(at(issued));
            let server = one.server("https").unwrap();
            assert!(
                !Pair::shake(&client, server, "site.example")
                    .unwrap()
                    .resumed()
            );
            authority.set_time(at(used));
            let server = two.server("https").unwrap();
            let resumed = Pair::shake(&client, server, "site.example")
                .unwrap()
                .resumed();
            assert_eq!(resumed, wanted, "TLS {protocol}: {issued} to {used}");
        }
    }
}

#[test]
fn keys_change_on_although_nobody_comes() {
    let folder = Folder::with_site();
    let authority = authority();
    let material = material(&folder, &site(""), &authority);
    let server = material.server("https").unwrap();
    let client = believer(&folder, &authority);
    for period in 0..6 {
        authority.set_time(at(f64::from(period) * 1.9));
        let pair = Pair::shake(&client, server, "site.example").unwrap();
        // From 0 to 1.9 is one change, from 1.9 to 3.8 are two, to 5.7 two, to 7.6 two.
        assert_eq!(pair.resumed(), period == 1, "{period}");
    }
}

#[test]
fn a_ticket_opens_no_listener_that_admits_others() {
    let folder = Folder::with_site();
    folder.issue("me", &["me"]);
    let other = Folder::new();
    folder.write("both.pem", folder.read("ca.pem") + &other.read("ca.pem"));
    let authority = authority();
    let texts = [
        "",
        ", protocols = [\"1.3\"]",
        ", clients = { ca = \"ca.pem\" }",
        ", clients = { ca = \"ca.pem\", required = false }",
        ", clients = { ca = \"both.pem\" }",
    ];
    let materials = texts.map(|text| material(&folder, &site(text), &authority));
    for (n, from) in materials.iter().enumerate() {
        for (m, to) in materials.iter().enumerate() {
            let own = "certificate = { cert = \"me.pem\", key = \"me.key\" }";
            let keys = format!("tls = {{ ca = \"ca.pem\", {own} }}");
            let client = pool_client(&folder, &keys, &authority);
            let shake = |material: &Material| {
                let server = material.server("https").unwrap();
                Pair::shake(&client.config(false), server, "site.example").unwrap()
            };
            assert!(!shake(from).resumed());
            // The first two admit everybody.
            let alike = n == m || n.max(m) == 1;
            assert_eq!(shake(to).resumed(), alike, "{} to {}", texts[n], texts[m]);
        }
    }
}
