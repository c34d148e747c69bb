//! One file for each command: arguments in, exit code out.

pub(crate) mod check;
pub(crate) mod schema;
pub(crate) mod serve;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod terminal;

use std::path::Path;
use std::process::ExitCode;

use evenkeel_proxy::document::Diagnostic;

use terminal::complain;

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

#[cfg(all(test, feature = "sim"))]
mod test {
    use super::Exit::*;

    #[test]
    fn the_worse_exit_decides() {
        let order = [
            (Interrupted, 130),
            (Usage, 2),
            (Invalid, 3),
            (Internal, 1),
            (NotDeterministic, 6),
            (Invariant, 5),
            (Threshold, 4),
            (Ok, 0),
        ];
        for (n, (worse, code)) in order.into_iter().enumerate() {
            assert_eq!(worse as u8, code);
            for (better, _) in order.into_iter().skip(n) {
                assert_eq!(worse.worse(better), worse);
                assert_eq!(better.worse(worse), worse);
            }
        }
    }
}
