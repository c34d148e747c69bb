//! A tunnel whose endpoint drains: it ends at an instant of its own, as if both sides had.

use super::*;
use crate::endpoint::State as Admin;

const TIME: Duration = Duration::from_secs(10);

/// A tunnel to `a`, under a plan that lets it be silent for an hour.
fn tunnel() -> Rig {
    let plan = Plan {
        tunnel: Span::of(Duration::from_secs(3600)),
        ..PLAN
    };
    let mut rig = Rig::three(plan);
    rig.run(&[
        (arrived(true), "connect1 a"),
        (connected(1), "send1"),
        (upgraded(1), "forward1"),
    ]);
    rig
}

/// `a` drains from now on, or serves again.
fn drain(rig: &mut Rig, drains: bool) {
    let mut endpoints = THREE.map(|name| spec(name, 1));
    if drains {
        endpoints[0].state = Admin::Drain;
    }
    let settings = Settings {
        drain: Some(TIME),
        ..settings(&endpoints)
    };
    assert_eq!(rig.shell.pool.update(rig.now, settings), []);
    rig.run(&[(Event::Reloaded, "")]);
}

#[test]
fn a_tunnel_ends_within_the_time_of_its_endpoint() {
    let mut rig = tunnel();
    let silence = rig.request.deadline();
    drain(&mut rig, true);
    let ends = rig.request.deadline();
    assert!(ends <= rig.now + TIME && ends < silence);
    // What is said meanwhile does not prolong it.
    rig.now = rig.now + MS;
    rig.request.touch(rig.now);
    assert_eq!(rig.request.deadline(), ends);
    rig.run(&[(Event::Timer, "")]);
    rig.now = ends;
    rig.run(&[(Event::Timer, "cancel1, finish")]);
    let expected = "1a parted, 1a completed, 0a drained, 1- Complete { status: 101 }";
    assert!(rig.trace().ends_with(expected), "{}", rig.trace());
    assert_eq!((rig.shell.in_flight(), rig.shell.tunnels()), (0, 0));
}

#[test]
fn a_tunnel_stays_if_its_endpoint_no_longer_drains() {
    let mut rig = tunnel();
    let silence = rig.request.deadline();
    drain(&mut rig, true);
    drain(&mut rig, false);
    assert_eq!(rig.request.deadline(), silence);
}

/// A session may open one while its endpoint drains.
#[test]
fn a_tunnel_that_is_opened_meanwhile_ends_in_time() {
    let mut rig = Rig::three(PLAN);
    rig.run(&[(arrived(true), "connect1 a"), (connected(1), "send1")]);
    let begun = rig.now;
    drain(&mut rig, true);
    rig.later(40);
    rig.run(&[(upgraded(1), "forward1")]);
    assert!(rig.request.deadline() <= begun + TIME);
}
