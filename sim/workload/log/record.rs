//! What one line of any log tells of a request.

use std::fmt;

use evenkeel_core::rng::Stream;

/// A recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When its client sent it, in microseconds since 1970 UTC, or since a recording's beginning.
    pub at_us: i64,
    /// The log has whole seconds: it was sent somewhere in this one.
    pub is_coarse: bool,
    /// Its client: a hash of what tells clients apart.
    pub client: u64,
    /// Its method, a token (RFC 9110 section 5.6.2).
    pub method: Box<str>,
    /// Which host it asked, if the log tells.
    pub host: Option<Box<str>>,
    /// Its target in origin form: path and query, with every other byte percent-encoded.
    pub path: Box<str>,
    /// What the application answered; 200 where it is not known.
    pub status: u16,
    /// The recorded length of the body; 0 for `-`.
    pub bytes: u64,
    /// How long the application worked on it (us), if the log tells.
    pub service_us: Option<u64>,
    /// Which pool took it, if the log tells.
    pub pool: Option<Box<str>>,
    /// What is known of its tries.
    pub tries: Vec<Try>,
}

/// A try of a recorded request at an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Try {
    /// Where it went.
    pub endpoint: Box<str>,
    /// When it began, since its request was sent (us).
    pub at_us: u64,
    /// When its head came, since the try began (us).
    pub head_us: Option<u64>,
    /// How it ended.
    pub end: End,
}

/// Longer times (us) are none: a hundred years.
pub(super) const LONGEST_US: u64 = 3_200_000_000_000_000;

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With an answer.
    Answered,
    /// The connection was lost, or the answer took too long.
    Failed,
    /// There was no connection: refused, or unreachable.
    Refused,
    /// There was no connection in time.
    Silent,
    /// It was given up: its client left, or another try was faster.
    Left,
}

impl End {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Answered, "answered"),
        (Self::Failed, "failed"),
        (Self::Refused, "refused"),
        (Self::Silent, "silent"),
        (Self::Left, "left"),
    ];

    pub(super) fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(end, _)| *end == self);
        named.map_or("left", |(_, name)| name)
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, known)| *known == name);
        named.map(|(end, _)| *end)
    }
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Above [`super::LINE_LIMIT`].
    TooLong,
    /// No address at the beginning.
    Address,
    /// No date in brackets, or one that cannot be.
    Date,
    /// No request in quotes with a method and a path.
    Request,
    /// No status and length after the request.
    Status,
    /// No times and counts where HAProxy has them.
    Timers,
    /// It begins as JSON does, and is none.
    Json,
    /// A field that must be there is not, or cannot be read.
    Field(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 64 KiB",
            Self::Address => "no client address at the beginning",
            Self::Date => "no date such as [01/Aug/1995:02:00:00 -0400]",
            Self::Request => "no request such as \"GET /path HTTP/1.1\"",
            Self::Status => "no status and length after the request",
            Self::Timers => "no times such as 10/0/30/69/109 200 2750",
            Self::Json => "no JSON object",
            Self::Field(name) => return write!(f, "no field `{name}`, or not as expected"),
        })
    }
}

/// What tells the clients of a log apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    /// Which text of a line; one that is not there is the address.
    pub what: What,
    /// What goes into the hash before it.
    pub(super) salt: u64,
}

/// A text that tells clients apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum What {
    /// The client's address.
    #[default]
    Address,
    /// A cookie, where the log has cookies.
    Cookie(String),
    /// A field of the line: of JSON by its name (with dots into objects), of others `user`.
    Field(String),
}

impl Key {
    /// Clients by `what`; whoever does not know `salt` cannot find a text by trying.
    #[must_use]
    pub fn new(what: What, salt: Option<&str>) -> Self {
        let salt = salt.map_or(0, |salt| Stream::new(0, salt).at(0).next_u64());
        Self { what, salt }
    }

    /// The client that `text` stands for.
    pub(super) fn hash(&self, text: &[u8]) -> u64 {
        let text = String::from_utf8_lossy(text);
        Stream::new(self.salt, &text).at(0).next_u64()
    }

    /// The value that this key asks of a field that holds cookies.
    pub(super) fn in_cookies<'a>(&self, cookies: &'a str) -> Option<&'a str> {
        let What::Cookie(name) = &self.what else {
            return None;
        };
        let mut pairs = cookies
            .split(';')
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(known, value)| (known == name).then_some(value))
    }
}

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A request.
    Request(Box<Record>),
    /// A request that nobody can send again: a tunnel, or one that was malformed.
    Other,
    /// No request, and none is missing: the heading of a recording.
    Heading,
}

/// Decimal digits only, up to 18 of them.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |sum, digit: &u8| sum * 10 + u64::from(digit - b'0');
    Some(digits.iter().fold(0, digit))
}

pub(super) fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let mut windows = haystack.windows(needle.len());
    windows.position(|part| part == needle)
}

/// Method and path of a request line; the version may be absent (HTTP/0.9), and blanks in the path
/// belong to it.
pub(super) fn target(request: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let space = position(request, b" ")?;
    let (method, rest) = request.split_at(space);
    let rest = rest.trim_ascii();
    let version = rest.windows(6).rposition(|part| part == b" HTTP/");
    let path = rest[..version.unwrap_or(rest.len())].trim_ascii();
    asked(method, path)
}

/// Method and path, if they can be sent again.
pub(super) fn asked(method: &[u8], path: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if method.is_empty() || !method.iter().all(token) {
        return None;
    }
    let path = path.split(|&byte| byte == b'#').next()?;
    let path = match position(path, b"://") {
        Some(at) if path[..at].iter().all(u8::is_ascii_alphabetic) => {
            let authority = &path[at + 3..];
            position(authority, b"/").map_or(&b"/"[..], |slash| &authority[slash..])
        }
        _ => path,
    };
    if !(path.first() == Some(&b'/') || path == b"*") {
        return None;
    }
    let mut encoded = String::with_capacity(path.len());
    for &byte in path {
        // What may stand in a path or query (RFC 3986 section 3.4) and the escapes themselves.
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    let method = String::from_utf8(method.to_vec()).ok()?;
    Some((method.into(), encoded.into()))
}
