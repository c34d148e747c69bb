//! What a pool learns of an endpoint's latency from the lives of its requests: every try that it
//! was told of ends there once, however it ends.

use super::*;
use crate::endpoint::{Measure, Until};

const DECAY_NS: f64 = 1e10;

/// One endpoint under a policy that measures.
fn rig(policy: Kind) -> Rig {
    let mut rig = Rig::new(&[spec("a", 1)], PLAN);
    let settings = Settings {
        policy,
        endpoints: vec![spec("a", 1)],
        retry: crate::retry::Settings::at_once(0),
        queue: crate::queue::Settings::fifo(2),
        guard: Default::default(),
        affinity: None,
        spill: Default::default(),
        drain: None,
    };
    assert_eq!(rig.shell.pool.update(START, settings), []);
    rig
}

/// 10 ms until connected, 20 ms until the head, 30 ms until the end, unless `cut` ends it before.
fn live(rig: &mut Rig, status: u16, cut: &[Event]) {
    rig.on(arrived(true));
    let attempt = 1;
    let reused = false;
    let steps = [
        Event::Connected { attempt, reused },
        head(attempt, status),
        Event::BodyEnded,
    ];
    for event in steps
        .into_iter()
        .take(3 - cut.len())
        .chain(cut.iter().copied())
    {
        rig.later(10);
        rig.on(event);
    }
}

/// Its name, the policy, the status, what ends the try early, and what is known in the end, in ms.
type Case<'a> = (&'a str, Kind, u16, &'a [Event], Option<f64>);

#[test]
fn a_try_ends_its_measurement_where_the_policy_says() {
    let least_time = |until| Kind::LeastTime { until };
    let peak = Kind::PeakEwma {
        decay: Duration::from_secs(10),
    };
    let cut = [Event::UpstreamFailed {
        attempt: 1,
        sent: true,
    }];
    let refused = [
        Event::DialFailed { attempt: 1 },
        Event::ClientLeft,
        Event::ClientLeft,
    ];
    let left = [Event::ClientLeft, Event::ClientLeft];
    let cases: [Case; 10] = [
        (
            "to the head",
            least_time(Until::Header),
            200,
            &[],
            Some(20.0),
        ),
        (
            "to the end",
            least_time(Until::LastByte),
            200,
            &[],
            Some(30.0),
        ),
        (
            "cut after the head",
            least_time(Until::Header),
            200,
            &cut,
            Some(20.0),
        ),
        (
            "cut, to the end",
            least_time(Until::LastByte),
            200,
            &cut,
            Some(30.0),
        ),
        ("a good head", peak, 404, &[], Some(20.0)),
        ("a bad head", peak, 503, &[], Some(5_000.0)),
        ("too many requests", peak, 429, &[], Some(5_000.0)),
        ("a refused dial", peak, 0, &refused, Some(5_000.0)),
        ("the client left", peak, 0, &left, None),
        ("nobody asks", Kind::RoundRobin, 200, &[], None),
    ];
    for (name, policy, status, cut, expected_ms) in cases {
        let mut rig = rig(policy);
        live(&mut rig, status, cut);
        assert!(rig.request.is_finished(), "{name}");
        let latency = rig.shell.pool.endpoints()[0].latency;
        assert_eq!(latency.age_ns(rig.now + MS), 0.0, "{name}: still awaited");
        let measure = policy.build().measure();
        let found = match measure {
            Some(Measure::Peak { .. }) => latency.faded_ns(rig.now, DECAY_NS),
            _ => latency.mean_ns(rig.now),
        };
        let close = |ms: f64, expected: f64| (ms - expected).abs() < expected * 0.01;
        match (found.map(|ns| ns / 1e6), expected_ms) {
            (None, None) => {}
            (Some(found), Some(expected)) => assert!(close(found, expected), "{name}: {found}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

/// A tunnel's answer is its head; what it does for hours afterwards is nobody's latency.
#[test]
fn a_tunnel_is_not_awaited() {
    let mut rig = rig(Kind::LeastTime {
        until: Until::LastByte,
    });
    rig.on(arrived(true));
    rig.on(Event::Connected {
        attempt: 1,
        reused: true,
    });
    rig.later(5);
    rig.on(Event::Upgraded { attempt: 1 });
    rig.later(1_000);
    let latency = rig.shell.pool.endpoints()[0].latency;
    assert_eq!(latency.age_ns(rig.now), 0.0);
    assert_eq!(latency.mean_ns(rig.now), Some(5e6));
    rig.on(Event::TunnelEnded);
    assert_eq!(
        rig.shell.pool.endpoints()[0].latency.mean_ns(rig.now),
        Some(5e6)
    );
}
