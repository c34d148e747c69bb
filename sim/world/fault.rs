//! Faults of processes, called by the simulator's timeline between two steps or by a task.
//!
//! But for [`World::cut_off`] each takes any address that the process listens at, hits the whole
//! process, and is false where nobody has ever listened.

use std::rc::Rc;

use evenkeel_proxy::world::Address;

use super::World;
use super::network::Network;
use crate::hole::Holes;

impl Network {
    /// The process that listens at `address` crashes: all its connections are closed at once, and
    /// new ones refused after one round trip.
    pub fn listener_down(&self, address: &Address) -> bool {
        let Some(process) = self.process_of(address) else {
            return false;
        };
        let now = self.now();
        for place in self.table.borrow_mut().places.values_mut() {
            if Rc::ptr_eq(&place.process, &process) {
                place.down = true;
                for queue in &place.queues {
                    queue.reset(now);
                }
            }
        }
        for (circuit, side) in process.abandon() {
            if let Some(circuit) = circuit.upgrade() {
                circuit.close(side, now);
            }
        }
        true
    }

    /// The process that crashed listens again at all its addresses.
    pub fn listener_up(&self, address: &Address) -> bool {
        let Some(process) = self.process_of(address) else {
            return false;
        };
        for place in self.table.borrow_mut().places.values_mut() {
            if Rc::ptr_eq(&place.process, &process) {
                place.down = false;
            }
        }
        true
    }

    /// `address` refuses new connections from now on, or no longer; open ones go on.
    pub fn refuse(&self, address: &Address, refusing: bool) -> bool {
        let Ok(key) = self.key(address) else {
            return false;
        };
        let mut table = self.table.borrow_mut();
        let place = table.places.get_mut(&key);
        place.map(|place| place.refusing = refusing).is_some()
    }

    /// The process that listens at `address` stops where it is: it accepts, reads, writes and wakes
    /// from no sleep; its kernel goes on.
    pub fn pause(&self, address: &Address) -> bool {
        let process = self.process_of(address);
        process.map(|process| process.pause()).is_some()
    }

    /// The paused process goes on where it stopped.
    pub fn resume(&self, address: &Address) -> bool {
        let process = self.process_of(address);
        process.map(|process| process.resume()).is_some()
    }
}

impl World {
    /// In these times nothing that is sent to this process, or that it sends on connections that
    /// were opened to it, arrives before they end. Known before anybody connects.
    pub fn cut_off(&self, holes: Holes) {
        self.process.cut_off(holes);
    }
}
