//! Seeds: which runs there are.

use evenkeel_proxy::document::{Kind, Node, Sink, Value};
use serde_json::{Value as Json, json};

/// More runs than this are a mistyped range.
const MOST: u64 = 1_000_000;

/// Reads `"1..20"` (both included) or `"7"`.
///
/// # Errors
/// What was expected instead.
pub fn parse(text: &str) -> Result<Vec<u64>, String> {
    const EXPECTED: &str = "seeds such as \"1..20\", 7 or [1, 2, 3]";
    let number = |text: &str| text.parse::<u64>().map_err(|_| EXPECTED.to_owned());
    let Some((first, last)) = text.split_once("..") else {
        return Ok(vec![number(text)?]);
    };
    let (first, last) = (
        number(first)?,
        number(last.strip_prefix('=').unwrap_or(last))?,
    );
    if first > last {
        return Err(format!("the smaller seed first: \"{last}..{first}\""));
    }
    if last - first >= MOST {
        return Err(format!("at most {MOST} seeds"));
    }
    Ok((first..=last).collect())
}

/// Seeds in a file: a range, a number, a list of numbers.
#[derive(Clone, Copy, Debug)]
pub struct Seeds;

impl Kind for Seeds {
    type Value = Vec<u64>;

    fn expected(&self) -> String {
        "seeds such as \"1..20\", 7 or [1, 2, 3]".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Vec<u64>> {
        let parsed = match &value.node {
            Node::Text(text) => parse(text),
            Node::Integer(seed) => match u64::try_from(*seed) {
                Ok(seed) => Ok(vec![seed]),
                Err(_) => Err("a seed from 0 on".into()),
            },
            Node::List(values) if !values.is_empty() => return list(values, sink),
            _ => Err(self.expected()),
        };
        parsed
            .map_err(|expected| sink.mismatch(value, expected))
            .ok()
    }

    fn show(&self, value: &Vec<u64>) -> Json {
        match value.as_slice() {
            [seed] => json!(seed),
            seeds => json!(seeds),
        }
    }

    fn schema(&self) -> Json {
        let seed = json!({ "type": "integer", "minimum": 0 });
        let range = json!({ "type": "string", "pattern": r"^[0-9]+(\.\.[0-9]+)?$" });
        json!({ "anyOf": [range, seed, { "type": "array", "minItems": 1, "items": seed }] })
    }
}

/// Each seed of a list, none twice.
fn list(values: &[Value], sink: &mut Sink<'_>) -> Option<Vec<u64>> {
    let mut seen = std::collections::BTreeSet::new();
    let mut seeds = Vec::new();
    for value in values {
        match value.node {
            Node::Integer(seed) if u64::try_from(seed).is_ok() => {
                if !seen.insert(seed) {
                    sink.wrong(
                        value.span,
                        format!("seed {seed} is there twice"),
                        "the second one",
                    );
                }
                seeds.extend(u64::try_from(seed));
            }
            _ => sink.mismatch(value, "a seed from 0 on"),
        }
    }
    (seeds.len() == values.len()).then_some(seeds)
}
