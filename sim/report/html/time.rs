//! What happened when: latencies of the first seed, and what went wrong.

use super::figure::{Figure, Legend, Table};
use super::shown;
use crate::report::Report;
use crate::report::number::decimal;
use crate::report::plot::{Caption, Ink, Lines, Scale, Series, tick};
use crate::result::{Course, Step};

/// A number of a step; `None` where nothing was measured.
type Pick = fn(&Step, f64) -> Option<f64>;

/// What was picked of each step.
type Line = Vec<Option<f64>>;

/// The lines of a cell, one for each pick.
struct Traced {
    cell: usize,
    lines: Vec<Line>,
}

/// Lines of the same kind for each setting.
struct Kind<'a> {
    id: &'static str,
    title: &'a str,
    lead: &'a str,
    unit: &'a str,
    /// Each with a name.
    picks: &'a [(&'a str, Pick)],
}

pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let kind = Kind {
        id: "latency-time",
        title: "Latency over time",
        lead: "Of requests by the time at which they were due. The warm-up, which is not measured, \
               and faults are shaded.",
        unit: "latency, ms",
        picks: &[
            ("p99", |step, _| step.p99_ms),
            ("p50", |step, _| step.p50_ms),
        ],
    };
    figure(report, &kind).into_iter().collect()
}

/// What only concerns those runs in which something failed, waited or was tried again.
pub(super) fn troubles(report: &Report) -> Vec<Figure> {
    let kinds = [
        Kind {
            id: "failures-time",
            title: "Failed requests over time",
            lead: "Requests that failed, by the time at which they were due.",
            unit: "failed, % of requests",
            picks: &[("failed", |step, _| {
                (step.sent > 0).then(|| step.failed as f64 / step.sent as f64 * 100.0)
            })],
        },
        Kind {
            id: "retries-time",
            title: "Retries over time",
            lead: "Tries after a request's first one.",
            unit: "retries/s",
            picks: &[("retries", |step, s| Some(step.retries as f64 / s))],
        },
        Kind {
            id: "queue-time",
            title: "Queue",
            lead: "Requests that waited because all endpoints that may take them were full, on \
                   average over each step.",
            unit: "requests waiting",
            picks: &[("waiting", |step, _| Some(step.waiting))],
        },
        Kind {
            id: "sessions-time",
            title: "Sessions moved and broken",
            lead: "Sessions that were served by more than one endpoint, and those of which a \
                   request failed, by the time at which they began.",
            unit: "% of sessions begun",
            picks: &[
                ("moved", |step, _| share(step.sessions.moved, step)),
                ("broken", |step, _| share(step.sessions.broken, step)),
            ],
        },
        Kind {
            id: "lost-time",
            title: "Endpoints taken out",
            lead: "Ejections, and checks that took an endpoint out.",
            unit: "times/s",
            picks: &[("taken out", |step, s| Some(step.lost as f64 / s))],
        },
    ];
    kinds
        .iter()
        .filter_map(|kind| figure(report, kind))
        .collect()
}

/// So many of the sessions that began in a step, in percent.
fn share(sessions: u64, step: &Step) -> Option<f64> {
    let started = step.sessions.started;
    (started > 0).then(|| sessions as f64 / started as f64 * 100.0)
}

/// The course of a cell's first seed.
pub(super) fn course(report: &Report, cell: usize) -> Option<&Course> {
    report.runs.first()?.cells.get(cell)?.course.as_ref()
}

/// Warm-up and faults.
fn shades(report: &Report) -> Vec<(f64, f64, Ink)> {
    let (warm, end) = report.subject.window_s;
    let mut shades = Vec::new();
    if warm > 0.0 {
        shades.push((0.0, warm, Ink::Warmup));
    }
    // What takes no time at all is seen, too.
    let least = end / 300.0;
    let spans = report.subject.spans.iter();
    shades.extend(spans.map(|span| {
        let until = span.until_s.max(span.from_s + least);
        (span.from_s, until, Ink::Trouble)
    }));
    shades
}

/// None if there is nothing but zeros.
fn figure(report: &Report, kind: &Kind<'_>) -> Option<Figure> {
    let first = course(report, *report.order.first()?)?;
    let step_s = first.step_s;
    let traced = |cell: &usize| {
        let steps = course(report, *cell).map_or(&[][..], |course| &course.steps);
        let line = |(_, pick): &(&str, Pick)| steps.iter().map(|s| pick(s, step_s)).collect();
        Traced {
            cell: *cell,
            lines: kind.picks.iter().map(line).collect(),
        }
    };
    let all: Vec<Traced> = report.order.iter().map(traced).collect();
    let lines = all.iter().flat_map(|traced| &traced.lines);
    let values = lines.flatten().flatten().copied();
    if values.clone().all(|value| value <= 0.0) {
        return None;
    }
    let y = Scale::fit(values);
    let end = report.subject.window_s.1;
    let shades = shades(report);
    let unit = match y.is_logarithmic() {
        true => format!("{} (logarithmic)", kind.unit),
        false => kind.unit.to_owned(),
    };
    let picture = |(rank, traced): (usize, &Traced)| {
        let name = &report.names[traced.cell];
        let drawn = Lines {
            size: (340, 200),
            x: Scale::linear(0.0, end, time_ticks(end)),
            x_name: tick,
            x_title: "time, s",
            y: y.clone(),
            y_title: &unit,
            shades: &shades,
            series: series(&traced.lines, step_s),
        };
        let caption = Caption {
            id: format!("svg-{}-{rank}", kind.id),
            title: format!("{} of {name}", kind.title),
            text: kind.lead.to_owned(),
        };
        (format!("{}. {name}", rank + 1), drawn.svg(&caption))
    };
    let pictures = all.iter().take(shown(report).len()).enumerate();
    let seed = report.runs.first()?.seed;
    Some(Figure {
        id: kind.id,
        title: format!("{} (seed {seed})", kind.title),
        lead: format!("{}{}", kind.lead, faults(report)),
        legend: match kind.picks {
            [_] => Legend::None,
            picks => {
                let names = picks.iter().map(|(name, _)| (*name).to_owned());
                Legend::Lines(names.enumerate().collect())
            }
        },
        pictures: pictures.map(picture).collect(),
        tables: tables(report, kind, &all, step_s),
        command: report.outline.replay(*report.order.first()?, seed),
    })
}

/// What the shades stand for.
fn faults(report: &Report) -> String {
    let said = |span: &crate::report::subject::Span| {
        format!(
            "{} from {} to {} s",
            span.name,
            tick(span.from_s),
            tick(span.until_s)
        )
    };
    let spans = &report.subject.spans;
    let named: Vec<String> = spans.iter().take(4).map(said).collect();
    match spans.len() {
        0 => String::new(),
        1..=4 => format!(" Faults: {}.", named.join(", ")),
        more => format!(" Faults: {} and {} more.", named.join(", "), more - 4),
    }
}

/// The first line lies above the others.
fn series(lines: &[Line], step_s: f64) -> Vec<Series> {
    let series = lines.iter().enumerate().rev().map(|(n, line)| Series {
        ink: Ink::Series(n),
        width: 2,
        points: middles(line, step_s),
    });
    series.collect()
}

/// Each value in the middle of its step.
fn middles(line: &[Option<f64>], step_s: f64) -> Vec<(f64, Option<f64>)> {
    let middle = |(n, value): (usize, &Option<f64>)| ((n as f64 + 0.5) * step_s, *value);
    line.iter().enumerate().map(middle).collect()
}

/// About four ticks, none beyond the end.
pub(super) fn time_ticks(end: f64) -> Vec<f64> {
    let all = Scale::from_zero(end, 4);
    all.ticks()
        .iter()
        .copied()
        .filter(|tick| *tick <= end)
        .collect()
}

/// A table for each line, a column for each setting.
fn tables(report: &Report, kind: &Kind<'_>, all: &[Traced], step_s: f64) -> Vec<Table> {
    let heads = all.iter().map(|traced| report.names[traced.cell].clone());
    let head: Vec<String> = std::iter::once("from, s".to_owned()).chain(heads).collect();
    let table = |(n, (name, _)): (usize, &(&str, Pick))| {
        let steps = all.first().map_or(0, |traced| traced.lines[n].len());
        let row = |step: usize| {
            let value = |traced: &Traced| {
                let value = traced.lines.get(n).and_then(|line| *line.get(step)?);
                value.map_or_else(|| "–".to_owned(), decimal)
            };
            (tick(step as f64 * step_s), all.iter().map(value).collect())
        };
        Table {
            caption: format!("{}: {name}, {}", kind.title, kind.unit),
            head: head.clone(),
            rows: (0..steps).map(row).collect(),
        }
    };
    kind.picks.iter().enumerate().map(table).collect()
}
