//! Faults, applied at their time: to the origin's work and to its side of the network.

use std::rc::Rc;

use evenkeel_proxy::world::{Sleep as _, World as _};

use super::Run;
use crate::timeline::Change;
use crate::world::World;

/// Applies the plan's changes to the origins `here`.
pub(super) async fn follow(world: &World, run: &Rc<Run>, here: &[usize]) {
    let mut alarm = world.sleep_until(evenkeel_core::time::Timestamp::MAX);
    let changes = run.timeline.changes.iter();
    for (at, origin, change) in changes.filter(|(_, origin, _)| here.contains(origin)) {
        if *at > world.now() {
            alarm.reset(*at);
            (&mut alarm).await;
        }
        apply(world, run, *origin, *change);
    }
}

fn apply(world: &World, run: &Rc<Run>, origin: usize, change: Change) {
    let network = world.network();
    let address = &run.plan.origins[origin].address;
    let Some(application) = run.applications.borrow()[origin].upgrade() else {
        return;
    };
    match change {
        Change::Crash => {
            network.listener_down(address);
        }
        Change::Restart => {
            // Whoever starts is not stopped.
            network.resume(address);
            network.listener_up(address);
        }
        Change::Pause => {
            network.pause(address);
        }
        Change::Resume => {
            network.resume(address);
        }
        Change::Refuse(refuses) => {
            network.refuse(address, refuses);
        }
        Change::Slow(_)
        | Change::Hang
        | Change::Release
        | Change::Reset(_)
        | Change::Race(_)
        | Change::Errors { .. } => {}
    }
    application.change(change);
}
