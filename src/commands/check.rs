//! `evenkeel check`: configurations and scenarios, offline.

use std::path::Path;

use evenkeel_proxy::config::Config;
use evenkeel_proxy::document::{Diagnostic, Rate};
use evenkeel_proxy::tls::{self, Authority};

use super::terminal::{complain, say, warn};
use super::{Exit, authority, read};
use crate::cli;

pub(crate) fn run(arguments: &cli::Check) -> Exit {
    let authority = match authority() {
        Ok(authority) => authority,
        Err(exit) => return exit,
    };
    let rate_per_s = match Rate::parse(&arguments.rate) {
        Ok(rate) => rate,
        Err(expected) => {
            let given = &arguments.rate;
            warn(format_args!(
                "evenkeel: --rate {given}: expected {expected}"
            ));
            return Exit::Usage;
        }
    };
    let mut exit = Exit::Ok;
    for path in &arguments.files {
        match read(path) {
            Ok(text) => {
                let (kind, config, diagnostics) = check(path, &text, &authority);
                if complain(&diagnostics) {
                    exit = Exit::Invalid;
                } else {
                    say(format_args!("{}: {kind} ok", path.display()));
                    for line in config.iter().flat_map(|config| config.outlook(rate_per_s)) {
                        say(format_args!("  {line}"));
                    }
                }
            }
            Err(failed) => exit = failed,
        }
    }
    exit
}

/// What a file is, what it configures if it is good, what is wrong with it.
type Checked = (&'static str, Option<Config>, Vec<Diagnostic>);

fn configuration(path: &Path, text: &[u8], authority: &Authority) -> Checked {
    let (loaded, diagnostics) = tls::load(path, text, authority);
    let config = loaded.map(|(config, _)| config);
    ("configuration", config, diagnostics)
}

#[cfg(feature = "sim")]
fn check(path: &Path, text: &[u8], authority: &Authority) -> Checked {
    if evenkeel_proxy::document::is_scenario(path, text) {
        let (scenario, diagnostics) = evenkeel_sim::scenario::load(path, text);
        let config = scenario.map(|scenario| scenario.config);
        ("scenario", config, diagnostics)
    } else {
        configuration(path, text, authority)
    }
}

#[cfg(not(feature = "sim"))]
fn check(path: &Path, text: &[u8], authority: &Authority) -> Checked {
    if evenkeel_proxy::document::is_scenario(path, text) {
        let message = "this is a scenario, and this build has no simulator";
        (
            "scenario",
            None,
            vec![Diagnostic::unreadable(path, message)],
        )
    } else {
        configuration(path, text, authority)
    }
}
