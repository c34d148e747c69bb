//! A simulated application as a real process: the same [`Station`] as in a simulation, behind real
//! sockets, in real time.
//!
//! When a request ends is the station's answer, in whole nanoseconds: a thread waits until then,
//! and nobody computes, so that two processors are enough for any number of origins. A late wake-up
//! delays one answer and no later one. A stop of the process is part of the timeline, too: what
//! happens meanwhile happens at its own time, once the process goes on.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::Builder;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::h1::{self, Method, RequestHead};
use socket2::SockRef;

use super::clock::Clock;
use super::errand::Errand;
use super::line::Line;
use crate::origin::{self, Job, JobId, Station, Trouble, Verdict};
use crate::plan::Plan;
use crate::timeline::{Change, Timeline};

/// How often it is looked whether connections can be accepted again.
const LOOK: Duration = Duration::from_millis(10);

/// One origin of a plan.
#[derive(Debug)]
pub struct Origin {
    address: SocketAddr,
    keep_alive: Option<Duration>,
    listener: Mutex<TcpListener>,
    state: Mutex<State>,
    /// Something has changed that the threads may wait for.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// From the beginning of the run on.
    clock: Option<Clock>,
    station: Station,
    trouble: Trouble,
    changes: VecDeque<(Timestamp, Change)>,
    /// Who waits for the end of which job; told false if it was lost.
    waiting: BTreeMap<JobId, Sender<bool>>,
    jobs: u64,
    connections: u64,
}

/// What a request is answered with.
struct Answer {
    status: u16,
    bytes: u64,
    retry_after: Duration,
}

impl Answer {
    /// Without work: to a probe.
    const PLAIN: Self = Self {
        status: 200,
        bytes: 0,
        retry_after: Duration::ZERO,
    };
}

impl Origin {
    /// Listens on `port` of the loopback, as origin number `number` of `plan` under `seed`. Until
    /// it begins it answers everything at once.
    ///
    /// # Errors
    ///
    /// The port is taken, or the system refuses a thread.
    pub fn start(plan: &Plan, seed: u64, number: usize, port: u16) -> io::Result<Arc<Self>> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let changes = Timeline::new(plan, seed).changes.into_iter();
        let own = changes.filter(|(_, origin, _)| *origin == number);
        let spec = plan.origins[number].spec.clone();
        let origin = Arc::new(Self {
            address: listener.local_addr()?,
            keep_alive: plan.keep_alive(),
            listener: Mutex::new(listener),
            state: Mutex::new(State {
                clock: None,
                station: Station::new(spec, origin::draws(seed, number as u64)),
                trouble: Trouble::new(seed),
                changes: own.map(|(at, _, change)| (at, change)).collect(),
                waiting: BTreeMap::new(),
                jobs: 0,
                connections: 0,
            }),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&origin);
        spawn("accept", move || accepting.accept())?;
        Ok(origin)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The run begins, or has begun before this process did.
    ///
    /// # Errors
    ///
    /// The system refuses a thread.
    pub fn begin(self: &Arc<Self>, clock: Clock) -> io::Result<()> {
        self.state().clock = Some(clock);
        let driving = Arc::clone(self);
        spawn("station", move || driving.drive(clock))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("a panic of one thread ends the process")
    }

    /// Lets the station act at each of its instants.
    fn drive(&self, clock: Clock) {
        let mut state = self.state();
        let mut refused = false;
        loop {
            state.catch_up(clock.now());
            if state.trouble.refuses() && !refused {
                self.close();
            }
            refused = state.trouble.refuses();
            self.changed.notify_all();
            let next = state.next().map_or(Duration::MAX, |next| clock.until(next));
            let waited = self.changed.wait_timeout(state, next);
            (state, _) = waited.expect("a panic of one thread ends the process");
        }
    }

    /// Refuses new connections: who waits in `accept` is told.
    fn close(&self) {
        if let Ok(listener) = self.listener.lock() {
            let _ = SockRef::from(&*listener).shutdown(Shutdown::Both);
        }
    }

    fn accept(self: &Arc<Self>) {
        loop {
            let listening = self.listener.lock().map(|listener| listener.try_clone());
            let Ok(Ok(listener)) = listening else { return };
            while let Ok((stream, _)) = listener.accept() {
                let origin = Arc::clone(self);
                // Without a thread for it the connection closes.
                let _ = spawn("connection", move || {
                    let _ = origin.serve(stream);
                });
            }
            drop(listener);
            loop {
                let waited = self.changed.wait_timeout(self.state(), LOOK);
                let (state, _) = waited.expect("a panic of one thread ends the process");
                if !state.trouble.refuses() {
                    break;
                }
            }
            if let (Ok(again), Ok(mut listener)) =
                (TcpListener::bind(self.address), self.listener.lock())
            {
                *listener = again;
            }
        }
    }

    /// Requests one after another until the connection ends.
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let idle = Clock::began(Duration::ZERO);
        let mut line = Line::new(stream, idle)?;
        let mut head = RequestHead::default();
        let number = {
            let mut state = self.state();
            state.connections += 1;
            state.connections - 1
        };
        let mut fresh = true;
        loop {
            let deadline = self.keep_alive.map(|keep_alive| idle.now() + keep_alive);
            line.wait_until(deadline.unwrap_or(Timestamp::MAX));
            let Ok(errand) = line.request(&mut head, Errand::of) else {
                return Ok(());
            };
            let Some(answer) = self.work(errand, number, fresh) else {
                return Ok(());
            };
            line.write(&message(&answer, head.method, head.keep_alive))?;
            if !head.keep_alive {
                return Ok(());
            }
            fresh = false;
        }
    }

    /// Does what a request wants; `None` if its connection is to be lost.
    fn work(&self, errand: Option<Errand>, connection: u64, fresh: bool) -> Option<Answer> {
        let mut state = self.state();
        let Some(clock) = state.clock else {
            return Some(Answer::PLAIN);
        };
        let now = clock.now();
        state.catch_up(now);
        let (mut cpu_ns, mut io_ns, mut answer) = (0, 0, Answer::PLAIN);
        if let Some(errand) = errand {
            // Of a request that comes here again, after another origin, nobody here knows.
            match state.trouble.verdict(errand.workload, errand.n, 1, !fresh) {
                Verdict::Serve => (answer.status, answer.bytes) = (errand.status, errand.bytes),
                Verdict::Reset => return None,
                Verdict::Answer(status, retry_after) => {
                    return Some(Answer {
                        status,
                        bytes: 0,
                        retry_after,
                    });
                }
            }
            (cpu_ns, io_ns) = (errand.cpu_ns, errand.io_ns);
        }
        let id = state.jobs;
        state.jobs += 1;
        let job = Job {
            id,
            connection,
            fresh,
            cpu_ns,
            io_ns,
        };
        if !state.station.offer(now, &job) {
            return None;
        }
        let (sender, ended) = channel();
        state.waiting.insert(id, sender);
        drop(state);
        self.changed.notify_all();
        ended.recv().is_ok_and(|done| done).then_some(answer)
    }
}

impl State {
    /// When something happens next.
    fn next(&self) -> Option<Timestamp> {
        let change = self.changes.front().map(|(at, _)| *at);
        self.station.next().into_iter().chain(change).min()
    }

    /// Does what was due up to `now`.
    fn catch_up(&mut self, now: Timestamp) {
        while let Some((at, change)) = self.changes.pop_front_if(|(at, _)| *at <= now) {
            self.advance(at);
            self.change(at, change);
        }
        self.advance(now);
    }

    fn advance(&mut self, now: Timestamp) {
        let waiting = &mut self.waiting;
        self.station
            .advance(now, &mut |id, _| tell(waiting, id, true));
    }

    fn change(&mut self, at: Timestamp, change: Change) {
        let waiting = &mut self.waiting;
        match change {
            Change::Slow(factor) => self.station.slow(at, factor),
            Change::Pause => self.station.pause(at),
            Change::Resume => self.station.resume(at),
            Change::Hang => self.station.hang(),
            Change::Release => self
                .station
                .release(at, &mut |id, _| tell(waiting, id, true)),
            Change::Restart => self.station.restart(),
            // Of a process that has died nobody is here: this is one that began later.
            Change::Crash => {
                let lost = self.station.crash(at);
                lost.into_iter().for_each(|id| tell(waiting, id, false));
            }
            Change::Refuse(_) | Change::Reset(_) | Change::Race(_) | Change::Errors { .. } => {
                self.trouble.change(change);
            }
        }
    }
}

fn tell(waiting: &mut BTreeMap<JobId, Sender<bool>>, id: JobId, done: bool) {
    if let Some(sender) = waiting.remove(&id) {
        // Its connection's thread waits for nothing else.
        let _ = sender.send(done);
    }
}

fn message(answer: &Answer, method: Method, keep_alive: bool) -> Vec<u8> {
    let Answer {
        status,
        bytes,
        retry_after,
    } = answer;
    let mut head = format!("HTTP/1.1 {status} {}\r\n", h1::reason(*status));
    if !matches!(status, 204 | 304) {
        let _ = write!(head, "Content-Length: {bytes}\r\n");
    }
    if *retry_after > Duration::ZERO {
        let _ = write!(head, "Retry-After: {}\r\n", retry_after.as_secs());
    }
    if !keep_alive {
        head += "Connection: close\r\n";
    }
    let mut message = (head + "\r\n").into_bytes();
    if method != Method::Head && !matches!(status, 204 | 304) {
        message.resize(message.len() + *bytes as usize, b'x');
    }
    message
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    Builder::new().name(name.into()).spawn(work).map(drop)
}
