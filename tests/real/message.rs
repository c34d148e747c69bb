//! The head of an answer, read as strictly as RFC 9112 allows a client to be.
use std::fmt;

/// How an answer's body ends (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(usize),
    Chunked,
    /// With the connection, which the head must have announced.
    Close,
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// `10` or `11`.
    pub(crate) version: u8,
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, String)>,
}

/// Why there is no whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The connection ended before the first byte.
    Closed,
    /// It ended within the head.
    CutHead(Vec<u8>),
    /// It ended within the body, of which this much had arrived.
    CutBody(Head, Vec<u8>),
    /// Nothing came for `PATIENCE`.
    Silent,
    /// What came is not HTTP/1.
    Malformed(String),
}

impl Head {
    /// The only value of a field, or `None`. Panics when there are two: no test expects that.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        let value = values.next();
        assert!(values.next().is_none(), "{name} stands twice in {self:?}");
        value
    }

    fn values<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let named = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(named)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the connection ends after this answer.
    pub(crate) fn closes(&self) -> bool {
        let said = |token: &str| {
            let options = self.values("connection").flat_map(|value| value.split(','));
            options
                .map(str::trim)
                .any(|option| option.eq_ignore_ascii_case(token))
        };
        said("close") || (self.version == 10 && !said("keep-alive"))
    }

    /// Reads a head: everything up to and with the empty line.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|_| "a head that is not text".to_string())?;
        let lines = text
            .strip_suffix("\r\n\r\n")
            .ok_or("a head without an end")?;
        let mut lines = lines.split("\r\n");
        let (version, status) = status_line(lines.next().unwrap_or_default())?;
        let fields = lines.map(field_line).collect::<Result<_, _>>()?;
        Ok(Self {
            version,
            status,
            fields,
        })
    }

    /// How the body of this answer to a request of `method` ends.
    pub(crate) fn framing(&self, method: &str) -> Result<Framing, String> {
        let lengths: Vec<_> = self.values("content-length").collect();
        let codings: Vec<_> = self.values("transfer-encoding").collect();
        let bodiless = self.status < 200 || self.status == 204;
        match (lengths.as_slice(), codings.as_slice()) {
            ([], []) if bodiless || self.status == 304 || method == "HEAD" => Ok(Framing::None),
            _ if bodiless => Err(format!("framing on a {}", self.status)),
            ([_], []) | ([], [_]) if self.status == 304 || method == "HEAD" => Ok(Framing::None),
            ([], []) if self.closes() => Ok(Framing::Close),
            ([], []) => Err("a body without an end".into()),
            ([], ["chunked"]) if self.version == 10 => Err("chunks in HTTP/1.0".into()),
            ([], ["chunked"]) => Ok(Framing::Chunked),
            ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => length
                .parse()
                .map(Framing::Length)
                .map_err(|error| error.to_string()),
            _ => Err(format!(
                "Content-Length {lengths:?} with Transfer-Encoding {codings:?}"
            )),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => write!(f, "closed before an answer"),
            Self::CutHead(bytes) => write!(f, "cut in the head after {} bytes", bytes.len()),
            Self::CutBody(head, body) => {
                write!(
                    f,
                    "cut after {} bytes of the body of a {}",
                    body.len(),
                    head.status
                )
            }
            Self::Silent => write!(f, "no answer"),
            Self::Malformed(reason) => write!(f, "malformed: {reason}"),
        }
    }
}

fn status_line(line: &str) -> Result<(u8, u16), String> {
    let wrong = || format!("status line {line:?}");
    let (version, rest) = match line.split_at_checked(9).ok_or_else(wrong)? {
        ("HTTP/1.1 ", rest) => (11, rest),
        ("HTTP/1.0 ", rest) => (10, rest),
        _ => return Err(wrong()),
    };
    // The space stands there even when no reason follows it (RFC 9112, section 4).
    let (digits, reason) = rest.split_once(' ').ok_or_else(wrong)?;
    let status = digits.parse().map_err(|_| wrong())?;
    if digits.len() != 3 || !(100..600).contains(&status) || reason.contains(is_control) {
        return Err(wrong());
    }
    Ok((version, status))
}

/// One field line, also of a trailer section.
pub(crate) fn field_line(line: &str) -> Result<(String, String), String> {
    let wrong = || format!("field line {line:?}");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    if name.is_empty() || !name.bytes().all(is_token) || value.contains(is_control) {
        return Err(wrong());
    }
    Ok((name.into(), value.trim_matches([' ', '\t']).into()))
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_control(c: char) -> bool {
    c.is_ascii_control() && c != '\t'
}
