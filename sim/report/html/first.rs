//! The first screen: what was compared, what to take, how sure that is, what it costs.

use std::fmt::Write as _;

use super::{escaped, ranking};
use crate::report::number::title;
use crate::report::{Kind, Report};

/// Costs that are named; the rest is counted.
const COSTS: usize = 4;

pub(super) fn header(page: &mut String, report: &Report) {
    let what = title(report.ranking.metric, &report.ranking.scope);
    let (cells, seeds) = (report.names.len(), report.runs.len());
    let _ = write!(
        page,
        "<header>\n<p class=\"kicker\">evenkeel compares</p>\n<h1>{}</h1>\n\
         <p>{cells} settings of <strong>{}</strong>, ranked by <strong>{}</strong>, under {seeds} \
         seeds; all settings see the same requests.</p>\n<ul class=\"facts\">\n",
        escaped(&report.outline.name),
        escaped(&report.varied()),
        escaped(&what),
    );
    for fact in report.subject.facts.iter().chain([&report.engine]) {
        let _ = writeln!(page, "<li>{}</li>", escaped(fact));
    }
    page.push_str("</ul>\n</header>\n");
}

pub(super) fn answer(page: &mut String, report: &Report) {
    page.push_str("<section class=\"answer\" aria-labelledby=\"answer\">\n<div>\n");
    let Some(answer) = &report.answer else {
        page.push_str("<h2 id=\"answer\">Nothing was measured that could be compared</h2>\n");
        page.push_str("</div>\n</section>\n");
        return;
    };
    let label = report.outline.cells[answer.take].label();
    let _ = write!(
        page,
        "<h2 id=\"answer\">Take <code>{}</code></h2>\n<dl>\n<dt>Why</dt><dd>{}.</dd>\n\
         <dt>How sure</dt><dd>{}.</dd>\n<dt>What it costs</dt>",
        escaped(&label),
        escaped(&capital(&answer.reason)),
        escaped(&capital(&answer.certainty)),
    );
    if answer.costs.is_empty() {
        page.push_str("<dd>Nothing: no other setting is better elsewhere, beyond chance.</dd>\n");
    } else {
        page.push_str("<dd><ul>\n");
        for cost in answer.costs.iter().take(COSTS) {
            let _ = writeln!(page, "<li>{}</li>", escaped(&cost.said(&report.names)));
        }
        if let Some(more) = answer
            .costs
            .len()
            .checked_sub(COSTS)
            .filter(|more| *more > 0)
        {
            let _ = writeln!(page, "<li>and {more} more, listed under the ranking</li>");
        }
        page.push_str("</ul></dd>\n");
    }
    page.push_str("</dl>\n</div>\n");
    ranking::forest(page, report);
    page.push_str("</section>\n");
}

/// Why numbers should not be believed, and what failed.
pub(super) fn doubts(page: &mut String, report: &Report) {
    if report.doubts.is_empty() && report.failures.is_empty() {
        return;
    }
    page.push_str("<section class=\"doubts\" aria-labelledby=\"doubts\">\n");
    page.push_str("<h2 id=\"doubts\">Doubts</h2>\n<ul>\n");
    for doubt in &report.doubts {
        let _ = writeln!(page, "<li>{}</li>", escaped(doubt));
    }
    for (cell, name) in report.names.iter().enumerate() {
        let mut conditions: Vec<(Kind, &str, u32, String)> = Vec::new();
        for failure in report.failures_of(cell) {
            let same = |(kind, condition, ..): &&mut (Kind, &str, u32, String)| {
                *kind == failure.kind && *condition == failure.condition
            };
            match conditions.iter_mut().find(same) {
                Some((.., times, _)) => *times += 1,
                None => conditions.push((
                    failure.kind,
                    &failure.condition,
                    1,
                    match failure.seed {
                        Some(seed) => format!("{} with seed {seed}", failure.found),
                        None => failure.found.clone(),
                    },
                )),
            }
        }
        for (kind, condition, times, first) in conditions {
            let times = match times {
                1 => String::new(),
                times => format!(", {times} times"),
            };
            let _ = writeln!(
                page,
                "<li><strong>{}</strong> fails {} <code>{}</code>: {}{times}</li>",
                escaped(name),
                kind.name(),
                escaped(condition),
                escaped(&first)
            );
        }
    }
    page.push_str("</ul>\n</section>\n");
}

pub(super) fn footer(page: &mut String, report: &Report) {
    let _ = write!(
        page,
        "<footer>\n<p>Repeat all of it: <code>{}</code></p>\n\
         <p>evenkeel {}. A seed is one observation; differences are taken within seeds. Intervals \
         are of 95&nbsp;%, by bootstrap, for each setting against the best by itself: of twenty \
         equal ones, one may seem worse. Pictures over time are of seed {}.</p>\n</footer>\n",
        escaped(&report.command()),
        env!("CARGO_PKG_VERSION"),
        report.runs.first().map_or(0, |run| run.seed),
    );
}

/// With a capital letter in front.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
