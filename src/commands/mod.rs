//! One file for each command: arguments in, exit code out.

pub(crate) mod check;
pub(crate) mod schema;
pub(crate) mod serve;
#[cfg(feature = "sim")]
pub(crate) mod sim;

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use evenkeel_proxy::document::{Diagnostic, Severity, render};

/// The exit codes, frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Internal = 1,
    #[cfg(feature = "sim")]
    Usage = 2,
    Invalid = 3,
    #[cfg(feature = "sim")]
    Threshold = 4,
    #[cfg(feature = "sim")]
    Invariant = 5,
    #[cfg(feature = "sim")]
    NotDeterministic = 6,
    #[cfg(feature = "sim")]
    Interrupted = 130,
}

#[cfg(feature = "sim")]
impl Exit {
    /// The one that decides where several would apply.
    pub(crate) fn worse(self, other: Self) -> Self {
        use Exit::{Internal, Interrupted, Invalid, Invariant, NotDeterministic, Threshold, Usage};
        let order = [
            Interrupted,
            Usage,
            Invalid,
            Internal,
            NotDeterministic,
            Invariant,
            Threshold,
        ];
        let first = order
            .into_iter()
            .find(|exit| *exit == self || *exit == other);
        first.unwrap_or(Self::Ok)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Whether standard error takes colour: a terminal, and nobody said `NO_COLOR`.
pub(crate) fn colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()) && std::io::stderr().is_terminal()
}

/// Prints diagnostics; true if there is an error among them.
pub(crate) fn complain(diagnostics: &[Diagnostic]) -> bool {
    if !diagnostics.is_empty() {
        eprintln!("{}", render(diagnostics, colour()).trim_end());
    }
    diagnostics.iter().any(|d| d.severity == Severity::Error)
}

/// Reads a file, or says why it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Exit> {
    std::fs::read(path).map_err(|error| {
        complain(&[Diagnostic::unreadable(
            path,
            format!("cannot read the file: {error}"),
        )]);
        Exit::Invalid
    })
}
