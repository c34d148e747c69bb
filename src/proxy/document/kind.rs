//! What a key's value may be: how it is read, what an error says was expected, how a default is
//! written, what a JSON Schema says of it.

use std::fmt::Display;
use std::ops::Range;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::table::Context;
use super::{Diagnostic, Node, Span, Value, nearest};

/// A type of values in a file.
pub trait Kind {
    /// What the program gets.
    type Value;

    /// What an author should write, after "expected": `a duration such as "30s"`.
    fn expected(&self) -> String;

    /// The value, or none after telling `sink` everything that is wrong with it.
    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value>;

    /// The value as a file would have it.
    fn show(&self, value: &Self::Value) -> Json;

    /// Its JSON Schema.
    fn schema(&self) -> Json;
}

/// Where a [`Kind`] says what is wrong with the value of a key.
#[derive(Debug)]
pub struct Sink<'a> {
    pub(super) context: &'a mut Context,
    pub(super) key: &'a str,
    pub(super) doc: &'static str,
}

impl Sink<'_> {
    /// The value is not what was expected; the label says what was.
    pub fn mismatch(&mut self, value: &Value, expected: impl Display) {
        self.wrong(
            value.span,
            format!("`{}` is {}", self.key, value.found()),
            format!("expected {expected}"),
        );
    }

    /// Something else is wrong at that place: a sentence, and what stands under the place.
    pub fn wrong(&mut self, span: Span, message: impl Into<String>, label: impl Into<String>) {
        let help = format!("`{}`: {}", self.key, self.doc);
        let problem = Diagnostic::error(&self.context.source, span, message);
        self.context.push(problem.label(label).help(help));
    }

    /// A name that is not one of those known: the nearest, or all of them.
    pub fn unknown(&mut self, span: Span, written: &str, what: &str, known: &[&str]) {
        let (label, help) = nearest::known(written, what, known);
        let message = format!("`{}`: unknown {what} {written:?}", self.key);
        let mut problem = Diagnostic::error(&self.context.source, span, message).label(label);
        problem.help = help;
        self.context.push(problem);
    }

    /// The place of a part of a text value; of the whole value if the file writes it with escapes.
    pub fn part(&self, value: &Value, part: Range<usize>) -> Span {
        let (start, end) = (value.span.start + 1, value.span.end.saturating_sub(1));
        match (&value.node, self.context.source.text().get(start..end)) {
            (Node::Text(text), Some(written)) if text == written => Span {
                start: start + part.start,
                end: start + part.end,
            },
            _ => value.span,
        }
    }

    /// A relative path seen from the file's folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.context.source.folder().join(path)
    }
}

/// A list of values of one kind.
#[derive(Clone, Copy, Debug)]
pub struct List<K>(pub K);

impl<K: Kind> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn expected(&self) -> String {
        format!("a list, each {}", self.0.expected())
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        let Node::List(values) = &value.node else {
            sink.mismatch(value, self.expected());
            return None;
        };
        // Every element is read, so that every wrong one is reported.
        let read: Vec<_> = values
            .iter()
            .map(|value| self.0.read(value, sink))
            .collect();
        read.into_iter().collect()
    }

    fn show(&self, value: &Self::Value) -> Json {
        value.iter().map(|value| self.0.show(value)).collect()
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema() })
    }
}

/// A list, or one value that stands for the list of it.
#[derive(Clone, Copy, Debug)]
pub struct OneOrMany<K>(pub K);

impl<K: Kind> Kind for OneOrMany<K> {
    type Value = Vec<K::Value>;

    fn expected(&self) -> String {
        format!("{}, or a list of them", self.0.expected())
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        match value.node {
            Node::List(_) => List(&self.0).read(value, sink),
            _ => self.0.read(value, sink).map(|value| vec![value]),
        }
    }

    fn show(&self, value: &Self::Value) -> Json {
        List(&self.0).show(value)
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [self.0.schema(), List(&self.0).schema()] })
    }
}

impl<K: Kind> Kind for &K {
    type Value = K::Value;

    fn expected(&self) -> String {
        (*self).expected()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        (*self).read(value, sink)
    }

    fn show(&self, value: &Self::Value) -> Json {
        (*self).show(value)
    }

    fn schema(&self) -> Json {
        (*self).schema()
    }
}
