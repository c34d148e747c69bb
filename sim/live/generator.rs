//! The load of a live run: every request of the plan is sent when it is due, whether or not earlier
//! ones are answered, and its latency counts from then.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Builder;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::h1::Method;

use super::client::{Connection, Done, Job};
use super::clock::Clock;
use super::errand::Errand;
use crate::net::luggage::Luggage;
use crate::plan::{ANYBODY, Ask, KEPT, Plan};
use crate::result::{Cell, Collector, Completion, End, Latency};
use crate::sweep::Stop;
use crate::workload::{Arrival, Arrivals, Conduct, Error, Next, Service, Visit, Visitors};

/// How long requests may still end after the last one was due.
const COOL_DOWN: Duration = Duration::from_secs(75);
/// How often an order to stop is looked for, at least.
const LOOK: Duration = Duration::from_millis(50);
/// What a connection's thread needs of memory.
const STACK: usize = 128 << 10;

/// What clients saw.
#[derive(Debug)]
pub struct Heard {
    /// As a simulated run has it, without what only the proxy knows.
    pub cell: Cell,
    /// By how much requests were sent too late.
    pub late: Latency,
    /// What a user should know of recorded workloads, a line each.
    pub notes: Vec<String>,
}

/// Sends the requests of `plan` under `seed` to `front`, in the time of `clock`, until all have
/// ended or `stop` is asked. `on_time` is told the time now and then.
///
/// # Errors
///
/// A recorded workload cannot be opened.
pub fn run(
    plan: &Arc<Plan>,
    seed: u64,
    front: SocketAddr,
    clock: Clock,
    stop: &Stop,
    on_time: &mut dyn FnMut(Timestamp),
) -> Result<Heard, Error> {
    let (sender, done) = channel();
    let mut clients = Clients {
        arrivals: Arrivals::new(seed, &plan.workloads, plan.end())?,
        conduct: Conduct::new(seed, &plan.workloads),
        service: Service::new(seed, plan.cpu.clone(), plan.io.clone()).of(&plan.workloads),
        collector: Collector::new(plan.setup.clone()),
        visitors: Visitors::default(),
        late: Latency::default(),
        idle: BTreeMap::new(),
        seats: BTreeMap::new(),
        opened: 0,
        waiting: 0,
        again: BTreeMap::new(),
        retries: 0,
        plan,
        front,
        clock,
        sender,
    };
    clients.serve(&done, stop, on_time);
    Ok(clients.close())
}

struct Clients<'a> {
    plan: &'a Arc<Plan>,
    front: SocketAddr,
    clock: Clock,
    arrivals: Arrivals,
    conduct: Conduct,
    service: Service,
    collector: Collector,
    /// Clients that come back, with their cookies.
    visitors: Visitors<Luggage>,
    late: Latency,
    /// Numbers of idle connections, by client.
    idle: BTreeMap<u64, Vec<u64>>,
    /// Open connections.
    seats: BTreeMap<u64, Sender<Job>>,
    opened: u64,
    /// Requests that have not ended for their clients.
    waiting: u64,
    /// Who tries again, and when.
    again: BTreeMap<(Timestamp, u64), Arrival>,
    retries: u64,
    sender: Sender<Done>,
}

impl Clients<'_> {
    fn serve(&mut self, done: &Receiver<Done>, stop: &Stop, on_time: &mut dyn FnMut(Timestamp)) {
        let last = self.plan.end() + COOL_DOWN;
        loop {
            let due = self.due();
            let over = due == Timestamp::MAX && self.waiting == 0;
            if over || stop.is_asked() || self.clock.now() >= last {
                return;
            }
            match done.recv_timeout(self.clock.until(due).min(LOOK)) {
                Ok(done) => self.ended(done),
                Err(_) => on_time(self.clock.now()),
            }
            self.send_due();
        }
    }

    /// When somebody sends something next.
    fn due(&self) -> Timestamp {
        let again = self.again.first_key_value();
        let again = again.map_or(Timestamp::MAX, |((at, _), _)| *at);
        self.arrivals.due().min(again)
    }

    fn send_due(&mut self) {
        while self.arrivals.due() <= self.clock.now() {
            let Some(arrival) = self.arrivals.next() else {
                break;
            };
            self.begin(arrival);
        }
        while let Some(entry) = self.again.first_entry() {
            let (at, _) = *entry.key();
            if at > self.clock.now() {
                break;
            }
            let arrival = entry.remove();
            let Arrival { due, class, .. } = arrival;
            self.collector.client_retry(due, arrival.workload, class);
            self.send(arrival, at);
        }
    }

    /// A user's request is due.
    fn begin(&mut self, arrival: Arrival) {
        let due = arrival.due;
        self.collector.sent(due, arrival.workload, arrival.class);
        if let Visit::Session { first: true, .. } = arrival.visit {
            self.collector.session(due);
        }
        self.waiting += 1;
        self.send(arrival, due);
    }

    /// A client sends a request, for the first time or again.
    fn send(&mut self, arrival: Arrival, at: Timestamp) {
        let key = self.plan.connection(&arrival);
        let job = self.job(arrival, at);
        let idle = self.idle.get_mut(&key).and_then(Vec::pop);
        let seat = match idle.and_then(|number| self.seats.get(&number)) {
            Some(seat) => seat.clone(),
            None => self.open(),
        };
        // Without a thread for it the request gets no connection: its sender has nobody.
        if let Err(lost) = seat.send(job) {
            self.ended(Done {
                arrival: lost.0.arrival,
                end: End::Refused,
                at: self.clock.now(),
                cookies: Vec::new(),
                late_ns: 0,
                connection: self.opened,
                kept: false,
            });
        }
    }

    fn job(&mut self, arrival: Arrival, sent: Timestamp) -> Job {
        let ask = match &arrival.record {
            Some(record) => Ask::recorded(record),
            None => {
                let asks = &self.plan.asks[usize::from(arrival.workload)];
                asks[usize::from(arrival.class)].clone()
            }
        };
        let ask = self.plan.marked(ask, &arrival);
        let luggage = self.visitors.given(&arrival);
        let cookies = luggage.map_or(String::new(), |luggage| luggage.lines(sent));
        let home = match self.plan.home(&arrival) {
            Some(home) => format!("X-Forwarded-For: {home}\r\n"),
            None => String::new(),
        };
        let drawn = self.service.draw(&arrival, 1);
        let errand = Errand::new(&arrival, drawn, ask.response_bytes);
        let mut text = (ask.head() + &home + &cookies + &errand.lines() + "\r\n").into_bytes();
        text.resize(text.len() + ask.body_bytes as usize, b'x');
        Job {
            method: Method::of(ask.method.as_bytes()),
            text,
            due: sent,
            until: self.conduct.patience(&arrival, sent),
            arrival,
        }
    }

    /// A new connection, with a thread of its own.
    fn open(&mut self) -> Sender<Job> {
        let (seat, jobs) = channel();
        let connection = Connection {
            number: self.opened,
            front: self.front,
            clock: self.clock,
            jobs,
            done: self.sender.clone(),
        };
        self.opened += 1;
        let number = connection.number;
        let begun = Builder::new()
            .name(format!("client {number}"))
            .stack_size(STACK)
            .spawn(move || connection.run());
        if begun.is_ok() {
            self.seats.insert(number, seat.clone());
        }
        seat
    }

    /// A try has ended.
    fn ended(&mut self, done: Done) {
        let Done {
            mut arrival,
            end,
            at,
            cookies,
            late_ns,
            connection,
            kept,
        } = done;
        self.late.record(late_ns);
        let key = self.plan.connection(&arrival);
        let idle = self.idle.entry(key).or_default();
        if kept && (key == ANYBODY || idle.len() < KEPT) {
            idle.push(connection);
        } else {
            self.seats.remove(&connection);
        }
        if let Some(luggage) = self.visitors.given(&arrival) {
            cookies
                .iter()
                .for_each(|line| luggage.take_cookie(line, at));
        }
        match self.conduct.after(&arrival, end, at) {
            Next::Again(again) => {
                arrival.retry += 1;
                self.retries += 1;
                self.again.insert((again, self.retries), arrival);
            }
            Next::Over(end, at) => {
                let collector = &mut self.collector;
                self.visitors.ended(&arrival, end, None, collector);
                collector.complete(&Completion {
                    due: arrival.due,
                    done: at,
                    workload: arrival.workload,
                    class: arrival.class,
                    end,
                });
                self.waiting -= 1;
                self.arrivals.ended(&arrival, at);
                if let Visit::Session { last: true, .. } = arrival.visit {
                    for number in self.idle.remove(&key).unwrap_or_default() {
                        self.seats.remove(&number);
                    }
                }
            }
        }
    }

    /// All connections end, and what was seen is summed up.
    fn close(mut self) -> Heard {
        self.visitors.close(&mut self.collector);
        self.late.close();
        let mut cell = self.collector.finish(self.clock.now(), &[]);
        // Nothing of the proxy was watched.
        cell.invariants.clear();
        Heard {
            cell,
            late: self.late,
            notes: self.plan.notes(&self.arrivals),
        }
    }
}
