//! The application that is measured: one that runs, or one that is started.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;

use super::Error;
use crate::live::{self, Launcher, Program};

/// An application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One that runs, by its host and port.
    Running(String),
    /// A command and its arguments, which listens on the port in `PORT`.
    Command(Vec<String>),
}

/// An application that can be asked; one that was started ends with this.
#[derive(Debug)]
pub(super) struct Running {
    address: SocketAddr,
    /// Who looks after it.
    _keeper: Option<live::Process>,
}

impl Running {
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Target {
    /// The application at `http://HOST:PORT`.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn url(text: &str) -> Result<Self, &'static str> {
        const EXPECTED: &str = "expected http://HOST:PORT, such as http://127.0.0.1:3000";
        let rest = text.strip_prefix("http://").ok_or(EXPECTED)?;
        let host = rest.strip_suffix('/').unwrap_or(rest);
        let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '?', '#', '@']);
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
        if !is_host(name) || port.parse::<u16>().is_err() {
            return Err(EXPECTED);
        }
        Ok(Self::Running(format!("{name}:{port}")))
    }

    /// The application that a command starts; words are told apart by blanks.
    ///
    /// # Errors
    /// What was expected instead.
    pub fn command(text: &str) -> Result<Self, &'static str> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        match words.is_empty() {
            true => Err("expected a command, such as \"node app.js\""),
            false => Ok(Self::Command(words)),
        }
    }

    /// Whether it begins with the measurement.
    pub(super) const fn is_started(&self) -> bool {
        matches!(self, Self::Command(_))
    }

    /// Starts it, or looks up where it is; nobody is asked yet.
    pub(super) fn reach(
        &self,
        folder: &Path,
        elsewhere: bool,
        launcher: &Launcher,
    ) -> Result<Running, Error> {
        match self {
            Self::Running(host) => {
                let addresses = host
                    .to_socket_addrs()
                    .map_err(|error| Error::Target(io::Error::other(format!("{host}: {error}"))))?;
                let addresses: Vec<SocketAddr> = addresses.collect();
                let foreign = addresses.iter().find(|at| !at.ip().is_loopback());
                if let (Some(foreign), false) = (foreign, elsewhere) {
                    return Err(Error::Elsewhere(*foreign));
                }
                let none = || Error::Target(io::Error::other(format!("{host}: no address")));
                Ok(Running {
                    address: *addresses.first().ok_or_else(none)?,
                    _keeper: None,
                })
            }
            Self::Command(command) => {
                let program = Program {
                    command: command.clone(),
                    folder: folder.to_owned(),
                    name: "calibrated".to_owned(),
                    port: 0,
                    speed: 1.0,
                };
                let started = launcher.start_origin(&live::Order::Application(program));
                let (keeper, address) = started.map_err(Error::Target)?;
                Ok(Running {
                    address,
                    _keeper: Some(keeper),
                })
            }
        }
    }
}
