//! `evenkeel sim part`: a process of a live run, or who looks after an application that is
//! calibrated. It is started by `sim live` or `sim calibrate`, and ends with it.

use std::fmt::Display;
use std::io;
use std::thread::Builder;

use evenkeel_proxy::tls::Material;
use evenkeel_sim::live::{self, Order};

use super::live::plan;
use crate::cli::SimPart;
use crate::commands::serve::serve;
use crate::commands::terminal::warn;
use crate::commands::{Exit, authority};

pub(super) fn run(arguments: &SimPart) -> Result<Exit, Exit> {
    // What there is to say of the scenario has been said; one with errors has no cells.
    let plan = || plan(arguments, None, |_| false);
    let (plan, origins) = match live::order().map_err(failed)? {
        Order::Application(program) => {
            live::look_after(&program).map_err(failed)?;
            return Ok(Exit::Ok);
        }
        Order::Origin { number, port } => {
            let (plan, seed) = plan()?;
            live::originate(&plan, seed, number, port).map_err(failed)?;
            return Ok(Exit::Ok);
        }
        Order::Proxy(origins) => (plan()?.0, origins),
    };
    let config = live::deployed(&plan, plan.config(), &origins);
    let workers = config.server.workers.unwrap_or(1) as usize;
    end_with_input().map_err(failed)?;
    let loaded = (config, Material::default());
    Ok(serve(loaded, authority()?, workers, None))
}

fn failed(error: impl Display) -> Exit {
    warn(format_args!("evenkeel: {error}"));
    Exit::Internal
}

/// Drains once standard input has ended.
fn end_with_input() -> io::Result<()> {
    let watch = || {
        // An input that cannot be read has ended as well.
        let _ = live::wait();
        let _ = live::terminate();
    };
    Builder::new().name("input".into()).spawn(watch).map(drop)
}
