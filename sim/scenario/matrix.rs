//! `[matrix]` and `--vary`: keys with several values; every combination is a cell.

use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::document::{
    self, Diagnostic, Entry, Kind, Node, Severity, Sink, Source, Span, Value,
};
use serde_json::{Value as Json, json};

use super::set::{Line, Setting};
use super::write;

/// More cells than this are a mistake.
const MOST: usize = 10_000;

/// Keys that all cells have in common: what is compared, and how.
const COMMON: [&str; 9] = [
    "schema",
    "name",
    "seeds",
    "precision",
    "engine",
    "matrix",
    "threshold",
    "sometimes",
    "config.file",
];

/// A key and the values that it takes, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    pub(super) key: String,
    /// At least one.
    pub(super) settings: Vec<Setting>,
    /// All values that its author knows of, which may be more: `--set` chooses among them.
    pub(super) known: Vec<String>,
}

/// The axes of a scenario and of a command line, and what is wrong with them. A key that the
/// command line varies is varied as it says; one that it sets is not varied.
///
/// What is no matrix at all is told by whoever decodes the file.
pub(super) fn axes(path: &Path, text: &[u8], line: &Line) -> (Vec<Axis>, Vec<Diagnostic>) {
    let mut axes = Vec::new();
    let (source, root) = document::parse(path, text);
    let matrix = root.iter().flatten().find(|entry| entry.key == "matrix");
    if let Some(Node::Table(entries)) = matrix.map(|entry| &entry.value.node) {
        flatten(entries, "", &source, &mut axes);
    }
    for settings in &line.varies {
        let key = &settings[0].key;
        let known = labels(settings);
        match axes.iter_mut().find(|axis| axis.key == *key) {
            Some(axis) => {
                axis.settings.clone_from(settings);
                axis.known.extend(known);
            }
            None => axes.push(Axis {
                key: key.clone(),
                settings: settings.clone(),
                known,
            }),
        }
    }
    for set in &line.sets {
        if let Some(axis) = axes.iter_mut().find(|axis| axis.key == set.key) {
            axis.settings = vec![set.clone()];
            axis.known.push(set.label.clone());
        }
    }
    let problems = problems(&axes);
    (axes, problems)
}

fn labels(settings: &[Setting]) -> Vec<String> {
    settings
        .iter()
        .map(|setting| setting.label.clone())
        .collect()
}

/// The keys of nested tables, joined by dots: `retry.budget = [...]` is one key.
fn flatten(entries: &[Entry], prefix: &str, source: &Arc<Source>, axes: &mut Vec<Axis>) {
    for entry in entries {
        let key = join(prefix, &entry.key);
        match &entry.value.node {
            Node::Table(entries) => flatten(entries, &key, source, axes),
            Node::List(values) if !values.is_empty() => {
                let setting = |value: &Value| Setting {
                    key: key.clone(),
                    value: value.clone(),
                    label: write::label(&value.node),
                    source: source.clone(),
                    key_span: entry.span,
                    value_span: value.span,
                };
                let settings: Vec<Setting> = values.iter().map(setting).collect();
                axes.push(Axis {
                    known: labels(&settings),
                    key,
                    settings,
                });
            }
            _ => {}
        }
    }
}

fn join(prefix: &str, key: &str) -> String {
    match prefix {
        "" => key.to_owned(),
        _ => format!("{prefix}.{key}"),
    }
}

fn problems(axes: &[Axis]) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for axis in axes {
        let first = &axis.settings[0];
        if COMMON.contains(&axis.key.as_str()) {
            let message = format!("`{}` cannot be varied: cells have it in common", axis.key);
            let problem = Diagnostic::error(&first.source, first.key_span, message);
            problems.push(problem.label("expected a key of the configuration or the load"));
        }
        for (n, setting) in axis.settings.iter().enumerate() {
            if axis.settings[..n]
                .iter()
                .any(|other| other.label == setting.label)
            {
                let message = format!("`{}` has the value {} twice", axis.key, setting.label);
                let problem = Diagnostic::error(&setting.source, setting.value_span, message);
                problems.push(problem.label("the second one"));
            }
        }
    }
    let lengths = axes.iter().map(|axis| axis.settings.len());
    let cells = lengths.fold(1_usize, usize::saturating_mul);
    if let Some(axis) = axes.last().filter(|_| cells > MOST) {
        let last = &axis.settings[0];
        let message = format!("the matrix has {cells} cells");
        let problem = Diagnostic::error(&last.source, last.key_span, message);
        problems.push(problem.label(format!("expected at most {MOST}")));
    }
    problems
}

/// Every combination, the last axis changing fastest; one empty one without axes.
pub(super) fn combinations(axes: &[Axis]) -> Vec<Vec<&Setting>> {
    let mut all = vec![Vec::new()];
    for axis in axes {
        let with = |one: &Vec<_>, setting| one.iter().copied().chain([setting]).collect();
        let one = |one: &Vec<_>| {
            axis.settings
                .iter()
                .map(|s| with(one, s))
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(one).collect();
    }
    all
}

/// Adds what was not yet found in another cell.
pub(super) fn add(problems: &mut Vec<Diagnostic>, found: Vec<Diagnostic>) {
    for problem in found {
        let same = |known: &Diagnostic| {
            known.span == problem.span
                && known.message == problem.message
                && known.source.path() == problem.source.path()
        };
        if !problems.iter().any(same) {
            problems.push(problem);
        }
    }
}

pub(super) fn failed(problems: &[Diagnostic]) -> bool {
    problems
        .iter()
        .any(|problem| problem.severity == Severity::Error)
}

/// What the key `matrix` says of itself.
pub(super) const HELP: &str = "every combination is a cell; all see the same arrivals and service \
                               times. A key of a pool alone is that key in every pool; else a path \
                               such as workload.web.arrivals.rate";

/// A table of keys with lists of values.
pub(super) struct Matrix;

impl Kind for Matrix {
    type Value = ();

    fn expected(&self) -> String {
        "keys with lists of values, such as policy = [\"p2c\", \"random\"]".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<()> {
        match &value.node {
            Node::Table(entries) if !entries.is_empty() => self.lists(entries, "", sink),
            _ => sink.mismatch(value, self.expected()),
        }
        Some(())
    }

    fn show(&self, (): &()) -> Json {
        json!({})
    }

    fn schema(&self) -> Json {
        let list = json!({ "type": "array", "minItems": 1 });
        json!({
            "type": "object",
            "additionalProperties": { "anyOf": [list, { "type": "object" }] },
            "examples": [{ "policy": ["round_robin", "p2c"], "retry.attempts": [1, 2] }],
        })
    }
}

impl Matrix {
    fn lists(&self, entries: &[Entry], prefix: &str, sink: &mut Sink<'_>) {
        for entry in entries {
            let key = join(prefix, &entry.key);
            match &entry.value.node {
                Node::Table(entries) if !entries.is_empty() => self.lists(entries, &key, sink),
                Node::List(values) if !values.is_empty() => {}
                _ => {
                    let message = format!("`matrix.{key}` is {}", entry.value.found());
                    let label = format!("expected a list of values for `{key}`");
                    sink.wrong(entry.value.span, message, label);
                }
            }
        }
    }
}

/// The cells that a condition is about: keys of the matrix, each with one of its values.
pub(super) struct Where;

impl Kind for Where {
    /// Key, its place, value, its place.
    type Value = Vec<(String, Span, String, Span)>;

    fn expected(&self) -> String {
        "keys of [matrix] with one value each, such as { policy = \"p2c\" }".into()
    }

    fn read(&self, value: &Value, sink: &mut Sink<'_>) -> Option<Self::Value> {
        let Node::Table(entries) = &value.node else {
            sink.mismatch(value, self.expected());
            return None;
        };
        let mut pairs = Vec::new();
        pairs_of(entries, "", &mut pairs);
        Some(pairs)
    }

    fn show(&self, _: &Self::Value) -> Json {
        json!({})
    }

    fn schema(&self) -> Json {
        json!({ "type": "object", "examples": [{ "policy": "p2c" }] })
    }
}

/// A table may be a value (`policy = { name = ... }`) as well as a part of a key; a key of the
/// matrix that it begins decides nothing here, so the plain ones are keys.
fn pairs_of(entries: &[Entry], prefix: &str, pairs: &mut Vec<(String, Span, String, Span)>) {
    for entry in entries {
        let key = join(prefix, &entry.key);
        match &entry.value.node {
            Node::Table(inner) if inner.iter().all(|entry| entry.key != "name") => {
                pairs_of(inner, &key, pairs);
            }
            node => pairs.push((key, entry.span, write::label(node), entry.value.span)),
        }
    }
}
