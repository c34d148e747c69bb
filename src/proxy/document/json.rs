//! JSON into the tree: RFC 8259, no comments, no trailing commas.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonc_parser::ast::{Object, Value as Ast};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::tree::{DEPTH, Entry, Node, Value};
use super::{Diagnostic, Source, Span};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// The root object's entries, or what is wrong: the first syntax error, or all repeated keys.
pub(super) fn parse(source: &Arc<Source>) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let ast = match parse_to_ast(source.text(), &CollectOptions::default(), &STRICT) {
        Ok(result) => result.value,
        Err(error) => {
            let span = span_of(error.range());
            let message = format!("not JSON: {}", lower_first(&error.kind().to_string()));
            return Err(vec![Diagnostic::error(source, span, message)]);
        }
    };
    let mut reader = Reader {
        source,
        problems: Vec::new(),
    };
    let root = match &ast {
        Some(Ast::Object(object)) => reader.table(object, 0),
        other => {
            let span = other
                .as_ref()
                .map_or(Span::default(), |value| span_of(value.range()));
            let problem = Diagnostic::error(source, span, "the file is not a JSON object");
            reader.problems.push(problem.label("expected {"));
            Vec::new()
        }
    };
    if reader.problems.is_empty() {
        Ok(root)
    } else {
        Err(reader.problems)
    }
}

fn span_of(range: jsonc_parser::common::Range) -> Span {
    Span {
        start: range.start,
        end: range.end,
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| {
        first.to_lowercase().chain(chars).collect()
    })
}

struct Reader<'a> {
    source: &'a Arc<Source>,
    problems: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn table(&mut self, object: &Object<'_>, depth: usize) -> Vec<Entry> {
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        let mut entries = Vec::new();
        for property in &object.properties {
            let span = span_of(property.name.range());
            let key = property.name.as_str();
            if let Some(&before) = first.get(key) {
                self.problems.push(
                    Diagnostic::error(self.source, span, format!("`{key}` is written twice"))
                        .label("the second one")
                        .related(before, "the first one"),
                );
                continue;
            }
            first.insert(key, span);
            let value = self.value(&property.value, depth + 1);
            entries.push(Entry {
                key: key.to_owned(),
                span,
                value,
            });
        }
        entries
    }

    fn value(&mut self, value: &Ast<'_>, depth: usize) -> Value {
        let span = span_of(value.range());
        let node = match value {
            Ast::Array(_) | Ast::Object(_) if depth > DEPTH => {
                let message = format!("nested deeper than {DEPTH} levels");
                self.problems
                    .push(Diagnostic::error(self.source, span, message));
                Node::Null
            }
            Ast::StringLit(text) => Node::Text(text.value.to_string()),
            Ast::NumberLit(number) => number_node(number.value),
            Ast::BooleanLit(literal) => Node::Boolean(literal.value),
            Ast::NullKeyword(_) => Node::Null,
            Ast::Array(list) => Node::List(
                list.elements
                    .iter()
                    .map(|value| self.value(value, depth + 1))
                    .collect(),
            ),
            Ast::Object(object) => Node::Table(self.table(object, depth)),
        };
        Value { span, node }
    }
}

fn number_node(text: &str) -> Node {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
    {
        let limit = if text.starts_with('-') {
            i128::MIN
        } else {
            i128::MAX
        };
        return Node::Integer(text.parse().unwrap_or(limit));
    }
    Node::Float(text.parse().unwrap_or(f64::NAN))
}
