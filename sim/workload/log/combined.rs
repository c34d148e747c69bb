//! Common and Combined Log Format.
//!
//! `host ident user [01/Aug/1995:02:00:00 -0400] "GET /path HTTP/1.0" 200 1713 "referrer" "agent"`

use super::date;
use super::record::{Fault, Key, Line, Record, What, number, position, target};

/// Reads a line without its end.
pub(super) fn parse(line: &[u8], key: &Key) -> Result<Line, Fault> {
    let space = position(line, b" ")
        .filter(|&at| at > 0)
        .ok_or(Fault::Address)?;
    let (host, rest) = line.split_at(space);
    let open = position(rest, b" [").ok_or(Fault::Date)? + 2;
    let close = open + position(&rest[open..], b"]").ok_or(Fault::Date)?;
    let at_us = date::common(&rest[open..close]).ok_or(Fault::Date)?;
    let user = user(&rest[..open - 2], key);
    let rest = rest[close + 1..].trim_ascii_start();
    let quoted = rest.strip_prefix(b"\"").ok_or(Fault::Request)?;
    let (request, status, bytes) = split(quoted)?;
    let (method, path) = target(request).ok_or(Fault::Request)?;
    Ok(Line::Request(Box::new(Record {
        at_us,
        is_coarse: true,
        client: key.hash(user.unwrap_or(host)),
        method,
        host: None,
        path,
        status,
        bytes,
        service_us: None,
        pool: None,
        tries: Vec::new(),
    })))
}

/// The user between the address and the date, if clients are told apart by it.
fn user<'a>(between: &'a [u8], key: &Key) -> Option<&'a [u8]> {
    let What::Field(name) = &key.what else {
        return None;
    };
    let mut words = between.trim_ascii().splitn(2, |byte| *byte == b' ');
    let user = words.nth(1).filter(|user| name == "user" && *user != b"-");
    user.filter(|user| !user.is_empty())
}

/// Splits `GET / HTTP/1.0" 200 17 ...` at the first quote that a status and a length follow: old
/// logs hold requests with quotes of their own.
fn split(quoted: &[u8]) -> Result<(&[u8], u16, u64), Fault> {
    let mut fault = Fault::Request;
    for (at, _) in quoted.iter().enumerate().filter(|(_, byte)| **byte == b'"') {
        fault = Fault::Status;
        // Nothing else is looked at: a line of quotes takes no longer than any other.
        let Some(rest) = quoted[at + 1..].strip_prefix(b" ") else {
            continue;
        };
        let mut fields = rest.split(|&byte| byte == b' ');
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
