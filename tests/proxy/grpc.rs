//! Checks of `grpc.health.v1`: what endpoints are asked, and what their answers come to. The
//! endpoint is a proxy, which speaks HTTP/2, and behind it an origin that sees every byte.
use super::operation::named;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::origin::{self, Connection};

/// The longest name that a configuration may have.
const LONG: &str = concat!(
    "a.service.of.one.hundred.and.twenty.eight.bytes.whose.length.takes.two.bytes.in.a.message.",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
);
const SERVING: &str = "7\r\n\0\0\0\0\u{2}\u{8}\u{1}\r\n0\r\n";
const NOT_SERVING: &str = "7\r\n\0\0\0\0\u{2}\u{8}\u{2}\r\n0\r\n";

/// What an endpoint is asked as, the message and trailers that it answers with, and what a probe
/// comes to then.
const CASES: [(&str, &str, &str, &str); 6] = [
    ("well", SERVING, "grpc-status: 0\r\n", "passed"),
    ("ill", NOT_SERVING, "grpc-status: 0\r\n", "body"),
    ("broken", SERVING, "grpc-status: 14\r\n", "status"),
    ("unknown", "0\r\n", "grpc-status: 5\r\n", "status"),
    ("mute", "0\r\n", "grpc-status: 0\r\n", "body"),
    ("plain", SERVING, "", "status"),
];

/// Answers probes as their `Host` wants it.
fn answer(mut connection: Connection) {
    while let Some(head) = connection.head() {
        assert!(
            head.starts_with("POST /grpc.health.v1.Health/Check HTTP/1.1\r\n"),
            "{head}"
        );
        let lines: Vec<String> = head.lines().map(str::to_lowercase).collect();
        let value = |name: &str| {
            let value = |line: &String| Some(line.strip_prefix(name)?.trim().to_owned());
            lines.iter().find_map(value)
        };
        assert_eq!(value("content-type:").as_deref(), Some("application/grpc"));
        assert_eq!(value("te:").as_deref(), Some("trailers"));
        let length = value("content-length:").expect("it is said").parse();
        let body = connection.body(length.expect("a number"));
        assert_eq!(body.as_deref(), Some(&*asked(LONG)));
        let host = value("host:").expect("all have one");
        let case = CASES.iter().find(|(name, ..)| *name == host);
        let (_, message, trailers, _) = case.unwrap_or_else(|| panic!("nobody is {host}"));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\
             \r\n{message}{trailers}\r\n"
        );
        if connection.say(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// A message that is not compressed, with field 1: a text of 128 bytes, whose length is written in
/// seven bits each, the lowest first.
fn asked(service: &str) -> Vec<u8> {
    assert_eq!(service.len(), 128);
    [&[0, 0, 0, 0, 131, 0x0a, 0x80, 0x01], service.as_bytes()].concat()
}

#[test]
fn a_service_is_asked_by_its_name_and_believed_if_it_serves() {
    let behind = Evenkeel::start(&Config::new([origin::start(answer)]));
    let endpoint = behind.http;
    let blocks = CASES.map(|(name, ..)| {
        format!(
            "[[route]]\npath = \"/{name}\"\npool = \"{name}\"\n[[pool]]\nname = \"{name}\"\n\
             http2 = true\nendpoints = [{{ address = \"{endpoint}\" }}]\nhealth = {{ kind = \
             \"grpc\", host = \"{name}\", service = \"{LONG}\", interval = \"20ms\" }}\n"
        )
    });
    let proxy = Evenkeel::start(&Config {
        blocks: blocks.concat(),
        ..Config::new([named("a")])
    });
    for (name, .., result) in CASES {
        let of = |line: &&str| {
            line.starts_with("evenkeel_probes_total{")
                && line.contains(&format!("pool=\"{name}\""))
                && !line.ends_with(" 0")
        };
        let results = (0..10_000).find_map(|_| {
            let page = String::from_utf8(proxy.admin("/metrics").body).expect("text");
            let lines: Vec<String> = page.lines().filter(of).map(str::to_owned).collect();
            (!lines.is_empty()).then_some(lines)
        });
        let results = results.expect("it is probed");
        let expected = format!("result=\"{result}\"");
        assert!(
            results.iter().all(|line| line.contains(&expected)),
            "{name}: {results:?}"
        );
    }
    proxy.stop();
}
