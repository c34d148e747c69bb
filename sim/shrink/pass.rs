//! The passes of shrinking, in the order in which they save most: time, then what goes wrong, then
//! who takes part, then how much arrives, then every key that may be absent.

use std::time::Duration;

use evenkeel_proxy::document::{Entry, Node, Rate, Time};

use super::Search;
use super::tree::{Step, Way, at, cut, forget, name, remove, text, ways};

/// Shorter runs than this are as good as each other.
const SHORTEST: Duration = Duration::from_millis(100);

/// What makes a list worth to be tried early, and what is tried before others.
const FIRST: [&str; 5] = ["fault", "endpoints", "workload", "pool", "classes"];

impl Search<'_> {
    /// All passes until none changes anything or the budget is spent.
    pub(super) fn passes(&mut self) {
        loop {
            let before = self.kept;
            self.conditions();
            self.shorten();
            self.lists(|name| name == "fault");
            self.advance();
            self.shorten();
            self.endpoints();
            self.lists(|name| name == "workload");
            self.rates();
            self.lists(|name| FIRST.contains(&name));
            self.lists(|name| !FIRST.contains(&name));
            self.keys();
            if self.kept == before || self.is_over() {
                return;
            }
        }
    }

    /// Conditions that are not the cause.
    fn conditions(&mut self) {
        let cause = self.cause.metric().map(str::to_owned);
        self.attempt(|root| {
            root.retain(|entry| entry.key != "sometimes");
            let thresholds = root.iter_mut().find(|entry| entry.key == "threshold");
            if let Some(Node::List(blocks)) = thresholds.map(|entry| &mut entry.value.node) {
                let wanted = |node: &Node| {
                    text(node, "metric").map(str::trim) == cause.as_deref() && cause.is_some()
                };
                blocks.retain(|block| wanted(&block.node));
                blocks.truncate(1);
            }
            let empty = |entry: &Entry| matches!(&entry.value.node, Node::List(v) if v.is_empty());
            root.retain(|entry| entry.key != "threshold" || !empty(entry));
            true
        });
    }

    /// The shortest duration that fails: halved as long as it does, then between.
    fn shorten(&mut self) {
        self.attempt(|root| remove(root, &[Step::Key("warmup".to_owned())]));
        let Some(mut good) = self.duration() else {
            return;
        };
        let mut bad = Duration::ZERO;
        while good > SHORTEST && good - bad > good / 10 && !self.is_over() {
            let middle = if bad.is_zero() {
                good / 2
            } else {
                (good + bad) / 2
            };
            let middle = round(middle);
            if middle >= good || middle <= bad {
                return;
            }
            if self.attempt(|root| last(root, middle)) {
                good = middle;
            } else {
                bad = middle;
            }
        }
    }

    fn duration(&mut self) -> Option<Duration> {
        let node = at(&mut self.root, &[Step::Key("duration".to_owned())])?;
        match node {
            Node::Text(text) => Time::parse(text).ok(),
            _ => None,
        }
    }

    /// What is planned for a time happens earlier, and the run ends so much earlier.
    fn advance(&mut self) {
        let planned = |(way, node): (Way, Node)| match node {
            Node::Text(text) if name(&way) == "at" && way[0] != Step::Key("config".to_owned()) => {
                Time::parse(&text).ok()
            }
            _ => None,
        };
        let Some(first) = ways(&self.root).into_iter().filter_map(planned).min() else {
            return;
        };
        let Some(duration) = self.duration() else {
            return;
        };
        for (part, of) in [(1, 1), (7, 8), (3, 4), (1, 2), (1, 4)] {
            let by = round(first * part / of);
            if by.is_zero() || by >= duration {
                continue;
            }
            let whole = self.attempt(|root| earlier(root, by) && last(root, duration - by));
            if whole || self.attempt(|root| earlier(root, by)) {
                return;
            }
        }
    }

    /// Endpoints, each with its share of the load, or without that.
    fn endpoints(&mut self) {
        let lists = ways(&self.root).into_iter();
        let lists = lists.filter(|(way, node)| {
            name(way) == "endpoints" && matches!(node, Node::List(values) if values.len() > 1)
        });
        for (way, _) in lists.collect::<Vec<_>>() {
            self.halves(&way, |root, way, out| {
                let Some(Node::List(values)) = at(root, way) else {
                    return false;
                };
                let all = values.len();
                let names = values[out.clone()].iter();
                let names: Vec<String> = names.flat_map(|value| known_as(&value.node)).collect();
                let left = all - out.len();
                if left == 0 || !cut(root, way, out) {
                    return false;
                }
                forget(root, &names);
                scale(root, left as f64 / all as f64);
                true
            });
            self.halves(&way, |root, way, out| {
                let Some(Node::List(values)) = at(root, way) else {
                    return false;
                };
                let names = values[out.clone()].iter();
                let names: Vec<String> = names.flat_map(|value| known_as(&value.node)).collect();
                forget(root, &names);
                cut(root, way, out)
            });
        }
    }

    /// Elements of lists whose key is wanted.
    fn lists(&mut self, wanted: impl Fn(&str) -> bool) {
        let is_list = |node: &Node| matches!(node, Node::List(_));
        let lists = ways(&self.root).into_iter();
        let lists = lists.filter(|(way, node)| is_list(node) && wanted(name(way)));
        for (way, _) in lists.collect::<Vec<_>>() {
            self.halves(&way, cut);
        }
    }

    /// Cuts stretches out of a list: half of it, then smaller ones, as long as there are any.
    fn halves(
        &mut self,
        way: &[Step],
        cut: impl Fn(&mut Vec<Entry>, &[Step], std::ops::Range<usize>) -> bool,
    ) {
        let length = |search: &mut Self| match at(&mut search.root, way) {
            Some(Node::List(values)) => values.len(),
            _ => 0,
        };
        let mut size = length(self);
        while size > 0 && !self.is_over() {
            let mut start = 0;
            while start < length(self) {
                let out = start..(start + size).min(length(self));
                if !self.attempt(|root| cut(root, way, out.clone())) {
                    start += size;
                }
            }
            size /= 2;
        }
    }

    /// Rates and counts, halved as long as it fails.
    fn rates(&mut self) {
        for (way, _) in ways(&self.root) {
            while self.attempt(|root| at(root, &way).is_some_and(halve)) {}
        }
    }

    /// Keys that may be absent, outer ones first.
    fn keys(&mut self) {
        const NEEDED: [&str; 3] = ["config", "name", "duration"];
        for (way, _) in ways(&self.root) {
            let is_key = matches!(way.last(), Some(Step::Key(_)));
            if is_key && !(way.len() == 1 && NEEDED.contains(&name(&way))) {
                self.attempt(|root| remove(root, &way));
            }
        }
    }
}

/// Sets the duration; what was to happen later does not.
fn last(root: &mut Vec<Entry>, duration: Duration) -> bool {
    crate::scenario::whole::put(root, "duration", Node::Text(Time::format(duration)));
    for entry in root.iter_mut().filter(|entry| entry.key != "config") {
        if let Node::List(blocks) = &mut entry.value.node {
            let begins = |node: &Node| text(node, "at").and_then(|at| Time::parse(at).ok());
            blocks.retain(|block| begins(&block.node).is_none_or(|at| at < duration));
        }
    }
    let empty = |entry: &Entry| matches!(&entry.value.node, Node::List(v) if v.is_empty());
    root.retain(|entry| !empty(entry));
    true
}

/// Everything with an `at` happens so much earlier, at the beginning at the earliest.
fn earlier(root: &mut [Entry], by: Duration) -> bool {
    let mut changed = false;
    for (way, node) in ways(root) {
        if name(&way) != "at" || way[0] == Step::Key("config".to_owned()) {
            continue;
        }
        if let Node::Text(text) = node
            && let Ok(time) = Time::parse(&text)
            && let Some(node) = at(root, &way)
        {
            *node = Node::Text(Time::format(time.saturating_sub(by)));
            changed = true;
        }
    }
    changed
}

/// What a scenario may call an endpoint.
fn known_as(endpoint: &Node) -> Vec<String> {
    let names = ["name", "address"].into_iter();
    names
        .filter_map(|key| text(endpoint, key))
        .map(str::to_owned)
        .collect()
}

/// All rates times `share`.
fn scale(root: &mut [Entry], share: f64) {
    for (way, node) in ways(root) {
        if let Node::Text(text) = node
            && let Ok(rate) = Rate::parse(&text)
            && let Some(node) = at(root, &way)
        {
            *node = Node::Text(per_second(rate * share));
        }
    }
}

/// Half of a rate or a count that is worth halving.
fn halve(node: &mut Node) -> bool {
    let half = match node {
        Node::Text(text) => match Rate::parse(text) {
            Ok(rate) if rate > 0.5 => Node::Text(per_second(rate / 2.0)),
            _ => return false,
        },
        Node::Integer(count) if *count > 1 => Node::Integer(*count / 2),
        _ => return false,
    };
    *node = half;
    true
}

/// A rate with at most three decimals, and above 0.
fn per_second(rate: f64) -> String {
    let milli = (rate * 1_000.0).round().max(1.0);
    format!("{}/s", milli / 1_000.0)
}

/// A duration that reads well: two digits.
fn round(time: Duration) -> Duration {
    let ms = time.as_millis() as u64;
    let unit = 10_u64.pow(ms.max(1).ilog10().saturating_sub(1));
    Duration::from_millis(ms / unit * unit)
}
