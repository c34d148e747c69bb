//! What a probe's answer has to be: a pure function over what was received.

use std::fmt;
use std::time::Duration;

use evenkeel_core::health::Outcome;
use evenkeel_core::outlier::Statuses;
use regex::bytes::{Regex, RegexBuilder};

use crate::h1::{Field, ResponseHead};

/// Bytes of a body that are looked at; the rest is not read.
pub const BODY_BYTES: usize = 256 << 10;
/// Bytes that a pattern may take when it is compiled.
const PATTERN_BYTES: usize = 1 << 20;

/// Whether `text` can be the name of a header (RFC 9110 section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_part)
}

/// What an answer has to be: all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Expect {
    /// The status is one of these.
    pub statuses: Statuses,
    /// Each holds.
    pub headers: Vec<Header>,
    /// The body does.
    pub body: Option<Text>,
    /// The whole answer took less than this.
    pub latency: Option<Duration>,
}

/// A condition on a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    name: String,
    condition: Condition,
}

#[derive(Clone, Debug, PartialEq)]
enum Condition {
    Present,
    Absent,
    Equals(String),
    Matches(Pattern),
}

/// A condition on a text.
#[derive(Clone, Debug, PartialEq)]
pub enum Text {
    /// It has this in it.
    Contains(String),
    /// It matches.
    Matches(Pattern),
}

/// A regular expression over bytes, compiled when the configuration is read.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Pattern {
    fn new(source: &str) -> Result<Self, String> {
        let mut builder = RegexBuilder::new(source);
        let built = builder.unicode(false).size_limit(PATTERN_BYTES).build();
        built.map(Self).map_err(|error| error.to_string())
    }
}

impl Header {
    /// Reads `name`, `!name`, `name: value` or `name ~ pattern`.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (absent, rest) = match text.strip_prefix('!') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let end = rest.find([':', ' ']).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let rest = rest.trim();
        let condition = match (rest.strip_prefix(':'), rest.strip_prefix('~'), absent) {
            (None, None, true) if rest.is_empty() => Condition::Absent,
            (None, None, false) if rest.is_empty() => Condition::Present,
            (Some(value), _, false) => Condition::Equals(value.trim().to_owned()),
            (_, Some(pattern), false) => Condition::Matches(Pattern::new(pattern.trim())?),
            _ => return Err("what stands after the name is no condition".into()),
        };
        if !is_token(name) {
            return Err(format!("{name:?} is no name of a header"));
        }
        let name = name.to_ascii_lowercase();
        Ok(Self { name, condition })
    }

    fn holds(&self, head: &ResponseHead, buffer: &[u8]) -> bool {
        let named = |field: &&Field| {
            field
                .name
                .of(buffer)
                .eq_ignore_ascii_case(self.name.as_bytes())
        };
        let mut values = head
            .fields
            .iter()
            .filter(named)
            .map(|field| field.value.of(buffer));
        match &self.condition {
            Condition::Present => values.next().is_some(),
            Condition::Absent => values.next().is_none(),
            Condition::Equals(expected) => values.any(|value| value == expected.as_bytes()),
            Condition::Matches(pattern) => values.any(|value| pattern.0.is_match(value)),
        }
    }
}

impl fmt::Display for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Condition::Present => f.write_str(&self.name),
            Condition::Absent => write!(f, "!{}", self.name),
            Condition::Equals(value) => write!(f, "{}: {value}", self.name),
            Condition::Matches(pattern) => write!(f, "{} ~ {}", self.name, pattern.0.as_str()),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contains(text) => f.write_str(text),
            Self::Matches(pattern) => write!(f, "~ {}", pattern.0.as_str()),
        }
    }
}

impl Text {
    /// Reads a text that has to be in it, or `~` and a pattern.
    ///
    /// # Errors
    ///
    /// What is wrong with the pattern.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('~') {
            Some(pattern) => Pattern::new(pattern.trim()).map(Self::Matches),
            None => Ok(Self::Contains(text.to_owned())),
        }
    }

    fn holds(&self, body: &[u8]) -> bool {
        match self {
            Self::Contains(text) if text.is_empty() => true,
            Self::Contains(text) => body.windows(text.len()).any(|part| part == text.as_bytes()),
            Self::Matches(pattern) => pattern.0.is_match(body),
        }
    }
}

impl Expect {
    /// The same of an answer of which nothing but 200 is known.
    #[must_use]
    pub fn of_latency_alone(&self) -> Self {
        Self {
            statuses: Statuses::default().with(200),
            headers: Vec::new(),
            body: None,
            latency: self.latency,
        }
    }

    /// Whether the head is as expected. `buffer` is what it was parsed from.
    #[must_use]
    pub fn head(&self, head: &ResponseHead, buffer: &[u8]) -> Outcome {
        if !self.statuses.contains(head.status) {
            Outcome::Status
        } else if !self.headers.iter().all(|header| header.holds(head, buffer)) {
            Outcome::Header
        } else {
            Outcome::Passed
        }
    }

    /// Whether the body (its first [`BODY_BYTES`]) is as expected.
    #[must_use]
    pub fn body(&self, body: &[u8]) -> Outcome {
        match &self.body {
            Some(text) if !text.holds(&body[..body.len().min(BODY_BYTES)]) => Outcome::Body,
            _ => Outcome::Passed,
        }
    }

    /// Whether an answer that is otherwise as expected came soon enough.
    #[must_use]
    pub fn latency(&self, took: Duration) -> Outcome {
        match self.latency {
            Some(limit) if took >= limit => Outcome::Slow,
            _ => Outcome::Passed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h1::{self, Limits, Method, Status};

    fn judge(expect: &Expect, answer: &str) -> Outcome {
        let mut head = ResponseHead::default();
        let parsed = h1::parse_response(
            answer.as_bytes(),
            Method::Get,
            &Limits::default(),
            &mut head,
        );
        let Ok(Status::Complete(length)) = parsed else {
            panic!("{answer:?} has no head");
        };
        match expect.head(&head, answer.as_bytes()) {
            Outcome::Passed => expect.body(&answer.as_bytes()[length..]),
            other => other,
        }
    }

    fn expect(headers: &[&str], body: Option<&str>) -> Expect {
        let all = (200..400).fold(Statuses::default(), Statuses::with);
        Expect {
            statuses: all.with(418),
            headers: headers
                .iter()
                .map(|text| Header::parse(text).unwrap())
                .collect(),
            body: body.map(|text| Text::parse(text).unwrap()),
            latency: None,
        }
    }

    #[test]
    fn answers() {
        const OK: &str =
            "HTTP/1.1 200 OK\r\nX-Version: v2.7\r\nContent-Type: text/plain\r\n\r\nall ok";
        use Outcome::{Body, Header, Passed, Status};
        let cases: [(&[&str], Option<&str>, &str, Outcome); 16] = [
            (&[], None, OK, Passed),
            (&[], None, "HTTP/1.1 418 Teapot\r\n\r\n", Passed),
            (&[], None, "HTTP/1.1 500 Oh\r\n\r\n", Status),
            (&[], None, "HTTP/1.1 404 No\r\n\r\n", Status),
            (&["x-version"], None, OK, Passed),
            (&["x-other"], None, OK, Header),
            (&["!x-other"], None, OK, Passed),
            (&["!x-version"], None, OK, Header),
            (
                &["x-version: v2.7", "content-type: text/plain"],
                None,
                OK,
                Passed,
            ),
            (&["x-version: v2"], None, OK, Header),
            (&["x-version ~ ^v2"], None, OK, Passed),
            (&["x-version ~ ^v3"], None, OK, Header),
            (&[], Some("ok"), OK, Passed),
            (&[], Some("fine"), OK, Body),
            (&[], Some("~ ^all (ok|fine)$"), OK, Passed),
            (&[], Some("~ ^ok"), OK, Body),
        ];
        for (headers, body, answer, expected) in cases {
            let found = judge(&expect(headers, body), answer);
            assert_eq!(found, expected, "{headers:?} {body:?} {answer:?}");
        }
    }

    #[test]
    fn a_body_beyond_the_limit_is_not_seen() {
        let expect = expect(&[], Some("end"));
        let mut body = vec![b'x'; BODY_BYTES - 3];
        body.extend_from_slice(b"end");
        assert_eq!(expect.body(&body), Outcome::Passed);
        body.insert(0, b'x');
        assert_eq!(expect.body(&body), Outcome::Body);
    }

    #[test]
    fn too_slow_does_not_count() {
        let fast = Expect {
            latency: Some(Duration::from_millis(100)),
            ..expect(&[], None)
        };
        assert_eq!(fast.latency(Duration::from_millis(99)), Outcome::Passed);
        assert_eq!(fast.latency(Duration::from_millis(100)), Outcome::Slow);
    }

    #[test]
    fn wrong_conditions() {
        for text in ["", "!", "a b", "!a: b", "a ~ (", "a/b: c", ": x"] {
            assert!(Header::parse(text).is_err(), "{text:?}");
        }
        for text in ["a", "!a", "a: b c", "a ~ ^b"] {
            assert_eq!(Header::parse(text).unwrap().to_string(), text);
        }
        assert!(Text::parse("~ (").is_err());
    }
}
