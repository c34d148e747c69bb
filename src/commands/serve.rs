//! `evenkeel serve`: the live proxy.

use std::fmt::Display;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};

use evenkeel_proxy::config::Config;
use evenkeel_proxy::live::{self, Listener};
use evenkeel_proxy::tls::{self, Authority, Material};
use evenkeel_proxy::world::Address;

use super::terminal::{complain, warn};
use super::{Exit, authority, read, unix_now};
use crate::cli;

pub(crate) fn run(arguments: &cli::Serve) -> Exit {
    let begun = authority().and_then(|a| Ok((load(arguments, &a)?, a)));
    let ((config, material), authority) = match begun {
        Ok(begun) => begun,
        Err(exit) => return exit,
    };
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let configured = config.server.workers.map(|n| n as usize);
    let workers = arguments
        .workers
        .map(usize::from)
        .or(configured)
        .unwrap_or_else(cores);
    serve(
        (config, material),
        authority,
        workers,
        arguments.config.clone(),
    )
}

/// Serves a configuration; SIGHUP reads it again if it is of a file.
pub(crate) fn serve(
    (config, material): (Config, Material),
    authority: Authority,
    workers: usize,
    file: Option<PathBuf>,
) -> Exit {
    let mut tell = Tell {
        config: file,
        begun: config.clone(),
        authority,
    };
    match live::run(config, material, workers, &mut tell) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            warn(format_args!("evenkeel: {error}"));
            Exit::Internal
        }
    }
}

fn load(arguments: &cli::Serve, authority: &Authority) -> Result<(Config, Material), Exit> {
    if let Some(path) = &arguments.config {
        return read_file(path, authority);
    }
    let to: Vec<&str> = arguments.to.iter().map(String::as_str).collect();
    let (config, diagnostics) = Config::direct(&arguments.listen, &to);
    complain(&diagnostics);
    let config = config.ok_or(Exit::Invalid)?;
    Ok((config, Material::default()))
}

/// Reads a configuration and its certificates, and says everything that is wrong with them.
fn read_file(path: &Path, authority: &Authority) -> Result<(Config, Material), Exit> {
    let (loaded, diagnostics) = tls::load(path, &read(path)?, authority);
    complain(&diagnostics);
    loaded.ok_or(Exit::Invalid)
}

/// Tells standard output in JSON Lines what supervisors and tests wait for.
struct Tell {
    config: Option<PathBuf>,
    /// What the process began with.
    begun: Config,
    authority: Authority,
}

impl Listener for Tell {
    fn listening(&mut self, name: &str, address: &Address) {
        let (name, address) = (quoted(name), quoted(&address.to_string()));
        event(format_args!(
            "\"listening\",\"listener\":{name},\"address\":{address}"
        ));
    }

    fn ready(&mut self) {
        event("\"ready\"");
    }

    fn reload(&mut self) -> Option<(Config, Material)> {
        let Some(path) = &self.config else {
            self.complain("SIGHUP: there is no configuration file to read again");
            return None;
        };
        self.authority.set_time(unix_now());
        let loaded = read_file(path, &self.authority).ok();
        match &loaded {
            None => self.complain("SIGHUP: the configuration in force was kept"),
            Some((config, _)) => self.warn_of_what_stays(config),
        }
        loaded
    }

    fn reloaded(&mut self) {
        event("\"reloaded\"");
    }

    fn draining(&mut self) {
        event("\"draining\"");
    }

    fn complain(&mut self, what: &str) {
        warn(format_args!("evenkeel: {what}"));
    }
}

impl Tell {
    /// Says what a reload does not take over.
    fn warn_of_what_stays(&mut self, new: &Config) {
        let old = &self.begun;
        let workers = |config: &Config| config.server.workers;
        // New connections get the new certificates.
        let sockets = |config: &Config| {
            let mut listeners = config.listeners.clone();
            let all = listeners.iter_mut().map(|listener| {
                let is_tls = listener.tls.take().is_some();
                (listener.clone(), is_tls)
            });
            all.collect::<Vec<_>>()
        };
        for (block, differs) in [
            ("[[listener]]", sockets(old) != sockets(new)),
            ("[admin]", old.admin != new.admin),
            ("[log]", old.log != new.log),
            ("[server] workers", workers(old) != workers(new)),
        ] {
            if differs {
                self.complain(&format!("SIGHUP: {block} has changed: it takes a restart"));
            }
        }
    }
}

/// Writes one event. Clients are served whether or not anybody reads it.
fn event(rest: impl Display) {
    let mut out = stdout().lock();
    let _ = writeln!(out, "{{\"event\":{rest}}}").and_then(|()| out.flush());
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.extend(format!("\\u{:04x}", c as u32).chars()),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}
