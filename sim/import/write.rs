//! The text of the scenario around a recording.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use evenkeel_proxy::document::Time;

use super::route::Seen;
use super::{Error, Imported, Incident, Order, Route, fit};
use crate::scenario::write::quoted;

/// The pool of a log that names none.
pub(super) const POOL: &str = "app";
/// The name of the workload, and of the class of requests that are of no route.
const WORKLOAD: &str = "recorded";
/// What one law is written with where the log knows no services.
const UNKNOWN: &str = "{ dist = \"exponential\", mean = \"10ms\" }";

/// Routes with names of their own and laws.
pub(super) fn named(seens: Vec<Seen>) -> Vec<Route> {
    let mut names: BTreeSet<String> = [WORKLOAD.to_owned()].into();
    let route = |seen: Seen| {
        let plain = name(&seen.method, &seen.path);
        let numbered = (2..).map(|n| format!("{plain}-{n}"));
        let mut free = [plain.clone()].into_iter().chain(numbered);
        let name = free.find(|name| names.insert(name.clone()));
        Route {
            name: name.expect("numbers do not end"),
            fit: fit::fit(&seen.times),
            method: seen.method,
            path: seen.path,
            requests: seen.requests,
        }
    };
    let mut routes: Vec<Route> = seens.into_iter().map(route).collect();
    // The first that fits counts: stars come last.
    routes.sort_by_key(|route| route.path.matches('*').count());
    routes
}

/// `GET /api/items/*` as a name: `get-api-items-id`.
pub(crate) fn name(method: &str, path: &str) -> String {
    const LONGEST: usize = 80;
    let mut name = method.to_ascii_lowercase();
    for part in path.split(|c: char| !c.is_ascii_alphanumeric() && c != '*') {
        if !part.is_empty() && name.len() + part.len() < LONGEST {
            name.push('-');
            name.push_str(if part == "*" { "id" } else { part });
        }
    }
    name
}

/// The whole scenario.
pub(super) fn scenario(
    order: &Order<'_>,
    imported: &Imported,
    data: &Path,
) -> Result<String, Error> {
    let mut text = String::new();
    let _ = heading(&mut text, order, imported);
    match order.config {
        Some(config) => {
            let at = text.find("\n\n").unwrap_or(text.len());
            text.insert_str(at, &format!("\nconfig = {}", quoted(config)));
        }
        None => {
            let _ = config(&mut text, imported, order.endpoints).map_err(Error::Pools)?;
        }
    }
    let data = data.file_name().unwrap_or_default().to_string_lossy();
    let _ = traffic(&mut text, order, imported, &data);
    for incident in &imported.incidents {
        let _ = fault(&mut text, incident, order);
    }
    let _ = write!(
        text,
        "\n[[threshold]]             # every request of the recording is accounted for\n\
         metric = \"requests == {}\"\n",
        imported.requests
    );
    Ok(text)
}

type Written = Result<(), std::fmt::Error>;

fn heading(text: &mut String, order: &Order<'_>, imported: &Imported) -> Written {
    let stem = order.out.file_stem().unwrap_or_default().to_string_lossy();
    let log = order.log.file_name().unwrap_or_default().to_string_lossy();
    // A line's end in a file's name ends no comment.
    let log: String = log.chars().filter(|c| !c.is_control()).collect();
    let lasts_s = imported.lasts_us as f64 / 1e6 / order.speed;
    writeln!(
        text,
        "# {} requests of {log}, as `evenkeel sim import` read them.",
        imported.requests
    )?;
    writeln!(text, "name = {}", quoted(&stem))?;
    writeln!(text, "duration = \"{}s\"", lasts_s.floor() as u64 + 1)?;
    writeln!(text, "warmup = \"0s\"\nseeds = \"1\"\n")
}

/// A configuration with the endpoints of the log; which of them is where is not in it, and is no
/// matter. An error names the pools if there are several.
fn config(text: &mut String, imported: &Imported, endpoints: u16) -> Result<Written, String> {
    let pools: Vec<&str> = imported.pools.keys().map(String::as_str).collect();
    if pools.len() > 1 {
        return Err(pools.join(", "));
    }
    let known = imported.pools.first_key_value();
    let made: BTreeSet<String> = (1..=endpoints).map(|n| n.to_string()).collect();
    let (pool, endpoints) = match known {
        Some((pool, endpoints)) if !endpoints.is_empty() => (pool.as_str(), endpoints),
        _ => (POOL, &made),
    };
    let mut lines = String::new();
    for (n, name) in endpoints.iter().enumerate() {
        let address = match name.parse::<SocketAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => format!("10.0.{}.{}:3000", n / 250, n % 250 + 1),
        };
        let _ = writeln!(
            lines,
            "  {{ name = {}, address = \"{address}\" }},",
            quoted(name)
        );
    }
    Ok(write!(
        text,
        "[config]                  # or `config = \"evenkeel.toml\"`: what is deployed\n\
         [[config.listener]]\nname = \"http\"\naddress = \"0.0.0.0:8080\"\n\
         [[config.pool]]\nname = {}\npolicy = \"p2c\"\nendpoints = [\n{lines}]\n\n",
        quoted(pool)
    ))
}

fn traffic(text: &mut String, order: &Order<'_>, imported: &Imported, data: &str) -> Written {
    let fits = || {
        imported
            .routes
            .iter()
            .map(|route| &route.fit)
            .chain(&imported.rest)
    };
    writeln!(text, "[origin]")?;
    if fits().next().is_none() {
        writeln!(text, "model = \"node\"")?;
        writeln!(
            text,
            "service = {UNKNOWN}   # a guess: the log does not say"
        )?;
    } else {
        let model = match order.node {
            true => {
                "model = \"node\"            # one event loop each; waiting is not in the times"
            }
            false => "model = \"delay\"           # times as the proxy saw them, waiting included",
        };
        writeln!(text, "{model}")?;
        let rest = imported.rest.as_ref().or_else(|| fits().next());
        let rest = rest.map_or(UNKNOWN, |fit| fit.text.as_str());
        writeln!(text, "service = {rest}")?;
    }
    let mean_ns = fits().map(|fit| fit.mean.as_nanos() as u64).min();
    writeln!(
        text,
        "\n[network]\nresolution = {:?}",
        resolution(mean_ns.unwrap_or(10_000_000))
    )?;
    writeln!(
        text,
        "\n[[workload]]\nname = \"{WORKLOAD}\"\n\n[workload.trace]"
    )?;
    writeln!(text, "file = {}\nspeed = {:?}", quoted(data), order.speed)?;
    for route in &imported.routes {
        writeln!(
            text,
            "\n[[workload.trace.routes]]\nname = {}",
            quoted(&route.name)
        )?;
        writeln!(
            text,
            "method = {}\npath = {}",
            quoted(&route.method),
            quoted(&route.path)
        )?;
        writeln!(text, "service = {}", route.fit.text)?;
    }
    Ok(())
}

/// A thousandth of the shortest mean, as a tick: one, two or five of a power of ten.
pub(crate) fn resolution(mean_ns: u64) -> String {
    let most_us = (mean_ns / 1_000_000).clamp(1, 100);
    let steps = [100, 50, 20, 10, 5, 2, 1];
    let step = steps.into_iter().find(|step| *step <= most_us);
    format!("{}us", step.unwrap_or(1))
}

fn fault(text: &mut String, incident: &Incident, order: &Order<'_>) -> Written {
    let time = |us: i64| {
        let us = (us.max(0) as f64 / order.speed) as u64;
        Time::format(Duration::from_micros(us))
    };
    let target = match &incident.pool {
        Some(pool) => format!("{pool}/{}", incident.endpoint),
        None => incident.endpoint.to_string(),
    };
    write!(
        text,
        "\n[[fault]]                 # as the proxy saw it\nat = \"{}\"\nkind = \"{}\"\n\
         target = {}\nfor = \"{}\"\n",
        time(incident.from_us),
        incident.kind,
        quoted(&target),
        time(incident.until_us - incident.from_us),
    )
}
