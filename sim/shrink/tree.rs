//! Ways through a scenario's tree, and the small changes that passes are made of. Nothing here
//! knows a key of the scenario's: what is added to the language is covered.

use evenkeel_proxy::document::{Entry, Node, Value};

/// One step towards a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    Index(usize),
}

pub(super) type Way = Vec<Step>;

/// The value at the end of a way.
pub(super) fn at<'t>(root: &'t mut [Entry], way: &[Step]) -> Option<&'t mut Node> {
    let (Step::Key(first), rest) = way.split_first()? else {
        return None;
    };
    let entry = root.iter_mut().find(|entry| entry.key == *first)?;
    let mut node = &mut entry.value.node;
    for step in rest {
        node = match (step, node) {
            (Step::Key(key), Node::Table(entries)) => {
                let entry = entries.iter_mut().find(|entry| entry.key == *key)?;
                &mut entry.value.node
            }
            (Step::Index(index), Node::List(values)) => &mut values.get_mut(*index)?.node,
            _ => return None,
        };
    }
    Some(node)
}

/// Every value of the tree with its way, outer ones first.
pub(super) fn ways(root: &[Entry]) -> Vec<(Way, Node)> {
    fn entries(table: &[Entry], way: &Way, found: &mut Vec<(Way, Node)>) {
        for entry in table {
            let mut way = way.clone();
            way.push(Step::Key(entry.key.clone()));
            value(&entry.value, way, found);
        }
    }
    fn value(of: &Value, way: Way, found: &mut Vec<(Way, Node)>) {
        found.push((way.clone(), of.node.clone()));
        match &of.node {
            Node::Table(table) => entries(table, &way, found),
            Node::List(values) => {
                for (n, of) in values.iter().enumerate() {
                    let mut way = way.clone();
                    way.push(Step::Index(n));
                    value(of, way, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    entries(root, &Vec::new(), &mut found);
    found.sort_by_key(|(way, _)| way.len());
    found
}

/// The last key of a way.
pub(super) fn name(way: &[Step]) -> &str {
    let keys = way.iter().rev().filter_map(|step| match step {
        Step::Key(key) => Some(key.as_str()),
        Step::Index(_) => None,
    });
    keys.into_iter().next().unwrap_or_default()
}

/// Takes an entry out of the table that holds it.
pub(super) fn remove(root: &mut Vec<Entry>, way: &[Step]) -> bool {
    let Some((Step::Key(last), outer)) = way.split_last() else {
        return false;
    };
    let table = match outer {
        [] => root,
        _ => match at(root, outer) {
            Some(Node::Table(entries)) => entries,
            _ => return false,
        },
    };
    let before = table.len();
    table.retain(|entry| entry.key != *last);
    table.len() < before
}

/// Takes elements out of a list; a list of nothing goes itself.
pub(super) fn cut(root: &mut Vec<Entry>, way: &[Step], out: std::ops::Range<usize>) -> bool {
    let Some(Node::List(values)) = at(root, way) else {
        return false;
    };
    if out.end > values.len() || out.is_empty() {
        return false;
    }
    values.drain(out);
    if values.is_empty() {
        remove(root, way);
    }
    true
}

/// The text of a key of a table.
pub(super) fn text<'t>(table: &'t Node, key: &str) -> Option<&'t str> {
    let Node::Table(entries) = table else {
        return None;
    };
    match &entries.iter().find(|entry| entry.key == key)?.value.node {
        Node::Text(text) => Some(text),
        _ => None,
    }
}

/// Takes out every block of a list of the scenario (not of its configuration) that has one of the
/// texts somewhere in it: what refers to what is gone.
pub(super) fn forget(root: &mut [Entry], names: &[String]) {
    fn mentions(node: &Node, names: &[String]) -> bool {
        match node {
            Node::Text(text) => names.contains(text),
            Node::List(values) => values.iter().any(|value| mentions(&value.node, names)),
            Node::Table(entries) => entries.iter().any(|e| mentions(&e.value.node, names)),
            _ => false,
        }
    }
    fn clean(node: &mut Node, names: &[String]) {
        match node {
            Node::List(values) => {
                let is_table = |value: &Value| matches!(value.node, Node::Table(_));
                values.retain(|value| !is_table(value) || !mentions(&value.node, names));
            }
            Node::Table(entries) => {
                for entry in entries {
                    clean(&mut entry.value.node, names);
                }
            }
            _ => {}
        }
    }
    for entry in root.iter_mut().filter(|entry| entry.key != "config") {
        clean(&mut entry.value.node, names);
    }
}
