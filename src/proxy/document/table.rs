//! Reading a table key by key. A decode function declares each key once, where it reads it; run on
//! a file it collects values and everything that is wrong, run on nothing it describes itself.

use std::path::Path;

use super::decode::Context;
use super::key::{Key, Shape};
use super::kind::{Kind, Sink};
use super::{Diagnostic, Entry, Node, Span, Value, nearest};

/// One table of a file while it is read.
///
/// Every key is declared by exactly one call, always (not only when another key has some value):
/// what was never declared is unknown, and unknown keys are errors.
#[derive(Debug)]
pub struct Table<'a> {
    context: &'a mut Context,
    path: String,
    span: Span,
    entries: &'a [Entry],
    declared: Vec<&'static str>,
    missing: Vec<Diagnostic>,
    keys: Vec<Key>,
}

impl<'a> Table<'a> {
    /// A key that may be absent.
    pub fn optional<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        doc: &'static str,
    ) -> Option<K::Value> {
        self.declare(name, || Key::value(name, &kind, None, false, doc));
        self.read(name, &kind, doc)
    }

    /// A key with a default, which also stands in for a value that was wrong.
    pub fn default<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        default: K::Value,
        doc: &'static str,
    ) -> K::Value {
        self.declare(name, || {
            Key::value(name, &kind, Some(kind.show(&default)), false, doc)
        });
        self.read(name, &kind, doc).unwrap_or(default)
    }

    /// A key that must be there; none only after an error.
    pub fn required<K: Kind>(
        &mut self,
        name: &'static str,
        kind: K,
        doc: &'static str,
    ) -> Option<K::Value> {
        self.declare(name, || Key::value(name, &kind, None, true, doc));
        self.require(name, &kind.expected(), doc);
        self.read(name, &kind, doc)
    }

    /// A table that is read in any case; an absent one has all its defaults.
    pub fn table<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> T {
        let (span, entries) = self.table_at(name).unwrap_or((self.span, &[]));
        self.inner(name, doc, None, span, entries, decode)
    }

    /// A table that must be there, with an example of one; none only after an error.
    pub fn required_table<T>(
        &mut self,
        name: &'static str,
        example: &str,
        doc: &'static str,
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Option<T> {
        self.require(name, example, doc);
        let table = self.optional_table(name, doc, decode);
        if let Some(key) = self.keys.last_mut() {
            key.required = true;
        }
        table
    }

    /// A table that is read only if it is there.
    pub fn optional_table<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Option<T> {
        match self.table_at(name) {
            Some((span, entries)) => Some(self.inner(name, doc, None, span, entries, decode)),
            None if self.context.describing => {
                Some(self.inner(name, doc, None, self.span, &[], decode))
            }
            None => {
                self.declared.push(name);
                None
            }
        }
    }

    /// A table, or a plain value that stands for the table with just the key `main`.
    pub fn shorthand<T>(
        &mut self,
        name: &'static str,
        main: &'static str,
        doc: &'static str,
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> T {
        match self.value(name) {
            Some(value) if !matches!(value.node, Node::Table(_)) => {
                let entry = Entry {
                    key: main.to_owned(),
                    span: value.span,
                    value: value.clone(),
                };
                self.inner(name, doc, Some(main), value.span, &[entry], decode)
            }
            _ => {
                let (span, entries) = self.table_at(name).unwrap_or((self.span, &[]));
                self.inner(name, doc, Some(main), span, entries, decode)
            }
        }
    }

    /// A table that must be there, or a plain value that stands for it, with an example of one;
    /// none only after an error.
    pub fn required_shorthand<T>(
        &mut self,
        name: &'static str,
        main: &'static str,
        example: &str,
        doc: &'static str,
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> Option<T> {
        self.require(name, example, doc);
        if !self.has(name) && !self.describing() {
            self.declared.push(name);
            return None;
        }
        let table = self.shorthand(name, main, doc, decode);
        if let Some(key) = self.keys.last_mut() {
            key.required = true;
        }
        Some(table)
    }

    /// A list of tables, each decoded; an absent one is empty.
    pub fn tables<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        mut decode: impl FnMut(&mut Table<'_>) -> T,
    ) -> Vec<T> {
        self.declared.push(name);
        let path = self.path_of(name);
        if self.context.describing {
            let (_, keys) = Table::run(self.context, path, self.span, &[], decode);
            self.keys.push(Key {
                name,
                doc,
                required: false,
                shape: Shape::Tables(keys),
            });
            return Vec::new();
        }
        let values = match self.value(name) {
            None => return Vec::new(),
            Some(Value {
                node: Node::List(values),
                ..
            }) => values,
            Some(value) => {
                self.mismatch(
                    name,
                    value,
                    format!("[[{path}]] or a list: there may be several"),
                );
                return Vec::new();
            }
        };
        let mut decoded = Vec::new();
        for value in values {
            match &value.node {
                Node::Table(entries) => {
                    let path = path.clone();
                    let run = Table::run(self.context, path, value.span, entries, &mut decode);
                    decoded.push(run.0);
                }
                _ => self.mismatch(name, value, "a table".into()),
            }
        }
        decoded
    }

    /// A list of tables with at least one, and an example of one.
    pub fn required_tables<T>(
        &mut self,
        name: &'static str,
        example: &str,
        doc: &'static str,
        decode: impl FnMut(&mut Table<'_>) -> T,
    ) -> Vec<T> {
        self.require(name, example, doc);
        if let Some(value) = self.value(name)
            && matches!(&value.node, Node::List(values) if values.is_empty())
        {
            self.mismatch(name, value, example.to_owned());
        }
        let tables = self.tables(name, doc, decode);
        if let Some(key) = self.keys.last_mut() {
            key.required = true;
        }
        tables
    }

    /// Whether the file has the key.
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// Whether the declarations are only described: nothing is read, nothing is checked.
    pub fn describing(&self) -> bool {
        self.context.describing
    }

    /// The place of a key's value, or of this table if the key is absent.
    pub fn span(&self, name: &str) -> Span {
        self.value(name).map_or(self.span, |value| value.span)
    }

    /// The place of this table: its header, or the braces of an inline table.
    pub fn own_span(&self) -> Span {
        self.span
    }

    /// The places of a list's elements.
    pub fn element_spans(&self, name: &str) -> Vec<Span> {
        match self.value(name) {
            Some(Value {
                node: Node::List(values),
                ..
            }) => values.iter().map(|v| v.span).collect(),
            Some(value) => vec![value.span],
            None => Vec::new(),
        }
    }

    /// The text of a key's value, if it is text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.value(name) {
            Some(Value {
                node: Node::Text(text),
                ..
            }) => Some(text),
            _ => None,
        }
    }

    /// The folder that relative paths start from.
    pub fn folder(&self) -> &Path {
        self.context.source.folder()
    }

    /// An error of this file, to be completed and given to [`Table::report`].
    pub fn problem(&self, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(&self.context.source, span, message)
    }

    /// Adds what a check found, in this file or in another.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.context.push(diagnostic);
    }

    /// Reports a name that nothing has: at that place, with the nearest that something has.
    pub fn unknown(&mut self, span: Span, written: &str, what: &str, known: &[&str]) {
        let (label, help) = nearest::known(written, what, known);
        let mut problem = self
            .problem(span, format!("unknown {what} `{written}`"))
            .label(label);
        problem.help = help;
        self.report(problem);
    }

    /// Runs a decode function on a table's entries, then reports what it did not declare.
    pub(super) fn run<T>(
        context: &mut Context,
        path: String,
        span: Span,
        entries: &[Entry],
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> (T, Vec<Key>) {
        let (declared, missing, keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut table = Table {
            context,
            path,
            span,
            entries,
            declared,
            missing,
            keys,
        };
        let result = decode(&mut table);
        table.report_unknown();
        (result, table.keys)
    }

    fn inner<T>(
        &mut self,
        name: &'static str,
        doc: &'static str,
        shorthand: Option<&'static str>,
        span: Span,
        entries: &[Entry],
        decode: impl FnOnce(&mut Table<'_>) -> T,
    ) -> T {
        self.declared.push(name);
        let path = self.path_of(name);
        let (result, keys) = Table::run(self.context, path, span, entries, decode);
        if self.context.describing {
            let shape = Shape::Table { keys, shorthand };
            self.keys.push(Key {
                name,
                doc,
                required: false,
                shape,
            });
        }
        result
    }

    fn report_unknown(&mut self) {
        for entry in self
            .entries
            .iter()
            .filter(|e| !self.declared.contains(&e.key.as_str()))
        {
            if self.context.is_full() {
                return;
            }
            let place = match self.path.as_str() {
                "" => String::new(),
                path => format!(" in `{path}`"),
            };
            let message = format!("unknown key `{}`{place}", entry.key);
            let (label, help) = nearest::known(&entry.key, "key here", &self.declared);
            // A key that is missing only because it is misspelt is one mistake, not two.
            if let Some(meant) = nearest::nearest(&entry.key, self.declared.iter().copied()) {
                let path = format!("`{}` is missing", self.path_of(meant));
                self.missing.retain(|missing| missing.message != path);
            }
            let mut problem = self.problem(entry.span, message).label(label);
            problem.help = help;
            self.context.push(problem);
        }
        for missing in std::mem::take(&mut self.missing) {
            self.context.push(missing);
        }
    }

    fn read<K: Kind>(&mut self, name: &str, kind: &K, doc: &'static str) -> Option<K::Value> {
        let value = self.value(name)?;
        let key = self.path_of(name);
        kind.read(
            value,
            &mut Sink {
                context: self.context,
                key: &key,
                doc,
            },
        )
    }

    /// Notes an absent key as an error, unless a misspelt one turns up for it.
    fn require(&mut self, name: &'static str, expected: &str, doc: &'static str) {
        if !self.has(name) {
            let missing = self.problem(self.span, format!("`{}` is missing", self.path_of(name)));
            let label = format!("expected `{name}`, {expected}");
            self.missing
                .push(missing.label(label).help(format!("`{name}`: {doc}")));
        }
    }

    fn declare(&mut self, name: &'static str, key: impl FnOnce() -> Key) {
        self.declared.push(name);
        if self.context.describing {
            self.keys.push(key());
        }
    }

    /// A key's value if it is a table; anything else is reported.
    fn table_at(&mut self, name: &str) -> Option<(Span, &'a [Entry])> {
        let value = self.value(name)?;
        match &value.node {
            Node::Table(entries) => Some((value.span, entries)),
            Node::List(_) => {
                self.mismatch(
                    name,
                    value,
                    format!("[{}]: there is only one", self.path_of(name)),
                );
                None
            }
            _ => {
                self.mismatch(name, value, "a table".into());
                None
            }
        }
    }

    fn mismatch(&mut self, name: &str, value: &Value, expected: String) {
        let message = format!("`{}` is {}", self.path_of(name), value.found());
        let problem = self
            .problem(value.span, message)
            .label(format!("expected {expected}"));
        self.context.push(problem);
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.entries
            .iter()
            .find(|entry| entry.key == name)
            .map(|entry| &entry.value)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}
