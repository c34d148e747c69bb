//! Logs of one JSON object a line: nginx's, Caddy's, evenkeel's own.

use std::borrow::Cow;

use serde_json::Value;

use super::date;
use super::record::{End, Fault, Key, LONGEST_US, Line, Record, Try, What, asked, target};

/// The value of `name`, which goes into objects by dots, and into lists by their first.
fn find<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    let own = line.get(name);
    let inside = || {
        let mut parts = name.split('.');
        parts.try_fold(line, |value, part| value.get(part))
    };
    let value = own.or_else(inside)?;
    match value {
        Value::Array(values) => values.first(),
        Value::Null => None,
        value => Some(value),
    }
}

/// The first of some names that has a text, or a number as one.
fn text<'a>(line: &'a Value, names: &[&str]) -> Option<Cow<'a, str>> {
    let some = |name: &&str| match find(line, name)? {
        Value::String(text) if text.is_empty() || text == "-" => None,
        Value::String(text) => Some(Cow::Borrowed(text.as_str())),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    };
    names.iter().find_map(some)
}

/// The same as a number. Of several, one for each server that was asked, the last counts.
fn float(line: &Value, names: &[&str]) -> Option<f64> {
    let text = text(line, names)?;
    let last = text.rsplit([',', ':']).next()?.trim();
    last.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Whole microseconds of a time in units of `unit_us`, if there can be such a time.
fn micros(time: f64, unit_us: f64) -> Option<u64> {
    let time_us = time * unit_us;
    (0.0..LONGEST_US as f64)
        .contains(&time_us)
        .then_some((time_us + 0.5) as u64)
}

fn client(line: &Value, key: &Key, names: &[&str], cookies: &[&str]) -> Result<u64, Fault> {
    let own = match &key.what {
        What::Address => None,
        What::Field(name) => text(line, &[name]),
        What::Cookie(_) => {
            let cookies = text(line, cookies);
            cookies.and_then(|all| key.in_cookies(&all).map(|one| Cow::Owned(one.to_owned())))
        }
    };
    let address = own.or_else(|| text(line, names));
    let address = address.ok_or(Fault::Field("client address"))?;
    Ok(key.hash(address.as_bytes()))
}

/// nginx with a `log_format` of JSON, whose fields bear the variables' names: `msec` or
/// `time_iso8601`, `remote_addr`, `request` or `request_method` and `request_uri`, `status`,
/// `body_bytes_sent`, and `request_time`, `upstream_response_time`, `upstream_addr`. A line is
/// written when its request has ended.
pub(super) fn nginx(line: &Value, key: &Key) -> Result<Line, Fault> {
    let took_us = float(line, &["request_time"]).and_then(|time| micros(time, 1e6));
    let (end_us, is_coarse) = ended(line).ok_or(Fault::Field("time_iso8601"))?;
    let whole = text(line, &["request"]);
    let parts = || {
        let method = text(line, &["request_method", "method"])?;
        asked(
            method.as_bytes(),
            text(line, &["request_uri", "uri", "path"])?.as_bytes(),
        )
    };
    let asked = parts().or_else(|| target(whole.as_ref()?.as_bytes()));
    let (method, path) = asked.ok_or(Fault::Field("request"))?;
    let status = float(line, &["status"]).filter(|status| (100.0..1000.0).contains(status));
    let status = status.ok_or(Fault::Field("status"))? as u16;
    if status == 101 {
        return Ok(Line::Other);
    }
    // nginx notes its own 502 and 504 as the status of the server that did not answer.
    let passed_on = match find(line, "upstream_header_time") {
        Some(_) => float(line, &["upstream_header_time"]).is_some(),
        None => text(line, &["upstream_status"]).is_some(),
    };
    let worked_us = float(line, &["upstream_header_time", "upstream_response_time"]);
    let worked_us = worked_us.and_then(|time| micros(time, 1e6));
    let server = text(line, &["upstream_addr"]);
    let server = server
        .as_ref()
        .and_then(|all| all.rsplit([',', ' ']).next());
    // What nginx itself says when its client or its servers are gone.
    let own = matches!(status, 499 | 502 | 504) && !passed_on;
    let tried = |server: &str| Try {
        endpoint: server.into(),
        at_us: took_us.unwrap_or(0).saturating_sub(worked_us.unwrap_or(0)),
        head_us: worked_us.filter(|_| !own),
        end: if own { End::Left } else { End::Answered },
    };
    let began_us = end_us - took_us.unwrap_or(0) as i64;
    Ok(Line::Request(Box::new(Record {
        at_us: began_us,
        is_coarse: is_coarse && took_us.is_none_or(|took_us| took_us < 1_000_000),
        client: client(
            line,
            key,
            &["remote_addr", "client", "client_ip", "remote_ip"],
            &["http_cookie", "cookie"],
        )?,
        method,
        host: text(line, &["host", "http_host", "server_name"]).map(|host| host.into()),
        path,
        status: if own { 200 } else { status },
        bytes: float(line, &["body_bytes_sent", "bytes_sent"]).unwrap_or(0.0) as u64,
        service_us: worked_us
            .or(took_us.filter(|_| server.is_none()))
            .filter(|_| !own),
        pool: None,
        tries: server.map(tried).into_iter().collect(),
    })))
}

/// When an nginx line was written, and whether in whole seconds.
fn ended(line: &Value) -> Option<(i64, bool)> {
    let stamp = text(
        line,
        &[
            "msec",
            "time_iso8601",
            "timestamp",
            "@timestamp",
            "time_local",
            "time",
        ],
    )?;
    if let Ok(seconds) = stamp.parse::<f64>() {
        return Some((micros(seconds, 1e6)? as i64, !stamp.contains('.')));
    }
    let iso = date::iso(&stamp).map(|at_us| (at_us, !stamp.contains('.')));
    iso.or_else(|| Some((date::common(stamp.as_bytes())?, true)))
}

/// Caddy's access log: `ts` when the request has ended, `duration` in seconds.
pub(super) fn caddy(line: &Value, key: &Key) -> Result<Line, Fault> {
    let took_us = float(line, &["duration"]).and_then(|time| micros(time, 1e6));
    let took_us = took_us.ok_or(Fault::Field("duration"))?;
    let stamp = text(line, &["ts"]).ok_or(Fault::Field("ts"))?;
    let seconds = stamp.parse().ok();
    let end_us = seconds
        .and_then(|seconds| micros(seconds, 1e6))
        .map(|us| us as i64);
    let end_us = end_us
        .or_else(|| date::iso(&stamp))
        .ok_or(Fault::Field("ts"))?;
    let method = text(line, &["request.method"]).ok_or(Fault::Field("request.method"))?;
    let uri = text(line, &["request.uri"]).ok_or(Fault::Field("request.uri"))?;
    let (method, path) =
        asked(method.as_bytes(), uri.as_bytes()).ok_or(Fault::Field("request.uri"))?;
    // 0 is a client that left before there was a status.
    let status = float(line, &["status"]).filter(|status| (0.0..1000.0).contains(status));
    let status = status.ok_or(Fault::Field("status"))? as u16;
    if status == 101 {
        return Ok(Line::Other);
    }
    Ok(Line::Request(Box::new(Record {
        at_us: end_us - took_us as i64,
        is_coarse: false,
        client: client(
            line,
            key,
            &[
                "request.client_ip",
                "request.remote_ip",
                "request.remote_addr",
            ],
            &["request.headers.Cookie"],
        )?,
        method,
        host: text(line, &["request.host"]).map(|host| host.into()),
        path,
        status: if status < 100 { 200 } else { status },
        bytes: float(line, &["size"]).unwrap_or(0.0) as u64,
        service_us: (status >= 100).then_some(took_us),
        pool: None,
        tries: Vec::new(),
    })))
}

/// evenkeel's own (`[log] access`): `time` when the request has ended, and every try.
pub(super) fn evenkeel(line: &Value, key: &Key) -> Result<Line, Fault> {
    let ms = |value: &Value, name: &str| {
        let ms = value.get(name).and_then(Value::as_f64);
        ms.and_then(|ms| micros(ms, 1e3))
    };
    let end_us = float(line, &["time"]).and_then(|time| micros(time, 1e6));
    let end_us = end_us.ok_or(Fault::Field("time"))? as i64;
    let total_us = ms(line, "total_ms").ok_or(Fault::Field("total_ms"))?;
    // 0 is a request that ended before there was a status.
    let status = line.get("status").and_then(Value::as_u64);
    let status = status.filter(|status| *status < 1_000);
    let status = status.ok_or(Fault::Field("status"))? as u16;
    let (Some(method), Some(path)) = (text(line, &["method"]), text(line, &["path"])) else {
        return Ok(Line::Other);
    };
    let Some((method, path)) = asked(method.as_bytes(), path.as_bytes()) else {
        return Ok(Line::Other);
    };
    if status == 101 {
        return Ok(Line::Other);
    }
    let began_us = ms(line, "held_ms").unwrap_or(0) + ms(line, "queue_ms").unwrap_or(0);
    let empty = Vec::new();
    let tries = line
        .get("tries")
        .and_then(Value::as_array)
        .unwrap_or(&empty);
    let answered = tries.iter().rev().find(|tried| of(tried) == End::Answered);
    let service_us = answered.and_then(|tried| {
        let dial_us = ms(tried, "dial_ms").unwrap_or(0);
        Some(ms(tried, "head_ms")?.saturating_sub(dial_us))
    });
    let read = |tried: &Value| {
        Some(Try {
            endpoint: tried.get("endpoint")?.as_str()?.into(),
            at_us: ms(tried, "at_ms").unwrap_or(began_us),
            head_us: ms(tried, "head_ms"),
            end: of(tried),
        })
    };
    let complete = line.get("outcome").and_then(Value::as_str) == Some("complete");
    Ok(Line::Request(Box::new(Record {
        at_us: end_us - total_us as i64,
        is_coarse: false,
        client: client(line, key, &["client"], &[])?,
        method,
        host: text(line, &["host"]).map(|host| host.into()),
        path,
        // Any other outcome has a status of the proxy's own, or none.
        status: if complete && status >= 100 {
            status
        } else {
            200
        },
        bytes: line.get("bytes").and_then(Value::as_u64).unwrap_or(0),
        service_us,
        pool: text(line, &["pool"]).map(|pool| pool.into()),
        tries: tries.iter().filter_map(read).collect(),
    })))
}

/// How a try of our own log ended.
fn of(tried: &Value) -> End {
    let outcome = tried.get("outcome").and_then(Value::as_str);
    match outcome {
        Some("ok") => End::Answered,
        Some("failed") => End::Failed,
        Some("dial_failed") if tried.get("error").is_some() => End::Refused,
        Some("dial_failed") => End::Silent,
        _ => End::Left,
    }
}
