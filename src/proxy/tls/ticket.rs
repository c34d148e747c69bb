//! Session tickets: what a client brings back so that no certificate is needed again.
//!
//! One set of keys for all workers, listeners and generations, so that a client may come back
//! anywhere; changed by the world's clock, never stored. A ticket says which clients its listener
//! admitted: without that, one from a listener that asks for no certificate would open one that
//! does.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::server::ProducesTickets;

use super::clock::Clock;

/// Makes a set of keys: `Ticketer::new` of the crypto provider.
pub type Ticketer = fn() -> Result<Arc<dyn ProducesTickets>, rustls::Error>;

/// How long a key makes tickets; it opens them for as long again.
pub(super) const PERIOD_S: u64 = 6 * 60 * 60;

/// The keys of this period and of the one before.
#[derive(Debug)]
pub(super) struct Keys {
    make: Ticketer,
    clock: Arc<Clock>,
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    period: u64,
    current: Arc<dyn ProducesTickets>,
    previous: Option<Arc<dyn ProducesTickets>>,
}

impl Keys {
    pub(super) fn new(make: Ticketer, clock: Arc<Clock>) -> Result<Self, rustls::Error> {
        let state = State {
            period: clock.unix_s() / PERIOD_S,
            current: make()?,
            previous: None,
        };
        Ok(Self {
            make,
            clock,
            state: Mutex::new(state),
        })
    }

    /// The keys of now. A clock that was set back changes none.
    fn state(&self) -> State {
        // Nothing in it is half-changed when a panic passes.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let period = self.clock.unix_s() / PERIOD_S;
        if period > state.period {
            // Without randomness for new keys the old ones go on.
            if let Ok(next) = (self.make)() {
                let last = std::mem::replace(&mut state.current, next);
                state.previous = (period == state.period + 1).then_some(last);
                state.period = period;
            }
        }
        state.clone()
    }
}

/// Tells listeners apart that admit different clients.
pub(super) type Scope = [u8; 16];

/// The tickets of one listener.
#[derive(Debug)]
pub(super) struct Tickets {
    pub(super) keys: Arc<Keys>,
    pub(super) scope: Scope,
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        2 * PERIOD_S as u32
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let scoped = [&self.scope, plain].concat();
        self.keys.state().current.encrypt(&scoped)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let State {
            current, previous, ..
        } = self.keys.state();
        let old = || previous.as_ref()?.decrypt(cipher);
        let scoped = current.decrypt(cipher).or_else(old)?;
        Some(scoped.strip_prefix(&self.scope)?.to_vec())
    }
}
