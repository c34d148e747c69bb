//! Programs that others wrote, as clients and origins. `.ci/test` installs them; where one is
//! missing, a test fails and says how it is had.
use super::process::Process;
use serde_json::Value;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The folder of the scripts.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/client");

/// A program and how a machine gets it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Tool {
    Curl,
    Node,
    Python,
    Chromium,
    Xmllint,
}

impl Tool {
    fn path(self) -> PathBuf {
        match self {
            Self::Curl => "curl".into(),
            Self::Node => "node".into(),
            Self::Python => concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/target/client-python/bin/python"
            )
            .into(),
            Self::Chromium => "chromium".into(),
            Self::Xmllint => "xmllint".into(),
        }
    }

    /// What makes it work.
    fn install(self) -> &'static str {
        match self {
            Self::Curl => "apt-get install curl",
            Self::Node => "apt-get install nodejs npm && npm ci --prefix tests/client",
            Self::Python => {
                "python3 -m venv target/client-python && \
                 target/client-python/bin/pip install -r tests/client/requirements.txt"
            }
            Self::Chromium => "apt-get install chromium",
            Self::Xmllint => "apt-get install libxml2-utils",
        }
    }

    /// What must be there beside the program itself.
    fn belongings(self) -> Option<PathBuf> {
        matches!(self, Self::Node).then(|| Path::new(SCRIPTS).join("node_modules/axe-core"))
    }

    /// A command that runs it. Panics, and says what to do, when it is not installed.
    pub(crate) fn command(self) -> Command {
        let mut version = Command::new(self.path());
        let starts = version.arg("--version").output();
        let whole = self.belongings().is_none_or(|path| path.exists());
        assert!(
            whole && starts.is_ok_and(|output| output.status.success()),
            "{self:?} is missing; `.ci/test` installs it, or: {}",
            self.install()
        );
        Command::new(self.path())
    }

    /// A script of `tests/client`, started with one argument: an object of settings. It believes
    /// the authority `ca`, if there is one.
    pub(crate) fn script(self, file: &str, settings: &Value) -> Process {
        let mut command = self.command();
        command.arg(Path::new(SCRIPTS).join(file));
        command.arg(settings.to_string());
        if let Some(ca) = settings["ca"].as_str() {
            command.env("NODE_EXTRA_CA_CERTS", ca);
        }
        Process::start(file, &mut command)
    }
}

/// The address that a script says it listens at.
pub(crate) fn listening(process: &mut Process) -> SocketAddr {
    let port = process.line_with("listening")["listening"].as_u64();
    let port = port.and_then(|port| u16::try_from(port).ok());
    SocketAddr::from(([127, 0, 0, 1], port.expect("a port")))
}

/// Waits until a script that checks by itself has ended, and is content.
pub(crate) fn content(mut process: Process) {
    let status = process.exit();
    assert!(status.success(), "{}", process.complaint());
}

/// What one run of curl came to.
#[derive(Debug)]
pub(crate) struct Curl {
    /// curl's own exit code; 0 is an answer, whichever.
    pub(crate) exit: i32,
    pub(crate) status: u64,
    /// `1.1` or `2`.
    pub(crate) version: String,
    /// Every head on the way, and trailers.
    pub(crate) heads: String,
    pub(crate) body: Vec<u8>,
    /// What it complained of.
    pub(crate) said: String,
}

impl Curl {
    /// Runs curl with `arguments`, the last of which is an address.
    pub(crate) fn run<S: AsRef<std::ffi::OsStr>>(arguments: impl IntoIterator<Item = S>) -> Self {
        let heads = tempfile::NamedTempFile::new().expect("a temporary file");
        let mut command = Tool::Curl.command();
        command
            .args(["--silent", "--show-error", "--max-time", "30"])
            .args(["--write-out", "%{stderr}%{json}\n", "--dump-header"])
            .arg(heads.path())
            .args(arguments);
        let output = command.output().expect("it has started before");
        let Output {
            status,
            stdout,
            stderr,
        } = output;
        let said = String::from_utf8_lossy(&stderr).into_owned();
        let told = said.lines().rev().find(|line| line.starts_with('{'));
        let told: Value = told
            .and_then(|line| serde_json::from_str(line).ok())
            .unwrap_or_else(|| panic!("curl says nothing of what it did: {said}"));
        Self {
            exit: status.code().expect("nobody kills it"),
            status: told["http_code"].as_u64().expect("a number"),
            version: told["http_version"].as_str().expect("a text").to_owned(),
            heads: std::fs::read_to_string(heads.path()).expect("heads are text"),
            body: stdout,
            said,
        }
    }
}
