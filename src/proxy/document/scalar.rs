//! The plain kinds of values: texts, names, numbers, choices, paths of files.

use std::ops::RangeInclusive;
use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::kind::{Kind, Sink};
use super::{Node, Value};

/// Any text.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// What it is, after "expected": `a path such as "/app/"`.
    pub expected: &'static str,
}

impl Kind for Text {
    type Value = String;

    fn expected(&self) -> String {
        self.expected.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<String> {
        match &value.node {
            Node::Text(text) => Some(text.clone()),
            _ => {
                sink.mismatch(value, self.expected);
                None
            }
        }
    }

    fn show(&self, value: &String) -> Json {
        json!(value)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string" })
    }
}

/// A name that other keys and the command line can refer to: some text without blanks.
#[derive(Clone, Copy, Debug)]
pub struct Name;

impl Name {
    const LONGEST: usize = 128;
}

impl Kind for Name {
    type Value = String;

    fn expected(&self) -> String {
        "a name without blanks".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<String> {
        match &value.node {
            Node::Text(text)
                if (1..=Self::LONGEST).contains(&text.len())
                    && !text.contains(|c: char| c.is_whitespace() || c.is_control()) =>
            {
                Some(text.clone())
            }
            _ => {
                let most = Self::LONGEST;
                sink.mismatch(value, format!("a name of 1 to {most} bytes without blanks"));
                None
            }
        }
    }

    fn show(&self, value: &String) -> Json {
        json!(value)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^\S+$", "maxLength": Self::LONGEST })
    }
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Boolean;

impl Kind for Boolean {
    type Value = bool;

    fn expected(&self) -> String {
        "true or false".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<bool> {
        match value.node {
            Node::Boolean(value) => Some(value),
            _ => {
                sink.mismatch(value, self.expected());
                None
            }
        }
    }

    fn show(&self, value: &bool) -> Json {
        json!(value)
    }

    fn schema(&self) -> Json {
        json!({ "type": "boolean" })
    }
}

/// A whole number within a range.
#[derive(Clone, Debug)]
pub struct Integer<T>(pub RangeInclusive<T>);

impl<T> Integer<T>
where
    T: Copy + Into<i128>,
{
    fn range(&self) -> RangeInclusive<i128> {
        (*self.0.start()).into()..=(*self.0.end()).into()
    }
}

impl<T> Kind for Integer<T>
where
    T: Copy + Into<i128> + TryFrom<i128>,
{
    type Value = T;

    fn expected(&self) -> String {
        let (least, most) = self.range().into_inner();
        if least == most {
            return least.to_string();
        }
        format!("an integer from {least} to {most}")
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<T> {
        match value.node {
            Node::Integer(number) if self.range().contains(&number) => T::try_from(number).ok(),
            _ => {
                sink.mismatch(value, self.expected());
                None
            }
        }
    }

    fn show(&self, value: &T) -> Json {
        let number: i128 = (*value).into();
        i64::try_from(number).map_or_else(|_| json!(number.to_string()), |number| json!(number))
    }

    fn schema(&self) -> Json {
        let (least, most) = (self.show(self.0.start()), self.show(self.0.end()));
        json!({ "type": "integer", "minimum": least, "maximum": most })
    }
}

/// A number within a range; whole numbers may be written without a point.
#[derive(Clone, Debug)]
pub struct Float(pub RangeInclusive<f64>);

impl Kind for Float {
    type Value = f64;

    fn expected(&self) -> String {
        format!("a number from {} to {}", self.0.start(), self.0.end())
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<f64> {
        let number = match value.node {
            Node::Integer(number) => Some(number as f64),
            Node::Float(number) => Some(number),
            _ => None,
        };
        let number = number.filter(|number| self.0.contains(number));
        if number.is_none() {
            sink.mismatch(value, self.expected());
        }
        number
    }

    fn show(&self, value: &f64) -> Json {
        json!(value)
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// One of a few names, each with what it means.
#[derive(Clone, Copy, Debug)]
pub struct Choice<T: 'static> {
    /// What they are, in one word: `policy`.
    pub what: &'static str,
    /// The names, in the order in which help lists them.
    pub of: &'static [(&'static str, T)],
}

impl<T> Choice<T> {
    fn names(&self) -> Vec<&'static str> {
        self.of.iter().map(|(name, _)| *name).collect()
    }
}

impl<T: Copy + PartialEq> Kind for Choice<T> {
    type Value = T;

    fn expected(&self) -> String {
        let names: Vec<String> = self
            .of
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        match names.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => names.concat(),
        }
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<T> {
        let Node::Text(text) = &value.node else {
            sink.mismatch(value, self.expected());
            return None;
        };
        let found = self.of.iter().find(|(name, _)| name == text);
        if found.is_none() {
            sink.unknown(value.span, text, self.what, &self.names());
        }
        found.map(|(_, value)| *value)
    }

    fn show(&self, value: &T) -> Json {
        self.of
            .iter()
            .find(|(_, of)| of == value)
            .map_or(Json::Null, |(name, _)| json!(name))
    }

    fn schema(&self) -> Json {
        json!({ "enum": self.names() })
    }
}

/// A path of a file or folder; a relative one starts at the folder of the file it is written in.
#[derive(Clone, Copy, Debug)]
pub struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn expected(&self) -> String {
        "a path, relative to this file".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<PathBuf> {
        match &value.node {
            Node::Text(text) if !text.is_empty() && !text.contains('\0') => {
                Some(sink.resolve(text))
            }
            _ => {
                sink.mismatch(value, self.expected());
                None
            }
        }
    }

    fn show(&self, value: &PathBuf) -> Json {
        json!(value.display().to_string())
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}
