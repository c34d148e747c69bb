//! A recording: what `sim import` writes and a scenario's `trace` reads, in the order in which
//! requests are due, one JSON object a line after a heading.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::record::{End, Fault, Line, Record, Try, asked};

/// What is further from the beginning (us) is no time of a recording: twice as far as the first
/// and the last date that logs can have, and sums stay far from overflow.
const FURTHEST_US: u64 = 1 << 59;

/// The heading's first key.
pub(super) const MARK: &str = "evenkeel";

/// A recording that is being written.
#[derive(Debug)]
pub struct Recording<W> {
    out: W,
    tries: bool,
}

impl<W: Write> Recording<W> {
    /// Begins one; `tries` keeps those of each request.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn new(mut out: W, tries: bool) -> io::Result<Self> {
        writeln!(out, "{}", json!({ MARK: "recording", "schema": 1 }))?;
        Ok(Self { out, tries })
    }

    /// Adds a request; `at_us` of its record is since the beginning.
    ///
    /// # Errors
    /// Those of the output.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        let mut line = json!({
            "at_us": record.at_us,
            "client": format!("{:016x}", record.client),
            "method": record.method,
            "path": record.path,
            "status": record.status,
            "bytes": record.bytes,
        });
        let fields = line.as_object_mut().expect("it is written as an object");
        let mut more = |name: &str, value: Value| fields.insert(name.into(), value);
        if let Some(host) = &record.host {
            more("host", json!(host));
        }
        if let Some(service_us) = record.service_us {
            more("service_us", json!(service_us));
        }
        if record.is_coarse {
            more("coarse", json!(true));
        }
        if self.tries {
            more("pool", json!(record.pool));
            more("tries", record.tries.iter().map(tried).collect());
        }
        writeln!(self.out, "{line}")
    }

    /// The output, of which nothing is missing.
    ///
    /// # Errors
    /// Those of the output.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

fn tried(tried: &Try) -> Value {
    let end = tried.end.name();
    json!([tried.endpoint, tried.at_us, tried.head_us, end])
}

/// Reads a line without its end.
pub(super) fn parse(line: &[u8]) -> Result<Line, Fault> {
    let line: Map<String, Value> = serde_json::from_slice(line).map_err(|_| Fault::Json)?;
    if line.contains_key(MARK) {
        return match line.get("schema").and_then(Value::as_u64) {
            Some(1) => Ok(Line::Heading),
            _ => Err(Fault::Field("schema")),
        };
    }
    let text = |name: &'static str| {
        let value = line.get(name).and_then(Value::as_str);
        value.ok_or(Fault::Field(name))
    };
    let number = |name: &'static str| {
        let value = line.get(name).and_then(Value::as_u64);
        value.ok_or(Fault::Field(name))
    };
    let at_us = line.get("at_us").and_then(Value::as_i64);
    let at_us = at_us.filter(|at| at.unsigned_abs() < FURTHEST_US);
    let service_us = match line.get("service_us") {
        Some(service_us) => Some(time(service_us).ok_or(Fault::Field("service_us"))?),
        None => None,
    };
    let status = u16::try_from(number("status")?).ok();
    let (method, path) =
        asked(text("method")?.as_bytes(), text("path")?.as_bytes()).ok_or(Fault::Field("path"))?;
    let tries = line.get("tries").and_then(Value::as_array);
    let tries: Option<Vec<Try>> =
        tries.map_or(Some(Vec::new()), |all| all.iter().map(of).collect());
    Ok(Line::Request(Box::new(Record {
        at_us: at_us.ok_or(Fault::Field("at_us"))?,
        is_coarse: line.contains_key("coarse"),
        client: u64::from_str_radix(text("client")?, 16).map_err(|_| Fault::Field("client"))?,
        method,
        host: text("host").ok().map(Into::into),
        path,
        status: status
            .filter(|status| (100..=999).contains(status))
            .ok_or(Fault::Field("status"))?,
        bytes: number("bytes")?,
        service_us,
        pool: text("pool").ok().map(Into::into),
        tries: tries.ok_or(Fault::Field("tries"))?,
    })))
}

/// Microseconds since something.
fn time(value: &Value) -> Option<u64> {
    value.as_u64().filter(|us| *us < FURTHEST_US)
}

fn of(tried: &Value) -> Option<Try> {
    let [endpoint, at_us, head_us, end] = tried.as_array()?.as_slice() else {
        return None;
    };
    let head_us = match head_us {
        Value::Null => None,
        head_us => Some(time(head_us)?),
    };
    Some(Try {
        endpoint: endpoint.as_str()?.into(),
        at_us: time(at_us)?,
        head_us,
        end: End::named(end.as_str()?)?,
    })
}
