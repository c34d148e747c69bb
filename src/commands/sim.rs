//! `evenkeel sim`: the simulator's commands.

use super::Exit;
use crate::cli;

pub(crate) fn run(_command: cli::Sim) -> Exit {
    Exit::Internal
}
