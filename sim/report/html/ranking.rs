//! All settings against the best: a picture, and a table with everything that was asked.

use std::fmt::Write as _;

use super::figure::{Table, swatch};
use super::{escaped, shown};
use crate::report::number::{said, title, value};
use crate::report::plot::{Caption, Depth, Heat, Ink, Mark, Rows, Scale, tick};
use crate::report::text::mean;
use crate::report::{Report, answer};
use crate::result::{Metric, Unit};
use crate::statistic::Verdict;

/// From this ratio on differences are drawn as multiples.
const FAR: f64 = 3.0;

/// Each setting's difference from the best, where it can be told.
fn marks(report: &Report, place: impl Fn(f64) -> f64) -> Vec<(String, Vec<Mark>)> {
    let taken = report.answer.as_ref().map(|answer| answer.take);
    let row = |cell: &usize| {
        let verdict = report.ranking.rows[*cell].verdict;
        let (by, interval) = match verdict {
            Verdict::Best => (Some(0.0), None),
            // How many fail is no difference of this metric.
            Verdict::FailsMore { .. } => (None, None),
            other => other.difference(),
        };
        let mark = by.map(|by| Mark {
            ink: if taken == Some(*cell) {
                Ink::Series(0)
            } else {
                Ink::Axis
            },
            at: place(by),
            range: interval.map(|i| (place(i.low), place(i.high))),
            hollow: matches!(verdict, Verdict::Barred { .. }),
        });
        (report.names[*cell].clone(), mark.into_iter().collect())
    };
    shown(report).iter().map(row).collect()
}

/// The differences from the best with their intervals.
pub(super) fn forest(page: &mut String, report: &Report) {
    let relative = report.metric().unit() == Unit::Duration;
    let place = |by: f64| if relative { 1.0 + by } else { by };
    let rows = marks(report, place);
    let marks = rows.iter().flat_map(|(_, marks)| marks);
    let ends: Vec<f64> = marks
        .flat_map(|mark| {
            let (low, high) = mark.range.unwrap_or((mark.at, mark.at));
            [low, mark.at, high]
        })
        .collect();
    let low = ends.iter().copied().fold(f64::MAX, f64::min);
    let high = ends.iter().copied().fold(f64::MIN, f64::max);
    let what = title(report.metric(), &report.ranking.scope);
    let (x, x_name): (Scale, fn(f64) -> String) = match relative {
        true if high > FAR => (Scale::logarithmic(low.max(0.01), high), |ratio| {
            format!("×{}", tick(ratio))
        }),
        true => (around(1.0, low, high), |ratio| {
            format!("{:+.0}%", (ratio - 1.0) * 100.0).replace("+0%", "0")
        }),
        false => (around(0.0, low, high), |by| tick(by)),
    };
    let title = match x.is_logarithmic() {
        true => format!("{what} against the best (logarithmic)"),
        false => format!("{what} against the best"),
    };
    let picture = Rows {
        width: 520,
        x,
        x_name,
        x_title: &title,
        zero: Some(place(0.0)),
        rows,
    };
    let caption = Caption {
        id: "forest".to_owned(),
        text: format!(
            "A row for each setting, best first: the difference of its {what} from the best one's, \
             with its 95 % interval. The ranking below has the numbers."
        ),
        title: title.clone(),
    };
    let _ = writeln!(
        page,
        "<div class=\"forest\">{}</div>",
        picture.svg(&caption)
    );
}

/// An axis that has `zero` and both ends, with about five round ticks.
fn around(zero: f64, low: f64, high: f64) -> Scale {
    let (low, high) = (low.min(zero), high.max(zero));
    let span = Scale::from_zero((high - low).max(1e-3), 4);
    let step = match span.ticks() {
        [first, second, ..] => second - first,
        _ => 1.0,
    };
    let from = libm::floor((low - zero) / step) as i32;
    // Where nothing differs there is an axis nevertheless.
    let until = (libm::ceil((high - zero) / step) as i32).max(from + 2);
    let ticks: Vec<f64> = (from..=until).map(|n| zero + f64::from(n) * step).collect();
    let margin = step * 0.15;
    Scale::linear(
        zero + f64::from(from) * step - margin,
        zero + f64::from(until) * step,
        ticks,
    )
}

pub(super) fn section(page: &mut String, report: &Report) {
    page.push_str("<section aria-labelledby=\"ranking\">\n<h2 id=\"ranking\">Ranking</h2>\n");
    table(page, report);
    alone(page, report);
    costs(page, report);
    matrix(page, report);
    page.push_str("</section>\n");
}

/// A row for each setting, all that was asked as columns.
fn table(page: &mut String, report: &Report) {
    let asked = (report.ranking.metric, report.ranking.scope.clone());
    let mut columns = vec![asked.clone()];
    let questions = answer::elsewhere(&report.runs).into_iter();
    let others = questions.map(|question| (question.metric, question.scope));
    columns.extend(others.filter(|column| *column != asked));
    columns.retain(|(metric, scope)| {
        let some = |cell: usize| mean(report, cell, *metric, scope).is_some_and(|v| v > 0.0);
        *metric == Metric::ErrorRate || (0..report.names.len()).any(some)
    });
    let seeds = report.runs.len();
    let caption = format!(
        "All settings, best first: means of {seeds} seeds, and {} against the best",
        title(asked.0, &asked.1)
    );
    let _ = write!(
        page,
        "<div class=\"scroll\" role=\"group\" tabindex=\"0\" aria-label=\"Ranking\">\
         <table class=\"sortable\"><caption>{}</caption>\n<thead><tr><th scope=\"col\">rank</th>\
         <th scope=\"col\">{}</th><th scope=\"col\">against the best</th>",
        escaped(&caption),
        escaped(&report.varied())
    );
    for (metric, scope) in &columns {
        let _ = write!(
            page,
            "<th scope=\"col\">{}</th>",
            escaped(&title(*metric, scope))
        );
    }
    page.push_str("</tr></thead>\n<tbody>\n");
    for (rank, cell) in report.order.iter().enumerate() {
        let verdict = said(report.metric(), report.ranking.rows[*cell].verdict);
        let taken = report
            .answer
            .as_ref()
            .is_some_and(|answer| answer.take == *cell);
        let class = if taken { " class=\"taken\"" } else { "" };
        let _ = write!(
            page,
            "<tr{class}><td>{}</td><th scope=\"row\">{}{}</th><td>{}</td>",
            rank + 1,
            swatch(rank),
            escaped(&report.names[*cell]),
            escaped(&verdict)
        );
        for (metric, scope) in &columns {
            let shown = value(*metric, mean(report, *cell, *metric, scope));
            let _ = write!(page, "<td>{}</td>", escaped(&shown));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
}

/// The commands that repeat each setting.
fn alone(page: &mut String, report: &Report) {
    let Some(run) = report.runs.first() else {
        return;
    };
    page.push_str("<details><summary>One setting alone</summary>\n");
    let row = |cell: &usize| {
        let command = report.outline.replay(*cell, run.seed);
        (report.names[*cell].clone(), vec![command])
    };
    let table = Table {
        caption: format!("Commands that repeat a setting under seed {}", run.seed),
        head: vec![report.varied(), "command".to_owned()],
        rows: report.order.iter().map(row).collect(),
    };
    table.write(page, "commands");
    page.push_str("</details>\n");
}

/// All that others are better at.
fn costs(page: &mut String, report: &Report) {
    let costs = report.answer.iter().flat_map(|answer| &answer.costs);
    let rows = costs.map(|cost| {
        let verdict = Verdict::Worse {
            by: cost.by,
            interval: cost.interval,
        };
        let name = title(cost.metric, &cost.scope);
        let than = report.names[cost.than].clone();
        (name, vec![than, said(cost.metric, verdict)])
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let table = Table {
        caption: "Where another setting is better than the one to take, beyond chance".to_owned(),
        head: ["what", "the best there", "the one to take"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    };
    page.push_str("<h3>What it costs</h3>\n");
    table.write(page, "");
}

/// Two or more keys as a map: the last one from left to right.
fn matrix(page: &mut String, report: &Report) {
    if report.keys.len() < 2 {
        return;
    }
    let Grid { rows, columns } = grid(report);
    let fields = rows.iter().flat_map(|(_, values)| values).flatten();
    let Some(depth) = Depth::fit(fields.copied()) else {
        return;
    };
    let count = columns.len() as f64;
    let names = columns.into_iter().enumerate();
    let names = names.map(|(n, name)| ((n as f64 + 0.5) / count, name));
    let what = title(report.metric(), &report.ranking.scope);
    let title = format!("{what} by {}", report.varied());
    let picture = Heat {
        width: 720,
        row: 30,
        depth,
        rows,
        field: Some(match report.metric().unit() {
            Unit::Duration => |value| format!("{} ms", tick(value)),
            Unit::Ratio => |value| format!("{}%", tick(value * 100.0)),
            Unit::Count => tick,
        }),
        columns: names.collect(),
        title: report.keys.last().map_or("", String::as_str),
    };
    let caption = Caption {
        id: "svg-matrix".to_owned(),
        title: title.clone(),
        text: "The ranking's values as a map; darker is more. The table above has the numbers."
            .to_owned(),
    };
    let title = escaped(&title);
    let _ = writeln!(
        page,
        "<figure aria-labelledby=\"matrix\"><figcaption><h3 id=\"matrix\">{title}</h3></figcaption>\
         <div class=\"wide\" role=\"group\" tabindex=\"0\" aria-label=\"{title}\">{}</div></figure>",
        picture.svg(&caption)
    );
}

/// The values of all cells, by their settings.
struct Grid {
    /// By all keys but the last.
    rows: Vec<(String, Vec<Option<f64>>)>,
    /// The values of the last.
    columns: Vec<String>,
}

fn grid(report: &Report) -> Grid {
    let place = |names: &mut Vec<String>, name: String| {
        let known = names.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        })
    };
    let (mut rows, mut columns) = (Vec::new(), Vec::new());
    let mut fields = Vec::new();
    for (cell, row) in report.ranking.rows.iter().enumerate() {
        let settings = report.outline.cells[cell].settings.iter();
        let varied = settings.filter(|(key, _)| report.keys.contains(key));
        let mut values: Vec<&str> = varied.map(|(_, value)| value.as_str()).collect();
        let last = values.pop().unwrap_or_default().to_owned();
        let name = values.join(" · ");
        fields.push((place(&mut rows, name), place(&mut columns, last), row.value));
    }
    let mut values = vec![vec![None; columns.len()]; rows.len()];
    for (row, column, value) in fields {
        values[row][column] = value;
    }
    Grid {
        rows: rows.into_iter().zip(values).collect(),
        columns,
    }
}
