//! A file as it was read: its path, its text, and places in it.

use std::path::{Path, PathBuf};

/// A stretch of a [`Source`]: byte offsets, `start` included, `end` excluded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A place as people say it: both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters (a tab is one), from 1.
    pub column: usize,
}

/// A file's path and its text, without a byte order mark.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// A source of that text; `path` is what errors name and what relative paths are relative to.
    pub fn new(path: &Path, text: impl Into<String>) -> Self {
        Self {
            path: path.to_path_buf(),
            text: text.into(),
        }
    }

    /// The path as the user gave it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The folder that relative paths of this file start from.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// Line and column of a byte offset; an offset behind the end is the end.
    pub fn position(&self, offset: usize) -> Position {
        let before = &self.text[..self.floor(offset)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Position {
            line: before.bytes().filter(|&byte| byte == b'\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    /// The span moved onto character boundaries inside the text.
    pub(super) fn clamp(&self, span: Span) -> Span {
        let start = self.floor(span.start);
        Span {
            start,
            end: self.floor(span.end).max(start),
        }
    }

    /// The lines that hold the span (without the last line's end), and the offset of their start.
    pub(super) fn lines(&self, span: Span) -> (usize, &str) {
        let span = self.clamp(span);
        let start = self.text[..span.start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let end = self.text[span.end..]
            .find('\n')
            .map_or(self.text.len(), |i| span.end + i);
        (start, self.text[start..end].trim_end_matches('\r'))
    }

    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset)
    }
}
