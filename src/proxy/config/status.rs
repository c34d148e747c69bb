//! Sets of status codes as a file writes them: `"200-399,!304"`.

use evenkeel_core::outlier::Statuses;
use serde_json::{Value as Json, json};

use crate::document::{Kind, Node, Sink, Value};

/// A set of status codes, with the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusSet {
    text: String,
    /// What is in it.
    pub statuses: Statuses,
}

impl StatusSet {
    /// Reads codes and ranges between commas; what begins with `!` is taken out of all before it.
    ///
    /// # Errors
    ///
    /// What was expected instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut set = [false; 600];
        for part in text.split(',').map(str::trim) {
            let (range, is_in) = match part.strip_prefix('!') {
                Some(range) => (range, false),
                None => (part, true),
            };
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let code = |text: &str| match text.trim().parse::<usize>() {
                Ok(code @ 100..=599) if text.trim().len() == 3 => Ok(code),
                _ => Err(format!("{text:?} is no status from 100 to 599")),
            };
            let (first, last) = (code(first)?, code(last)?);
            if first > last {
                return Err(format!("{range:?} runs backwards"));
            }
            set[first..=last].fill(is_in);
        }
        let all = (100..600).filter(|code| set[usize::from(*code)]);
        let statuses = all.fold(Statuses::default(), Statuses::with);
        if statuses == Statuses::default() {
            return Err("no status is left".into());
        }
        let text = text.to_owned();
        Ok(Self { text, statuses })
    }
}

/// The kind of keys that hold one.
#[derive(Clone, Copy, Debug)]
pub(super) struct StatusCodes;

const EXPECTED: &str = "status codes such as \"200-399,418\" or \"200-299,!204\"";

impl Kind for StatusCodes {
    type Value = StatusSet;

    fn expected(&self) -> String {
        EXPECTED.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<StatusSet> {
        let Node::Text(text) = &value.node else {
            sink.mismatch(value, EXPECTED);
            return None;
        };
        match StatusSet::parse(text) {
            Ok(set) => Some(set),
            Err(wrong) => {
                sink.wrong(value.span, wrong, format!("expected {EXPECTED}"));
                None
            }
        }
    }

    fn show(&self, value: &StatusSet) -> Json {
        json!(value.text)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "pattern": r"^ *!?[1-5][0-9]{2}( *[-,] *!?[1-5][0-9]{2})* *$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets() {
        let cases: [(&str, Option<&[u16]>); 10] = [
            ("204", Some(&[204])),
            ("200-202,418", Some(&[200, 201, 202, 418])),
            ("200-203, !201-202", Some(&[200, 203])),
            ("!200,200", Some(&[200])),
            ("", None),
            ("20", None),
            ("600", None),
            ("300-200", None),
            ("2xx", None),
            ("200,!200", None),
        ];
        for (text, expected) in cases {
            let found = StatusSet::parse(text).ok().map(|set| {
                let codes = 100..600;
                codes
                    .filter(|code| set.statuses.contains(*code))
                    .collect::<Vec<u16>>()
            });
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
