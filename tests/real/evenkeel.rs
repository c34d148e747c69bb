//! `evenkeel serve` as a process, and the configuration it is given.
use super::client::Client;
use super::message::Answer;
use super::process::Process;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::process::Command;
use tempfile::TempDir;

/// A configuration of one listener, one route and one pool, in the shape that tests need.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) workers: usize,
    /// Name and address.
    pub(crate) endpoints: Vec<(String, SocketAddr)>,
    /// Where the listener binds.
    pub(crate) address: SocketAddr,
    /// The prefix of the one route.
    pub(crate) path: &'static str,
    /// Further lines of the listener.
    pub(crate) listener: &'static str,
    /// Further lines of the pool.
    pub(crate) pool: &'static str,
    /// Further keys of every endpoint, each with a comma before it.
    pub(crate) endpoint: &'static str,
    /// Further blocks.
    pub(crate) blocks: String,
}

impl Config {
    /// The endpoints a, b, c and so on, behind a free port.
    pub(crate) fn new(origins: impl IntoIterator<Item = SocketAddr>) -> Self {
        let names = ('a'..='z').map(String::from);
        Self {
            workers: 2,
            endpoints: names.zip(origins).collect(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: "/",
            listener: "",
            pool: "policy = \"p2c\"",
            endpoint: "",
            blocks: String::new(),
        }
    }

    /// The file.
    pub(crate) fn text(&self) -> String {
        let Self {
            workers,
            endpoints,
            address,
            path,
            listener,
            pool,
            endpoint,
            blocks,
        } = self;
        let endpoints = endpoints
            .iter()
            .fold(String::new(), |mut list, (name, address)| {
                writeln!(
                    list,
                    "  {{ name = \"{name}\", address = \"{address}\"{endpoint} }},"
                )
                .expect("memory");
                list
            });
        format!(
            r#"
[server]
workers = {workers}

[[listener]]
name = "http"
address = "{address}"
{listener}

[[route]]
path = "{path}"
pool = "app"

[[pool]]
name = "app"
{pool}
endpoints = [
{endpoints}]

[admin]
address = "127.0.0.1:0"
{blocks}"#
        )
    }
}

/// A running proxy.
#[derive(Debug)]
pub(crate) struct Evenkeel {
    /// The address of the listener `http`.
    pub(crate) http: SocketAddr,
    pub(crate) admin: SocketAddr,
    /// Every listener's address by its name.
    listeners: BTreeMap<String, SocketAddr>,
    pub(crate) process: Process,
    /// Holds the configuration file, and whatever a test names relative to it.
    pub(crate) folder: TempDir,
}

impl Evenkeel {
    /// Starts the proxy and waits until it is ready.
    pub(crate) fn start(config: &Config) -> Self {
        let (process, folder) = Self::launch(config);
        Self::ready(process, folder)
    }

    /// Waits until a proxy that has been started is ready.
    pub(crate) fn ready(mut process: Process, folder: TempDir) -> Self {
        let mut listeners = BTreeMap::new();
        loop {
            let line = process.line_with("event");
            match (line["event"].as_str(), line["listener"].as_str()) {
                (Some("listening"), Some(name)) => {
                    let address = line["address"].as_str().and_then(|text| text.parse().ok());
                    listeners.extend(address.map(|address| (name.to_owned(), address)));
                }
                (Some("ready"), _) => break,
                _ => {}
            }
        }
        let http = listeners["http"];
        Self {
            http,
            // Without [admin] there is none, and nobody asks it.
            admin: listeners.get("admin").copied().unwrap_or(http),
            listeners,
            process,
            folder,
        }
    }

    /// Starts the proxy without waiting: for configurations that fail.
    pub(crate) fn launch(config: &Config) -> (Process, TempDir) {
        let folder = TempDir::new().expect("a temporary folder");
        (Self::launch_in(&folder, &config.text()), folder)
    }

    /// Starts the proxy in a folder that holds what the configuration names, and waits until it
    /// is ready.
    pub(crate) fn start_in(folder: TempDir, text: &str) -> Self {
        let process = Self::launch_in(&folder, text);
        Self::ready(process, folder)
    }

    fn launch_in(folder: &TempDir, text: &str) -> Process {
        let file = folder.path().join("evenkeel.toml");
        std::fs::write(&file, text).expect("a temporary file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.arg("serve").arg("-c").arg(&file);
        Process::start("evenkeel", &mut command)
    }

    /// The port of a listener.
    pub(crate) fn port(&self, listener: &str) -> u16 {
        self.listeners[listener].port()
    }

    /// Puts another text in the place of the configuration file and sends SIGHUP.
    pub(crate) fn reload(&self, text: &str) {
        std::fs::write(self.folder.path().join("evenkeel.toml"), text).expect("a temporary file");
        self.process.signal("HUP");
    }

    /// A new connection to the listener.
    pub(crate) fn client(&self) -> Client {
        Client::connect(self.http).expect("the proxy accepts")
    }

    /// `GET path` at the admin address.
    pub(crate) fn admin(&self, path: &str) -> Answer {
        let mut client = Client::connect(self.admin).expect("the admin address accepts");
        let request = format!("GET {path} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
        client
            .exchange("GET", request.as_bytes())
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The sum of all series of a counter in `/metrics` (Prometheus text format).
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let text = self.metrics();
        sum(&text, name).unwrap_or_else(|| panic!("no {name} in\n{text}"))
    }

    /// Waits until a counter reads `expected`: a client can hear of something a moment before it is
    /// counted.
    pub(crate) fn counts(&self, name: &str, expected: u64) {
        let reads = || sum(&self.metrics(), name);
        let agreed = (0..10_000).any(|_| reads() == Some(expected));
        assert!(agreed, "{name}: {:?}, not {expected}", reads());
    }

    fn metrics(&self) -> String {
        let answer = self.admin("/metrics");
        assert_eq!(answer.head.status, 200);
        String::from_utf8(answer.body).expect("metrics are text")
    }

    /// SIGTERM; the proxy must end by itself, with exit code 0.
    pub(crate) fn stop(mut self) {
        self.process.terminate();
        assert_eq!(self.process.exit().code(), Some(0));
    }
}

/// The sum of all series of a counter, if there is one.
fn sum(metrics: &str, name: &str) -> Option<u64> {
    let series = metrics.lines().filter(|line| {
        line.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(['{', ' ']))
    });
    series
        .map(|line| {
            let value = line.rsplit(' ').next().and_then(|value| value.parse().ok());
            value.unwrap_or_else(|| panic!("a counter is a whole number: {line}"))
        })
        .reduce(|sum, value: u64| sum + value)
}
