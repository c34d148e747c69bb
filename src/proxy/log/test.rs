//! Lines from events: what they say, and that the schema names all of it.

use super::*;
use evenkeel_core::queue::Priority;
use evenkeel_core::trace::NO_POOL;
use serde_json::Value;

const MS: Duration = Duration::from_millis(1);
const BEGAN: Timestamp = Timestamp(1_000_000_000);

fn event(after: Duration, kind: Kind) -> Event {
    Event {
        at: BEGAN + after,
        request: 7,
        pool: NO_POOL,
        attempt: 0,
        endpoint: None,
        kind,
    }
}

fn of_try(attempt: u8, after: Duration, kind: Kind) -> Event {
    Event {
        attempt,
        ..event(after, kind)
    }
}

fn write(entry: &Entry) -> Option<Value> {
    let (log, lines) = Log::new(0.0);
    let name = |slot| (slot == 0).then(|| "a".to_owned());
    entry.write(&log, "00ff", Duration::from_micros(1_500_000), name, &[]);
    let line = lines.0.try_recv().ok()?;
    assert_eq!(line.matches('\n').count(), 1);
    Some(serde_json::from_str(&line).expect("a line is JSON"))
}

#[test]
fn a_rejected_request_has_a_line_with_what_is_known() {
    let mut entry = Entry::new(BEGAN);
    entry.client = "192.0.2.1".into();
    entry.bytes = 12;
    entry.note(&event(MS * 2, Kind::Rejected { status: 431 }));
    let expected = serde_json::json!({
        "time": 1.5, "id": "00ff", "client": "192.0.2.1", "method": null, "host": null,
        "path": null, "pool": null, "session": null, "limit": null, "outcome": "rejected",
        "status": 431, "bytes": 12, "total_ms": 2.0, "held_ms": 0.0, "queue_ms": 0.0,
        "backoff_ms": 0.0, "tries": [],
    });
    assert_eq!(write(&entry), Some(expected));
    entry.method = "GET".into();
    entry.path = "/\"x".into();
    let line = write(&entry).expect("a line");
    assert_eq!(
        (&line["method"], &line["path"]),
        (&"GET".into(), &"/\"x".into())
    );
    assert_eq!(line["pool"], Value::Null);
}

#[test]
fn waits_add_up() {
    let mut entry = Entry::new(BEGAN);
    for (after, since) in [(MS * 3, BEGAN), (MS * 9, BEGAN + MS * 5)] {
        entry.note(&event(after, Kind::Queued { budgeted: false }));
        entry.note(&event(after, Kind::Waited { since }));
    }
    for ms in [1, 2] {
        let until = BEGAN + MS * (10 + ms);
        entry.note(&event(MS * 10, Kind::Delayed { until }));
    }
    entry.note(&event(MS * 9, Kind::Rejected { status: 503 }));
    let line = write(&entry).expect("a line");
    assert_eq!(
        (&line["queue_ms"], &line["backoff_ms"]),
        (&7.0.into(), &3.0.into())
    );
}

#[test]
fn a_request_that_has_not_ended_has_no_line() {
    let mut entry = Entry::new(BEGAN);
    entry.note(&event(MS, Kind::Arrived { idempotent: true }));
    assert_eq!(write(&entry), None);
}

/// Two tries at once: what is told of each stands with it.
#[test]
fn each_try_has_what_is_its_own() {
    let mut entry = Entry::new(BEGAN);
    let outrun = Kind::Failed {
        failure: Failure::Outrun,
        sent: true,
    };
    let told = [
        (1, 0, Kind::Picked { budgeted: false }),
        (1, 5, Kind::Hedged),
        (2, 5, Kind::Picked { budgeted: true }),
        (1, 6, Kind::Connected { reused: false }),
        (2, 8, Kind::Head { status: 200 }),
        (1, 8, outrun),
        (2, 9, Kind::Completed),
    ];
    for (attempt, ms, kind) in told {
        entry.note(&of_try(attempt, MS * ms, kind));
    }
    entry.note(&event(MS * 9, Kind::Rejected { status: 200 }));
    let tries = &write(&entry).expect("a line")["tries"];
    let expected = serde_json::json!([
        { "endpoint": "a", "at_ms": 0.0, "reused": false, "dial_ms": 6.0, "total_ms": 8.0,
          "outcome": "outrun" },
        { "endpoint": "a", "at_ms": 5.0, "head_ms": 3.0, "status": 200, "total_ms": 4.0,
          "outcome": "ok" },
    ]);
    assert_eq!(*tries, expected);
}

/// A client that leaves is nothing that an endpoint did.
#[test]
fn a_try_whose_client_left_has_not_failed() {
    let mut entry = Entry::new(BEGAN);
    entry.note(&of_try(1, MS, Kind::Picked { budgeted: false }));
    let left = Kind::Failed {
        failure: Failure::ClientLeft,
        sent: true,
    };
    entry.note(&of_try(1, MS * 3, left));
    entry.note(&event(MS * 3, Kind::Rejected { status: 0 }));
    let tries = &write(&entry).expect("a line")["tries"];
    let expected = serde_json::json!([
        { "endpoint": "a", "at_ms": 1.0, "total_ms": 2.0, "outcome": "left" },
    ]);
    assert_eq!(*tries, expected);
}

fn keys(value: &Value) -> Vec<&String> {
    value.as_object().expect("an object").keys().collect()
}

#[test]
fn the_schema_names_every_field_and_outcome() {
    let mut entry = Entry::new(BEGAN);
    let kinds = [
        Kind::Picked { budgeted: false },
        Kind::Connected { reused: false },
        Kind::Head { status: 200 },
        Kind::Completed,
        Kind::Finished {
            outcome: Outcome::Complete { status: 200 },
            arrived: BEGAN,
            priority: Priority::Normal,
        },
    ];
    for kind in kinds {
        entry.note(&of_try(1, MS, kind));
    }
    entry.explain(1, &io::Error::other("\"unheard of\""));
    let line = write(&entry).expect("a line");
    assert_eq!(line["tries"][0]["outcome"], "ok");
    assert_eq!(line["tries"][0]["error"], "\"unheard of\"");
    let told: Vec<&str> = JSON
        .split(|c: char| c != '_' && !c.is_alphanumeric())
        .collect();
    for key in keys(&line).into_iter().chain(keys(&line["tries"][0])) {
        assert!(told.contains(&key.as_str()), "{key}");
    }
    let outcomes = [
        Outcome::Complete { status: 200 },
        Outcome::Local(evenkeel_core::request::Local::NoEndpoint),
        Outcome::Cut { status: 200 },
        Outcome::Cancelled,
    ];
    for outcome in outcomes.map(outcome_name).into_iter().chain(["rejected"]) {
        assert!(told.contains(&outcome), "{outcome}");
    }
}
