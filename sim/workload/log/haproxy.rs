//! HAProxy's `option httplog`, with or without what syslog puts before it.
//!
//! `10.0.1.2:33317 [06/Feb/2009:12:14:14.655] front back/srv1 10/0/30/69/109 200 2750 - - ----
//! 1/1/1/1/0 0/0 {fields} "GET /index.html HTTP/1.1"`, with the times TR/Tw/Tc/Tr/Ta in ms, and the
//! date of the request's first byte.

use super::date;
use super::record::{End, Fault, Key, LONGEST_US, Line, Record, Try, number, position, target};

/// Reads a line without its end.
pub(super) fn parse(line: &[u8], key: &Key) -> Result<Line, Fault> {
    let open = position(line, b" [").ok_or(Fault::Date)?;
    let close = open + position(&line[open..], b"] ").ok_or(Fault::Date)?;
    let peer = line[..open].rsplit(|byte| *byte == b' ').next();
    let peer = peer.filter(|peer| !peer.is_empty()).ok_or(Fault::Address)?;
    let port = peer.iter().rposition(|byte| *byte == b':');
    let address = port.map_or(peer, |port| &peer[..port]);
    let at_us = date::haproxy(&line[open + 2..close]).ok_or(Fault::Date)?;
    let rest = line[close + 2..].trim_ascii();
    let quote = position(rest, b" \"").ok_or(Fault::Request)?;
    let mut fields = rest[..quote]
        .split(|byte| *byte == b' ')
        .filter(|f| !f.is_empty());
    let mut next = || fields.next().ok_or(Fault::Timers);
    let (_, server, times) = (next()?, next()?, times(next()?).ok_or(Fault::Timers)?);
    let status = next()?;
    let bytes = number(unsigned(next()?)).ok_or(Fault::Timers)?;
    let cookies = [next()?, next()?].map(String::from_utf8_lossy);
    let state = next()?;
    let request = rest[quote + 2..]
        .strip_suffix(b"\"")
        .unwrap_or(&rest[quote + 2..]);
    let Some((method, path)) = target(request) else {
        // What it logs of a client that sent no request at all.
        return match request {
            b"<BADREQ>" => Ok(Line::Other),
            _ => Err(Fault::Request),
        };
    };
    let status = number(status).filter(|status| (100..=999).contains(status));
    if status == Some(101) {
        return Ok(Line::Other);
    }
    let [_, _, _, head_us, _] = times;
    let server = String::from_utf8_lossy(server);
    let (pool, server) = server.split_once('/').ok_or(Fault::Timers)?;
    let cookie = cookies.iter().find_map(|cookie| key.in_cookies(cookie));
    Ok(Line::Request(Box::new(Record {
        at_us,
        is_coarse: false,
        client: key.hash(cookie.map_or(address, str::as_bytes)),
        method,
        host: None,
        path,
        // Without a head from the server the status is HAProxy's own.
        status: match (head_us, status) {
            (Some(_), Some(status)) => status as u16,
            _ => 200,
        },
        bytes,
        service_us: head_us,
        pool: Some(pool.into()),
        tries: tried(server, times, state).into_iter().collect(),
    })))
}

/// A number that HAProxy may have written with `+`, as it went on after the line was made.
fn unsigned(digits: &[u8]) -> &[u8] {
    digits.strip_prefix(b"+").unwrap_or(digits)
}

/// TR, Tw, Tc, Tr and Ta, written in milliseconds, in microseconds; what did not happen is -1.
fn times(text: &[u8]) -> Option<[Option<u64>; 5]> {
    let mut times = [None; 5];
    let mut parts = text.split(|byte| *byte == b'/');
    for time in &mut times {
        let part = parts.next()?;
        if part != b"-1" {
            let ms = number(unsigned(part)).filter(|ms| *ms < LONGEST_US / 1_000)?;
            *time = Some(ms * 1_000);
        }
    }
    parts.next().is_none().then_some(times)
}

fn tried(server: &str, times: [Option<u64>; 5], state: &[u8]) -> Option<Try> {
    let [read, waited, dial, head, _] = times;
    if server.starts_with('<') {
        return None;
    }
    let end = match (dial, head) {
        (Some(_), Some(_)) => End::Answered,
        _ if state.first() == Some(&b'C') => End::Left,
        (Some(_), None) => End::Failed,
        (None, _) if state.first() == Some(&b's') => End::Silent,
        (None, _) => End::Refused,
    };
    Some(Try {
        endpoint: server.into(),
        at_us: read.unwrap_or(0) + waited.unwrap_or(0),
        head_us: head.map(|head| head + dial.unwrap_or(0)),
        end,
    })
}
