//! What every page keeps: well-formed, nothing loaded, everything named.

use std::collections::BTreeSet;

use super::*;
use crate::report::test::{made, troubled};

/// An element of a page: its name, its attributes as written, and how deep it stands.
struct Element<'a> {
    name: &'a str,
    attributes: &'a str,
    path: Vec<&'a str>,
}

/// The elements of `page`; panics if one is not closed by its like.
fn elements(page: &str) -> Vec<Element<'_>> {
    const EMPTY: [&str; 2] = ["meta", "br"];
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!doctype html>").expect("a doctype");
    while let Some(at) = rest.find('<') {
        assert!(!rest[..at].contains('>'), "a bare > in {}", &rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(
                open.pop(),
                Some(name),
                "before {}",
                &rest[..rest.len().min(80)]
            );
            continue;
        }
        let closed = tag.ends_with('/');
        let tag = tag.trim_end_matches('/');
        let (name, attributes) = tag.split_once([' ', '\n']).unwrap_or((tag, ""));
        found.push(Element {
            name,
            attributes,
            path: open.clone(),
        });
        if name == "style" || name == "script" {
            let end = rest.find("</").expect("it ends");
            rest = &rest[end..];
        }
        if !closed && !EMPTY.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, [""; 0]);
    found
}

fn attribute<'a>(element: &Element<'a>, name: &str) -> Option<&'a str> {
    let at = element.attributes.find(&format!("{name}=\""))?;
    element.attributes[at..].split('"').nth(1)
}

fn pages() -> Vec<String> {
    let reports = [made(2, 6), made(13, 5), made(2, 1), troubled()];
    reports.iter().map(html).collect()
}

#[test]
fn pages_are_well_formed_and_name_everything() {
    for page in pages() {
        let elements = elements(&page);
        let mut ids = BTreeSet::new();
        for id in elements.iter().filter_map(|e| attribute(e, "id")) {
            assert!(ids.insert(id), "{id} twice");
        }
        for name in ["aria-labelledby", "href"] {
            let named = elements.iter().filter_map(|e| attribute(e, name));
            for id in named.flat_map(str::split_whitespace) {
                assert!(ids.contains(id.trim_start_matches('#')), "no {id}");
            }
        }
        let children = |parent: &str, child: &str| {
            let inside = |e: &&Element<'_>| e.path.last() == Some(&parent) && e.name == child;
            elements.iter().filter(inside).count()
        };
        let count = |name: &str| elements.iter().filter(|e| e.name == name).count();
        let pictures = elements.iter().filter(|e| e.name == "svg");
        let (named, hidden): (Vec<_>, Vec<_>) =
            pictures.partition(|svg| attribute(svg, "role") == Some("img"));
        assert!(
            hidden
                .iter()
                .all(|svg| attribute(svg, "aria-hidden") == Some("true"))
        );
        assert_eq!(children("svg", "title"), named.len());
        assert_eq!(children("svg", "desc"), named.len());
        assert_eq!(children("table", "caption"), count("table"));
        let heads = elements.iter().filter(|e| e.name == "th");
        assert!(heads.into_iter().all(|th| attribute(th, "scope").is_some()));
        let landmarks = ["header", "main", "nav", "footer", "h1", "title"];
        assert_eq!(landmarks.map(count), [1, 1, 1, 1, 1, 1 + named.len()]);
    }
}

#[test]
fn headings_go_down_one_by_one() {
    for page in pages() {
        let mut last = 0;
        for element in elements(&page) {
            let level = element
                .name
                .strip_prefix('h')
                .and_then(|n| n.parse::<u32>().ok());
            let Some(level) = level else { continue };
            assert!(level <= last + 1, "h{level} after h{last}");
            last = level;
        }
    }
}

/// No address, no file, no font: a page opens from a disk without a network.
#[test]
fn nothing_is_loaded() {
    for page in pages() {
        let text = page.replace("http://www.w3.org/2000/svg", "");
        for word in [
            "http:", "https:", "url(", "@import", "<link", "src=", "xlink",
        ] {
            assert!(!text.contains(word), "{word}");
        }
    }
}

/// A setting whose every request failed has its panels and rows like the others.
#[test]
fn what_failed_altogether_is_drawn() {
    let report = troubled();
    let page = html(&report);
    assert_eq!(report.cells[1].latency_ms.count(), 0);
    let name = &report.names[1];
    assert!(page.contains(&format!("Failed requests over time of {name}</title>")));
    assert!(page.contains(&format!("Latency by percentile of {name}</title>")));
    let (drawn, _) = page.split_once("<script>").expect("the script stands last");
    assert!(!drawn.contains("NaN") && !drawn.contains("inf"), "{drawn}");
}

#[test]
fn text_cannot_become_markup() {
    let mut report = made(2, 5);
    report.outline.name = "<script>alert('\"&')</script>".to_owned();
    report.doubts.push("<b>".to_owned());
    let page = html(&report);
    elements(&page);
    assert!(!page.contains("<script>alert") && !page.contains("<b>"));
}
