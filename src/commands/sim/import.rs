//! `evenkeel sim import`: a scenario from an access log, and what of the log is not in it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_sim::import::{self, Bound, Error, Fit, Imported, Order};
use evenkeel_sim::workload::log::{Format, Key, Reading, What};

use super::progress::Bar;
use super::{stem, stop};
use crate::cli::{LogFormat, Origin, Services, SimImport};
use crate::commands::terminal::{complain, say, warn};
use crate::commands::{Exit, read};

pub(super) fn run(arguments: &SimImport) -> Result<Exit, Exit> {
    let out = arguments
        .out
        .clone()
        .unwrap_or_else(|| beside(&arguments.log));
    if let Some(config) = &arguments.config {
        // Told before a long log is read, and not after it.
        read(config)?;
    }
    let config = arguments.config.as_deref().map(|file| named(file, &out));
    let order = Order {
        log: &arguments.log,
        reading: Reading {
            format: arguments.format.map(Format::from),
            key: key(arguments)?,
        },
        out: &out,
        config: config.as_deref(),
        endpoints: arguments.endpoints,
        from: bound("--from", arguments.from.as_deref())?,
        to: bound("--to", arguments.to.as_deref())?,
        rate: factor("--rate", arguments.rate, 1e-6..=1e3)?,
        speed: factor("--speed", arguments.speed, 1e-6..=1e9)?,
        replay: arguments.service == Services::Replay,
        node: arguments.origin == Origin::Node,
        seed: arguments.seed,
    };
    let stop = stop();
    let mut bar = Bar::new("importing");
    let result = import::import(&order, &stop, &mut |share| bar.shared(share));
    bar.clear();
    let imported = result.map_err(|error| wrong(&error))?;
    complain(&imported.warnings);
    say(report(&order, &imported));
    let lost = !imported.summary.is_clean();
    Ok(if arguments.strict && lost {
        Exit::Lost
    } else {
        Exit::Ok
    })
}

/// The scenario for a log, in this folder: `access.log.gz` makes `access.toml`.
fn beside(log: &Path) -> PathBuf {
    let mut name = PathBuf::from(log.file_name().unwrap_or_default());
    for ending in ["gz", "log", "json", "jsonl", "txt"] {
        if name.extension().is_some_and(|own| own == ending) {
            name = PathBuf::from(stem(&name));
        }
    }
    name.as_mut_os_string().push(".toml");
    name
}

/// A configuration as the scenario names it: relative to its folder if it lies in there.
fn named(config: &Path, out: &Path) -> String {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")));
    let file = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
    let inside = folder
        .ok()
        .and_then(|folder| file.strip_prefix(folder).ok());
    inside.unwrap_or(&file).display().to_string()
}

fn key(arguments: &SimImport) -> Result<Key, Exit> {
    let what = match arguments.session.split_once(':') {
        None if arguments.session == "address" => What::Address,
        Some(("cookie", name)) if !name.is_empty() => What::Cookie(name.to_owned()),
        Some(("field", name)) if !name.is_empty() => What::Field(name.to_owned()),
        _ => {
            let session = &arguments.session;
            warn(format_args!(
                "evenkeel: --session {session}: expected address, cookie:NAME or field:NAME"
            ));
            return Err(Exit::Usage);
        }
    };
    Ok(Key::new(what, arguments.salt.as_deref()))
}

fn bound(option: &str, given: Option<&str>) -> Result<Option<Bound>, Exit> {
    let bound = given.map(Bound::parse).transpose();
    bound.map_err(|expected| {
        let given = given.unwrap_or_default();
        warn(format_args!("evenkeel: {option} {given}: {expected}"));
        Exit::Usage
    })
}

fn factor(option: &str, given: f64, range: std::ops::RangeInclusive<f64>) -> Result<f64, Exit> {
    if range.contains(&given) {
        return Ok(given);
    }
    let (least, most) = range.into_inner();
    warn(format_args!(
        "evenkeel: {option} {given}: expected a number from {least} to {most}"
    ));
    Err(Exit::Usage)
}

fn wrong(error: &Error) -> Exit {
    if let Error::Scenario(problems) = error {
        complain(problems);
    }
    warn(format_args!("evenkeel: {error}"));
    match error {
        Error::Log { .. } | Error::Write { .. } => Exit::Internal,
        Error::Exists(_) | Error::Pools(_) => Exit::Usage,
        Error::Empty { .. } | Error::Scenario(_) => Exit::Invalid,
        Error::Interrupted => Exit::Interrupted,
    }
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Common | LogFormat::Combined => Self::Common,
            LogFormat::Nginx => Self::Nginx,
            LogFormat::Haproxy => Self::Haproxy,
            LogFormat::Caddy => Self::Caddy,
            LogFormat::Evenkeel => Self::Evenkeel,
            LogFormat::Recording => Self::Recording,
        }
    }
}

/// What became of the log, for people.
fn report(order: &Order<'_>, imported: &Imported) -> String {
    let mut text = String::new();
    let _ = lines(&mut text, order, imported);
    let _ = services(&mut text, order, imported);
    for incident in &imported.incidents {
        let second = |us: i64| us as f64 / 1e6;
        let (from_s, until_s) = (second(incident.from_us), second(incident.until_us));
        let _ = writeln!(
            text,
            "{} of {}: from {from_s:.1} s to {until_s:.1} s",
            incident.kind, incident.endpoint
        );
    }
    let out = order.out.display();
    let data = import::recording(order.out);
    let _ = write!(
        text,
        "{out} and {}\nnext\n  evenkeel sim run {out}",
        data.display()
    );
    text
}

fn lines(text: &mut String, order: &Order<'_>, imported: &Imported) -> std::fmt::Result {
    let format = imported
        .format
        .map_or("no format that is known", Format::name);
    writeln!(
        text,
        "{}: {format}, {}",
        order.log.display(),
        imported.summary
    )?;
    if imported.summary.other > 0 {
        let other = imported.summary.other;
        writeln!(
            text,
            "{other} lines are tunnels or no whole request, and left out"
        )?;
    }
    if let Some((line, back_us)) = imported.furthest {
        let back_s = back_us as f64 / 1e6;
        writeln!(
            text,
            "{} lines were out of order, line {line} by {back_s:.3} s: sorted",
            imported.disordered
        )?;
    }
    if imported.outside > 0 {
        writeln!(
            text,
            "{} requests are outside of --from and --to",
            imported.outside
        )?;
    }
    if imported.taken != imported.requests {
        writeln!(text, "{} requests at --rate {}", imported.taken, order.rate)?;
    }
    let lasts_s = imported.lasts_us as f64 / 1e6;
    writeln!(text, "{} requests in {lasts_s:.1} s", imported.requests)
}

fn services(text: &mut String, order: &Order<'_>, imported: &Imported) -> std::fmt::Result {
    let fits = imported
        .routes
        .iter()
        .map(|route| (&*route.name, &route.fit));
    let fits: Vec<_> = fits
        .chain(imported.rest.iter().map(|fit| ("others", fit)))
        .collect();
    if fits.is_empty() {
        return writeln!(
            text,
            "the log has no service times: set origin.service in the scenario"
        );
    }
    match order.replay {
        true => writeln!(
            text,
            "{} services are replayed, others drawn:",
            imported.replayed
        )?,
        false => writeln!(text, "services are drawn:")?,
    }
    let width = fits.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    writeln!(
        text,
        "  {:width$}  {:>9}  {:<11}  {:>8}  {:>19}  {:>19}",
        "route", "known", "law", "distance", "p50 ms (log, law)", "p99 ms (log, law)"
    )?;
    for (name, fit) in fits {
        let Fit {
            name: law,
            distance,
            count,
            ..
        } = fit;
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let pair = |n: usize| format!("{:.2}, {:.2}", ms(fit.measured[n]), ms(fit.law[n]));
        writeln!(
            text,
            "  {name:width$}  {count:>9}  {law:<11}  {distance:>8.3}  {:>19}  {:>19}",
            pair(0),
            pair(1)
        )?;
    }
    Ok(())
}
