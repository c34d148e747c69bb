//! The law `empirical`: what was measured, in place or in a file.

use std::path::Path;
use std::time::Duration;

use evenkeel_proxy::document::{
    self, FilePath, Integer, Kind, Node, Share, Sink, Table, Time, Value,
};
use serde_json::{Value as Json, json};

use crate::law::{Invalid, Law};

/// Its keys, of which it has one.
pub(super) const KEYS: [&str; 3] = ["values", "quantiles", "file"];

/// The largest count: an `f64` holds it exactly.
const MOST: u64 = 1 << 53;

/// A list of pairs, each `[first, second]`.
struct Pairs<A, B> {
    first: A,
    second: B,
    expected: &'static str,
}

impl<A: Kind, B: Kind> Kind for Pairs<A, B> {
    type Value = Vec<(A::Value, B::Value)>;

    fn expected(&self) -> String {
        self.expected.into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        let Node::List(pairs) = &value.node else {
            sink.mismatch(value, self.expected);
            return None;
        };
        let mut pair = |value: &Value| match &value.node {
            Node::List(pair) if pair.len() == 2 => {
                let (first, second) = (&pair[0], &pair[1]);
                let first = self.first.read(first, sink);
                first.zip(self.second.read(second, sink))
            }
            _ => {
                sink.mismatch(value, self.expected);
                None
            }
        };
        // Every pair is read, so that every wrong one is reported.
        let pairs: Vec<_> = pairs.iter().map(&mut pair).collect();
        pairs.into_iter().collect()
    }

    fn show(&self, value: &Self::Value) -> Json {
        let pair =
            |(first, second): &(_, _)| json!([self.first.show(first), self.second.show(second)]);
        value.iter().map(pair).collect()
    }

    fn schema(&self) -> Json {
        let pair = json!([self.first.schema(), self.second.schema()]);
        json!({ "type": "array", "items": {
            "type": "array", "prefixItems": pair, "minItems": 2, "maxItems": 2 } })
    }
}

/// Reads the three keys; a law if exactly one of them is there and right.
pub(super) fn keys(t: &mut Table<'_>) -> Option<Law> {
    let values = Pairs {
        first: Time::ANY,
        second: Integer(0..=MOST),
        expected: "a list of times and counts such as [[\"1ms\", 90], [\"20ms\", 10]]",
    };
    let doc =
        "empirical: times and how often each was seen, such as [[\"1ms\", 90], [\"20ms\", 10]]";
    let values = t.optional("values", values, doc);
    let quantiles = Pairs {
        first: Share,
        second: Time::ANY,
        expected: "a list of shares and times such as [[\"50%\", \"8ms\"], [\"100%\", \"1s\"]]",
    };
    let doc = "empirical: what share is not longer than a time, such as [[\"50%\", \"8ms\"], \
               [\"100%\", \"1s\"]]; straight lines in between";
    let quantiles = t.optional("quantiles", quantiles, doc);
    let doc = "empirical: a file with a time and a count in each line, such as `1.5ms,90`";
    let file = t.optional("file", FilePath, doc);
    if let Some(values) = values {
        return told(t, "values", Law::histogram(&values));
    }
    if let Some(quantiles) = quantiles {
        let points: Vec<_> = quantiles
            .iter()
            .map(|(p, time)| (p.fraction(), *time))
            .collect();
        return told(t, "quantiles", Law::quantiles(&points));
    }
    let values = read(t, &file?)?;
    told(t, "file", Law::histogram(&values))
}

fn told(t: &mut Table<'_>, key: &str, law: Result<Law, Invalid>) -> Option<Law> {
    law.map_err(|invalid| {
        let problem = t.problem(t.span(key), invalid.to_string());
        t.report(problem.label(format!("no law has such `{key}`")));
    })
    .ok()
}

/// The histogram in a file; what is wrong with it is told where the file is named.
fn read(t: &mut Table<'_>, file: &Path) -> Option<Values> {
    let text = match document::open(file) {
        Ok(text) => text,
        Err(problems) => {
            for problem in problems {
                let message = format!("{}: {}", file.display(), problem.message);
                let problem = t.problem(t.span("file"), message);
                t.report(problem.label("expected a histogram, relative to this file"));
            }
            return None;
        }
    };
    parse(&String::from_utf8_lossy(&text))
        .map_err(|(line, problem)| {
            let message = format!("{}:{line}: {problem}", file.display());
            let problem = t.problem(t.span("file"), message);
            t.report(problem.label("expected lines of a time and a count: `1.5ms,90`"));
        })
        .ok()
}

/// A histogram's times and counts.
type Values = Vec<(Duration, u64)>;

/// Lines `time,count`; empty ones, comments and a heading in the first line are passed over. Or
/// the number of the first wrong line, and what is wrong.
fn parse(text: &str) -> Result<Values, (usize, String)> {
    let mut values = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (time, count) = line
            .split_once(',')
            .ok_or((number, "no comma".to_owned()))?;
        let heading = number == 1 && !time.starts_with(|c: char| c.is_ascii_digit());
        if heading {
            continue;
        }
        let time = Time::parse(time.trim())
            .map_err(|expected| (number, format!("expected {expected}")))?;
        let count = count.trim().parse().ok().filter(|count| *count <= MOST);
        let count = count.ok_or((number, format!("no count from 0 to {MOST}")))?;
        values.push((time, count));
    }
    Ok(values)
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn files() {
        let ms = Duration::from_millis;
        let cases: [(&str, Result<Values, usize>); 6] = [
            ("1ms,90\n20ms,10\n", Ok(vec![(ms(1), 90), (ms(20), 10)])),
            ("value,count\n# slow\n\n 2ms , 3\r\n", Ok(vec![(ms(2), 3)])),
            ("", Ok(vec![])),
            ("1ms,90\nvalue,count\n", Err(2)),
            ("1ms,-1\n", Err(1)),
            ("1ms,1\n2ms\n", Err(2)),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).map_err(|(line, _)| line), expected, "{text:?}");
        }
    }
}
