//! The codec under test, compiled from its own files: without the rest of the proxy, whose TLS
//! library alone would take longer to build than a run of the targets lasts.

#[path = "../../src/proxy/h1/mod.rs"]
#[expect(dead_code, unused_imports, reason = "what the rest of the proxy calls")]
pub mod h1;

use h1::{Field, Form, Framing, Limits, Method, Reject, RequestHead, Status, Version};

/// Small enough that short inputs reach every limit.
pub const NARROW: Limits = Limits {
    header_bytes: 160,
    headers: 4,
    uri_bytes: 24,
};

/// What a head says, without what the parser remembers for itself.
pub fn meaning(head: &RequestHead) -> impl PartialEq + std::fmt::Debug + use<> {
    let fields: Vec<Field> = head.fields.iter().copied().collect();
    let target = &head.target;
    (
        (head.method, head.method_name, head.version, head.framing),
        (
            target.form,
            target.whole,
            target.authority,
            target.path,
            target.query,
        ),
        (fields, head.authority, head.keep_alive, head.upgrade),
        (head.expect_continue, head.te_trailers),
    )
}

/// Parses a request head that arrives in pieces which end at `ends`, and then whole.
pub fn in_pieces(
    buf: &[u8],
    limits: &Limits,
    ends: impl Iterator<Item = usize>,
) -> (Result<Status, Reject>, RequestHead) {
    let mut head = RequestHead::default();
    for end in ends.chain([buf.len()]) {
        let parsed = h1::parse_request(&buf[..end], limits, &mut head);
        if parsed != Ok(Status::Partial) {
            return (parsed, head);
        }
    }
    (Ok(Status::Partial), head)
}

/// Lengths of pieces that an input decides itself, so that a finding can be repeated: a generator
/// of the xorshift kind, seeded by the input's FNV-1a hash.
#[derive(Clone, Copy, Debug)]
pub struct Lot(u64);

impl Lot {
    /// The pieces of this input.
    pub fn of(input: &[u8]) -> Self {
        let hash = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
        Self(hash | 1)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    /// Ascending places in `0..=length`, a few of them.
    pub fn places(mut self, length: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..1 + self.below(6))
            .map(|_| self.below(length + 1))
            .collect();
        places.sort_unstable();
        places
    }
}

/// The target as it is sent on: in origin form, but for CONNECT and a server-wide OPTIONS.
pub fn onward_target(head: &RequestHead, buf: &[u8]) -> Vec<u8> {
    let target = &head.target;
    let server_wide = target.form == Form::Absolute
        && head.method == Method::Options
        && target.path.is_empty()
        && target.query.is_empty();
    match target.form {
        Form::Authority => target.whole.of(buf).to_vec(),
        _ if server_wide => b"*".to_vec(),
        _ => [target.path(buf), target.query.of(buf)].concat(),
    }
}

/// One request of a stream: its head and what it carries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The method as sent.
    pub method: Vec<u8>,
    /// The target as sent.
    pub target: Vec<u8>,
    /// The payload, without its framing.
    pub body: Vec<u8>,
    /// Whether the message is complete.
    pub is_whole: bool,
    /// Whether its body was refused.
    pub is_refused: bool,
}

/// The requests that this codec finds in a stream, up to the first that is cut or refused.
pub fn messages(stream: &[u8], limits: &Limits) -> Vec<Message> {
    let mut found = Vec::new();
    let mut rest = stream;
    let mut head = RequestHead::default();
    loop {
        let Ok(Status::Complete(length)) = h1::parse_request(rest, limits, &mut head) else {
            return found;
        };
        let mut message = Message {
            method: head.method_name.of(rest).to_vec(),
            target: head.target.whole.of(rest).to_vec(),
            ..Message::default()
        };
        rest = &rest[length..];
        let mut decoder = h1::Decoder::new(head.framing, limits);
        while !decoder.is_end() && !rest.is_empty() {
            let Ok(step) = decoder.decode(rest) else {
                message.is_refused = true;
                break;
            };
            message.body.extend_from_slice(&rest[step.payload]);
            rest = &rest[step.consumed..];
        }
        message.is_whole = decoder.is_end();
        let goes_on = message.is_whole && head.keep_alive;
        found.push(message);
        if !goes_on {
            return found;
        }
    }
}

/// Asserts what every recipient must be able to rely on in a head that the proxy writes: lines that
/// end in CRLF and nothing else that could, one `Host`, one framing.
pub fn assert_one_reading(head: &[u8]) {
    let text = head
        .strip_suffix(b"\r\n\r\n")
        .expect("a head ends in an empty line");
    let mut lines = text.split(|&byte| byte == b'\n').peekable();
    let mut counts = [("host", 0), ("content-length", 0), ("transfer-encoding", 0)];
    let mut first = true;
    while let Some(line) = lines.next() {
        let line = match lines.peek() {
            Some(_) => line.strip_suffix(b"\r").expect("a bare LF"),
            None => line,
        };
        assert!(!line.is_empty(), "an empty line inside");
        assert!(
            !line.iter().any(|byte| matches!(byte, b'\r' | 0)),
            "CR or NUL"
        );
        if std::mem::take(&mut first) {
            assert_eq!(
                line.iter().filter(|&&byte| byte == b' ').count(),
                2,
                "a start line"
            );
            continue;
        }
        let colon = line.iter().position(|&byte| byte == b':').expect("a colon");
        let name = line[..colon].to_ascii_lowercase();
        assert!(
            !name.is_empty() && !name.iter().any(u8::is_ascii_whitespace),
            "a name"
        );
        for (known, count) in &mut counts {
            *count += usize::from(known.as_bytes() == name);
        }
    }
    let [(_, hosts), (_, lengths), (_, codings)] = counts;
    assert_eq!(hosts, 1, "Host");
    assert!(lengths + codings <= 1, "two framings");
}

/// A request framing that the fields alone decide: [`Framing::UntilClose`] is for responses.
pub fn is_request_framing(framing: Framing, version: Version) -> bool {
    match framing {
        Framing::None | Framing::Length(_) => true,
        Framing::Chunked => version == Version::Http11,
        Framing::UntilClose => false,
    }
}
