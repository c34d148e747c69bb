//! `--set key=value`: the command line changes keys of a scenario and of its configuration.
//!
//! Trees are changed before they are decoded, so what is set is checked like what is written. For
//! the decoder the command line stands below the file; what it finds there is told where the user
//! wrote it.

mod change;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::config;
use evenkeel_proxy::document::{self, Diagnostic, Entry, Key, Node, Source, Span, Table};

use change::Change;

/// What the command line sets, in its order.
pub(super) struct Sets {
    /// `--set a=1 --set b=2`
    source: Arc<Source>,
    sets: Vec<Set>,
    scenario_keys: Vec<Key>,
    config_keys: Vec<Key>,
}

/// The places of a key and its value in the command line.
struct Set {
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

/// Where a set key belongs, and where in the command line the rest of its path begins.
enum Place {
    Scenario(usize),
    Config(usize),
    EveryPool(usize),
    Unknown,
}

impl Sets {
    pub(super) fn new(sets: &[(String, String)]) -> Self {
        let mut text = String::new();
        let mut places = Vec::new();
        for (key, value) in sets {
            text.push_str(if text.is_empty() { "--set " } else { " --set " });
            let start = text.len();
            text.push_str(key);
            let key = start..text.len();
            text.push('=');
            let start = text.len();
            text.push_str(value);
            places.push(Set {
                key,
                value: start..text.len(),
            });
        }
        // Whoever describes a scenario's keys has none set, which ends the recursion.
        let (scenario_keys, config_keys) = match sets {
            [] => (Vec::new(), Vec::new()),
            _ => (super::keys(), config::keys()),
        };
        Self {
            source: Arc::new(Source::new(Path::new("command line"), text)),
            sets: places,
            scenario_keys,
            config_keys,
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
        let change = |set| self.change(set, part, &mut root, base).err();
        let wrong: Vec<_> = self.sets.iter().filter_map(change).collect();
        let (result, mut problems) = document::decode_root(both.clone(), &root, read);
        for problem in &mut problems {
            if Arc::ptr_eq(&problem.source, &both) {
                self.part_from(&file, base, problem);
            }
        }
        let result = result.filter(|_| wrong.is_empty());
        problems.extend(wrong.into_iter().map(|problem| *problem));
        // Those of the command line stand last, in its order.
        problems.sort_by_key(|problem| {
            let here = Arc::ptr_eq(&problem.source, &self.source);
            (here, if here { problem.span } else { Span::default() })
        });
        (result, problems)
    }

    /// Moves a diagnostic to the file or to the command line, whichever it is about.
    fn part_from(&self, file: &Arc<Source>, base: usize, problem: &mut Diagnostic) {
        let home = |span: Span| match span.start.checked_sub(base) {
            Some(start) => (&self.source, Span::from(start..span.end - base)),
            None => (file, span),
        };
        let (source, span) = home(problem.span);
        if let Some((other, label)) = problem.related.take() {
            let (elsewhere, other) = home(other);
            if Arc::ptr_eq(source, elsewhere) {
                problem.related = Some((other, label));
            } else {
                let position = elsewhere.position(other.start);
                let (path, line) = (elsewhere.path().display(), position.line);
                problem.help = Some(format!("{label}: {path}:{line}:{}", position.column));
            }
        }
        (problem.source, problem.span) = (source.clone(), span);
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
                Part::Scenario => change.put(from, &self.scenario_keys, root),
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
            (Some(config), _) => change.put(from, &self.config_keys, config),
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
        } else if has(&self.scenario_keys) {
            Place::Scenario(start)
        } else if has(&self.config_keys) {
            Place::Config(start)
        } else if has(self.pool_keys()) {
            Place::EveryPool(start)
        } else {
            Place::Unknown
        }
    }

    fn pool_keys(&self) -> &[Key] {
        let pool = self.config_keys.iter().find(|key| key.name == "pool");
        pool.map_or(&[], Key::keys)
    }

    fn unknown(&self, set: &Set) -> Diagnostic {
        let key = &self.source.text()[set.key.clone()];
        let first = key.split('.').next().unwrap_or_default();
        let all = [&self.scenario_keys, &self.config_keys, self.pool_keys()];
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
