//! `evenkeel sim calibrate`: a scenario from a running application, and how well its model fits.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use evenkeel_sim::calibrate::{self, Calibrated, Error, Order, Route, Target};

use super::live::again;
use super::progress::Bar;
use super::stop;
use crate::cli::SimCalibrate;
use crate::commands::Exit;
use crate::commands::terminal::{complain, say, warn};

/// From which difference on the model is said not to be the application's.
const MISFIT: f64 = 0.15;

pub(super) fn run(arguments: &SimCalibrate) -> Result<Exit, Exit> {
    let target = target(arguments)?;
    for path in &arguments.path {
        if !path.starts_with('/') || path.contains(|c: char| !c.is_ascii_graphic()) {
            return Err(usage("--path", path, "expected a path such as /api/items"));
        }
    }
    // Who looks after an application reads no scenario.
    let launcher = again(vec!["--".into(), arguments.out.clone().into()])?;
    let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
    let order = Order {
        target: &target,
        launcher: &launcher,
        folder: Path::new("."),
        elsewhere: arguments.not_loopback,
        paths: &arguments.path,
        out: &arguments.out,
        endpoints: arguments.endpoints,
        lasts: seconds(arguments.seconds),
        requests: arguments.requests,
        clients: arguments.clients,
        patience: seconds(arguments.timeout),
    };
    let stop = stop();
    let mut bar = Bar::new("measuring");
    let result = calibrate::calibrate(&order, &stop, &mut |share| bar.shared(share));
    bar.clear();
    let calibrated = result.map_err(|error| wrong(&error))?;
    complain(&calibrated.warnings);
    say(report(&order, &calibrated));
    Ok(Exit::Ok)
}

fn target(arguments: &SimCalibrate) -> Result<Target, Exit> {
    if let Some(url) = &arguments.url {
        return Target::url(url).map_err(|expected| usage("--url", url, expected));
    }
    // clap demands one of the two.
    let command = arguments.command.as_deref().unwrap_or_default();
    Target::command(command).map_err(|expected| usage("--command", command, expected))
}

fn usage(option: &str, given: &str, expected: &str) -> Exit {
    warn(format_args!("evenkeel: {option} {given}: {expected}"));
    Exit::Usage
}

fn wrong(error: &Error) -> Exit {
    if let Error::Scenario(problems) = error {
        complain(problems);
    }
    warn(format_args!("evenkeel: {error}"));
    match error {
        Error::Target(_) | Error::Answer { .. } | Error::Few { .. } | Error::Write { .. } => {
            Exit::Internal
        }
        Error::Elsewhere(_) | Error::Exists(_) => Exit::Usage,
        Error::Scenario(_) => Exit::Invalid,
        Error::Interrupted => Exit::Interrupted,
    }
}

/// What was measured and what it is taken for, for people.
fn report(order: &Order<'_>, calibrated: &Calibrated) -> String {
    let mut text = String::new();
    let _ = alone(&mut text, calibrated);
    let _ = together(&mut text, &calibrated.routes);
    let _ = runtime(&mut text, calibrated);
    let out = order.out.display();
    let _ = write!(text, "{out}\nnext\n  evenkeel sim run {out}");
    if matches!(order.target, Target::Command(_)) {
        let _ = write!(text, "\n  evenkeel sim live {out}");
    }
    text
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn width(routes: &[Route]) -> usize {
    let longest = routes.iter().map(|route| route.path.len()).max();
    longest.unwrap_or(0).max("path".len())
}

fn alone(text: &mut String, calibrated: &Calibrated) -> std::fmt::Result {
    let width = width(&calibrated.routes);
    writeln!(text, "{} requests; one at a time:", calibrated.requests)?;
    writeln!(
        text,
        "  {:width$}  {:>6}  {:<11}  {:>8}  {:>21}  {:>21}  {:>6}",
        "path", "known", "law", "distance", "p50 ms (it, law)", "p99 ms (it, law)", "blocks"
    )?;
    for route in &calibrated.routes {
        let fit = &route.whole;
        let pair = |n: usize| format!("{:.2}, {:.2}", ms(fit.measured[n]), ms(fit.law[n]));
        writeln!(
            text,
            "  {:width$}  {:>6}  {:<11}  {:>8.3}  {:>21}  {:>21}  {:>4.0} %",
            route.path,
            fit.count,
            fit.name,
            fit.distance,
            pair(0),
            pair(1),
            route.share * 100.0
        )?;
    }
    Ok(())
}

fn together(text: &mut String, routes: &[Route]) -> std::fmt::Result {
    let width = width(routes);
    writeln!(text, "several clients at a time, mean ms (it, model):")?;
    for route in routes {
        write!(text, "  {:width$}", route.path)?;
        if route.steps.is_empty() {
            write!(
                text,
                "  there was no time for it (--seconds): all is taken to block"
            )?;
        }
        for (step, model) in &route.steps {
            let (clients, it) = (step.clients, ms(step.mean));
            write!(text, "  {clients}: {it:.1}, {:.1}", ms(*model))?;
        }
        writeln!(text)?;
    }
    for route in routes.iter().filter(|route| route.misfit() > MISFIT) {
        let off = route.misfit() * 100.0;
        writeln!(
            text,
            "{}: up to {off:.0} % off: it is no single event loop, or something else was at work",
            route.path
        )?;
    }
    Ok(())
}

fn runtime(text: &mut String, calibrated: &Calibrated) -> std::fmt::Result {
    if let Some(warmup) = &calibrated.warmup {
        let (requests, factor) = (warmup.requests, warmup.factor);
        writeln!(
            text,
            "cold, the first request computes {factor:.1} times as long, for {requests} requests"
        )?;
    }
    match &calibrated.pause {
        Some(pause) => {
            let (lasts_ms, every) = (ms(pause.lasts), pause.every);
            writeln!(text, "a pause of {lasts_ms:.1} ms every {every} requests")
        }
        None => writeln!(text, "no pauses that have nothing to do with the path"),
    }
}
