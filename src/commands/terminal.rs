//! What a command says on standard output and standard error.
//!
//! `println!` and `eprintln!` panic when nobody reads: a broken pipe is success, and a closed
//! standard error is no reason to stop.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write, stderr, stdout};
use std::process;

use evenkeel_proxy::document::{Diagnostic, Severity, render};

use super::Exit;

/// Writes a result to standard output, with a line's end. When its reader has gone (`| head -1`)
/// the command has done what was wanted and ends the process with 0; when a result cannot be kept
/// (a full disk) it is lost, and the process ends with 1.
pub(crate) fn say(text: impl Display) {
    let mut out = stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        if error.kind() == ErrorKind::BrokenPipe {
            process::exit(Exit::Ok as i32);
        }
        warn(format_args!(
            "evenkeel: cannot write to standard output: {error}"
        ));
        process::exit(Exit::Internal as i32);
    }
}

/// Writes a line to standard error, if anybody reads it.
pub(crate) fn warn(text: impl Display) {
    let _ = writeln!(stderr(), "{text}");
}

/// Prints diagnostics; true if there is an error among them.
pub(crate) fn complain(diagnostics: &[Diagnostic]) -> bool {
    if !diagnostics.is_empty() {
        warn(render(diagnostics, colour(&stderr())).trim_end());
    }
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// Whether a stream takes colour: a terminal, and nobody said `NO_COLOR`.
pub(crate) fn colour(stream: &impl IsTerminal) -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && stream.is_terminal()
}
