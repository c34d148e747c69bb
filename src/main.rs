//! The `evenkeel` command: parse, dispatch, exit code.

mod cli;
mod commands;

use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::Parser;

use commands::Exit;

/// Requests come and go in allocations of one to four KiB, which it gives and takes faster than the
/// system's allocator does.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // clap ends the process itself for help (0) and for wrong usage (2).
    let cli = cli::Cli::parse();
    // A panic is a mistake of ours; it has said so itself, and has an exit code like any other.
    catch_unwind(|| dispatch(cli.command))
        .unwrap_or(Exit::Internal)
        .into()
}

fn dispatch(command: cli::Command) -> Exit {
    match command {
        cli::Command::Serve(arguments) => commands::serve::run(&arguments),
        cli::Command::Check(arguments) => commands::check::run(&arguments),
        cli::Command::Schema(arguments) => commands::schema::run(&arguments),
        #[cfg(feature = "sim")]
        cli::Command::Sim(command) => commands::sim::run(command),
    }
}
