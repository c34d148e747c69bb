//! The user's own application behind an endpoint: a command that listens on the port in its
//! environment.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio, exit};
use std::sync::{Arc, Mutex};
use std::thread::Builder;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::signal::{Signal, send};

/// How long it may take until it listens.
const START: Duration = Duration::from_secs(20);
/// How long SIGTERM lets it finish.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(10);

/// How an application is started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Program {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// The endpoint's name.
    pub name: String,
    /// The port to listen on; 0 is a free one.
    pub port: u16,
    /// How much work it is to do in the time of others.
    pub speed: f64,
}

/// A running application; it ends with this.
#[derive(Debug)]
pub(super) struct Application {
    child: Arc<Mutex<Child>>,
    pid: u32,
    port: u16,
}

impl Application {
    /// Starts `program` and waits until it accepts connections. It finds `PORT`, `NAME` (its
    /// endpoint's) and `SPEED` (1 unless the scenario says otherwise) in its environment.
    ///
    /// # Errors
    ///
    /// There is no such command, or it ends, or it does not listen within 20 s.
    pub(super) fn start(program: &Program) -> io::Result<Self> {
        let port = match program.port {
            0 => free()?,
            port => port,
        };
        let Some((executable, arguments)) = program.command.split_first() else {
            return Err(io::Error::other("there is no command"));
        };
        let shown = program.command.join(" ");
        let child = Command::new(executable)
            .args(arguments)
            .current_dir(&program.folder)
            .env("PORT", port.to_string())
            .env("NAME", &program.name)
            .env("SPEED", program.speed.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| io::Error::other(format!("cannot start `{shown}`: {error}")))?;
        let mut application = Self {
            pid: child.id(),
            child: Arc::new(Mutex::new(child)),
            port,
        };
        application.await_listening(&shown)?;
        Ok(application)
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    fn await_listening(&mut self, shown: &str) -> io::Result<()> {
        let clock = Clock::began(Duration::ZERO);
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        while Duration::from_nanos(clock.now().0) < START {
            if let Some(status) = self.ended() {
                let what = format!("`{shown}` ended ({status}) before it listened on its PORT");
                return Err(io::Error::other(what));
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            clock.sleep(LOOK);
        }
        let seconds = START.as_secs();
        let what = format!(
            "`{shown}` does not listen on PORT={} after {seconds} s",
            self.port
        );
        Err(io::Error::other(what))
    }

    fn ended(&self) -> Option<std::process::ExitStatus> {
        let mut child = self.child.lock().ok()?;
        child.try_wait().ok()?
    }

    /// From now on this process ends when the application does.
    pub(super) fn watch(&self) {
        let child = Arc::clone(&self.child);
        let watching = Builder::new().name("watch".into()).spawn(move || {
            let clock = Clock::began(Duration::ZERO);
            loop {
                clock.sleep(LOOK * 10);
                match child.lock().map(|mut child| child.try_wait()) {
                    Ok(Ok(None)) => {}
                    _ => exit(0),
                }
            }
        });
        // Without it the parent's end is still heard.
        drop(watching);
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // Who is stopped hears nothing else.
        let _ = send(self.pid, Signal::Continue);
        let _ = send(self.pid, Signal::Terminate);
        let clock = Clock::began(Duration::ZERO);
        while self.ended().is_none() && Duration::from_nanos(clock.now().0) < GRACE {
            clock.sleep(LOOK);
        }
        if let Ok(mut child) = self.child.lock() {
            // Both fail only for one that has ended.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A port that was free a moment ago.
fn free() -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}
