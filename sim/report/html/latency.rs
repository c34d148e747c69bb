//! Latencies: by percentile, each setting against the others, by class.

use super::figure::{Figure, Legend, Table};
use super::shown;
use crate::report::Report;
use crate::report::number::{decimal, value};
use crate::report::plot::{Caption, Ink, Lines, Mark, Rows, Scale, Series, tick};
use crate::report::text::mean;
use crate::result::{Latency, Metric, Scope};

/// How finely percentiles are drawn: this many points for each further nine.
const FINE: u32 = 20;

pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let mut figures = Vec::new();
    let counts = report.cells.iter().map(|cell| cell.latency_ms.count());
    if counts.max().unwrap_or(0) == 0 {
        return figures;
    }
    figures.push(together(report));
    figures.push(apart(report));
    figures.extend(classes(report));
    figures
}

/// Where a percentile stands on the axis: one step for each nine.
fn nines(quantile: f64) -> f64 {
    -libm::log10(1.0 - quantile)
}

fn quantile(nines: f64) -> f64 {
    1.0 - libm::pow(10.0, -nines)
}

/// The axis' beginning: the fastest requests of all are a few odd ones.
const FIRST: f64 = 0.25;

/// The axis' end: ten requests of the largest cell are beyond it.
fn most(report: &Report) -> f64 {
    let counts = report.cells.iter().map(|cell| cell.latency_ms.count());
    let most = counts.max().unwrap_or(0) as f64 / 10.0;
    libm::log10(most.max(10.0)).min(5.0)
}

fn axis(most: f64) -> Scale {
    let ticks = [FIRST, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999].map(nines);
    Scale::linear(
        nines(FIRST),
        most,
        ticks
            .into_iter()
            .filter(|tick| *tick <= most + 1e-9)
            .collect(),
    )
}

fn percent(nines: f64) -> String {
    let percent = format!("{:.3}", quantile(nines) * 100.0);
    percent
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// The line of a set: up to where ten of its requests are left.
fn points(latency: &Latency, most: f64) -> Vec<(f64, Option<f64>)> {
    let count = latency.count();
    let own = libm::log10((count as f64 / 10.0).max(1.0)).min(most);
    let first = nines(FIRST);
    let steps = ((own - first).max(0.0) * f64::from(FINE)) as u32;
    let points = (0..=steps).map(|n| first + f64::from(n) / f64::from(FINE));
    points
        .map(|x| (x, latency.quantile_ms(quantile(x))))
        .collect()
}

const Y: &str = "latency, ms";
const Y_LOG: &str = "latency, ms (logarithmic)";

fn together(report: &Report) -> Figure {
    let most = most(report);
    let lines: Vec<Series> = shown(report)
        .iter()
        .enumerate()
        .map(|(rank, cell)| Series {
            ink: Ink::Series(rank),
            width: if rank == 0 { 4 } else { 2 },
            points: points(&report.cells[*cell].latency_ms, most),
        })
        .rev()
        .collect();
    let all = lines
        .iter()
        .flat_map(|line| line.points.iter().filter_map(|(_, y)| *y));
    let y = Scale::fit(all);
    let title = "Latency by percentile".to_owned();
    let picture = Lines {
        size: (760, 420),
        x: axis(most),
        x_name: percent,
        x_title: "share of requests that are as fast or faster, %",
        y_title: if y.is_logarithmic() { Y_LOG } else { Y },
        y,
        shades: &[],
        series: lines,
    };
    let lead = "All seeds together. A line that lies lower is better; to the right stand the slow \
                requests, each step with a tenth of those before it. Lines end where fewer than \
                ten requests are left.";
    let caption = Caption {
        id: "svg-percentiles".to_owned(),
        title: title.clone(),
        text: lead.to_owned(),
    };
    let names = shown(report).iter().enumerate();
    Figure {
        id: "percentiles",
        title,
        lead: lead.to_owned(),
        legend: Legend::Lines(
            names
                .map(|(n, cell)| (n, report.names[*cell].clone()))
                .collect(),
        ),
        pictures: vec![(String::new(), picture.svg(&caption))],
        tables: vec![numbers(report)],
        command: report.command(),
    }
}

fn numbers(report: &Report) -> Table {
    let quantiles = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999];
    let names = ["p50", "p75", "p90", "p95", "p99", "p99.9", "p99.99"];
    let row = |cell: &usize| {
        let latency = &report.cells[*cell].latency_ms;
        let shown = |found: Option<f64>| found.map_or_else(|| "–".to_owned(), decimal);
        let mut numbers = vec![latency.count().to_string(), shown(latency.mean_ms())];
        numbers.extend(quantiles.map(|quantile| {
            // Ten requests are beyond it, or it is not known.
            let known = latency.count() as f64 * (1.0 - quantile) >= 9.999;
            shown(latency.quantile_ms(quantile).filter(|_| known))
        }));
        numbers.push(shown(latency.max_ms()));
        (report.names[*cell].clone(), numbers)
    };
    let head = [report.varied(), "requests".to_owned(), "mean".to_owned()].into_iter();
    let head = head
        .chain(names.map(str::to_owned))
        .chain(["max".to_owned()]);
    Table {
        caption: "Latency of all seeds together, ms".to_owned(),
        head: head.collect(),
        rows: report.order.iter().map(row).collect(),
    }
}

/// A picture for each setting, with the others behind it.
fn apart(report: &Report) -> Figure {
    let most = most(report).min(nines(0.999));
    let lines: Vec<_> = shown(report)
        .iter()
        .map(|cell| points(&report.cells[*cell].latency_ms, most))
        .collect();
    let y = Scale::fit(lines.iter().flatten().filter_map(|(_, y)| *y));
    let lead = "The same, one setting at a time: its line before those of all others.";
    let picture = |(rank, cell): (usize, &usize)| {
        let others = lines.iter().enumerate().filter(|(n, _)| *n != rank);
        let mut series: Vec<Series> = others
            .map(|(_, points)| Series {
                ink: Ink::Pale,
                width: 1,
                points: points.clone(),
            })
            .collect();
        series.push(Series {
            ink: Ink::Series(0),
            width: 3,
            points: lines[rank].clone(),
        });
        let name = &report.names[*cell];
        let drawn = Lines {
            size: (340, 220),
            x: axis(most),
            x_name: percent,
            x_title: "share of requests, %",
            y: y.clone(),
            y_title: if y.is_logarithmic() { Y_LOG } else { Y },
            shades: &[],
            series,
        };
        let caption = Caption {
            id: format!("svg-percentiles-{rank}"),
            title: format!("Latency by percentile of {name}"),
            text: lead.to_owned(),
        };
        (format!("{}. {name}", rank + 1), drawn.svg(&caption))
    };
    Figure {
        id: "percentiles-apart",
        title: "Latency by percentile, one by one".to_owned(),
        lead: lead.to_owned(),
        pictures: shown(report).iter().enumerate().map(picture).collect(),
        tables: vec![numbers(report)],
        command: report.command(),
        ..Figure::default()
    }
}

/// The classes of requests, if they are told apart.
fn class_names(report: &Report) -> Option<Vec<String>> {
    let classes = &report.cells.first()?.classes;
    let names = classes.iter().map(|(name, _)| name.clone());
    (classes.len() > 1).then(|| names.collect())
}

/// A row for each setting, a mark for each class.
fn classes(report: &Report) -> Option<Figure> {
    let names = class_names(report)?;
    let scopes: Vec<Scope> = names.iter().cloned().map(Scope::Class).collect();
    let metrics = [Metric::P99, Metric::P90, Metric::P50, Metric::Mean];
    let known = |metric: &&Metric| {
        let known = |scope| {
            let question = crate::report::Question {
                metric: **metric,
                scope,
            };
            question.doubt(&report.runs).is_none()
        };
        scopes.iter().cloned().all(known)
    };
    let metric = *metrics.iter().find(known).unwrap_or(&Metric::Mean);
    let value_of = |cell: usize, scope| mean(report, cell, metric, scope);
    let cells = shown(report);
    let all = cells
        .iter()
        .flat_map(|cell| scopes.iter().filter_map(|s| value_of(*cell, s)));
    let x = Scale::fit(all);
    let row = |cell: &usize| {
        let marks = scopes.iter().enumerate().filter_map(|(n, scope)| {
            Some(Mark {
                ink: Ink::Series(n),
                at: value_of(*cell, scope)?,
                range: None,
                hollow: true,
            })
        });
        (report.names[*cell].clone(), marks.collect())
    };
    let unit = if x.is_logarithmic() { Y_LOG } else { Y };
    let title = format!("{metric} of each class of requests");
    let picture = Rows {
        width: 760,
        x,
        x_name: tick,
        x_title: unit,
        zero: None,
        rows: cells.iter().map(row).collect(),
    };
    let lead = "A dot for each class of requests: what one class gains another may pay.";
    let caption = Caption {
        id: "svg-classes".to_owned(),
        title: title.clone(),
        text: lead.to_owned(),
    };
    let rows = report.order.iter().map(|cell| {
        let numbers = scopes
            .iter()
            .map(|scope| value(metric, value_of(*cell, scope)));
        (report.names[*cell].clone(), numbers.collect())
    });
    Some(Figure {
        id: "classes",
        title,
        lead: lead.to_owned(),
        legend: Legend::Lines(names.iter().cloned().enumerate().collect()),
        pictures: vec![(String::new(), picture.svg(&caption))],
        tables: vec![Table {
            caption: format!("{metric} by class, means over seeds"),
            head: std::iter::once(report.varied())
                .chain(names.clone())
                .collect(),
            rows: rows.collect(),
        }],
        command: report.command(),
    })
}
