//! The formats of logs, and how one is told from a line.

use serde_json::Value;

use super::record::{Fault, Key, Line};
use super::{Reading, combined, haproxy, json, recording};

/// A format of access logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Common and Combined Log Format.
    Common,
    /// HAProxy's `option httplog`.
    Haproxy,
    /// nginx with a `log_format` of JSON.
    Nginx,
    /// Caddy's JSON.
    Caddy,
    /// evenkeel's own.
    Evenkeel,
    /// What `sim import` writes.
    Recording,
}

impl Format {
    /// What reports call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Common => "common or combined log format",
            Self::Haproxy => "HAProxy httplog",
            Self::Nginx => "nginx JSON",
            Self::Caddy => "Caddy JSON",
            Self::Evenkeel => "evenkeel's access log",
            Self::Recording => "a recording",
        }
    }

    fn parse(self, line: &[u8], key: &Key) -> Result<Line, Fault> {
        let read = match self {
            Self::Common => return combined::parse(line, key),
            Self::Haproxy => return haproxy::parse(line, key),
            Self::Recording => return recording::parse(line),
            Self::Nginx => json::nginx,
            Self::Caddy => json::caddy,
            Self::Evenkeel => json::evenkeel,
        };
        let object = serde_json::from_slice::<Value>(line).map_err(|_| Fault::Json)?;
        read(&object, key)
    }

    /// The format that an object is of.
    fn of(object: &Value) -> Self {
        let is = |name: &str, is: fn(&Value) -> bool| object.get(name).is_some_and(is);
        if is(recording::MARK, Value::is_string) {
            Self::Recording
        } else if is("tries", Value::is_array) {
            Self::Evenkeel
        } else if is("request", Value::is_object) {
            Self::Caddy
        } else {
            Self::Nginx
        }
    }
}

/// Reads a line without its end. The first one that can be read decides the format of a log whose
/// format was not named.
pub(super) fn parse(line: &[u8], reading: &mut Reading) -> Result<Line, Fault> {
    if let Some(format) = reading.format {
        return format.parse(line, &reading.key);
    }
    let formats = if line.starts_with(b"{") {
        let object = serde_json::from_slice(line).map_err(|_| Fault::Json)?;
        vec![Format::of(&object)]
    } else {
        vec![Format::Haproxy, Format::Common]
    };
    let mut result = Err(Fault::Address);
    for format in formats {
        result = format.parse(line, &reading.key);
        if result.is_ok() {
            reading.format = Some(format);
            break;
        }
    }
    result
}
