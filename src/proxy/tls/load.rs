//! A file's configuration together with its certificates: what is wrong with either, in one list.

use std::path::Path;
use std::sync::Arc;

use super::{Authority, Material, Problem};
use crate::config::{self, Config};
use crate::document::{self, Diagnostic, Entry, Severity, Source};

/// Reads a configuration from a file's bytes, and the certificates that it names.
///
/// Both are there if no diagnostic is an error. Diagnostics are in the order of the file.
#[must_use]
pub fn load(
    path: &Path,
    text: &[u8],
    authority: &Authority,
) -> (Option<(Config, Material)>, Vec<Diagnostic>) {
    let (config, mut diagnostics) = config::load(path, text);
    let Some(config) = config else {
        return (None, diagnostics);
    };
    let (material, problems) = Material::load(&config, authority);
    if !problems.is_empty() {
        let (source, root) = document::parse(path, text);
        // It could be parsed a moment ago.
        let root = root.unwrap_or_default();
        diagnostics.extend(problems.iter().map(|p| locate(&source, &root, p)));
        diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    }
    (material.map(|material| (config, material)), diagnostics)
}

fn locate(source: &Arc<Source>, root: &[Entry], problem: &Problem) -> Diagnostic {
    let span = document::find(root, &problem.place);
    let diagnostic = Diagnostic::error(source, span, problem.error.to_string());
    let diagnostic = diagnostic.label(format!("asked for by {}", problem.owner));
    match problem.error.severity() {
        Severity::Error => diagnostic,
        Severity::Warning => diagnostic.warning(),
    }
}
