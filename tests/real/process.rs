//! A child process that dies with its owner, also when the test panics.
use super::PATIENCE;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

/// A child whose output is read as it comes, so that it never blocks on a full pipe.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Process {
    /// Starts `command`; `name` stands before its stderr lines in a failed test's output.
    pub(crate) fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start ({command:?}): {error}"));
        let stdout = lines(child.stdout.take().expect("stdout was asked for"), None);
        let stderr = lines(
            child.stderr.take().expect("stderr was asked for"),
            Some(name.into()),
        );
        Self {
            name: name.into(),
            child,
            stdout,
            stderr,
        }
    }

    /// The next line of stdout that is a JSON object with `key`; other lines are passed over.
    pub(crate) fn line_with(&mut self, key: &str) -> Value {
        loop {
            let line = match self.stdout.recv_timeout(PATIENCE) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => panic!("{} never said {key:?}", self.name),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.exit();
                    panic!("{} ended ({status}) before it said {key:?}", self.name)
                }
            };
            match serde_json::from_str::<Value>(&line) {
                Ok(value) if value.get(key).is_some() => return value,
                _ => {}
            }
        }
    }

    /// SIGKILL, and waits: afterwards all its sockets are closed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child of ours may be killed");
        self.child
            .wait()
            .expect("a child of ours can be waited for");
    }

    /// Waits until a line of stderr contains `what`; it and those before it are passed over.
    pub(crate) fn says(&mut self, what: &str) -> String {
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(what) => return line,
                Ok(_) => {}
                Err(error) => panic!("{} never said {what:?}: {error}", self.name),
            }
        }
    }

    /// Writes an empty line to stdin.
    pub(crate) fn enter(&mut self) {
        let stdin = self.child.stdin.as_mut().expect("stdin was asked for");
        stdin.write_all(b"\n").expect("it reads");
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// A signal by its name. The child is not reaped before `exit`, so its id cannot be another
    /// process's.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &id])
            .status();
        assert!(
            sent.expect("there is a shell").success(),
            "{} is not there any more",
            self.name
        );
    }

    /// Stops the process where it is, until [`Process::wake`].
    pub(crate) fn freeze(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
        let runs = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = task.and_then(|task| std::fs::read_to_string(task.path().join("stat")));
            !stat.expect("it lives").contains(") T ")
        };
        while std::fs::read_dir(&tasks).expect("it lives").any(runs) {
            std::thread::yield_now();
        }
    }

    /// Lets it go on: what has happened meanwhile happens to it at once.
    pub(crate) fn wake(&self) {
        self.signal("CONT");
    }

    /// How many of the process's threads have a name that begins so (Linux).
    pub(crate) fn threads(&self, name: &str) -> usize {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let names = tasks.expect("it lives").filter_map(|task| {
            let path = task.ok()?.path().join("comm");
            std::fs::read_to_string(path).ok()
        });
        names.filter(|thread| thread.starts_with(name)).count()
    }

    /// Memory that the process has in use, in KiB (Linux).
    pub(crate) fn resident_kib(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it lives");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("a number")
    }

    /// Waits until the process has ended by itself, which its closed stdout announces.
    pub(crate) fn exit(&mut self) -> ExitStatus {
        loop {
            match self.stdout.recv_timeout(PATIENCE) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{} does not end", self.name),
            }
        }
        self.child
            .wait()
            .expect("a child of ours can be waited for")
    }

    /// What the process has said on stderr, whole once it has ended.
    pub(crate) fn complaint(&mut self) -> String {
        self.exit();
        self.stderr
            .iter()
            .fold(String::new(), |text, line| text + &line + "\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only for a child that is already reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a pipe until it closes; those of a named one are shown in the test's output too.
#[allow(clippy::print_stderr, reason = "the output of a failed test")]
fn lines(pipe: impl Read + Send + 'static, shown: Option<String>) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if let Some(name) = &shown {
                eprintln!("{name}: {line}");
            }
            // The owner may be gone; the pipe is emptied all the same.
            let _ = sender.send(line);
        }
    });
    receiver
}
