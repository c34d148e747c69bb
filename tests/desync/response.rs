//! Ambiguous answers of an origin: the client gets a faithful message or 502, and neither its
//! connection nor the endpoint's is out of step afterwards.

use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::message::Failure;
use crate::real::origin;

/// What the client gets.
#[derive(Debug, Clone, Copy)]
enum Expect {
    /// An answer of the proxy's own.
    Bad,
    /// The answer, with this payload.
    Whole(u16, &'static str),
    /// An answer that cannot be taken for a whole one.
    Cut,
}

use Expect::{Bad, Cut, Whole};

/// Method, what the origin answers, whether it closes after it, what the client gets. `+` stands
/// for a whole second answer, which nobody asked for.
const CASES: &[(&str, &str, bool, Expect)] = &[
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nX\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nX y: z\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nX: y\rContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\n: y\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/0.9 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/2 200\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    ("GET", "<html>hello</html>", true, Bad),
    (
        "GET",
        "HTTP/1.1 20 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 099 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1  200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 200\tOK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        " HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Bad,
    ),
    (
        "GET",
        "HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n+",
        false,
        Bad,
    ),
    ("GET", "HTTP/1.1 100 X\r\n\r\nnonsense\r\n\r\n", false, Bad),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello+",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nhello+",
        false,
        Whole(200, ""),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n+",
        false,
        Whole(200, ""),
    ),
    (
        "GET",
        "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 100 X\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        false,
        Whole(200, "ok"),
    ),
    (
        "GET",
        "HTTP/1.1 103 X\r\nTransfer-Encoding: chunked\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok+",
        false,
        Whole(200, "ok"),
    ),
    (
        "GET",
        "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello+",
        false,
        Whole(204, ""),
    ),
    (
        "GET",
        "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        false,
        Whole(204, ""),
    ),
    (
        "GET",
        "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Whole(304, ""),
    ),
    (
        "GET",
        "HTTP/1.1 304 X\r\nContent-Length: 5\r\n\r\n+",
        false,
        Whole(304, ""),
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Whole(200, ""),
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n+",
        false,
        Whole(200, ""),
    ),
    (
        "HEAD",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        false,
        Whole(200, ""),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\n\r\nhello",
        true,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.0 200 OK\r\n\r\nhello",
        true,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello+",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n+",
        false,
        Whole(200, "hello"),
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\n",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX : y\r\n\r\n",
        false,
        Cut,
    ),
    (
        "GET",
        "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        true,
        Cut,
    ),
];

/// A whole answer that nobody asked for.
const UNASKED: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled";

/// The origin of [`CASES`]: `/N/attack` is answered as the N-th case says, others with the target.
fn origin() -> std::net::SocketAddr {
    origin::start(|mut connection| {
        while let Some(head) = connection.head() {
            let target = head.split(' ').nth(1).expect("a request line");
            let number = target
                .strip_suffix("/attack")
                .and_then(|rest| rest[1..].parse().ok());
            let Some((_, answer, closes, _)) = number.and_then(|n: usize| CASES.get(n)) else {
                let length = target.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}");
                if connection.say(answer.as_bytes()).is_err() {
                    return;
                }
                continue;
            };
            let answer = match answer.strip_suffix('+') {
                Some(answer) => [answer, UNASKED].concat(),
                None => (*answer).to_owned(),
            };
            if connection.say(answer.as_bytes()).is_err() || *closes {
                return;
            }
        }
    })
}

#[test]
fn an_ambiguous_answer_is_502_or_faithful_and_nothing_is_out_of_step() {
    let proxy = Evenkeel::start(&Config::new([origin()]));
    let mut failed = Vec::new();
    for (number, &(method, answer, _, expect)) in CASES.iter().enumerate() {
        if let Err(why) = one(&proxy, number, method, expect) {
            failed.push(format!("{}: {why}", answer.escape_debug()));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        CASES.len(),
        failed.join("\n")
    );
}

fn one(proxy: &Evenkeel, number: usize, method: &str, expect: Expect) -> Result<(), String> {
    let request = |method: &str, name: &str| {
        format!("{method} /{number}/{name} HTTP/1.1\r\nHost: app\r\n\r\n")
    };
    let mut client = proxy.client();
    let got = client.exchange(method, request(method, "attack").as_bytes());
    let is_right = match (&got, expect) {
        (Ok(got), Bad) => got.head.status == 502,
        (Ok(got), Whole(status, body)) => got.head.status == status && got.body == body.as_bytes(),
        (Err(Failure::Closed | Failure::CutHead(_) | Failure::CutBody(..)), Cut) => true,
        _ => false,
    };
    if !is_right {
        return Err(format!("{expect:?}, and not {got:?}"));
    }
    // The same client goes on, if it may, and so do others: on whatever connections are kept.
    let closes = got.as_ref().map_or(true, |got| got.head.closes());
    for (name, client) in [
        ("next", (!closes).then_some(client)),
        ("other", Some(proxy.client())),
    ] {
        let Some(mut client) = client else { continue };
        let got = client.exchange("GET", request("GET", name).as_bytes());
        let body = got.as_ref().map(|got| &got.body[..]);
        if body != Ok(format!("/{number}/{name}").as_bytes()) {
            return Err(format!("then {name}: {got:?}"));
        }
    }
    Ok(())
}
