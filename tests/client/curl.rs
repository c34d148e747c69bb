//! curl, over every protocol it speaks.
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin::{self, Connection};
use crate::real::tool::{Curl, Tool, content, listening};
use crate::{HOSTS, HTTPS, proxy, workshop};
use serde_json::json;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A way to speak: the listener, the options, the version that must come of it.
type Way = (&'static str, &'static [&'static str], &'static str);

const WAYS: &[Way] = &[
    ("http", &["--http1.1"], "1.1"),
    // Asks for an upgrade to h2c, which nobody offers any more.
    ("http", &["--http2"], "1.1"),
    ("http", &["--http2-prior-knowledge"], "2"),
    ("https", &["--http1.1", "--tlsv1.3"], "1.1"),
    ("https", &["--http1.1", "--tls-max", "1.2"], "1.1"),
    ("https", &["--http2", "--tlsv1.3"], "2"),
    ("https", &["--http2", "--tls-max", "1.2"], "2"),
];

const BODY_BYTES: usize = 1 << 20;

/// The field's value as the number of bytes that follow.
fn length(head: &str) -> Option<usize> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    Some(value.parse().expect("a length"))
}

/// Answers each path in its own way.
fn answer(connection: &mut Connection, head: &str) -> Option<()> {
    let said: &[u8] = match head.split(' ').nth(1)? {
        "/echo" => {
            if head.to_lowercase().contains("\r\nexpect: 100-continue\r\n") {
                connection.say(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
            }
            let body = match length(head) {
                Some(length) => connection.body(length)?,
                None => connection.chunks()?,
            };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            connection.say(head.as_bytes()).ok()?;
            return connection.say(&body).ok();
        }
        "/refused" => b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        "/same" => b"HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 5\r\n\r\n",
        "/none" => b"HTTP/1.1 204 No Content\r\n\r\n",
        "/trailers" => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
            5\r\nhello\r\n0\r\nX-Sum: 5d41\r\n\r\n"
        }
        "/hints" => {
            b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n\
            HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
        }
        _ if head.starts_with("HEAD ") => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        _ => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    };
    connection.say(said).ok()
}

fn origin() -> SocketAddr {
    origin::start(|mut connection| {
        while let Some(head) = connection.head() {
            if answer(&mut connection, &head).is_none() {
                return;
            }
        }
    })
}

/// Asks for `path` of `localhost` and expects an answer.
fn ask(proxy: &Evenkeel, &(listener, options, version): &Way, more: &[&str], path: &str) -> Curl {
    let ca = proxy.folder.path().join("ca.pem");
    let url = format!("{listener}://localhost:{}{path}", proxy.port(listener));
    let arguments = ["--ipv4", "--cacert", ca.to_str().expect("a path is text")];
    let all = arguments.iter().chain(options).chain(more);
    let curl = Curl::run(all.copied().chain([&*url]));
    assert_eq!(curl.exit, 0, "{url} {options:?}: {}", curl.said);
    assert_eq!(curl.version, version, "{url} {options:?}");
    curl
}

#[test]
fn every_way_gives_the_same_answers() {
    let proxy = proxy([origin()], "");
    for way in WAYS {
        let hello = ask(&proxy, way, &[], "/");
        assert_eq!(
            (hello.status, &*hello.body),
            (200, &b"hello"[..]),
            "{way:?}"
        );

        let head = ask(&proxy, way, &["--head"], "/");
        assert_eq!((head.status, &*head.heads), (200, &*head.heads), "{way:?}");
        assert_eq!(length(&head.heads), Some(5), "{way:?}");

        let same = ask(&proxy, way, &["--header", "If-None-Match: \"1\""], "/same");
        assert_eq!((same.status, &*same.body), (304, &b""[..]), "{way:?}");
        assert!(same.heads.to_lowercase().contains("etag: \"1\""), "{way:?}");

        let none = ask(&proxy, way, &[], "/none");
        assert_eq!((none.status, &*none.body), (204, &b""[..]), "{way:?}");

        let trailers = ask(&proxy, way, &["--header", "TE: trailers"], "/trailers");
        assert_eq!(trailers.body, b"hello", "{way:?}");
        let heads = trailers.heads.to_lowercase();
        assert!(heads.contains("x-sum: 5d41"), "{way:?}: {heads}");

        let hints = ask(&proxy, way, &[], "/hints");
        assert_eq!(
            (hints.status, &*hints.body),
            (200, &b"hello"[..]),
            "{way:?}"
        );
        let heads = hints.heads.to_lowercase();
        let interim = heads.find(" 103").expect("a first head");
        assert!(
            interim < heads.find(" 200").expect("a second head"),
            "{way:?}"
        );
        assert!(heads.contains("link: </a.css>; rel=preload"), "{way:?}");
    }
    proxy.stop();
}

#[test]
fn bodies_travel_both_ways() {
    let proxy = proxy([origin()], "");
    let body: Vec<u8> = (0..BODY_BYTES).map(|n| (n % 251) as u8).collect();
    let file = proxy.folder.path().join("body");
    std::fs::write(&file, &body).unwrap();
    let file = file.to_str().unwrap();
    let known = format!("@{file}");
    let cases: [(&str, &[&str]); 4] = [
        ("length", &["--data-binary", &known, "--header", "Expect:"]),
        (
            "chunked",
            &[
                "--data-binary",
                &known,
                "--header",
                "Transfer-Encoding: chunked",
            ],
        ),
        (
            "expect",
            &["--data-binary", &known, "--header", "Expect: 100-continue"],
        ),
        ("put", &["--upload-file", file]),
    ];
    for way in WAYS {
        for (name, options) in cases {
            let options = [options, &["--expect100-timeout", "30"]].concat();
            let answer = ask(&proxy, way, &options, "/echo");
            assert_eq!(answer.status, 200, "{way:?} {name}");
            assert!(answer.body == body, "{way:?} {name}: another body");
            let told = answer.heads.contains(" 100");
            assert!(name != "expect" || told, "{way:?}: {}", answer.heads);
        }
    }
    // What is refused is not sent.
    let refused = ["--data-binary", &known, "--header", "Expect: 100-continue"];
    assert_eq!(ask(&proxy, &WAYS[0], &refused, "/refused").status, 403);
    proxy.stop();
}

#[test]
fn the_name_that_is_asked_for_chooses_the_certificate() {
    const TWO: &str = r#"
[[listener]]
name = "https"
address = "127.0.0.1:0"
tls = { certificates = [
    { cert = "site.pem", key = "site.key" },
    { cert = "wild.pem", key = "wild.key" },
] }
"#;
    let (folder, authority) = workshop();
    authority.sign(folder.path(), "wild", &["example.test", "*.example.test"]);
    let ca = folder.path().join("ca.pem");
    let config = Config {
        blocks: TWO.into(),
        ..Config::new([origin()])
    };
    let proxy = Evenkeel::start_in(folder, &config.text());
    let port = proxy.port("https");
    // curl's 60: the certificate is not for that name.
    let cases = [
        ("localhost", 0),
        ("example.test", 0),
        ("a.example.test", 0),
        ("A.EXAMPLE.test", 0),
        ("a.b.example.test", 60),
        ("other.test", 60),
        ("127.0.0.1", 0),
    ];
    for (host, exit) in cases {
        for version in ["--http1.1", "--http2"] {
            let to = format!("::127.0.0.1:{port}");
            let url = format!("https://{host}/");
            let curl = Curl::run([
                "--cacert",
                ca.to_str().unwrap(),
                "--connect-to",
                &to,
                version,
                &url,
            ]);
            assert_eq!(curl.exit, exit, "{host} {version}: {}", curl.said);
        }
    }
    proxy.stop();
}

#[test]
fn a_listener_that_wants_certificates_of_clients_gets_them() {
    const MUTUAL: &str = r#"
[[listener]]
name = "https"
address = "127.0.0.1:0"
[listener.tls]
certificates = [{ cert = "site.pem", key = "site.key" }]
clients = { ca = "clients.pem", required = true }
"#;
    let (folder, authority) = workshop();
    let clients = crate::real::certificate::Authority::new("clients");
    clients.write(folder.path(), "clients");
    clients.sign(folder.path(), "friend", &["friend"]);
    clients.sign_ended(folder.path(), "former", &["friend"]);
    authority.sign(folder.path(), "stranger", &["friend"]);
    let config = Config {
        blocks: MUTUAL.into(),
        ..Config::new([origin()])
    };
    let proxy = Evenkeel::start_in(folder, &config.text());
    let file = |name: &str| -> PathBuf { proxy.folder.path().join(name) };
    let url = format!("https://127.0.0.1:{}/", proxy.port("https"));
    let cases = [
        (None, false),
        (Some("friend"), true),
        (Some("former"), false),
        (Some("stranger"), false),
    ];
    for (name, welcome) in cases {
        for options in [["--tls-max", "1.2"], ["--tls-max", "1.3"]] {
            let mut arguments = vec!["--cacert".into(), file("ca.pem")];
            if let Some(name) = name {
                arguments.extend(["--cert".into(), file(&format!("{name}.pem"))]);
                arguments.extend(["--key".into(), file(&format!("{name}.key"))]);
            }
            arguments.extend(options.map(PathBuf::from));
            let curl = Curl::run(arguments.into_iter().chain([PathBuf::from(&url)]));
            assert_eq!(
                curl.exit == 0,
                welcome,
                "{name:?} {options:?}: {}",
                curl.said
            );
            assert_eq!(curl.status, if welcome { 200 } else { 0 });
        }
    }
    proxy.stop();
}

#[test]
fn a_redirect_to_https_is_followed() {
    let (folder, _authority) = workshop();
    let ca = folder.path().join("ca.pem");
    let config = Config {
        listener: "redirect = \"https:8443\"",
        blocks: HTTPS.into(),
        ..Config::new([origin()])
    };
    let proxy = Evenkeel::start_in(folder, &config.text());
    let plain = format!("localhost:80:127.0.0.1:{}", proxy.port("http"));
    let secure = format!("localhost:8443:127.0.0.1:{}", proxy.port("https"));
    for version in ["--http1.1", "--http2", "--http2-prior-knowledge"] {
        let mut arguments = vec!["--cacert", ca.to_str().unwrap(), version, "--location"];
        arguments.extend(["--connect-to", &plain, "--connect-to", &secure]);
        let curl = Curl::run(arguments.into_iter().chain(["http://localhost/a?b=c"]));
        assert_eq!(
            (curl.exit, curl.status),
            (0, 200),
            "{version}: {}",
            curl.said
        );
        assert_eq!(curl.body, b"hello");
        let heads = curl.heads.to_lowercase();
        let place = "location: https://localhost:8443/a?b=c";
        assert!(heads.contains(" 301") && heads.contains(place), "{heads}");
    }
    proxy.stop();
}

#[test]
fn an_endpoint_that_does_not_prove_who_it_is_gets_nothing() {
    let stranger = crate::real::certificate::Authority::new("somebody");
    let (folder, authority) = workshop();
    let at = folder.path();
    authority.sign_ended(at, "ended", HOSTS);
    authority.sign(at, "misnamed", &["elsewhere.test"]);
    stranger.sign(at, "unknown", HOSTS);
    let mut origins: Vec<_> = ["site", "ended", "misnamed", "unknown"]
        .map(|name| {
            let file = |kind: &str| at.join(format!("{name}.{kind}"));
            let tls = json!({ "cert": file("pem"), "key": file("key") });
            let origin = Tool::Node.script("origin.mjs", &json!({ "tls": tls }));
            (name, origin)
        })
        .into();
    let ca = at.join("ca.pem");
    for (name, origin) in &mut origins {
        let address = listening(origin);
        for pool in [
            "tls = { ca = \"ca.pem\" }",
            "http2 = true\ntls = { ca = \"ca.pem\" }",
            "tls = { verify = false }",
        ] {
            let (folder, _) = workshop();
            std::fs::copy(&ca, folder.path().join("ca.pem")).unwrap();
            let proxy = Evenkeel::start_in(
                folder,
                &Config {
                    pool,
                    ..Config::new([address])
                }
                .text(),
            );
            let url = format!("http://{}/", proxy.http);
            let curl = Curl::run(["--http1.1", &url]);
            let believed = *name == "site" || pool.contains("verify");
            let expected = if believed { 200 } else { 502 };
            assert_eq!(curl.status, expected, "{name}, {pool}: {}", curl.said);
            proxy.stop();
        }
    }
    for (_, origin) in origins {
        origin.terminate();
        content(origin);
    }
}
