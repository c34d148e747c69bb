//! Names of endpoints, resolved off the request's path.
//!
//! The first request to a name waits for it, within its dial time; from then on the answer is
//! refreshed every 30 s, and the last good one is kept while the resolver fails or says nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::worker::Worker;
use crate::world::{Address, World};

/// How old an answer may become.
const REFRESH: Duration = Duration::from_secs(30);

/// What is known of names, by name and port.
#[derive(Debug, Default)]
pub(crate) struct Names(RefCell<BTreeMap<(String, u16), Vec<SocketAddr>>>);

impl Names {
    fn known(&self, name: &str, port: u16, turn: u64) -> Option<SocketAddr> {
        let names = self.0.borrow();
        let addresses = names.get(&(name.to_owned(), port))?;
        let at = turn.checked_rem(addresses.len() as u64)?;
        addresses.get(at as usize).copied()
    }

    fn learn(&self, name: &str, port: u16, addresses: Vec<SocketAddr>) {
        if !addresses.is_empty() {
            self.0
                .borrow_mut()
                .insert((name.to_owned(), port), addresses);
        }
    }
}

/// Opens a connection to `address`. A name with several addresses is taken in turn, by `turn`.
pub(crate) async fn connect<W: World>(
    worker: &Worker<W>,
    address: &Address,
    turn: u64,
) -> io::Result<W::Stream> {
    let Address::Name(name, port) = address else {
        return worker.world.connect(address).await;
    };
    if worker.names.known(name, *port, turn).is_none() {
        let (addresses, _) = worker.world.resolve(name, *port).await?;
        worker.names.learn(name, *port, addresses);
    }
    let known = worker.names.known(name, *port, turn);
    let known = known.ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, format!("`{name}` has no address"))
    })?;
    worker.world.connect(&Address::Ip(known)).await
}

/// Asks again for every name that was ever needed.
pub(crate) async fn refresh<W: World>(worker: Rc<Worker<W>>) {
    loop {
        let later = worker.world.now() + REFRESH;
        worker.world.sleep_until(later).await;
        let names: Vec<_> = worker.names.0.borrow().keys().cloned().collect();
        for (name, port) in names {
            if let Ok((addresses, _)) = worker.world.resolve(&name, port).await {
                worker.names.learn(&name, port, addresses);
            }
        }
    }
}
