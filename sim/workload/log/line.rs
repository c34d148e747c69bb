//! One line of an access log, in Common or Combined Log Format.
//!
//! `host ident user [01/Aug/1995:02:00:00 -0400] "GET /path HTTP/1.0" 200 1713 "referrer" "agent"`

use std::fmt;

use evenkeel_core::rng::Stream;

/// A recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its stamp, seconds since 1970 UTC.
    pub stamp_s: i64,
    /// Its client: a hash of the address as written.
    pub client: u64,
    /// Its method, a token (RFC 9110 section 5.6.2).
    pub method: Box<str>,
    /// Its target in origin form: path and query, with every other byte percent-encoded.
    pub path: Box<str>,
    /// The recorded status.
    pub status: u16,
    /// The recorded length of the body; 0 for `-`.
    pub bytes: u64,
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
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "longer than 64 KiB",
            Self::Address => "no client address at the beginning",
            Self::Date => "no date such as [01/Aug/1995:02:00:00 -0400]",
            Self::Request => "no request such as \"GET /path HTTP/1.1\"",
            Self::Status => "no status and length after the request",
        })
    }
}

/// Reads a line without its end.
pub(super) fn parse(line: &[u8]) -> Result<Record, Fault> {
    let space = position(line, b" ")
        .filter(|&at| at > 0)
        .ok_or(Fault::Address)?;
    let (host, rest) = line.split_at(space);
    let open = position(rest, b" [").ok_or(Fault::Date)? + 2;
    let close = open + position(&rest[open..], b"]").ok_or(Fault::Date)?;
    let stamp_s = stamp(&rest[open..close]).ok_or(Fault::Date)?;
    let rest = rest[close + 1..].trim_ascii_start();
    let quoted = rest.strip_prefix(b"\"").ok_or(Fault::Request)?;
    let (request, status, bytes) = split(quoted)?;
    let (method, path) = target(request).ok_or(Fault::Request)?;
    Ok(Record {
        stamp_s,
        client: Stream::new(0, &String::from_utf8_lossy(host))
            .at(0)
            .next_u64(),
        method,
        path,
        status,
        bytes,
    })
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|part| part == needle)
}

/// Splits `GET / HTTP/1.0" 200 17 ...` at the first quote that a status and a length follow: old
/// logs hold requests with quotes of their own.
fn split(quoted: &[u8]) -> Result<(&[u8], u16, u64), Fault> {
    let mut fault = Fault::Request;
    for (at, _) in quoted.iter().enumerate().filter(|(_, byte)| **byte == b'"') {
        fault = Fault::Status;
        let mut fields = quoted[at + 1..].split(|&byte| byte == b' ').skip(1);
        let status = fields
            .next()
            .filter(|field| field.len() == 3)
            .and_then(number);
        let bytes = match fields.next() {
            Some(b"-") => Some(0),
            field => field.and_then(number),
        };
        if let (Some(status @ 100..=999), Some(bytes)) = (status, bytes) {
            return Ok((&quoted[..at], status as u16, bytes));
        }
    }
    Err(fault)
}

/// Decimal digits only, up to 18 of them.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')),
    )
}

/// Method and path of a request line; the version may be absent (HTTP/0.9), and blanks in the path
/// belong to it.
fn target(request: &[u8]) -> Option<(Box<str>, Box<str>)> {
    let space = position(request, b" ")?;
    let (method, rest) = request.split_at(space);
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if method.is_empty() || !method.iter().all(token) {
        return None;
    }
    let rest = rest.trim_ascii();
    let version = rest.windows(6).rposition(|part| part == b" HTTP/");
    let path = rest[..version.unwrap_or(rest.len())].trim_ascii();
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

/// Seconds since 1970 of `01/Aug/1995:02:00:00 -0400`.
fn stamp(date: &[u8]) -> Option<i64> {
    const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let fixed: &[u8; 26] = date.try_into().ok()?;
    for (at, byte) in [
        (2, b'/'),
        (6, b'/'),
        (11, b':'),
        (14, b':'),
        (17, b':'),
        (20, b' '),
    ] {
        if fixed[at] != byte {
            return None;
        }
    }
    let field = |from: usize, to: usize, max: u64| {
        number(&fixed[from..to])
            .filter(|value| *value <= max)
            .map(|value| value as i64)
    };
    let month = MONTHS.chunks(3).position(|name| *name == fixed[3..6])? as i64 + 1;
    let (day, year) = (field(0, 2, 31).filter(|day| *day > 0)?, field(7, 11, 9999)?);
    let (hour, minute, second) = (field(12, 14, 23)?, field(15, 17, 59)?, field(18, 20, 60)?);
    let zone_s = field(22, 24, 23)? * 3600 + field(24, 26, 59)? * 60;
    let zone_s = match fixed[21] {
        b'+' => zone_s,
        b'-' => -zone_s,
        _ => return None,
    };
    Some(days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - zone_s)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, counting years from March so that the
/// leap day is the last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}
