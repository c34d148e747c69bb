//! The text of the scenario around a model.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use evenkeel_proxy::document::Time;

use super::{Calibrated, Order, Route, Target};
use crate::import::{name, resolution};
use crate::scenario::write::quoted;

/// How busy the endpoints are under the load that is written: half of the time.
const LOAD: f64 = 0.5;

/// The whole scenario.
pub(super) fn scenario(order: &Order<'_>, calibrated: &Calibrated) -> String {
    let mut text = String::new();
    let _ = heading(&mut text, order);
    let _ = origin(&mut text, order, calibrated);
    let _ = workload(&mut text, order, &calibrated.routes);
    text
}

type Written = std::fmt::Result;

fn heading(text: &mut String, order: &Order<'_>) -> Written {
    let stem = order.out.file_stem().unwrap_or_default().to_string_lossy();
    writeln!(text, "# As `evenkeel sim calibrate` measured it.")?;
    writeln!(text, "name = {}", quoted(&stem))?;
    writeln!(
        text,
        "duration = \"30s\"\nwarmup = \"5s\"\nseeds = \"1..5\"\n"
    )?;
    writeln!(
        text,
        "[config]                  # or `config = \"evenkeel.toml\"`"
    )?;
    writeln!(
        text,
        "[[config.listener]]\nname = \"http\"\naddress = \"0.0.0.0:8080\""
    )?;
    writeln!(
        text,
        "[[config.pool]]\nname = \"app\"\npolicy = \"p2c\"\nendpoints = ["
    )?;
    for n in 1..=order.endpoints {
        let (net, host) = (n / 250, n % 250 + 1);
        writeln!(
            text,
            "  {{ name = \"{n}\", address = \"10.0.{net}.{host}:3000\" }},"
        )?;
    }
    writeln!(text, "]\n")
}

fn origin(text: &mut String, order: &Order<'_>, calibrated: &Calibrated) -> Written {
    writeln!(text, "[origin]\nmodel = \"node\"")?;
    if let Target::Command(words) = order.target {
        let words = words.iter().enumerate();
        let words: Vec<String> = words.map(|(n, w)| quoted(&word(order, n, w))).collect();
        writeln!(text, "command = [{}]   # for `sim live`", words.join(", "))?;
    }
    let first = calibrated.routes.first();
    let service = first.map_or("", |route| &route.service.text);
    writeln!(
        text,
        "service = {service}   # of what has no law of its own"
    )?;
    if let Some(warmup) = &calibrated.warmup {
        let (requests, factor) = (warmup.requests, warmup.factor);
        writeln!(
            text,
            "warmup = {{ requests = {requests}, factor = {factor:?} }}"
        )?;
    }
    if let Some(pause) = &calibrated.pause {
        let lasts = time(pause.lasts);
        writeln!(text, "[[origin.gc]]\nevery = {}", pause.every)?;
        writeln!(text, "pause = {{ dist = \"constant\", value = {lasts} }}")?;
    }
    let services = calibrated
        .routes
        .iter()
        .map(|route| route.service.mean.as_nanos() as u64);
    let least_ns = services.min().unwrap_or(0);
    writeln!(text, "\n[network]\nresolution = {:?}", resolution(least_ns))
}

/// Word number `n` of the command, as it is to be where `sim live` runs it: in the scenario's
/// folder. A file beside which it was found here is named whole there.
fn word(order: &Order<'_>, n: usize, word: &str) -> String {
    let real = |path: &Path| match path.as_os_str().is_empty() {
        true => Path::new(".").canonicalize(),
        false => path.canonicalize(),
    };
    let file = order.folder.join(word);
    // A program without a slash is looked for elsewhere.
    let is_file = file.is_file() && (n > 0 || word.contains('/'));
    match (
        order.out.parent().map(real),
        real(order.folder),
        real(&file),
    ) {
        (Some(Ok(out)), Ok(folder), Ok(file)) if is_file && out != folder => {
            file.display().to_string()
        }
        _ => word.to_owned(),
    }
}

fn workload(text: &mut String, order: &Order<'_>, routes: &[Route]) -> Written {
    let services = routes.iter().map(|route| route.service.mean.as_secs_f64());
    let mean_s = services.sum::<f64>() / routes.len().max(1) as f64;
    let rate = (LOAD * f64::from(order.endpoints) / mean_s.max(1e-6))
        .floor()
        .max(1.0);
    writeln!(text, "\n[[workload]]\nname = \"all\"")?;
    writeln!(
        text,
        "arrivals = {{ process = \"poisson\", rate = \"{rate}/s\" }}   # to be set"
    )?;
    let mut names: BTreeSet<String> = ["all".to_owned()].into();
    for (n, route) in (1..).zip(routes) {
        let plain = name("get", &route.path);
        let name = match names.insert(plain.clone()) {
            true => plain,
            false => format!("{plain}-{n}"),
        };
        writeln!(text, "\n[[workload.classes]]\nname = {}", quoted(&name))?;
        writeln!(text, "path = {}\nweight = 1", quoted(&route.path))?;
        writeln!(text, "service = {}", route.service.text)?;
        if let Some(io) = &route.io {
            writeln!(text, "io = {}", io.text)?;
        }
    }
    Ok(())
}

fn time(duration: Duration) -> String {
    format!("{:?}", Time::format(duration))
}
