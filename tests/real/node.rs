//! The application of `examples/node`, as a process.
use super::process::Process;
use std::net::SocketAddr;
use std::process::Command;

const APP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/node/app.mjs");

/// One running Node.js server.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
}

impl Node {
    /// Starts the application and waits until it listens; port 0 lets it choose.
    pub(crate) fn start(name: &str, port: u16) -> Self {
        Self::start_with(name, port, &[])
    }

    /// The same, with further options.
    pub(crate) fn start_with(name: &str, port: u16, options: &[&str]) -> Self {
        let mut command = Command::new("node");
        command.args([APP, "--name", name, "--port", &port.to_string()]);
        command.args(options);
        let mut process = Process::start(name, &mut command);
        let listening = process.line_with("listening")["listening"].as_u64();
        let port = listening
            .and_then(|port| u16::try_from(port).ok())
            .expect("a port");
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            process,
        }
    }
}
