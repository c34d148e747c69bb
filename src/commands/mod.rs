//! One file for each command: arguments in, exit code out.

pub(crate) mod check;
pub(crate) mod schema;
pub(crate) mod serve;
#[cfg(feature = "sim")]
pub(crate) mod sim;
mod terminal;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use evenkeel_proxy::document::Diagnostic;
use evenkeel_proxy::tls::Authority;

use terminal::{complain, warn};

/// The exit codes, frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok = 0,
    Internal = 1,
    Usage = 2,
    Invalid = 3,
    #[cfg(feature = "sim")]
    Threshold = 4,
    #[cfg(feature = "sim")]
    Invariant = 5,
    #[cfg(feature = "sim")]
    NotDeterministic = 6,
    #[cfg(feature = "sim")]
    Lost = 7,
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

/// What certificates are loaded with, or says why there is none.
fn authority() -> Result<Authority, Exit> {
    Authority::live(unix_now()).map_err(|error| {
        warn(format_args!("evenkeel: {error}"));
        Exit::Internal
    })
}

/// The date, since 1970.
#[expect(clippy::disallowed_methods, reason = "here is no world to ask")]
fn unix_now() -> Duration {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
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
