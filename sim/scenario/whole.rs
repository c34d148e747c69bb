//! A scenario as one tree that needs no other file and no command line: what shrinking works on.

use std::path::Path;

use evenkeel_proxy::document::{self, Diagnostic, Entry, Node, Span, Value};

use super::Scenario;
use super::set::{Keys, Line, Part, Sets};

/// Keys that say how a scenario is run, and not what it is.
const HOW: [&str; 5] = ["schema", "seeds", "precision", "matrix", "engine"];

/// The tree of one cell: its configuration in place, everything set that `sets` and its settings
/// set, without matrix and seeds. `cell` is what [`super::cells`] read from it.
///
/// # Errors
///
/// What is wrong with a file.
pub(crate) fn whole(
    path: &Path,
    text: &[u8],
    sets: &[(String, String)],
    cell: &Scenario,
) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let all: Vec<_> = sets.iter().chain(&cell.settings).cloned().collect();
    let line = Line::new(&all, &[]);
    let settings: Vec<_> = line.sets.iter().collect();
    let sets = Sets::new(&settings, Keys::new());
    let mut root = document::parse(path, text).1?;
    sets.apply(Part::Scenario, &mut root, 0);
    for (key, conditions) in [
        ("threshold", &cell.thresholds),
        ("sometimes", &cell.sometimes),
    ] {
        let about = conditions.iter().map(|c| c.is_about(&cell.settings));
        keep_conditions(&mut root, key, about.collect());
    }
    if let Some(config) = root.iter_mut().find(|entry| entry.key == "config")
        && let Some(file) = file_of(&config.value.node)
    {
        let file = path.parent().unwrap_or(Path::new("")).join(file);
        let mut tree = document::parse(&file, &document::open(&file)?).1?;
        sets.apply(Part::Config, &mut tree, 0);
        config.value.node = Node::Table(tree);
    }
    root.retain(|entry| !HOW.contains(&entry.key.as_str()));
    let name = root.iter().position(|entry| entry.key == "name");
    if name.is_none() {
        put(&mut root, "name", Node::Text(cell.name.clone()));
    }
    Ok(root)
}

/// Sets a key of a table.
pub(crate) fn put(table: &mut Vec<Entry>, key: &str, node: Node) {
    let span = Span::default();
    let value = Value { span, node };
    match table.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => entry.value = value,
        None => table.push(Entry {
            key: key.to_owned(),
            span,
            value,
        }),
    }
}

/// The file of a configuration that does not stand in place.
fn file_of(config: &Node) -> Option<&str> {
    match config {
        Node::Text(file) => Some(file),
        Node::Table(entries) => match &entries.iter().find(|e| e.key == "file")?.value.node {
            Node::Text(file) => Some(file),
            _ => None,
        },
        _ => None,
    }
}

/// Keeps the conditions that are about the cell, about it alone from now on.
fn keep_conditions(root: &mut [Entry], key: &str, about: Vec<bool>) {
    let blocks = root.iter_mut().find(|entry| entry.key == key);
    let Some(Node::List(blocks)) = blocks.map(|entry| &mut entry.value.node) else {
        return;
    };
    let mut about = about.into_iter();
    blocks.retain(|_| about.next().unwrap_or(true));
    for block in blocks {
        if let Node::Table(entries) = &mut block.node {
            entries.retain(|entry| entry.key != "where" && entry.key != "over");
        }
    }
}
