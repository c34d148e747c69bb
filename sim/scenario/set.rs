//! `--set key=value`: the command line changes keys of a scenario and of its configuration.
//!
//! Trees are changed before they are decoded, so what is set is checked like what is written. For
//! the decoder the command line stands below the file; what it finds there is told where the user
//! wrote it.

mod change;
mod line;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::config;
use evenkeel_proxy::document::{self, Diagnostic, Entry, Key, Node, Source, Span, Table, Value};

use change::Change;
pub(super) use line::{Line, parsed};

/// A value for a key, and where its author wrote them.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) key: String,
    /// Its spans are places in the source.
    pub(super) value: Value,
    /// How it is shown, and how `--set` takes it.
    pub(super) label: String,
    pub(super) source: Arc<Source>,
    pub(super) key_span: Span,
    pub(super) value_span: Span,
}

/// What is set, in order.
pub(super) struct Sets {
    /// All keys and values in a row, the place that they have for the decoder.
    source: Arc<Source>,
    sets: Vec<Set>,
    keys: Arc<Keys>,
    /// What is varied, with all values that it may have: what `where` may name.
    pub(super) axes: Vec<(String, Vec<String>)>,
    /// Those of this cell.
    pub(super) settings: Vec<(String, String)>,
}

/// The keys that may be set.
#[derive(Default)]
pub(super) struct Keys {
    scenario: Vec<Key>,
    config: Vec<Key>,
}

/// A setting and its places in the row.
struct Set {
    setting: Setting,
    key: Range<usize>,
    value: Range<usize>,
}

/// Which file is decoded.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Part {
    /// A scenario.
    Scenario,
    /// The configuration of one, in a file of its own.
    Config,
}

/// Where a set key belongs, and where in the row the rest of its path begins.
enum Place {
    Scenario(usize),
    Config(usize),
    EveryPool(usize),
    Unknown,
}

impl Keys {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            scenario: super::keys(),
            config: config::keys(config::Use::Simulate),
        })
    }
}

impl Sets {
    /// Nothing is set. Whoever describes a scenario's keys uses it, which ends the recursion.
    pub(super) fn none() -> Self {
        Self::new(&[], Arc::default())
    }

    pub(super) fn new(settings: &[&Setting], keys: Arc<Keys>) -> Self {
        let mut text = String::new();
        let mut push = |part: &str| {
            let start = text.len();
            text.push_str(part);
            let range = start..text.len();
            text.push(' ');
            range
        };
        let set = |setting: &&Setting| {
            let span = setting.value_span;
            Set {
                key: push(&setting.key),
                value: push(&setting.source.text()[span.start..span.end]),
                setting: (*setting).clone(),
            }
        };
        let sets = settings.iter().map(set).collect();
        Self {
            source: Arc::new(Source::new(Path::new("settings"), text)),
            sets,
            keys,
            axes: Vec::new(),
            settings: Vec::new(),
        }
    }

    /// [`document::decode`] after the changes.
    pub(super) fn decode<T>(
        &self,
        path: &Path,
        text: &[u8],
        part: Part,
        read: impl FnOnce(&mut Table<'_>) -> Option<T>,
    ) -> (Option<T>, Vec<Diagnostic>) {
        let (file, Ok(mut root)) = document::parse(path, text) else {
            return document::decode(path, text, read);
        };
        let base = file.text().len() + 1;
        let both = format!("{}\n{}", file.text(), self.source.text());
        let both = Arc::new(Source::new(path, both));
        let mut wrong = self.apply(part, &mut root, base);
        let (result, mut problems) = document::decode_root(both.clone(), &root, read);
        for problem in &mut problems {
            if Arc::ptr_eq(&problem.source, &both) {
                self.part_from(&file, base, problem);
            }
        }
        for problem in &mut wrong {
            let (source, span) = self.home(problem.span);
            (problem.source, problem.span) = (source, span);
        }
        let result = result.filter(|_| wrong.is_empty());
        problems.extend(wrong);
        // Those of the command line stand last, in its order.
        problems.sort_by_key(|problem| {
            let line = problem.source.path() == Path::new(line::NAME);
            (line, if line { problem.span } else { Span::default() })
        });
        (result, problems)
    }

    /// Changes the tree of that part; what could not be set. `base` is where the row begins for
    /// the decoder.
    pub(super) fn apply(&self, part: Part, root: &mut Vec<Entry>, base: usize) -> Vec<Diagnostic> {
        let change = |set| self.change(set, part, root, base).err();
        let wrong: Vec<_> = self.sets.iter().filter_map(change).collect();
        wrong.into_iter().map(|problem| *problem).collect()
    }

    /// Moves a diagnostic to the file or to the setting, whichever it is about.
    fn part_from(&self, file: &Arc<Source>, base: usize, problem: &mut Diagnostic) {
        let home = |span: Span| match span.start.checked_sub(base) {
            Some(start) => self.home(Span::from(start..span.end - base)),
            None => (file.clone(), span),
        };
        let (source, span) = home(problem.span);
        if let Some((other, label)) = problem.related.take() {
            let (elsewhere, other) = home(other);
            if source == elsewhere {
                problem.related = Some((other, label));
            } else {
                let position = elsewhere.position(other.start);
                let (path, line) = (elsewhere.path().display(), position.line);
                problem.help = Some(format!("{label}: {path}:{line}:{}", position.column));
            }
        }
        (problem.source, problem.span) = (source, span);
    }

    /// Where a stretch of the row was written.
    fn home(&self, span: Span) -> (Arc<Source>, Span) {
        let inside = |range: &Range<usize>| range.start <= span.start && span.start <= range.end;
        for Set {
            setting,
            key,
            value,
        } in &self.sets
        {
            let written = setting.key_span.end - setting.key_span.start;
            let (range, home) = match () {
                // A key that stands in several tables has no part of its own to be marked.
                () if inside(key) && written != key.len() => {
                    return (setting.source.clone(), setting.key_span);
                }
                () if inside(key) => (key, setting.key_span),
                () if inside(value) => (value, setting.value_span),
                () => continue,
            };
            let moved = |at: usize| (home.start + at - range.start).min(home.end);
            let end = moved(span.end.max(range.start));
            return (setting.source.clone(), (moved(span.start)..end).into());
        }
        (self.source.clone(), span)
    }

    fn change(
        &self,
        set: &Set,
        part: Part,
        root: &mut Vec<Entry>,
        base: usize,
    ) -> Result<(), Box<Diagnostic>> {
        let place = self.place(set);
        let from = match place {
            Place::Scenario(from) | Place::Config(from) | Place::EveryPool(from) => from,
            Place::Unknown if part == Part::Config => return Ok(()),
            Place::Unknown => return Err(Box::new(self.unknown(set))),
        };
        let change = Change {
            sets: self,
            set,
            base,
        };
        if let Place::Scenario(_) = place {
            return match part {
                Part::Scenario => change.put(from, &self.keys.scenario, root),
                Part::Config => Ok(()),
            };
        }
        let config = match part {
            Part::Config => Some(root),
            Part::Scenario => in_place(root),
        };
        match (config, place) {
            // It stands in a file of its own, which is changed when it is read.
            (None, _) => Ok(()),
            (Some(config), Place::EveryPool(_)) => change.put_in_every_pool(from, config),
            (Some(config), _) => change.put(from, &self.keys.config, config),
        }
    }

    /// Where the first name of a key's path belongs.
    fn place(&self, set: &Set) -> Place {
        let key = &self.source.text()[set.key.clone()];
        let first = key.split('.').next().unwrap_or_default();
        let start = set.key.start;
        let has = |keys: &[Key]| keys.iter().any(|key| key.name == first);
        if first == "config" && first.len() < key.len() && key != "config.file" {
            Place::Config(start + "config.".len())
        } else if has(&self.keys.scenario) {
            Place::Scenario(start)
        } else if has(&self.keys.config) {
            Place::Config(start)
        } else if has(self.pool_keys()) {
            Place::EveryPool(start)
        } else {
            Place::Unknown
        }
    }

    fn pool_keys(&self) -> &[Key] {
        let pool = self.keys.config.iter().find(|key| key.name == "pool");
        pool.map_or(&[], Key::keys)
    }

    fn unknown(&self, set: &Set) -> Diagnostic {
        let key = &self.source.text()[set.key.clone()];
        let first = key.split('.').next().unwrap_or_default();
        let all = [&self.keys.scenario, &self.keys.config, self.pool_keys()];
        let known: BTreeSet<&str> = all.into_iter().flatten().map(|key| key.name).collect();
        let known: Vec<&str> = known.into_iter().collect();
        let (label, help) = document::known(first, "key", &known);
        let span = Span::from(set.key.start..set.key.start + first.len());
        let message = format!("unknown key `{first}`");
        let mut problem = Diagnostic::error(&self.source, span, message).label(label);
        problem.help = help;
        problem
    }
}

/// The configuration if it stands in the scenario itself.
fn in_place(root: &mut [Entry]) -> Option<&mut Vec<Entry>> {
    let config = root.iter_mut().find(|entry| entry.key == "config")?;
    match &mut config.value.node {
        Node::Table(entries) if entries.iter().all(|entry| entry.key != "file") => Some(entries),
        _ => None,
    }
}
