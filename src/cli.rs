//! The clap tree: every command, flag, help text and default.

#[cfg(feature = "sim")]
mod sim;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "sim")]
pub(crate) use sim::*;

/// A load balancer that can be tested like code.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes: 0 ok, 1 internal error, 2 usage, 3 invalid configuration or scenario,
4 threshold failed or a `sometimes` never seen, 5 invariant violated,
6 not deterministic, 7 an import lost something under --strict, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Balance live traffic; SIGTERM drains, SIGHUP reads the configuration again
    Serve(Serve),
    /// Check configurations and scenarios without running them
    Check(Check),
    /// Print the JSON Schema of a file format, made from what the reader accepts
    Schema(Schema),
    /// Simulate: the same proxy, configuration and decisions in a deterministic network
    #[cfg(feature = "sim")]
    #[command(subcommand)]
    Sim(Sim),
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The configuration file (TOML or JSON)
    #[arg(short, long, value_name = "FILE", required_unless_present = "to")]
    pub(crate) config: Option<PathBuf>,
    /// Without a file: where to listen
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        conflicts_with = "config"
    )]
    pub(crate) listen: String,
    /// Without a file: the endpoints, separated by commas
    #[arg(
        long,
        value_name = "ADDRESS,...",
        value_delimiter = ',',
        conflicts_with = "config"
    )]
    pub(crate) to: Vec<String>,
    /// Threads that serve, instead of the configuration's; absent in both: one per core
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) workers: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Configurations and scenarios; a file with [[workload]] is a scenario
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Requests at each endpoint, for what is told of their losses
    #[arg(long, value_name = "RATE", default_value = "100/s")]
    pub(crate) rate: String,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Which format
    #[arg(value_enum)]
    pub(crate) format: SchemaOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SchemaOf {
    Config,
    #[cfg(feature = "sim")]
    Scenario,
}
