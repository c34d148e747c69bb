//! Running a decode function: on a file, on a tree, or on nothing to have it describe itself.

use std::path::Path;
use std::sync::Arc;

use super::key::Key;
use super::{Diagnostic, Entry, Severity, Source, Span, Table, tree};

/// Reads a file with a decode function: the result if there is no error, and everything that is
/// wrong, in the order of the file.
pub fn decode<T>(
    path: &Path,
    bytes: &[u8],
    decode: impl FnOnce(&mut Table<'_>) -> Option<T>,
) -> (Option<T>, Vec<Diagnostic>) {
    let (source, root) = tree::parse(path, bytes);
    let root = match root {
        Ok(root) => root,
        Err(mut problems) => {
            problems.sort_by_key(|problem| problem.span);
            return (None, problems);
        }
    };
    decode_root(source, &root, decode)
}

/// Like [`decode`], from a tree that is already there; its spans point into `source`.
pub fn decode_root<T>(
    source: Arc<Source>,
    root: &[Entry],
    decode: impl FnOnce(&mut Table<'_>) -> Option<T>,
) -> (Option<T>, Vec<Diagnostic>) {
    let mut context = Context::new(source, false);
    let (result, _) = Table::run(&mut context, String::new(), Span::default(), root, decode);
    let mut diagnostics = context.diagnostics;
    let own = context.source;
    diagnostics.sort_by_key(|problem| (!Arc::ptr_eq(&problem.source, &own), problem.span));
    let failed = diagnostics
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    (result.filter(|_| !failed), diagnostics)
}

/// What a decode function declares.
pub fn describe<T>(decode: impl FnOnce(&mut Table<'_>) -> T) -> Vec<Key> {
    let source = Arc::new(Source::new(Path::new(""), ""));
    let mut context = Context::new(source, true);
    Table::run(&mut context, String::new(), Span::default(), &[], decode).1
}

/// What all tables of one file share.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) source: Arc<Source>,
    diagnostics: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    pub(super) describing: bool,
}

impl Context {
    fn new(source: Arc<Source>, describing: bool) -> Self {
        Self {
            source,
            diagnostics: Vec::new(),
            errors: 0,
            warnings: 0,
            describing,
        }
    }

    /// Whether further errors would be dropped: nothing is checked, or enough is wrong.
    pub(super) fn is_full(&self) -> bool {
        self.describing || self.count(Severity::Error) >= MOST
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let severity = diagnostic.severity;
        if self.describing || self.count(severity) >= MOST {
            return;
        }
        match severity {
            Severity::Error => self.errors += 1,
            Severity::Warning => self.warnings += 1,
        }
        self.diagnostics.push(diagnostic);
    }

    fn count(&self, severity: Severity) -> usize {
        match severity {
            Severity::Error => self.errors,
            Severity::Warning => self.warnings,
        }
    }
}

/// Diagnostics kept of each severity (warnings must not crowd out an error): a broken generator can
/// make millions of mistakes, and nobody reads more than the first.
pub(super) const MOST: usize = 1_000;
