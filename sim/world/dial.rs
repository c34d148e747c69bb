//! Opening a connection: the handshake, one segment at a time.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use evenkeel_core::time::Timestamp;
use evenkeel_proxy::world::{Address, Peer, World as _};

use super::World;
use super::circuit::Circuit;
use super::connection::OPENER;
use super::link::Path;
use super::listener::Queue;
use super::network::Admission;
use super::stream::Stream;
use super::trunk;

/// How long a dropped SYN is waited for: Linux repeats it after 1, 2, 3 .. seconds.
const SYN_TIMEOUT: Duration = Duration::from_secs(1);

/// Opens a connection from the process of `world`: there after one round trip, refused after one
/// round trip, or, while the queue at the other side is full, tried again and again.
pub(super) async fn connect(world: &World, address: &Address) -> io::Result<Stream> {
    let network = &world.network;
    let key = network.key(address)?;
    let (from, jitter) = world.process.dial();
    let listening = network.process_at(&key);
    let [there, back] = network.links(&world.process, listening.as_deref());
    let holes = listening
        .as_ref()
        .map(|process| process.holes())
        .unwrap_or_default();
    let mut there = Path::new(there, holes.clone(), jitter.child(0));
    let mut back = Path::new(back, holes, jitter.child(1));
    let mut sent = world.now();
    loop {
        world.sleep_to(sent).await;
        let arrives = there.arrival(sent);
        world.sleep_to(arrives).await;
        let Some(listening) = network.process_at(&key) else {
            return refused(world, back, arrives).await;
        };
        let spare = trunk::take(network, &world.process.host, &listening.host).await?;
        let (refuse, queue) = match network.admit(&key, from) {
            Admission::Queue(queue) => (false, Some(queue)),
            Admission::Full => (false, None),
            Admission::Refused => (true, None),
        };
        let Some(queue) = queue else {
            let hosts = (&world.process.host, &listening.host);
            network.trunk(hosts.0, hosts.1).put(spare);
            if refuse {
                return refused(world, back, arrives).await;
            }
            sent = sent + SYN_TIMEOUT;
            continue;
        };
        let answered = back.arrival(arrives);
        let acknowledged = there.arrival(answered);
        let hosts = [world.process.host.clone(), listening.host.clone()];
        let id = network.next_circuit();
        let circuit = Rc::new(Circuit::new(id, hosts, [there, back], spare));
        let peer = match key {
            Address::Unix(_) => Peer::Unix,
            _ => Peer::Ip(from),
        };
        queue.push(circuit.clone(), peer, acknowledged);
        let stream = Stream::new(world.clone(), circuit.clone(), OPENER);
        let handshake = Handshake { circuit, queue };
        world.sleep_to(answered).await;
        handshake.circuit.establish();
        return Ok(stream);
    }
}

async fn refused(world: &World, mut back: Path, arrived: Timestamp) -> io::Result<Stream> {
    world.sleep_to(back.arrival(arrived)).await;
    Err(io::ErrorKind::ConnectionRefused.into())
}

/// Takes a connection that its opener gives up out of the queue, unless it is there already.
struct Handshake {
    circuit: Rc<Circuit>,
    queue: Rc<Queue>,
}

impl Drop for Handshake {
    fn drop(&mut self) {
        if !self.circuit.is_established() {
            self.queue.remove(&self.circuit);
        }
    }
}
