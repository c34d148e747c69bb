//! `evenkeel schema`: what may stand in a file, as JSON Schema.

use evenkeel_proxy::config;
use evenkeel_proxy::document::schema;

use super::Exit;
use crate::cli;

pub(crate) fn run(arguments: &cli::Schema) -> Exit {
    let (title, keys) = match arguments.format {
        cli::SchemaOf::Config => ("evenkeel configuration", config::keys()),
        #[cfg(feature = "sim")]
        cli::SchemaOf::Scenario => ("evenkeel scenario", evenkeel_sim::scenario::keys()),
    };
    println!("{:#}", schema(title, &keys));
    Exit::Ok
}
