//! What decode functions declare, as data: JSON Schema and `explain` are made of it.

use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::kind::Kind;
use super::nearest;

/// A key that a file may have.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its name in its table.
    pub name: &'static str,
    /// What it is for, in one line.
    pub doc: &'static str,
    /// Whether its table must have it.
    pub required: bool,
    /// What stands behind it.
    pub shape: Shape,
}

/// What stands behind a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A value.
    Value {
        /// What an author should write.
        expected: String,
        /// The default as a file would have it.
        default: Option<Json>,
        /// Its JSON Schema.
        schema: Json,
    },
    /// A table.
    Table {
        /// Its keys.
        keys: Vec<Key>,
        /// The key that a plain value stands for, if a plain value may stand here.
        shorthand: Option<&'static str>,
    },
    /// A list of tables.
    Tables(Vec<Key>),
}

impl Key {
    pub(super) fn value<K: Kind>(
        name: &'static str,
        kind: &K,
        default: Option<Json>,
        required: bool,
        doc: &'static str,
    ) -> Self {
        let shape = Shape::Value {
            expected: kind.expected(),
            default,
            schema: kind.schema(),
        };
        Self {
            name,
            doc,
            required,
            shape,
        }
    }

    /// The keys of its tables; a value has none.
    pub fn keys(&self) -> &[Key] {
        match &self.shape {
            Shape::Value { .. } => &[],
            Shape::Table { keys, .. } | Shape::Tables(keys) => keys,
        }
    }

    fn schema(&self) -> Json {
        let mut schema = match &self.shape {
            Shape::Value {
                schema, default, ..
            } => {
                let mut schema = schema.clone();
                if let Some(default) = default {
                    schema["default"] = default.clone();
                }
                schema
            }
            Shape::Table { keys, shorthand } => {
                let main = shorthand.and_then(|main| keys.iter().find(|key| key.name == main));
                match main {
                    Some(main) => json!({ "anyOf": [main.schema(), object(keys)] }),
                    None => object(keys),
                }
            }
            Shape::Tables(keys) => json!({ "type": "array", "items": object(keys) }),
        };
        schema["description"] = json!(self.doc);
        schema
    }

    /// What `explain` says of it: a line of type and default, the help, the keys below.
    fn explain(&self, path: &str) -> String {
        let mut text = match &self.shape {
            Shape::Value {
                expected, default, ..
            } => {
                let default = match default {
                    Some(default) => format!("; default {default}"),
                    None if self.required => "; required".into(),
                    None => "; optional".into(),
                };
                format!("{path}: {expected}{default}\n  {}\n", self.doc)
            }
            Shape::Table {
                shorthand: Some(main),
                ..
            } => {
                format!(
                    "{path}: a table, or the value of its `{main}`\n  {}\n",
                    self.doc
                )
            }
            Shape::Table { .. } => format!("{path}: a table\n  {}\n", self.doc),
            Shape::Tables(_) => format!("{path}: a list of tables\n  {}\n", self.doc),
        };
        let width = self
            .keys()
            .iter()
            .map(|key| key.name.len())
            .max()
            .unwrap_or(0);
        for key in self.keys() {
            _ = writeln!(text, "    {:width$}  {}", key.name, key.doc);
        }
        text
    }
}

/// The JSON Schema (2020-12) of a file with these keys.
pub fn schema(title: &str, keys: &[Key]) -> Json {
    let mut schema = object(keys);
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!(title);
    schema
}

fn object(keys: &[Key]) -> Json {
    let properties: Map<String, Json> = keys
        .iter()
        .map(|key| (key.name.to_owned(), key.schema()))
        .collect();
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// What is known of a key: `pool.retry.budget`, or any tail of that such as `budget`.
///
/// # Errors
/// The nearest path that exists, if one is near.
pub fn explain(keys: &[Key], wanted: &str) -> Result<String, Option<String>> {
    let mut all = Vec::new();
    flatten(keys, "", &mut all);
    let tail = format!(".{wanted}");
    let exact: Vec<_> = all.iter().filter(|(path, _)| path == wanted).collect();
    let found = if exact.is_empty() {
        all.iter()
            .filter(|(path, _)| path.ends_with(&tail))
            .collect()
    } else {
        exact
    };
    if found.is_empty() {
        let names = all.iter().flat_map(|(path, key)| [path.as_str(), key.name]);
        return Err(nearest::nearest(wanted, names).map(str::to_owned));
    }
    let texts: Vec<String> = found.iter().map(|(path, key)| key.explain(path)).collect();
    Ok(texts.join("\n"))
}

fn flatten<'a>(keys: &'a [Key], prefix: &str, all: &mut Vec<(String, &'a Key)>) {
    for key in keys {
        let path = if prefix.is_empty() {
            key.name.into()
        } else {
            format!("{prefix}.{}", key.name)
        };
        flatten(key.keys(), &path, all);
        all.push((path, key));
    }
}
