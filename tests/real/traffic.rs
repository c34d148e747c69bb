//! Requests to the application of `examples/node` whose answers are known to the byte.
use super::client::Client;
use super::message::{Answer, Failure};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::Sender;

/// The largest body, in bytes.
const LARGEST: u32 = 64 * 1024;

/// One request, decided by its number alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    Root,
    Io,
    Bytes { n: u32, seed: u32 },
    Echo { n: u32, seed: u32 },
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Answered, every byte as it should be.
    Whole,
    /// The head arrived and a right beginning of the body.
    Cut,
    /// 502, which a `POST` may get when the connection it was sent on died.
    BadGateway,
    /// Anything else, in words.
    Wrong(String),
}

/// What became of which request.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) number: usize,
    pub(crate) call: Call,
    /// The value of the test's `phase` when the request was sent.
    pub(crate) phase: usize,
    /// The name of the server that answered.
    pub(crate) origin: Option<String>,
    pub(crate) verdict: Verdict,
}

impl Call {
    /// Call number `number`: about a quarter each, bodies from 0 bytes to `LARGEST`, mostly small.
    pub(crate) fn new(number: usize) -> Self {
        let seed = u32::try_from(number)
            .expect("tests are small")
            .wrapping_mul(2_654_435_761);
        let n = ((seed >> 8) % (LARGEST + 1)) >> (seed % 8);
        match (seed >> 3) % 4 {
            0 => Self::Root,
            1 => Self::Io,
            2 => Self::Bytes { n, seed },
            _ => Self::Echo { n, seed },
        }
    }

    pub(crate) fn method(self) -> &'static str {
        if matches!(self, Self::Echo { .. }) {
            "POST"
        } else {
            "GET"
        }
    }

    /// The bytes to send.
    pub(crate) fn request(self) -> Vec<u8> {
        let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: app\r\n\r\n").into_bytes();
        match self {
            Self::Root => get("/"),
            Self::Io => get("/io?ms=1"),
            Self::Bytes { n, seed } => get(&format!("/bytes?n={n}&seed={seed}")),
            Self::Echo { n, seed } => {
                let kind = Self::content_type(seed);
                let head = format!(
                    "POST /echo HTTP/1.1\r\nHost: app\r\nContent-Type: {kind}\r\n\
                     Content-Length: {n}\r\n\r\n"
                );
                [head.into_bytes(), body(n, seed)].concat()
            }
        }
    }

    /// The type and the body of the right answer of the server `origin`.
    pub(crate) fn expected(self, origin: &str) -> (String, Vec<u8>) {
        let json = |text: String| ("application/json".to_string(), text.into_bytes());
        match self {
            Self::Root => json(format!("{{\"name\":\"{origin}\"}}\n")),
            Self::Io => json(format!("{{\"name\":\"{origin}\",\"ms\":1}}\n")),
            Self::Bytes { n, seed } => ("application/octet-stream".into(), body(n, seed)),
            Self::Echo { n, seed } => (Self::content_type(seed), body(n, seed)),
        }
    }

    fn content_type(seed: u32) -> String {
        format!("application/x-{seed}")
    }

    /// Compares what came with what is right; the second value names the server that answered.
    pub(crate) fn judge(self, came: &Result<Answer, Failure>) -> (Verdict, Option<String>) {
        let (head, body, whole) = match came {
            Ok(answer) => (&answer.head, &answer.body, true),
            Err(Failure::CutBody(head, body)) => (head, body, false),
            Err(failure) => return (Verdict::Wrong(failure.to_string()), None),
        };
        if head.status == 502 && whole && self.method() == "POST" {
            return (Verdict::BadGateway, None);
        }
        let Some(origin) = head.field("x-origin").filter(|_| head.status == 200) else {
            let text = String::from_utf8_lossy(body);
            return (
                Verdict::Wrong(format!("status {}: {text}", head.status)),
                None,
            );
        };
        let (kind, right) = self.expected(origin);
        let verdict = if head.field("content-type") != Some(&kind) {
            Verdict::Wrong(format!(
                "Content-Type {:?}, not {kind}",
                head.field("content-type")
            ))
        } else if whole && *body == right {
            Verdict::Whole
        } else if !whole && right.starts_with(body) {
            Verdict::Cut
        } else {
            Verdict::Wrong(difference(body, &right))
        };
        (verdict, Some(origin.into()))
    }
}

/// Sends calls over one connection, and a new one when it ends, until `next` reaches `calls`.
/// Threads that share `next` share the work.
pub(crate) fn send(
    address: SocketAddr,
    calls: usize,
    next: &AtomicUsize,
    phase: &AtomicUsize,
    outcomes: &Sender<Outcome>,
) {
    let mut connection = None;
    loop {
        let number = next.fetch_add(1, Ordering::SeqCst);
        if number >= calls {
            return;
        }
        let (call, phase) = (Call::new(number), phase.load(Ordering::SeqCst));
        let client = connection.get_or_insert_with(|| {
            Client::connect(address).unwrap_or_else(|error| panic!("call {number}: {error}"))
        });
        let came = client.exchange(call.method(), &call.request());
        if came.as_ref().map_or(true, |answer| answer.head.closes()) {
            connection = None;
        }
        let (verdict, origin) = call.judge(&came);
        outcomes
            .send(Outcome {
                number,
                call,
                phase,
                origin,
                verdict,
            })
            .expect("the test listens");
    }
}

/// What `/bytes?n=..&seed=..` answers: `app.mjs` says which generator it is.
pub(crate) fn body(n: u32, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..n).map(|_| next()).collect()
}

fn difference(came: &[u8], right: &[u8]) -> String {
    let same = came.iter().zip(right).take_while(|(a, b)| a == b).count();
    format!(
        "{} bytes came, {} are right, the first {same} agree",
        came.len(),
        right.len()
    )
}
