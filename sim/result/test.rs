//! A cell from its events to its JSON, its thresholds and its table.

use super::*;
use crate::origin::Load;
use crate::presence::Presence;
use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::queue::Priority;
use evenkeel_core::request::{Failure, Outcome};
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Kind};

const MS: u64 = 1_000_000;

/// An event of pool 0.
pub(super) fn event(at_ns: u64, request: u64, attempt: u8, slot: Option<u32>, kind: Kind) -> Event {
    Event {
        at: Timestamp(at_ns),
        request,
        pool: 0,
        attempt,
        endpoint: slot.map(|slot| EndpointIndex {
            slot,
            generation: 0,
        }),
        kind,
    }
}

fn setup() -> Setup {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Setup {
        settings: vec![("policy".to_owned(), "p2c".to_owned())],
        from: Timestamp(100 * MS),
        until: Timestamp(1_100 * MS),
        classes: vec![names(&["light", "heavy"]), names(&["light"])],
        endpoints: vec![names(&["a", "b"])],
        names: vec![names(&["a", "b"])],
        limits: vec![Limit {
            attempts: 2,
            hedge_ppm: 0,
            concurrency: u32::MAX,
            budget_ppm: 200_000,
        }],
        promises: Vec::new(),
        course: false,
        subject: None,
    }
}

/// Requests at 50, 150, ... ms. The first is not measured; each takes as many ms as its end says.
pub(super) fn cell() -> Cell {
    let ends = [
        (0, 0, 10, End::Status(200)),
        (0, 0, 10, End::Status(200)),
        (0, 0, 20, End::Status(404)),
        (0, 1, 30, End::Status(503)),
        (0, 1, 500, End::Timeout),
        (1, 0, 40, End::Status(200)),
        (1, 0, 5, End::Reset),
        (1, 0, 7, End::Cancelled),
    ];
    let mut collector = Collector::new(setup());
    for (n, (workload, class, latency, end)) in (0_u64..).zip(ends) {
        let due = 50 + 100 * n;
        collector.sent(Timestamp(due * MS), workload, class);
        let mut record = |at: u64, attempt, slot, kind| {
            collector.record(0, &event(at * MS, n, attempt, slot, kind));
        };
        record(due, 0, None, Kind::Arrived { idempotent: true });
        let mut attempt = 1;
        if n == 3 {
            record(due, 1, Some(0), Kind::Picked { budgeted: false });
            record(due, 1, Some(0), Kind::DialFailed);
            record(
                due,
                1,
                Some(0),
                Kind::Failed {
                    failure: Failure::Dial,
                    sent: false,
                },
            );
            attempt = 2;
        }
        record(due, attempt, Some(1), Kind::Picked { budgeted: false });
        record(due, attempt, Some(1), Kind::Connected { reused: n != 1 });
        record(due + latency, attempt, Some(1), Kind::Completed);
        let outcome = Outcome::Complete { status: 200 };
        record(
            due + latency,
            attempt,
            None,
            Kind::Finished {
                outcome,
                arrived: Timestamp::ZERO,
                priority: Priority::Normal,
            },
        );
        let done = Timestamp((due + latency) * MS);
        collector.complete(&Completion {
            due: Timestamp(due * MS),
            done,
            workload,
            class,
            end,
        });
    }
    collector.sent(Timestamp(1_000 * MS), 0, 0);
    collector.sent(Timestamp(1_100 * MS), 0, 0);
    let load = Load {
        busy_ns: u128::from(250 * MS),
        presence: Presence {
            in_flight_ns: u128::from(1_500 * MS),
            stay_ns: u128::from(1_200 * MS),
            window_ns: 1_000 * MS,
        },
        capacity_ns: u128::from(1_000 * MS),
    };
    collector.finish(Timestamp(2_000 * MS), &[vec![Load::default(), load]])
}

fn run(seed: u64, cell: Cell) -> Run {
    Run {
        schema: 1,
        scenario: "eight requests".to_owned(),
        engine: "model",
        seed,
        trace_hash: Digest::of([cell.trace_hash].into_iter()),
        simulated_s: 2.0,
        wall_s: 0.5,
        cells: vec![cell],
    }
}

#[test]
fn counts_are_of_requests_due_in_the_window() {
    let cell = cell();
    let r = &cell.requests;
    assert_eq!(
        (r.sent, r.ok, r.failed, r.cancelled, r.in_flight),
        (8, 3, 3, 1, 1)
    );
    assert_eq!(r.retried, Some(1));
    let status: Vec<_> = r
        .by_status
        .iter()
        .map(|(status, n)| (status.as_str(), *n))
        .collect();
    let expected = [
        ("200", 2),
        ("404", 1),
        ("503", 1),
        ("cancelled", 1),
        ("reset", 1),
        ("timeout", 1),
    ];
    assert_eq!(status, expected);
    assert_eq!(
        cell.latency_ms.mean_ms(),
        Some((10.0 + 20.0 + 500.0 + 40.0) / 4.0)
    );
    assert_eq!(cell.failed_latency_ms.mean_ms(), Some((30.0 + 5.0) / 2.0));
    let names: Vec<_> = cell
        .classes
        .iter()
        .map(|(n, c)| (n.as_str(), c.requests.sent))
        .collect();
    assert_eq!(
        names,
        [("light", 6), ("heavy", 2)],
        "classes of one name count together"
    );
    let of = |e: &Endpoint| (e.requests, e.total, e.dial_failures, e.connects);
    assert_eq!(
        cell.endpoints.iter().map(of).collect::<Vec<_>>(),
        [(1, 8, 1, 0), (7, 8, 0, 1)]
    );
    assert_eq!(cell.tries.amplification(), Some(8.0 / 7.0));
    assert!(
        cell.invariants.iter().all(|check| check.ok),
        "{:?}",
        cell.invariants
    );
}

/// The shape is the contract's: these keys in this order.
/// A JSON object of counts; `rest` and `statuses` are members of it, as they are.
fn requests([sent, ok, failed, cancelled]: [u64; 4], rest: &str, statuses: &str) -> String {
    format!(
        "{{\"sent\":{sent},\"ok\":{ok},\"failed\":{failed},\"cancelled\":{cancelled},{rest},\
         \"by_status\":{{{statuses}}}}}"
    )
}

#[test]
fn json_is_the_contracts() {
    let mut cell = cell();
    let threshold = Threshold::parse("p99 < 400ms").unwrap();
    cell.thresholds.push(threshold.evaluate(&cell));
    let mut text = serde_json::to_string(&run(7, cell)).unwrap();
    let hash = text.find("\"trace_hash\":\"").unwrap() + 14;
    assert!(
        text[hash..hash + 64]
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit())
    );
    while let Some(at) = text.find("\"trace_hash\":\"") {
        text.replace_range(at..at + 14 + 65, "H");
    }
    let checks = [
        "one_outcome",
        "in_flight",
        "tries",
        "arrivals",
        "attempts",
        "retry_budget",
        "safe_retry",
        "in_service",
        "weights",
        "max_connections",
        "fit",
        "work_conserving",
        "at_rest",
    ]
    .map(|name| format!("{{\"name\":\"{name}\",\"ok\":true}}"))
    .join(",");
    let expected = [
        "{\"schema\":1,\"scenario\":\"eight requests\",\"engine\":\"model\",\"seed\":7,H,\"simulated_s\":2.0,\"wall_s\":0.5,",
        "\"cells\":[{\"settings\":{\"policy\":\"p2c\"},H,\"requests\":",
        &requests(
            [8, 3, 3, 1],
            "\"retried\":1,\"client_retries\":0,\"in_flight\":1",
            "\"200\":2,\"404\":1,\"503\":1,\"cancelled\":1,\"reset\":1,\"timeout\":1",
        ),
        ",\"latency_ms\":{\"mean\":142.5,\"p50\":20.004863,\"p90\":500.0,\"p99\":500.0,\"p999\":500.0,\"max\":500.0}",
        ",\"failed_latency_ms\":{\"mean\":17.5,\"p50\":5.001215,\"p90\":30.0,\"p99\":30.0,\"p999\":30.0,\"max\":30.0}",
        ",\"classes\":{\"light\":{\"requests\":",
        &requests(
            [6, 3, 1, 1],
            "\"client_retries\":0,\"in_flight\":1",
            "\"200\":2,\"404\":1,\"cancelled\":1,\"reset\":1",
        ),
        ",\"latency_ms\":{\"mean\":23.333333333333332,\"p50\":20.004863,\"p90\":40.0,\"p99\":40.0,\"p999\":40.0,\"max\":40.0},\"in_flight_mean\":0.182}",
        ",\"heavy\":{\"requests\":",
        &requests(
            [2, 0, 2, 0],
            "\"client_retries\":0,\"in_flight\":0",
            "\"503\":1,\"timeout\":1",
        ),
        ",\"latency_ms\":{\"mean\":500.0,\"p50\":500.0,\"p90\":500.0,\"p99\":500.0,\"p999\":500.0,\"max\":500.0},\"in_flight_mean\":0.53}}",
        ",\"endpoints\":[{\"name\":\"a\",\"requests\":1,\"share\":0.125,\"utilisation\":null,\"in_flight_mean\":null,\"ejections\":0,\"sessions\":0}",
        ",{\"name\":\"b\",\"requests\":7,\"share\":0.875,\"utilisation\":0.25,\"in_flight_mean\":1.5,\"ejections\":0,\"sessions\":0}]",
        ",\"sessions\":{\"started\":0,\"broken\":0,\"moved\":0},\"sockets\":{\"opened\":0,\"cut\":0,\"reconnects\":0},\"retry_amplification\":1.1428571428571428",
        ",\"thresholds\":[{\"metric\":\"p99 < 400ms\",\"value\":500.0,\"ok\":false}],\"sometimes\":[]",
        ",\"invariants\":[",
        &checks,
        "],\"warnings\":[]}]}",
    ];
    assert_eq!(text, expected.concat());
}

#[test]
fn seeds_are_pooled_as_if_they_were_one_run() {
    let (one, mut both) = (cell(), cell());
    both.absorb(&one);
    let value = |cell: &Cell, text: &str| Threshold::parse(text).unwrap().evaluate(cell).value;
    for text in [
        "p50 > 0s",
        "error_rate > 0%",
        "utilisation > 0%",
        "endpoint:b share > 0%",
        "class:heavy max > 0s",
    ] {
        assert_eq!(value(&one, text), value(&both, text), "{text}");
    }
    assert_eq!(value(&both, "requests > 0"), Some(16.0));
    assert_eq!(both.endpoints[1].in_flight_mean(), Some(1.5));
}

fn judged(value: f64, seen: bool) -> Cell {
    let mut cell = cell();
    let ok = value < 400.0;
    cell.thresholds.push(Verdict {
        metric: "p99 < 400ms".to_owned(),
        value: Some(value),
        ok,
    });
    cell.sometimes.push(Verdict {
        metric: "ejections > 0".to_owned(),
        value: Some(0.0),
        ok: seen,
    });
    cell
}

/// The whole page, so that a change of it is seen.
#[test]
fn the_table_of_one_run() {
    let text = table(
        &[run(1, judged(212.0, false))],
        &[],
        false,
        "evenkeel sim run --seeds 1..20 first.toml",
    );
    let hash = run(1, cell()).trace_hash;
    let expected = include_str!("test/table.txt").replace("HASH", &hash.to_string());
    assert_eq!(text, expected, "\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100));
}

#[test]
fn the_table_of_several_seeds_has_medians_and_spread() {
    let mut broken = judged(431.0, true);
    broken.invariants[6].ok = false;
    broken.invariants[6].violations = 3;
    broken.invariants[6].first = Some("request 4 at 1.000000000s: it was sent".to_owned());
    let runs = [
        run(1, judged(212.0, false)),
        run(2, broken),
        run(3, judged(300.0, false)),
    ];
    let text = table(&runs, &[], true, "");
    for part in [
        "engine model, 3 seeds from 1, 6.0 s simulated in 1.5 s",
        "\x1b[2m  lowest ",
        "\x1b[31m✗\x1b[0m p99 < 400ms",
        "431.0 ms with seed 2; 1 of 3 seeds fail",
        "seen with 1 of 3 seeds",
        "\x1b[31m✗\x1b[0m safe_retry broken 3 times with seed 2; first: request 4 at 1.000000000s",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("next"));
    assert!(!runs[1].passed() && !runs[1].sound() && runs[0].passed() && runs[0].sound());
    assert_eq!(unseen(&runs), []);
    assert_eq!(unseen(&runs[..1]), [(0, "ejections > 0")]);
}
