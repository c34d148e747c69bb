//! One mistake in a file: where it is, what was expected there, what may help.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Position, Source, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, and probably should not be as it is.
    Warning,
}

/// One mistake. It holds its source, so mistakes of several files can stand in one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The file.
    pub source: Arc<Source>,
    /// The place in it; empty for a file that could not be read at all.
    pub span: Span,
    /// What is wrong, in one sentence without its place.
    pub message: String,
    /// What was expected there; stands under the marked text.
    pub label: String,
    /// What to do, or what the key is for.
    pub help: Option<String>,
    /// Another place of the same file that explains this one, and how.
    pub related: Option<(Span, String)>,
}

impl Diagnostic {
    /// An error at that place, without label or help.
    pub fn error(source: &Arc<Source>, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            source: source.clone(),
            span: source.clamp(span),
            message: message.into(),
            label: String::new(),
            help: None,
            related: None,
        }
    }

    /// An error about a file as a whole: it has no text to show.
    pub fn unreadable(path: &Path, message: impl Into<String>) -> Self {
        Self::error(&Arc::new(Source::new(path, "")), Span::default(), message)
    }

    /// The same as a warning.
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// With what was expected at the place.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// With what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// With another place of the same file.
    pub fn related(mut self, span: Span, label: impl Into<String>) -> Self {
        self.related = Some((self.source.clamp(span), label.into()));
        self
    }

    /// Line and column of the place's start.
    pub fn position(&self) -> Position {
        self.source.position(self.span.start)
    }

    /// One line for machines: `file:line:column: error: message; expected; help`.
    pub fn line(&self) -> String {
        let mut line = self.source.path().display().to_string();
        if !self.source.text().is_empty() {
            let Position { line: row, column } = self.position();
            _ = write!(line, ":{row}:{column}");
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        _ = write!(line, ": {severity}: {}", self.message);
        for part in [Some(&self.label), self.help.as_ref()]
            .into_iter()
            .flatten()
        {
            if !part.is_empty() {
                _ = write!(line, "; {part}");
            }
        }
        line.replace(['\n', '\r'], " ")
    }

    /// Several lines for people: the message, `file:line:column`, the marked line, the help.
    pub fn show(&self, colour: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let path = self.source.path().display().to_string();
        let mut group = if self.source.text().is_empty() {
            Group::with_title(level.primary_title(format!("{path}: {}", self.message)))
        } else {
            level
                .primary_title(self.message.as_str())
                .element(self.snippet(path))
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.decor_style(DecorStyle::Ascii).render(&[group])
    }

    /// The lines around the place only: rendering costs the text it is given, and a file may have
    /// thousands of mistakes.
    fn snippet(&self, path: String) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let around = match self.related {
            Some((span, _)) => Span {
                start: span.start.min(self.span.start),
                end: span.end.max(self.span.end),
            },
            None => self.span,
        };
        let (offset, text) = self.source.lines(around);
        let local = |span: Span| span.start - offset..(span.end - offset).min(text.len());
        let mut primary = AnnotationKind::Primary.span(local(self.span));
        if !self.label.is_empty() {
            primary = primary.label(self.label.as_str());
        }
        let context = self.related.iter().map(|(span, label)| {
            AnnotationKind::Context
                .span(local(*span))
                .label(label.as_str())
        });
        Snippet::source(text)
            .line_start(self.source.position(offset).line)
            .path(path)
            .annotation(primary)
            .annotations(context)
    }
}

/// All of them for people, in the order given, and a last line that counts them.
pub fn render(diagnostics: &[Diagnostic], colour: bool) -> String {
    /// More than this nobody reads, and a terminal should not have to scroll through.
    const SHOWN: usize = 50;
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        text.push_str(&diagnostic.show(colour));
        text.push_str("\n\n");
    }
    if diagnostics.len() > SHOWN {
        _ = writeln!(text, "... and {} more", diagnostics.len() - SHOWN);
    }
    let errors = diagnostics
        .iter()
        .filter(|d| d.severity == Severity::Error)
        .count();
    let count = |n: usize, name: &str| match n {
        0 => None,
        1 => Some(format!("1 {name}")),
        n => Some(format!("{n} {name}s")),
    };
    let counts = [
        count(errors, "error"),
        count(diagnostics.len() - errors, "warning"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    if !counts.is_empty() {
        text.push_str(&counts.join(", "));
        text.push('\n');
    }
    text
}
