//! A gate in an origin's script: who comes to it says so, and waits until the test lets one pass.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::PATIENCE;

/// The script's side.
pub(crate) struct Gate {
    came: Mutex<Sender<()>>,
    pass: Mutex<Receiver<()>>,
}

/// The test's side. Once it is dropped nobody waits any more.
pub(crate) struct Keeper {
    came: Receiver<()>,
    pass: Sender<()>,
}

/// A gate and who keeps it.
pub(crate) fn gate() -> (Gate, Keeper) {
    let ((came, coming), (pass, passing)) = (channel(), channel());
    let gate = Gate {
        came: Mutex::new(came),
        pass: Mutex::new(passing),
    };
    (gate, Keeper { came: coming, pass })
}

impl Gate {
    /// Waits to be let through; false if nobody keeps it any more. Of several that wait, any one
    /// may be the first.
    pub(crate) fn pass(&self) -> bool {
        let came = self.came.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = came.send(());
        drop(came);
        let pass = self.pass.lock().unwrap_or_else(PoisonError::into_inner);
        pass.recv().is_ok()
    }
}

impl Keeper {
    /// Waits until one more has come.
    pub(crate) fn await_one(&self) {
        self.came.recv_timeout(PATIENCE).expect("somebody comes");
    }

    /// Lets one through, who has come or will.
    pub(crate) fn let_one(&self) {
        self.pass.send(()).expect("there is a script");
    }
}
