//! The names that one kind of block declares and others refer to.

use super::{Span, Table};

/// Names in the order of the file, each with its place.
#[derive(Clone, Debug)]
pub struct Names {
    what: &'static str,
    of: Vec<(String, Span)>,
    lost: bool,
}

impl Names {
    /// No names yet; `what` says what they name: `pool`.
    pub fn new(what: &'static str) -> Self {
        Self {
            what,
            of: Vec::new(),
            lost: false,
        }
    }

    /// Adds a name that stands in this table, at `key` or (if that is absent) as a default; one
    /// that is there already is an error that shows both. None is a name that could not be read:
    /// from then on nobody can say that a name is unknown.
    pub fn declare(&mut self, t: &mut Table<'_>, key: &str, name: Option<&str>) {
        let Some(name) = name else {
            self.lost = true;
            return;
        };
        let span = t.span(key);
        if let Some((_, first)) = self.of.iter().find(|(other, _)| other == name) {
            let problem = t
                .problem(
                    span,
                    format!("the {} name `{name}` is used twice", self.what),
                )
                .label("the second one")
                .related(*first, "the first one");
            t.report(problem);
        }
        self.of.push((name.to_owned(), span));
    }

    /// Whether a name at that place is (or may be) declared; if not, that is reported with the
    /// nearest.
    pub fn refer(&self, t: &mut Table<'_>, span: Span, name: &str) -> bool {
        let found = self.of.iter().any(|(other, _)| other == name);
        if !found && !self.lost {
            let known: Vec<&str> = self.of.iter().map(|(name, _)| name.as_str()).collect();
            t.unknown(span, name, self.what, &known);
        }
        found || self.lost
    }

    /// All of them, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Span)> {
        self.of.iter().map(|(name, span)| (name.as_str(), *span))
    }
}
