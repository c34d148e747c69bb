//! TOML into the tree.

use std::sync::Arc;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue, Error};

use super::tree::{DEPTH, Entry, Node, Value};
use super::{Diagnostic, Source, Span};

/// The root table, or every syntax error.
pub(super) fn parse(source: &Arc<Source>) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let (root, errors) = DeTable::parse_recoverable(source.text());
    if !errors.is_empty() {
        return Err(errors
            .iter()
            .map(|error| diagnostic(source, error))
            .collect());
    }
    let mut reader = Reader {
        source,
        problems: Vec::new(),
    };
    let root = reader.table(root.get_ref(), 0);
    if reader.problems.is_empty() {
        Ok(root)
    } else {
        Err(reader.problems)
    }
}

/// The parser's words, parted into what is wrong and what was expected.
fn diagnostic(source: &Arc<Source>, error: &Error) -> Diagnostic {
    let span = error.span().map(Span::from).unwrap_or_default();
    let text = source.text().get(span.start..span.end).unwrap_or_default();
    match error.message().split_once(", expected ") {
        None if error.message() == "duplicate key" && !text.is_empty() => {
            Diagnostic::error(source, span, format!("`{text}` is written twice"))
                .label("the second one")
        }
        None => Diagnostic::error(source, span, error.message()),
        Some(("string values must be quoted", _)) if text.is_empty() => {
            Diagnostic::error(source, span, "the value is missing")
                .label("expected a value, such as 1, true or \"text\"")
        }
        Some(("string values must be quoted", _)) => {
            Diagnostic::error(source, span, "text must stand in quotes")
                .label(format!("expected {text:?}"))
        }
        Some((message, expected)) => {
            Diagnostic::error(source, span, message).label(format!("expected {expected}"))
        }
    }
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Vec<Entry> {
        let mut entries: Vec<Entry> = table
            .iter()
            .map(|(key, value)| Entry {
                key: key.get_ref().to_string(),
                span: key.span().into(),
                value: self.value(value, depth + 1),
            })
            .collect();
        entries.sort_by_key(|entry| entry.span);
        entries
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Value {
        let span = value.span().into();
        let node = match value.get_ref() {
            DeValue::Array(_) | DeValue::Table(_) if depth > DEPTH => {
                let message = format!("nested deeper than {DEPTH} levels");
                self.problems
                    .push(Diagnostic::error(self.source, span, message));
                Node::Null
            }
            DeValue::String(text) => Node::Text(text.to_string()),
            DeValue::Integer(number) => {
                let negative = number.as_str().starts_with('-');
                let limit = if negative { i128::MIN } else { i128::MAX };
                let value = i128::from_str_radix(number.as_str(), number.radix());
                Node::Integer(value.unwrap_or(limit))
            }
            DeValue::Float(number) => Node::Float(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(value) => Node::Boolean(*value),
            DeValue::Datetime(date) => Node::Date(date.to_string()),
            DeValue::Array(values) => Node::List(
                values
                    .iter()
                    .map(|value| self.value(value, depth + 1))
                    .collect(),
            ),
            DeValue::Table(table) => Node::Table(self.table(table, depth)),
        };
        Value { span, node }
    }
}
