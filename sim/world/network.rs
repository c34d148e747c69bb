//! The logical network: who listens where, what lies between, what is broken.
//!
//! turmoil runs hosts and carries bytes; this table decides everything that a process can see of
//! the network. It is shared by all handles of a simulation and confined to its thread. Its faults
//! are called by the simulator's timeline.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::account::Account;
use evenkeel_core::{rng, time::Timestamp, trace};
use evenkeel_proxy::world::Address;

use super::clock::Clock;
use super::link::Link;
use super::listener::Queue;
use super::process::Process;
use super::simulation::Setting;
use super::table::{Name, Place, Table};
use super::trunk::{Host, Trunk};
use crate::link::Wire;

/// What takes note of decisions.
pub type Recorder = Rc<dyn Record>;

/// See [`Recorder`].
pub trait Record {
    /// One was made.
    fn record(&self, event: &trace::Event);

    /// See [`evenkeel_proxy::world::World::asks`].
    fn asks(&self, request: u64) -> bool {
        let _ = request;
        false
    }

    /// See [`evenkeel_proxy::world::World::account`].
    fn account(&self, request: u64, accounts: &[Account]) {
        let _ = (request, accounts);
    }
}

impl<F: Fn(&trace::Event)> Record for F {
    fn record(&self, event: &trace::Event) {
        self(event);
    }
}

/// What a listening address does with a SYN.
#[derive(Debug)]
pub(super) enum Admission {
    Refused,
    /// The SYN is dropped.
    Full,
    Queue(Rc<Queue>),
}

/// See the module.
pub struct Network {
    pub(super) setting: Setting,
    pub(super) record: Recorder,
    pub(super) clock: Arc<Clock>,
    /// Whether any task had a turn since this was asked last.
    busy: Cell<bool>,
    circuits: Cell<u64>,
    dry: Cell<u64>,
    panicked: Cell<bool>,
    wire: Rc<Wire>,
    deal: rng::Stream,
    pub(super) table: RefCell<Table>,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("now", &self.now()).finish()
    }
}

impl Network {
    /// `name` has these addresses from now on, and the answer may be kept for `ttl`.
    pub fn set_name(&self, name: &str, addresses: Vec<IpAddr>, ttl: Option<Duration>) {
        let name = name.to_owned();
        let mut table = self.table.borrow_mut();
        table.names.insert(name, Name { addresses, ttl });
    }

    /// What lies between two processes, each given by its name or by a beginning of it that ends
    /// before a slash; the more exact one counts. It holds for both directions until the other one
    /// is set. Connections that were opened over the same entry feel the change.
    pub fn set_link(&self, from: &str, to: &str, link: Link) {
        let mut table = self.table.borrow_mut();
        let from = table.links.entry(from.to_owned()).or_default();
        from.entry(to.to_owned()).or_default().set(link);
    }

    /// What lies between two processes from now on, as [`Network::set_link`] says, with a timeline
    /// of its own. Connections that are open keep what they have.
    pub fn lay(&self, from: &str, to: &str, wire: Wire) {
        let mut table = self.table.borrow_mut();
        let from = table.links.entry(from.to_owned()).or_default();
        from.insert(to.to_owned(), Rc::new(wire));
    }

    /// Connects that had to wait for a raw connection: each may have lost a tick.
    #[must_use]
    pub fn dry_connects(&self) -> u64 {
        self.dry.get()
    }

    pub(super) fn new(setting: Setting, record: Recorder) -> Self {
        Self {
            setting,
            record,
            clock: Arc::new(Clock::new(setting.resolution_ns())),
            busy: Cell::new(false),
            circuits: Cell::new(0),
            dry: Cell::new(0),
            panicked: Cell::new(false),
            wire: Rc::new(Wire::new(setting.link, Arc::default())),
            deal: rng::Stream::new(setting.seed, "deal"),
            table: RefCell::default(),
        }
    }

    /// The time at the current tick.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time at the next tick.
    pub(super) fn next(&self) -> Timestamp {
        self.now() + self.setting.resolution
    }

    /// A task has a turn.
    pub(super) fn stir(&self) {
        self.busy.set(true);
    }

    /// Whether no task had a turn since this was asked last.
    pub(super) fn was_quiet(&self) -> bool {
        !self.busy.replace(false)
    }

    pub(super) fn count_dry(&self) {
        self.dry.set(self.dry.get() + 1);
    }

    pub(super) fn panicked(&self) -> &Cell<bool> {
        &self.panicked
    }

    pub(super) fn next_circuit(&self) -> u64 {
        self.circuits.replace(self.circuits.get() + 1)
    }

    /// The trunk between two hosts, laid if there is none.
    pub(super) fn trunk(&self, from: &Rc<Host>, to: &Rc<Host>) -> Rc<Trunk> {
        let mut table = self.table.borrow_mut();
        let trunk = table.trunks.entry((from.order, to.order));
        trunk
            .or_insert_with(|| Rc::new(Trunk::new(to.clone())))
            .clone()
    }

    /// The trunks that begin at `host`.
    pub(super) fn trunks(&self, host: &Host) -> Vec<Rc<Trunk>> {
        let table = self.table.borrow();
        let from_host = table
            .trunks
            .range((host.order, 0)..=(host.order, usize::MAX));
        from_host.map(|(_, trunk)| trunk.clone()).collect()
    }

    /// Under what an address is known: names resolved, and the wildcard's one address.
    pub(super) fn key(&self, address: &Address) -> io::Result<Address> {
        let table = self.table.borrow();
        let ip = match address {
            Address::Unix(_) => return Ok(address.clone()),
            Address::Ip(ip) => *ip,
            Address::Name(name, port) => {
                let known = table.names.get(name);
                let first = known.and_then(|name| name.addresses.first());
                SocketAddr::new(*first.ok_or(io::ErrorKind::NotFound)?, *port)
            }
        };
        let key = Address::Ip(ip);
        match table.wildcards.get(&ip.port()) {
            Some(wildcard) if !table.places.contains_key(&key) => Ok(wildcard.clone()),
            _ => Ok(key),
        }
    }

    pub(super) fn resolve(
        &self,
        name: &str,
        port: u16,
    ) -> io::Result<(Vec<SocketAddr>, Option<Duration>)> {
        let table = self.table.borrow();
        let known = table.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        let addresses = known.addresses.iter();
        let addresses = addresses.map(|&ip| SocketAddr::new(ip, port)).collect();
        Ok((addresses, known.ttl))
    }

    /// The process that was the last to listen at `key`.
    pub(super) fn process_at(&self, key: &Address) -> Option<Rc<Process>> {
        let table = self.table.borrow();
        table.places.get(key).map(|place| place.process.clone())
    }

    pub(super) fn process_of(&self, address: &Address) -> Option<Rc<Process>> {
        self.process_at(&self.key(address).ok()?)
    }

    /// What lies between two processes, there and back.
    pub(super) fn links(&self, from: &Process, to: Option<&Process>) -> [Rc<Wire>; 2] {
        let table = self.table.borrow();
        let find = |from: &Process, to: &Process| {
            let mut rows = from.names().filter_map(|name| table.links.get(name));
            rows.find_map(|row| to.names().find_map(|name| row.get(name).cloned()))
        };
        let there = to.and_then(|to| find(from, to));
        let back = to.and_then(|to| find(to, from));
        let default = || self.wire.clone();
        [
            there.clone().or(back.clone()).unwrap_or_else(default),
            back.or(there).unwrap_or_else(default),
        ]
    }

    /// What `key` does with a SYN from `from`; workers get connections by a hash of `from`.
    pub(super) fn admit(&self, key: &Address, from: SocketAddr) -> Admission {
        let table = self.table.borrow();
        let place = table.places.get(key);
        let Some(place) = place.filter(|p| !p.down && !p.refusing && !p.queues.is_empty()) else {
            return Admission::Refused;
        };
        let ip = match from.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let bits = ip.to_bits();
        let peer = self.deal.child((bits >> 64) as u64).child(bits as u64);
        let taking = || place.queues.iter().filter(|queue| !queue.is_leaving());
        let worker = peer.at(from.port().into()).below(taking().count() as u64);
        let Some(queue) = taking().nth(worker as usize) else {
            return Admission::Refused;
        };
        if queue.len() > self.setting.backlog {
            return Admission::Full;
        }
        Admission::Queue(queue.clone())
    }

    /// Makes worker number `worker` of `process` listen at `address`: gives back the address with
    /// the port that it got, the key and the worker's queue.
    pub(super) fn bind(
        &self,
        process: &Rc<Process>,
        address: &Address,
        worker: usize,
    ) -> io::Result<(Address, Address, Rc<Queue>)> {
        let mut table = self.table.borrow_mut();
        let address = table.with_port(address);
        let key = table.listening(process, &address);
        let place = table.places.entry(key.clone()).or_insert_with(|| Place {
            process: process.clone(),
            down: false,
            refusing: false,
            queues: Vec::new(),
        });
        let mut taking = place.queues.iter().filter(|queue| !queue.is_leaving());
        let others = !Rc::ptr_eq(&place.process, process);
        if taking.any(|queue| others || queue.worker == worker) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        place.process = process.clone();
        let queue = Rc::new(Queue::new(worker));
        place.queues.push(queue.clone());
        place.queues.sort_by_key(|queue| queue.worker);
        Ok((address, key, queue))
    }

    /// Whoever listens at `address` takes nothing new from now on, and another process may bind it;
    /// connections that wait to be accepted still are.
    pub fn hand_over(&self, address: &Address) {
        let Ok(key) = self.key(address) else { return };
        if let Some(place) = self.table.borrow().places.get(&key) {
            place.queues.iter().for_each(|queue| queue.leave());
        }
    }

    /// Connections that wait to be accepted by whoever has handed `address` over.
    #[must_use]
    pub fn handed_over(&self, address: &Address) -> usize {
        let Ok(key) = self.key(address) else { return 0 };
        let table = self.table.borrow();
        let queues = table.places.get(&key).into_iter();
        let queues = queues.flat_map(|place| &place.queues);
        queues
            .filter(|queue| queue.is_leaving())
            .map(|queue| queue.len())
            .sum()
    }

    pub(super) fn unbind(&self, key: &Address, queue: &Rc<Queue>) {
        if let Some(place) = self.table.borrow_mut().places.get_mut(key) {
            place.queues.retain(|other| !Rc::ptr_eq(other, queue));
        }
    }
}
