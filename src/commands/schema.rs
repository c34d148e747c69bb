//! `evenkeel schema`: what may stand in a file, as JSON Schema.

use evenkeel_proxy::config;
use evenkeel_proxy::document::schema;

use super::Exit;
use super::terminal::say;
use crate::cli;

pub(crate) fn run(arguments: &cli::Schema) -> Exit {
    let (title, keys) = match arguments.format {
        cli::SchemaOf::Config => ("evenkeel configuration", config::keys(config::Use::Deploy)),
        #[cfg(feature = "sim")]
        cli::SchemaOf::Scenario => ("evenkeel scenario", evenkeel_sim::scenario::keys()),
    };
    say(format_args!("{:#}", schema(title, &keys)));
    Exit::Ok
}
