//! The report as one page: nothing is loaded, nothing needs a script, and what is drawn stands
//! beside it as numbers. `style.css` is its look in light, dark, narrow and printed; `sort.js`
//! sorts tables where scripts run.

mod figure;
mod first;
mod latency;
mod ranking;
mod resource;
#[cfg(test)]
mod test;
mod time;

use std::fmt::Write as _;

use super::Report;
pub(super) use figure::{Figure, Legend};

/// The look of the page: the colours of light and of dark first, and a paragraph of its own for
/// what roles in drawings have of them.
pub(super) const STYLE: &str = include_str!("style.css");
const SORT: &str = include_str!("sort.js");

/// Settings that pictures show beside each other, the best ones; tables have all.
const PANELS: usize = 24;

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    let sections = sections(report);
    let mut page = String::with_capacity(1 << 20);
    let name = escaped(&report.outline.name);
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{name}: {} settings compared</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        report.names.len()
    );
    first::header(&mut page, report);
    page.push_str("<main>\n");
    first::answer(&mut page, report);
    first::doubts(&mut page, report);
    contents(&mut page, &sections);
    ranking::section(&mut page, report);
    for (id, title, figures) in &sections {
        let _ = write!(
            page,
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{title}</h2>\n"
        );
        for figure in figures {
            figure.write(&mut page);
        }
        page.push_str("</section>\n");
    }
    page.push_str("</main>\n");
    first::footer(&mut page, report);
    let _ = write!(page, "<script>\n{SORT}</script>\n</body>\n</html>\n");
    page
}

/// What the page shows beside the ranking: an identifier, a title, and at least one figure each.
pub(super) fn sections(report: &Report) -> Vec<(&'static str, &'static str, Vec<Figure>)> {
    let sections = [
        ("latency", "Latency", latency::figures(report)),
        ("time", "Over time", time::figures(report)),
        ("endpoints", "Endpoints", resource::figures(report)),
        ("failures", "What went wrong", time::troubles(report)),
    ];
    let sections = sections.into_iter();
    sections.filter(|(_, _, it)| !it.is_empty()).collect()
}

/// Links to what follows.
fn contents(page: &mut String, sections: &[(&str, &str, Vec<Figure>)]) {
    page.push_str("<nav aria-label=\"Contents\"><ul>\n<li><a href=\"#ranking\">Ranking</a></li>\n");
    for (id, title, _) in sections {
        let _ = writeln!(page, "<li><a href=\"#{id}\">{title}</a></li>");
    }
    page.push_str("</ul></nav>\n");
}

/// Text as it stands in HTML, in attributes too.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The cells that pictures show, best first.
fn shown(report: &Report) -> &[usize] {
    &report.order[..report.order.len().min(PANELS)]
}
