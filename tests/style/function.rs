//! Functions of a file: what they are called and how long they are.

use crate::source::{Source, is_name};

/// A function with a body.
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// The line of its `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from `fn` to the closing brace; 1 if there is no body.
    pub(crate) lines: usize,
}

/// All functions of `source`, nested ones too; function types have no name and are passed over.
pub(crate) fn functions(source: &Source) -> Vec<Function<'_>> {
    let code = source.code.as_str();
    let function = |at: usize| {
        let signature = at + "fn".len();
        let rest = code[signature..].trim_start();
        let length = rest.bytes().take_while(|byte| is_name(*byte)).count();
        if length == 0 {
            return None;
        }
        let end = body(source, signature).map_or(signature, |open| source.closing(open));
        let line = source.line(at);
        Some(Function {
            name: &rest[..length],
            line,
            lines: source.line(end) + 1 - line,
        })
    };
    source.words("fn").filter_map(function).collect()
}

/// Where the body opens of the function whose signature begins at `at`.
fn body(source: &Source, mut at: usize) -> Option<usize> {
    let bytes = source.code.as_bytes();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'{' => return Some(at),
            b';' => return None,
            b'(' | b'[' => at = source.closing(at),
            _ => at += 1,
        }
    }
    None
}
