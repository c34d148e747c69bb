//! What endpoints had: requests and in flight over time, share and utilisation.

use super::figure::{Figure, Legend, Table};
use super::shown;
use super::time::{course, time_ticks};
use crate::report::Report;
use crate::report::number::decimal;
use crate::report::plot::{Caption, Depth, Heat, Ink, Mark, Rows, Scale, tick};
use crate::result::{Course, Endpoint, Lane};

/// Settings that have maps, the best ones: each is as many numbers as all else of the page.
const MAPS: usize = 8;

/// Endpoints that a map shows; tables have all.
const LANES: usize = 16;

pub(super) fn figures(report: &Report) -> Vec<Figure> {
    let utilisation = Spread {
        id: "utilisation",
        title: "Utilisation of endpoints",
        lead: "A dot for each endpoint: the share of time in which it computed. Dots that lie \
               close together are an even load.",
        unit: "utilisation, %",
        of: Endpoint::utilisation,
    };
    let share = Spread {
        id: "share",
        title: "Share of requests",
        lead: "A dot for each endpoint: its share of all tries.",
        unit: "share of tries, %",
        of: Endpoint::share,
    };
    let in_flight = Map {
        id: "in-flight",
        title: "In flight at endpoints",
        lead: "Requests that each endpoint had at a time, on average over each step; darker is \
               more.",
        unit: "in flight",
        of: |lane, _| lane.in_flight.clone(),
    };
    let requests = Map {
        id: "requests",
        title: "Requests to endpoints",
        lead: "Tries that each endpoint was picked for; darker is more.",
        unit: "tries/s",
        of: |lane, step_s| lane.picks.iter().map(|n| *n as f64 / step_s).collect(),
    };
    let spreads = [utilisation, share];
    let maps = [in_flight, requests];
    let spreads = spreads.iter().filter_map(|spread| spread.figure(report));
    spreads
        .chain(maps.iter().filter_map(|map| map.figure(report)))
        .collect()
}

/// A number of each endpoint over the whole window.
struct Spread {
    id: &'static str,
    title: &'static str,
    lead: &'static str,
    unit: &'static str,
    of: fn(&Endpoint) -> Option<f64>,
}

impl Spread {
    fn figure(&self, report: &Report) -> Option<Figure> {
        let values = |cell: usize| -> Vec<Option<f64>> {
            let endpoints = &report.cells[cell].endpoints;
            endpoints
                .iter()
                .map(|e| Some((self.of)(e)? * 100.0))
                .collect()
        };
        let cells = shown(report);
        let all = cells.iter().flat_map(|cell| values(*cell)).flatten();
        let most = all.fold(None, |most: Option<f64>, value| {
            Some(most.map_or(value, |m| m.max(value)))
        })?;
        let row = |(rank, cell): (usize, &usize)| {
            let marks = values(*cell).into_iter().flatten().map(|at| Mark {
                ink: Ink::Series(if rank == 0 { 0 } else { 1 }),
                at,
                range: None,
                hollow: true,
            });
            (report.names[*cell].clone(), marks.collect())
        };
        let picture = Rows {
            width: 760,
            x: Scale::from_zero(most, 5),
            x_name: tick,
            x_title: self.unit,
            zero: None,
            rows: cells.iter().enumerate().map(row).collect(),
        };
        let caption = Caption {
            id: format!("svg-{}", self.id),
            title: self.title.to_owned(),
            text: self.lead.to_owned(),
        };
        let row = |cell: &usize| {
            let shown = |value: &Option<f64>| value.map_or_else(|| "–".to_owned(), decimal);
            let numbers = values(*cell);
            (
                report.names[*cell].clone(),
                numbers.iter().map(shown).collect(),
            )
        };
        // Settings may be whole configurations: columns have the names of the first one's
        // endpoints.
        let names = report
            .cells
            .first()?
            .endpoints
            .iter()
            .map(|e| e.name.clone());
        Some(Figure {
            id: self.id,
            title: self.title.to_owned(),
            lead: self.lead.to_owned(),
            pictures: vec![(String::new(), picture.svg(&caption))],
            tables: vec![Table {
                caption: format!("{}, {}; all seeds together", self.title, self.unit),
                head: std::iter::once(report.varied()).chain(names).collect(),
                rows: report.order.iter().map(row).collect(),
            }],
            command: report.command(),
            ..Figure::default()
        })
    }
}

/// Endpoints by name, each with a number for each step.
type Lanes = Vec<(String, Vec<f64>)>;

/// A number of each endpoint in each step.
struct Map {
    id: &'static str,
    title: &'static str,
    lead: &'static str,
    unit: &'static str,
    of: fn(&Lane, f64) -> Vec<f64>,
}

impl Map {
    fn lanes(&self, report: &Report, cell: usize) -> Lanes {
        let Some(Course { lanes, step_s, .. }) = course(report, cell) else {
            return Vec::new();
        };
        let names = report.cells[cell].endpoints.iter().map(|e| e.name.clone());
        names
            .zip(lanes.iter().map(|lane| (self.of)(lane, *step_s)))
            .collect()
    }

    fn figure(&self, report: &Report) -> Option<Figure> {
        let cells = &report.order[..report.order.len().min(MAPS)];
        let seed = report.runs.first()?.seed;
        let step_s = course(report, *cells.first()?)?.step_s;
        let all: Vec<_> = cells
            .iter()
            .map(|cell| (*cell, self.lanes(report, *cell)))
            .collect();
        let lanes = all.iter().flat_map(|(_, lanes)| lanes);
        let depth = Depth::fit(lanes.flat_map(|(_, values)| values.iter().copied()))?;
        let end = report.subject.window_s.1;
        let picture = |(rank, (cell, lanes)): (usize, &(usize, Lanes))| {
            let row = |(name, values): &(String, Vec<f64>)| {
                (name.clone(), values.iter().copied().map(Some).collect())
            };
            let drawn = Heat {
                width: 340,
                row: 15,
                depth,
                rows: lanes.iter().take(LANES).map(row).collect(),
                field: None,
                columns: time_ticks(end)
                    .into_iter()
                    .map(|at| (at / end, tick(at)))
                    .collect(),
                title: "time, s",
            };
            let name = &report.names[*cell];
            let caption = Caption {
                id: format!("svg-{}-{rank}", self.id),
                title: format!("{} of {name}", self.title),
                text: self.lead.to_owned(),
            };
            (format!("{}. {name}", rank + 1), drawn.svg(&caption))
        };
        let lanes = all.iter().map(|(_, lanes)| lanes.len()).max().unwrap_or(0);
        let more = match lanes.checked_sub(LANES) {
            Some(more @ 1..) => {
                format!(" The first {LANES} endpoints; {more} more are in the tables.")
            }
            _ => String::new(),
        };
        let best = match report.order.len().checked_sub(MAPS) {
            Some(1..) => format!(" Of the {MAPS} best settings."),
            _ => String::new(),
        };
        Some(Figure {
            id: self.id,
            title: format!("{} (seed {seed})", self.title),
            lead: format!("{}{best}{more}", self.lead),
            legend: Legend::Shades(match depth.doubling {
                true => format!("{} {}, doubling", decimal(depth.most), self.unit),
                false => format!("{} {}", decimal(depth.most), self.unit),
            }),
            pictures: all.iter().enumerate().map(picture).collect(),
            tables: all
                .iter()
                .map(|(cell, lanes)| self.table(report, *cell, lanes, step_s))
                .collect(),
            command: report.outline.replay(*cells.first()?, seed),
        })
    }

    /// A row for each step.
    fn table(
        &self,
        report: &Report,
        cell: usize,
        lanes: &[(String, Vec<f64>)],
        step_s: f64,
    ) -> Table {
        let steps = lanes.first().map_or(0, |(_, values)| values.len());
        let row = |step: usize| {
            let numbers = lanes.iter().map(|(_, values)| tick(values[step]));
            (tick(step as f64 * step_s), numbers.collect())
        };
        let names = lanes.iter().map(|(name, _)| name.clone());
        Table {
            caption: format!("{} of {}, {}", self.title, report.names[cell], self.unit),
            head: std::iter::once("from, s".to_owned()).chain(names).collect(),
            rows: (0..steps).map(row).collect(),
        }
    }
}
