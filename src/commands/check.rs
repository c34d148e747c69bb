//! `evenkeel check`: configurations and scenarios, offline.

use std::path::Path;

use evenkeel_proxy::document::Diagnostic;
use evenkeel_proxy::tls::{self, Authority};

use super::terminal::{complain, say};
use super::{Exit, authority, read};
use crate::cli;

pub(crate) fn run(arguments: &cli::Check) -> Exit {
    let authority = match authority() {
        Ok(authority) => authority,
        Err(exit) => return exit,
    };
    let mut exit = Exit::Ok;
    for path in &arguments.files {
        match read(path) {
            Ok(text) => {
                let (kind, diagnostics) = check(path, &text, &authority);
                if complain(&diagnostics) {
                    exit = Exit::Invalid;
                } else {
                    say(format_args!("{}: {kind} ok", path.display()));
                }
            }
            Err(failed) => exit = failed,
        }
    }
    exit
}

#[cfg(feature = "sim")]
fn check(path: &Path, text: &[u8], authority: &Authority) -> (&'static str, Vec<Diagnostic>) {
    if evenkeel_proxy::document::is_scenario(path, text) {
        ("scenario", evenkeel_sim::scenario::load(path, text).1)
    } else {
        ("configuration", tls::load(path, text, authority).1)
    }
}

#[cfg(not(feature = "sim"))]
fn check(path: &Path, text: &[u8], authority: &Authority) -> (&'static str, Vec<Diagnostic>) {
    if evenkeel_proxy::document::is_scenario(path, text) {
        let message = "this is a scenario, and this build has no simulator";
        ("scenario", vec![Diagnostic::unreadable(path, message)])
    } else {
        ("configuration", tls::load(path, text, authority).1)
    }
}
