//! What is made of requests, and what clients are told.

use super::*;
use crate::config::Config;
use crate::h1::{Limits, Method, Status, parse_request, parse_response};

const LIMITS: Limits = Limits {
    header_bytes: 16 << 10,
    headers: 100,
    uri_bytes: 8192,
};
const NOW: Duration = Duration::from_secs(1_700_000_000);

fn keeper(affinity: &str) -> Keeper {
    let text = format!(
        "[[listener]]\naddress = \":8080\"\n[[pool]]\nname = \"p\"\nendpoints = \
         [{{ name = \"a\", address = \"127.0.0.1:1\" }}]\naffinity = {affinity}\n"
    );
    let (config, diagnostics) = config::load("test.toml".as_ref(), text.as_bytes());
    let config: Config = config.unwrap_or_else(|| panic!("{diagnostics:?}"));
    Keeper::new(
        &config.pools[0],
        &Arc::new(Keyring::of(b"a key of the tests")),
    )
    .expect("the pool has affinity")
}

fn session(keeper: &Keeper, target: &str, fields: &str) -> Session {
    let text = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
    let mut head = RequestHead::default();
    let parsed = parse_request(text.as_bytes(), &LIMITS, &mut head);
    assert!(matches!(parsed, Ok(Status::Complete(_))));
    keeper.session(&head, text.as_bytes(), NOW)
}

fn value(cookie: &str) -> &str {
    cookie.split(['=', ';']).nth(1).expect("a value")
}

#[test]
fn a_cookie_comes_back_as_what_it_said() {
    let keeper = keeper(r#"{ kind = "cookie", name = "srv", ttl = "1h" }"#);
    let given = NOW - Duration::from_secs(90);
    let cookie = keeper.cookie(Name::of("a"), given, false).unwrap();
    let sealed = value(&cookie);
    let home = Claim::Endpoint {
        name: Name::of("a"),
        age_s: 90,
    };
    let cut = &sealed[..20];
    let huge = "x".repeat(8192);
    let cases = [
        (String::new(), Claim::None, 0),
        (format!("Cookie: a=1; srv={sealed}; b=2\r\n"), home, 0),
        (format!("Cookie: srv={cut}\r\n"), Claim::None, 1),
        (format!("Cookie: srv={huge}\r\n"), Claim::None, 1),
        (format!("Cookie: srv={cut}; srv={sealed}\r\n"), home, 1),
        (
            format!("Cookie: srv={cut}\r\nCookie: srv={sealed}\r\n"),
            home,
            1,
        ),
        (
            format!("Cookie: {}srv={sealed}\r\n", "srv=x; ".repeat(4)),
            Claim::None,
            4,
        ),
        ("Cookie: srv=\r\n".into(), Claim::None, 1),
        (format!("Cookie: xsrv={sealed}\r\n"), Claim::None, 0),
    ];
    for (fields, claim, forged) in cases {
        let session = session(&keeper, "/", &fields);
        assert_eq!((session.claim, session.forged), (claim, forged), "{fields}");
    }
    // A clock that was set back makes nothing older.
    let early = keeper.cookie(Name::of("a"), NOW + NOW, false).unwrap();
    let young = session(&keeper, "/", &format!("Cookie: srv={}\r\n", value(&early)));
    assert!(matches!(young.claim, Claim::Endpoint { age_s: 0, .. }));
}

#[test]
fn a_cookie_says_what_is_configured_and_no_address() {
    let cases = [
        (
            r#""cookie""#,
            false,
            "evenkeel",
            "; Path=/; HttpOnly; SameSite=Lax",
        ),
        (
            r#""cookie""#,
            true,
            "evenkeel",
            "; Path=/; HttpOnly; SameSite=Lax; Secure",
        ),
        (
            r#"{ kind = "cookie", name = "s", ttl = "1h", path = "/app", domain = "e.com",
                 secure = true, http_only = false, same_site = "none" }"#,
            false,
            "s",
            "; Path=/app; Domain=e.com; Max-Age=3600; SameSite=None; Secure",
        ),
        (
            r#"{ kind = "cookie", secure = false, same_site = "strict" }"#,
            true,
            "evenkeel",
            "; Path=/; HttpOnly; SameSite=Strict",
        ),
    ];
    for (affinity, tls, name, attributes) in cases {
        let affinity = affinity.replace('\n', " ");
        let keeper = keeper(&affinity);
        let cookie = keeper.cookie(Name::of("127.0.0.1:1"), NOW, tls).unwrap();
        let (own, rest) = cookie.split_at(cookie.find(';').unwrap());
        assert!(own.starts_with(&format!("{name}=")), "{cookie}");
        assert_eq!(own.len(), name.len() + 1 + seal::LENGTH);
        assert_eq!(rest, attributes);
    }
}

#[test]
fn learned_sessions_are_numbers_of_what_the_application_says() {
    let cases = [
        (
            "cookie:sid",
            "/",
            "Cookie: sid=abc\r\n",
            "Set-Cookie: sid=abc; Path=/\r\n",
            "",
        ),
        (
            "header:X-Session",
            "/",
            "x-session: abc\r\n",
            "X-Session: abc\r\n",
            "",
        ),
        ("query:sid", "/?EIO=4&sid=abc", "", "", r#"0{"sid":"abc"}"#),
    ];
    for (from, target, fields, given, body) in cases {
        let keeper = keeper(&format!(r#"{{ kind = "learn", from = "{from}" }}"#));
        let asked = session(&keeper, target, fields);
        let length = body.len();
        let text = format!("HTTP/1.1 200 OK\r\n{given}Content-Length: {length}\r\n\r\n{body}");
        let mut head = ResponseHead::default();
        let parsed = parse_response(text.as_bytes(), Method::Get, &LIMITS, &mut head);
        let Ok(Status::Complete(length)) = parsed else {
            panic!("{parsed:?}");
        };
        let (buf, body) = (text.as_bytes(), &text.as_bytes()[length..]);
        let named = keeper.named(&head, buf, body).unwrap();
        assert_eq!(asked.claim, Claim::Session(named), "{from}");
        let waits = keeper.wants_body(&Session::default(), &head, &body[..body.len() / 2]);
        assert_eq!(waits, from == "query:sid");
        assert!(
            !keeper.wants_body(&asked, &head, b""),
            "this session is known"
        );
        assert_eq!(keeper.cookie(Name(1), NOW, false), None);
    }
}

#[test]
fn a_route_names_an_endpoint() {
    let keeper = keeper(r#"{ kind = "route", from = "cookie:JSESSIONID" }"#);
    let cases = [
        ("JSESSIONID=af3.a", Some("a")),
        ("JSESSIONID=b", Some("b")),
        ("x=1", None),
    ];
    for (cookie, name) in cases {
        let claim = name.map_or(Claim::None, |name| Claim::Endpoint {
            name: Name::of(name),
            age_s: 0,
        });
        let fields = format!("Cookie: {cookie}\r\n");
        assert_eq!(session(&keeper, "/", &fields).claim, claim);
    }
}
