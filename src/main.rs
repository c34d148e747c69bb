//! The `evenkeel` command: parse, dispatch, exit code.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command speaks to its user"
)]

mod cli;
mod commands;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // clap ends the process itself for help (0) and for wrong usage (2).
    let exit = match cli::Cli::parse().command {
        cli::Command::Serve(arguments) => commands::serve::run(&arguments),
        cli::Command::Check(arguments) => commands::check::run(&arguments),
        cli::Command::Schema(arguments) => commands::schema::run(&arguments),
        #[cfg(feature = "sim")]
        cli::Command::Sim(command) => commands::sim::run(command),
    };
    exit.into()
}
