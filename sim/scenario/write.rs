//! A tree as TOML again: the labels of settings, and the scenarios that shrinking writes.

use std::fmt::Write as _;

use evenkeel_proxy::document::{Entry, Node, Value};

use super::set::parsed;

/// A value as people write it for `--set`: without quotes where it cannot be mistaken.
pub(crate) fn label(node: &Node) -> String {
    match node {
        Node::Text(text) if !text.is_empty() && parsed(text).is_none() => text.clone(),
        _ => inline(node),
    }
}

/// A value on one line.
pub(crate) fn inline(node: &Node) -> String {
    match node {
        // TOML has no null, and a tree that is written has been accepted, which no null is.
        Node::Null => "\"\"".to_owned(),
        Node::Boolean(value) => value.to_string(),
        Node::Integer(value) => value.to_string(),
        Node::Float(value) => format!("{value:?}"),
        Node::Date(text) => text.clone(),
        Node::Text(text) => quoted(text),
        Node::List(values) => {
            let values: Vec<String> = values.iter().map(|value| inline(&value.node)).collect();
            format!("[{}]", values.join(", "))
        }
        Node::Table(entries) if entries.is_empty() => "{}".to_owned(),
        Node::Table(entries) => {
            let entry =
                |entry: &Entry| format!("{} = {}", key(&entry.key), inline(&entry.value.node));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A whole file: plain keys first, then tables, then lists of tables.
pub(crate) fn file(root: &[Entry]) -> String {
    let mut text = String::new();
    table(&mut text, "", root);
    text
}

fn table(text: &mut String, path: &str, entries: &[Entry]) {
    for entry in entries.iter().filter(|entry| !is_block(entry)) {
        let _ = writeln!(text, "{} = {}", key(&entry.key), inline(&entry.value.node));
    }
    for entry in entries.iter().filter(|entry| is_block(entry)) {
        let path = match path {
            "" => key(&entry.key),
            _ => format!("{path}.{}", key(&entry.key)),
        };
        match &entry.value.node {
            Node::Table(entries) => {
                let _ = write!(text, "\n[{path}]\n");
                table(text, &path, entries);
            }
            Node::List(values) => {
                for value in values {
                    if let Node::Table(entries) = &value.node {
                        let _ = write!(text, "\n[[{path}]]\n");
                        table(text, &path, entries);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Whether it is worth a header of its own: what has lists of tables or tables in it, or would
/// be a long line.
fn is_block(entry: &Entry) -> bool {
    const LINE: usize = 80;
    let is_table = |value: &Value| matches!(value.node, Node::Table(_));
    let long = || inline(&entry.value.node).len() > LINE;
    match &entry.value.node {
        Node::Table(entries) => long() || entries.iter().any(|entry| is_table(&entry.value)),
        Node::List(values) => !values.is_empty() && values.iter().all(is_table) && long(),
        _ => false,
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// A basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod test {
    use super::*;
    use evenkeel_proxy::document;
    use std::path::Path;

    fn tree(text: &str) -> Vec<Entry> {
        document::parse(Path::new("x"), text.as_bytes()).1.unwrap()
    }

    /// The tree without places.
    fn plain(entries: &[Entry]) -> String {
        inline(&Node::Table(entries.to_vec()))
    }

    #[test]
    fn what_is_written_reads_as_it_was() {
        let text = include_str!("../../scenarios/first.toml");
        let hard = "\"a b\" = 'c\"\\d'\nn = [[1, 2.5, -3e300], []]\nd = 2020-01-01\n\
                    t = \"\\u0001\\n\"\n\
                    [x.y]\nz = true\n[[x.l]]\na = 1\n[[x.l]]\nb = { c = { d = \"long enough for a \
                    header of its own, and longer than any line should be\" } }\n";
        for text in [text, hard] {
            let once = file(&tree(text));
            assert_eq!(file(&tree(&once)), once);
            // The order of keys is the writer's; what they say is the author's.
            let sorted = |text: &str| {
                let mut all: Vec<String> = tree(text)
                    .iter()
                    .map(|e| plain(std::slice::from_ref(e)))
                    .collect();
                all.sort();
                all
            };
            let (before, after) = (sorted(text), sorted(&once));
            assert_eq!(before.len(), after.len());
        }
    }

    #[test]
    fn labels_are_read_back() {
        for (text, wanted) in [
            ("\"p2c\"", "p2c"),
            ("\"2s\"", "2s"),
            ("\"1\"", "\"1\""),
            ("\"true\"", "\"true\""),
            ("1", "1"),
            (
                "{name=\"p2c\",choices=3}",
                "{ name = \"p2c\", choices = 3 }",
            ),
        ] {
            let value = parsed(text).unwrap();
            assert_eq!(label(&value.node), wanted);
        }
    }
}
