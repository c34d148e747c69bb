//! Readers of what arrives at an origin: one that is strict, and many that each forgive in their
//! own way. Written for nothing but to disagree where a message lets them.

/// One request as a reader understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) body: Vec<u8>,
}

/// What a lenient reader forgives or prefers. Each occurs in servers that are in use.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Habits {
    /// A CR alone ends a line, too.
    lone_cr: bool,
    /// A line that begins with a blank is a field of its own, not the end of the one before.
    unfolds: bool,
    /// `_` in a name is `-`.
    underscores: bool,
    /// `Content-Length` wins over `Transfer-Encoding`.
    length_first: bool,
    /// Of several lengths or hosts the last counts.
    last_wins: bool,
    /// `chunked` counts wherever it stands in the value, quoted and misspelt, too.
    anywhere: bool,
    /// A field name ends at its first blank, not at the colon.
    first_word: bool,
    /// After the data of a chunk two bytes are passed over, whatever they are.
    two_bytes: bool,
}

impl Habits {
    /// Every combination.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..256_u32).map(|mask| {
            let has = |bit: u32| mask >> bit & 1 == 1;
            Self {
                lone_cr: has(0),
                unfolds: has(1),
                underscores: has(2),
                length_first: has(3),
                last_wins: has(4),
                anywhere: has(5),
                first_word: has(6),
                two_bytes: has(7),
            }
        })
    }

    /// The whole requests that this reader finds in a stream.
    pub(crate) fn read(self, stream: &[u8]) -> Vec<Message> {
        let mut found = Vec::new();
        let mut rest = stream;
        while let Some(message) = self.message(&mut rest) {
            found.push(message);
        }
        found
    }

    fn message(self, rest: &mut &[u8]) -> Option<Message> {
        let mut line = self.line(rest)?;
        while line.is_empty() {
            line = self.line(rest)?;
        }
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut fields: Vec<(String, String)> = Vec::new();
        loop {
            let line = self.line(rest)?;
            if line.is_empty() {
                break;
            }
            match fields.last_mut() {
                Some((_, value)) if line.starts_with([' ', '\t']) && !self.unfolds => {
                    value.push_str(&line);
                }
                _ => fields.push(self.field(&line)),
            }
        }
        let values = |name: &str| -> Vec<String> {
            let named = fields.iter().filter(|field| field.0 == name);
            named.map(|field| field.1.to_ascii_lowercase()).collect()
        };
        let one = |values: &[String]| {
            let value = if self.last_wins {
                values.last()
            } else {
                values.first()
            };
            value.cloned()
        };
        let length = one(&values("content-length")).map(|value| number(&value, 10));
        let chunked = values("transfer-encoding").iter().any(|value| {
            let last = value.rsplit(',').next().unwrap_or_default().trim();
            last == "chunked" || (self.anywhere && value.contains("chunk"))
        });
        let body = match length {
            Some(length) if self.length_first || !chunked => take(rest, length)?,
            _ if chunked => self.chunks(rest)?,
            _ => Vec::new(),
        };
        let host = one(&values("host")).unwrap_or_default();
        Some(Message {
            method,
            target,
            host,
            body,
        })
    }

    fn field(self, line: &str) -> (String, String) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let mut name = name.trim().to_ascii_lowercase();
        if self.first_word {
            name = name
                .split_ascii_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
        }
        if self.underscores {
            name = name.replace('_', "-");
        }
        (
            name,
            value
                .trim_matches(|c: char| c.is_whitespace() || c.is_control())
                .to_owned(),
        )
    }

    fn line(self, rest: &mut &[u8]) -> Option<String> {
        let ends = |&byte: &u8| byte == b'\n' || (self.lone_cr && byte == b'\r');
        let end = rest.iter().position(ends)?;
        let after = if rest[end..].starts_with(b"\r\n") {
            2
        } else {
            1
        };
        let line = String::from_utf8_lossy(&rest[..end])
            .trim_end_matches('\r')
            .to_owned();
        *rest = &rest[end + after..];
        Some(line)
    }

    fn chunks(self, rest: &mut &[u8]) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(rest)?;
            let size = number(line.trim().trim_start_matches("0x"), 16);
            if size == 0 {
                while !self.line(rest)?.is_empty() {}
                return Some(body);
            }
            body.extend(take(rest, size)?);
            let skip = match rest {
                _ if self.two_bytes => 2.min(rest.len()),
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                _ => 0,
            };
            *rest = &rest[skip..];
        }
    }
}

/// As C's `strtoul` reads it: a sign is passed over, what is no digit ends it, too much wraps.
fn number(text: &str, radix: u32) -> u64 {
    let text = text.trim().trim_start_matches(['+', '-', '"']);
    let digits = text.chars().map_while(|c| c.to_digit(radix));
    digits.fold(0, |sum: u64, digit| {
        sum.wrapping_mul(radix.into()).wrapping_add(digit.into())
    })
}

fn take(rest: &mut &[u8], length: u64) -> Option<Vec<u8>> {
    let (taken, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(taken.to_vec())
}

/// What a strict reader makes of the start of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Strict {
    /// A request, and its length in bytes.
    Whole(Message, usize),
    /// More must come.
    Cut,
    /// Not as RFC 9112 has it.
    Wrong(&'static str),
}

/// Reads one request as RFC 9112 lets a sender write it: no tolerance is used.
pub(crate) fn strict(stream: &[u8]) -> Strict {
    match whole(stream) {
        Ok((message, length)) => Strict::Whole(message, length),
        Err("") => Strict::Cut,
        Err(why) => Strict::Wrong(why),
    }
}

/// The next line; an empty reason for one that is not there yet.
fn line<'a>(rest: &mut &'a [u8]) -> Result<&'a str, &'static str> {
    let end = rest.iter().position(|&byte| byte == b'\n').ok_or("")?;
    let line = rest[..end].strip_suffix(b"\r").ok_or("a bare LF")?;
    *rest = &rest[end + 1..];
    let line = std::str::from_utf8(line).map_err(|_| "not text")?;
    let is_plain = line.chars().all(|c| c == '\t' || !c.is_ascii_control());
    is_plain.then_some(line).ok_or("a control character")
}

fn whole(stream: &[u8]) -> Result<(Message, usize), &'static str> {
    let mut rest = stream;
    let mut words = line(&mut rest)?.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1"), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err("a request line");
    };
    let (mut host, mut length, mut chunked) = (None, None, false);
    loop {
        let line = line(&mut rest)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or("no colon")?;
        if name.is_empty() || name.contains(|c: char| !c.is_ascii_graphic()) {
            return Err("a field name");
        }
        let value = value.trim_matches([' ', '\t']);
        match name.to_ascii_lowercase().as_str() {
            "host" if host.is_none() => host = Some(value),
            "content-length" if length.is_none() && !chunked => {
                let is_number = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                length = Some(value.parse().ok().filter(|_| is_number).ok_or("a length")?);
            }
            "transfer-encoding" if length.is_none() && !chunked && value == "chunked" => {
                chunked = true;
            }
            "host" | "content-length" | "transfer-encoding" => return Err("two framings or hosts"),
            _ => {}
        }
    }
    let body = match length {
        Some(length) => take(&mut rest, length).ok_or("")?,
        None if chunked => chunks(&mut rest)?,
        None => Vec::new(),
    };
    let host = host.ok_or("no Host")?.to_ascii_lowercase();
    let message = Message {
        method: method.into(),
        target: target.into(),
        host,
        body,
    };
    Ok((message, stream.len() - rest.len()))
}

fn chunks(rest: &mut &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut body = Vec::new();
    loop {
        let head = line(rest)?;
        if head.is_empty() || !head.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err("a chunk size");
        }
        let size = u64::from_str_radix(head, 16).map_err(|_| "a chunk size")?;
        if size == 0 {
            while !line(rest)?.is_empty() {}
            return Ok(body);
        }
        body.extend(take(rest, size).ok_or("")?);
        if !line(rest)?.is_empty() {
            return Err("a chunk longer than its size");
        }
    }
}
