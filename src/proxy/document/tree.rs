//! The tree that TOML and JSON are both read into: values that know their place.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::{Diagnostic, Source, Span, json, toml};

/// Files above this are not written by people: 16 MiB.
const SIZE_BYTES: usize = 16 << 20;

/// Tables and lists may stand in each other this deep; more would be an attack on the stack.
pub(super) const DEPTH: usize = 64;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it stands; a TOML table's place is its header.
    pub span: Span,
    /// What it is.
    pub node: Node,
}

/// What a value is.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number; one too large for `i128` is the nearest that is not.
    Integer(i128),
    /// A number with a point or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// TOML's date or time, as written.
    Date(String),
    /// A list.
    List(Vec<Value>),
    /// A table, in the order of the file.
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub span: Span,
    /// The value.
    pub value: Value,
}

impl Value {
    /// What it is, for "found ...": `the integer 30`.
    pub fn found(&self) -> String {
        match &self.node {
            Node::Null => "null".into(),
            Node::Boolean(value) => format!("the boolean {value}"),
            Node::Integer(value) => format!("the integer {value}"),
            Node::Float(value) => format!("the number {value}"),
            Node::Text(value) if value.chars().count() > 40 => {
                format!(
                    "the string {:?}...",
                    value.chars().take(40).collect::<String>()
                )
            }
            Node::Text(value) => format!("the string {value:?}"),
            Node::Date(value) => format!("the date {value}"),
            Node::List(values) if values.is_empty() => "an empty list".into(),
            Node::List(_) => "a list".into(),
            Node::Table(_) => "a table".into(),
        }
    }
}

/// One step from a tree's root to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a table.
    Key(&'static str),
    /// Into a list, from 0.
    Index(usize),
}

/// The place of a value, or of the last on the way to it that is there.
pub fn find(root: &[Entry], way: &[Step]) -> Span {
    let entry = |entries: &[Entry], key: &str| entries.iter().position(|entry| entry.key == key);
    let mut span = Span::default();
    let mut entries = root;
    let mut values: &[Value] = &[];
    for step in way {
        let value = match *step {
            Step::Key(key) => entry(entries, key).map(|n| &entries[n].value),
            Step::Index(n) => values.get(n),
        };
        let Some(value) = value else { break };
        span = value.span;
        (entries, values) = (&[], &[]);
        match &value.node {
            Node::Table(inside) => entries = inside,
            Node::List(inside) => values = inside,
            _ => {}
        }
    }
    span
}

/// Reads a file, at most the size that [`parse`] accepts.
///
/// # Errors
/// A diagnostic that names the file and says why it cannot be read.
pub fn open(path: &Path) -> Result<Vec<u8>, Vec<Diagnostic>> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(SIZE_BYTES as u64 + 1).read_to_end(&mut text))
        .map_err(|error| {
            vec![Diagnostic::unreadable(
                path,
                format!("cannot read the file: {error}"),
            )]
        })?;
    Ok(text)
}

/// Reads TOML, or JSON if the file's name ends in `.json` or its text begins with `{`.
///
/// Returns the source, and the tree's root (a table) or everything that is wrong with the syntax.
pub fn parse(path: &Path, bytes: &[u8]) -> (Arc<Source>, Result<Vec<Entry>, Vec<Diagnostic>>) {
    if bytes.len() > SIZE_BYTES {
        let message = format!("the file is larger than {} MiB", SIZE_BYTES >> 20);
        let problem = Diagnostic::unreadable(path, message);
        return (problem.source.clone(), Err(vec![problem]));
    }
    let text = match decode_text(path, bytes) {
        Ok(text) => text,
        Err(problem) => return (problem.source.clone(), Err(vec![*problem])),
    };
    let is_json = path
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
        || text.trim_start().starts_with('{');
    let source = Arc::new(Source::new(path, text));
    let root = if is_json {
        json::parse(&source)
    } else {
        toml::parse(&source)
    };
    (source, root)
}

/// Whether the file is a scenario: it has a `workload`. Never fails: a file that cannot be read as
/// a tree is what its lines look like.
pub fn is_scenario(path: &Path, bytes: &[u8]) -> bool {
    match parse(path, bytes).1 {
        Ok(root) => root.iter().any(|entry| entry.key == "workload"),
        Err(_) => String::from_utf8_lossy(bytes)
            .lines()
            .any(|line| line.trim_start().starts_with("[[workload")),
    }
}

/// The bytes as text without a byte order mark.
fn decode_text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, Box<Diagnostic>> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let problem = Diagnostic::unreadable(path, "the file is UTF-16");
        return Err(Box::new(problem.help("save it as UTF-8")));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let start = error.valid_up_to();
        // Everything before the first bad byte is unchanged by the replacement, so `start` holds.
        let source = Arc::new(Source::new(path, String::from_utf8_lossy(bytes)));
        let span = Span {
            start,
            end: start + char::REPLACEMENT_CHARACTER.len_utf8(),
        };
        let message = format!("byte 0x{:02x} is not UTF-8", bytes[start]);
        let problem = Diagnostic::error(&source, span, message).label("expected UTF-8 text");
        Box::new(problem.help("save the file as UTF-8"))
    })
}
