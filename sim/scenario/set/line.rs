//! The settings of a command line: `--set key=value` and `--vary key=a,b,c`.

use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::document::{self, Node, Source, Span, Value};

use super::Setting;
use super::change::moved;
use crate::scenario::write;

/// What diagnostics call it.
pub(super) const NAME: &str = "command line";

/// What a command line sets and varies, in its order.
pub(in crate::scenario) struct Line {
    pub(in crate::scenario) sets: Vec<Setting>,
    /// The values of a key beside each other; at least one.
    pub(in crate::scenario) varies: Vec<Vec<Setting>>,
}

impl Line {
    pub(in crate::scenario) fn new(sets: &[(String, String)], varies: &[(String, String)]) -> Self {
        let mut text = String::new();
        let mut places = Vec::new();
        for (option, pairs) in [("--set ", sets), ("--vary ", varies)] {
            for (key, value) in pairs {
                text.push_str(if text.is_empty() { "" } else { " " });
                text.push_str(option);
                let start = text.len();
                text.push_str(key);
                text.push('=');
                places.push((Span::from(start..start + key.len()), text.len()));
                text.push_str(value);
            }
        }
        let source = Arc::new(Source::new(Path::new(NAME), text));
        let setting = |key: &str, key_span: Span, start: usize, text: &str| {
            let value_span = Span::from(start..start + text.len());
            let value = value(text, start);
            Setting {
                key: key.to_owned(),
                label: write::label(&value.node),
                value,
                source: source.clone(),
                key_span,
                value_span,
            }
        };
        let (set_places, vary_places) = places.split_at(sets.len());
        let set = |((key, text), (span, start)): (&(String, String), &(Span, usize))| {
            setting(key, *span, *start, text)
        };
        let vary = |((key, text), (span, start)): (&(String, String), &(Span, usize))| {
            let one = |(from, part): (usize, &str)| setting(key, *span, start + from, part);
            parts(text).into_iter().map(one).collect()
        };
        Self {
            sets: sets.iter().zip(set_places).map(set).collect(),
            varies: varies.iter().zip(vary_places).map(vary).collect(),
        }
    }
}

/// A value that stands `at` bytes into its source: TOML, or what it looks like to a person, a
/// string.
fn value(text: &str, at: usize) -> Value {
    match parsed(text) {
        Some(value) => moved(value, at, 0),
        None => Value {
            span: Span::from(at..at + text.len()),
            node: Node::Text(text.to_owned()),
        },
    }
}

/// A value in TOML, with places in `text`.
pub(in crate::scenario) fn parsed(text: &str) -> Option<Value> {
    /// What makes a document of a value.
    const KEY: &str = "v = ";
    let (_, root) = document::parse(Path::new(""), format!("{KEY}{text}").as_bytes());
    let mut root = root.ok()?;
    let entry = root.pop()?;
    root.is_empty().then(|| moved(entry.value, 0, KEY.len()))
}

/// The values between commas, and where they begin; a comma in quotes or brackets parts nothing.
fn parts(text: &str) -> Vec<(usize, &str)> {
    let (mut start, mut depth, mut quote) = (0, 0_usize, None);
    let mut parts = Vec::new();
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '{' | '[') => depth += 1,
            (None, '}' | ']') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push((start, &text[start..at]));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push((start, &text[start..]));
    parts
}

#[cfg(test)]
mod test {
    use super::parts;

    #[test]
    fn commas_part_values_but_not_within_them() {
        let cases: [(&str, &[&str]); 5] = [
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            (
                "{ name = \"p2c\", choices = 3 },random",
                &["{ name = \"p2c\", choices = 3 }", "random"],
            ),
            ("\"a,b\",[1, 2]", &["\"a,b\"", "[1, 2]"]),
            ("a,", &["a", ""]),
        ];
        for (text, wanted) in cases {
            let found: Vec<&str> = parts(text).into_iter().map(|(_, part)| part).collect();
            assert_eq!(found, wanted, "{text}");
            for (start, part) in parts(text) {
                assert!(text[start..].starts_with(part));
            }
        }
    }
}
