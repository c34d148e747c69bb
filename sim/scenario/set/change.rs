//! A walk along a key's path through the declared keys and the tree that has them.

use std::ops::Range;

use evenkeel_proxy::document::{self, Diagnostic, Entry, Key, Node, Shape, Span, Value};

use super::{Set, Sets};

/// One key that is put into a tree.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) sets: &'a Sets,
    pub(super) set: &'a Set,
    /// Where the command line begins for the decoder.
    pub(super) base: usize,
}

impl<'a> Change<'a> {
    /// What is left of the key's path.
    fn rest(self, from: usize) -> &'a str {
        &self.sets.source.text()[from..self.set.key.end]
    }

    fn error(self, at: Range<usize>, message: String) -> Diagnostic {
        Diagnostic::error(&self.sets.source, at.into(), message)
    }

    /// Puts the value at what is left of the path from `from` on, in a table that has these keys.
    pub(super) fn put(
        self,
        from: usize,
        keys: &[Key],
        table: &mut Vec<Entry>,
    ) -> Result<(), Box<Diagnostic>> {
        let rest = self.rest(from);
        let name = rest.split('.').next().unwrap_or_default();
        let end = from + name.len();
        let Some(key) = keys.iter().find(|key| key.name == name) else {
            let known: Vec<&str> = keys.iter().map(|key| key.name).collect();
            let (label, help) = document::known(name, "key here", &known);
            let mut problem = self.error(from..end, format!("unknown key `{name}`"));
            problem = problem.label(label);
            problem.help = help;
            return Err(Box::new(problem));
        };
        if name.len() == rest.len() {
            *self.entry(table, key.name) = self.value();
            return Ok(());
        }
        match &key.shape {
            Shape::Value { .. } => {
                let problem = self.error(end..self.set.key.end, format!("`{name}` has no keys"));
                Err(Box::new(problem.label(format!("expected `{name}=VALUE`"))))
            }
            Shape::Table { keys, shorthand } => {
                let value = self.entry(table, key.name);
                if let Some(main) = shorthand {
                    unfold(value, main);
                }
                match &mut value.node {
                    Node::Table(entries) => self.put(end + 1, keys, entries),
                    // The decoder tells what is wrong with it.
                    _ => Ok(()),
                }
            }
            Shape::Tables(keys) => {
                let list = table.iter_mut().find(|entry| entry.key == name);
                let blocks = match list.map(|entry| &mut entry.value.node) {
                    Some(Node::List(blocks)) => blocks.as_mut_slice(),
                    _ => &mut [],
                };
                self.put_in_block(end + 1, name, keys, blocks)
            }
        }
    }

    /// Puts the value into the block that the path names next. Names may have dots in them, as
    /// addresses have: the longest that fits is meant.
    fn put_in_block(
        self,
        from: usize,
        list: &str,
        keys: &[Key],
        blocks: &mut [Value],
    ) -> Result<(), Box<Diagnostic>> {
        let rest = self.rest(from);
        let fits = |block: &Value| match block_name(block) {
            Some(name) => rest == name || rest.starts_with(&format!("{name}.")),
            None => false,
        };
        let length = |block: &&mut Value| block_name(block).map(str::len);
        let known: Vec<String> = blocks
            .iter()
            .filter_map(block_name)
            .map(Into::into)
            .collect();
        let Some(block) = blocks
            .iter_mut()
            .filter(|block| fits(block))
            .max_by_key(length)
        else {
            return Err(Box::new(self.no_block(from, list, keys, &known)));
        };
        let end = from + block_name(block).map_or(0, str::len);
        match &mut block.node {
            Node::Table(entries) if end < self.set.key.end => self.put(end + 1, keys, entries),
            _ => {
                let message = format!("`{rest}` is a block of `{list}`, not a key");
                let problem = self.error(from..end, message);
                Err(Box::new(
                    problem.label(format!("expected `{rest}.KEY`, one of its keys")),
                ))
            }
        }
    }

    fn no_block(self, from: usize, list: &str, keys: &[Key], known: &[String]) -> Diagnostic {
        let rest = self.rest(from);
        let name = rest.split('.').next().unwrap_or_default();
        let at = from..from + name.len();
        let names =
            |key: &Key| NAMES.contains(&key.name) && matches!(key.shape, Shape::Value { .. });
        if !keys.iter().any(names) {
            let message = format!("blocks of `{list}` have no names to set them by");
            return self.error(at, message).label("change the file instead");
        }
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let (label, help) = document::known(name, "block", &known);
        let message = format!("`{list}` has no block `{name}`");
        let mut problem = self.error(at, message).label(label);
        problem.help = help;
        problem
    }

    pub(super) fn put_in_every_pool(
        self,
        from: usize,
        config: &mut [Entry],
    ) -> Result<(), Box<Diagnostic>> {
        let pools = config.iter_mut().find(|entry| entry.key == "pool");
        match pools.map(|pools| &mut pools.value.node) {
            Some(Node::List(pools)) if !pools.is_empty() => {
                for pool in pools {
                    if let Node::Table(entries) = &mut pool.node {
                        self.put(from, self.sets.pool_keys(), entries)?;
                    }
                }
                Ok(())
            }
            _ => {
                let message = format!("there is no pool to have `{}`", self.rest(from));
                Err(Box::new(self.error(self.set.key.clone(), message)))
            }
        }
    }

    /// The value of that name in a table, where a new one is an empty table.
    fn entry<'t>(self, table: &'t mut Vec<Entry>, name: &str) -> &'t mut Value {
        let at = table.iter().position(|entry| entry.key == name);
        let at = at.unwrap_or_else(|| {
            let key = self.set.key.clone();
            let span = Span::from(self.base + key.start..self.base + key.end);
            let node = Node::Table(Vec::new());
            table.push(Entry {
                key: name.to_owned(),
                span,
                value: Value { span, node },
            });
            table.len() - 1
        });
        &mut table[at].value
    }

    /// The value where the decoder finds it.
    fn value(self) -> Value {
        let Set { setting, value, .. } = self.set;
        let to = self.base + value.start;
        moved(setting.value.clone(), to, setting.value_span.start)
    }
}

/// The keys that name a block, the first that it has.
const NAMES: [&str; 4] = ["name", "endpoint", "address", "pool"];

fn block_name(block: &Value) -> Option<&str> {
    let Node::Table(entries) = &block.node else {
        return None;
    };
    let text = |name: &&str| {
        let entry = entries.iter().find(|entry| entry.key == *name)?;
        match &entry.value.node {
            Node::Text(text) => Some(text.as_str()),
            _ => None,
        }
    };
    NAMES.iter().find_map(text)
}

/// Makes a table of a plain value that stands for one.
fn unfold(value: &mut Value, main: &str) {
    if !matches!(value.node, Node::Table(_)) {
        let plain = value.clone();
        value.node = Node::Table(vec![Entry {
            key: main.to_owned(),
            span: plain.span,
            value: plain,
        }]);
    }
}

/// The value with its spans moved from behind `back` bytes to behind `to`.
pub(super) fn moved(mut value: Value, to: usize, back: usize) -> Value {
    let place = |span: Span| Span::from(span.start + to - back..span.end + to - back);
    value.span = place(value.span);
    value.node = match value.node {
        Node::List(values) => {
            let values = values.into_iter().map(|value| moved(value, to, back));
            Node::List(values.collect())
        }
        Node::Table(entries) => {
            let entries = entries.into_iter().map(|entry| Entry {
                span: place(entry.span),
                value: moved(entry.value, to, back),
                key: entry.key,
            });
            Node::Table(entries.collect())
        }
        plain => plain,
    };
    value
}
