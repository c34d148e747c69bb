//! The page, from events counted by two workers.

use super::*;
use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::health::Outcome;
use evenkeel_core::limit::Verdict;
use evenkeel_core::outlier::Cause;
use evenkeel_core::request::{self, Local};
use evenkeel_core::time::Timestamp;
use evenkeel_core::trace::{Event, Goaway, HandshakeFailure, Kind, Limit, NO_POOL};

/// What two workers have counted, each event once.
fn counts(kinds: [&[Kind]; 2]) -> Counts {
    let mut counts = Counts::default();
    for kinds in kinds {
        let worker = metric::Worker::default();
        for kind in kinds {
            worker.count(&Event {
                at: Timestamp::ZERO,
                request: 0,
                pool: NO_POOL,
                attempt: 0,
                endpoint: None,
                kind: *kind,
            });
        }
        counts.add(&worker.snapshot());
    }
    counts
}

/// The samples of a page, without what describes them.
fn samples(scrape: Scrape) -> Vec<String> {
    let page = scrape.page();
    let samples = page.lines().filter(|line| !line.starts_with('#'));
    samples.map(str::to_owned).collect()
}

fn scrape(counts: Counts, pools: Vec<PoolNow>) -> Scrape {
    Scrape {
        counts,
        pools,
        generation: 1,
        dropped: 0,
        certificates: Vec::new(),
        limits: Vec::new(),
    }
}

#[test]
fn connections_of_clients() {
    let handshake = |resumed, version| Kind::Handshake { resumed, version };
    let failed = |reason| Kind::HandshakeFailed { reason };
    let limited = |limit| Kind::Limited { limit };
    let one = [
        handshake(false, 13),
        handshake(true, 13),
        failed(HandshakeFailure::Timeout),
        Kind::Reset,
        limited(Limit::HeaderBytes),
        Kind::Rejected { status: 431 },
    ];
    let two = [
        handshake(false, 12),
        handshake(true, 13),
        failed(HandshakeFailure::Certificate),
        failed(HandshakeFailure::Timeout),
        Kind::Reset,
        Kind::Goaway {
            reason: Goaway::Resets,
        },
        limited(Limit::Resets),
    ];
    let samples = samples(scrape(counts([&one, &two]), Vec::new()));
    let expected = [
        "evenkeel_tls_handshakes_total{version=\"1.3\",resumed=\"false\"} 1",
        "evenkeel_tls_handshakes_total{version=\"1.3\",resumed=\"true\"} 2",
        "evenkeel_tls_handshakes_total{version=\"1.2\",resumed=\"false\"} 1",
        "evenkeel_tls_handshake_failures_total{reason=\"timeout\"} 2",
        "evenkeel_tls_handshake_failures_total{reason=\"certificate\"} 1",
        "evenkeel_http2_resets_total 2",
        "evenkeel_http2_goaways_total{reason=\"resets\"} 1",
        "evenkeel_limited_total{limit=\"header_bytes\"} 1",
        "evenkeel_limited_total{limit=\"resets\"} 1",
        "evenkeel_requests_rejected_total{status=\"431\"} 1",
    ];
    for line in expected {
        assert!(samples.contains(&line.to_owned()), "{line}: {samples:#?}");
    }
}

#[test]
fn limits_of_clients() {
    let said = |verdict, dry_run| Kind::Throttled {
        rule: 1,
        verdict,
        dry_run,
    };
    let kinds = [
        said(Verdict::Rate, false),
        said(Verdict::Held, false),
        said(Verdict::Rate, true),
    ];
    let limit = LimitNow {
        name: "each".into(),
        id: 1,
        keys: 7,
    };
    let scrape = Scrape {
        limits: vec![limit],
        ..scrape(counts([&kinds, &kinds[..1]]), Vec::new())
    };
    let samples = samples(scrape);
    let decisions = "evenkeel_limit_decisions_total{limit=\"each\",decision=";
    for line in [
        format!("{decisions}\"rate\",dry_run=\"false\"}} 2"),
        format!("{decisions}\"held\",dry_run=\"false\"}} 1"),
        format!("{decisions}\"rate\",dry_run=\"true\"}} 1"),
        "evenkeel_limit_keys{limit=\"each\"} 7".to_owned(),
    ] {
        assert!(samples.contains(&line), "{line}: {samples:#?}");
    }
}

#[test]
fn load_limits_and_who_is_turned_away() {
    let endpoint = EndpointNow {
        name: "a".into(),
        slot: 0,
        in_flight: 3,
        tunnels: 1_000,
        limit: Some(7),
        sessions: None,
        health: "up",
    };
    let pool = PoolNow {
        name: "app".into(),
        id: 0,
        queued: 0,
        panics: false,
        shares: [700_000, 300_000, 0],
        endpoints: vec![endpoint],
    };
    let counted = metric::Worker::default();
    let shed = (Local::Shed, Priority::Low);
    let full = (Local::QueueFull, Priority::High);
    let fault = (Local::BadGateway, Priority::High);
    for (local, priority) in [shed, shed, full, fault] {
        counted.count(&Event {
            at: Timestamp::ZERO,
            request: 0,
            pool: 0,
            attempt: 0,
            endpoint: None,
            kind: Kind::Finished {
                outcome: request::Outcome::Local(local),
                arrived: Timestamp::ZERO,
                priority,
            },
        });
    }
    let samples = samples(scrape(counted.snapshot(), vec![pool]));
    let of = "pool=\"app\",endpoint=\"a\"";
    for line in [
        format!("evenkeel_endpoint_concurrency_limit{{{of}}} 7"),
        "evenkeel_turned_away_total{pool=\"app\",priority=\"high\"} 1".to_owned(),
        "evenkeel_turned_away_total{pool=\"app\",priority=\"normal\"} 0".to_owned(),
        "evenkeel_turned_away_total{pool=\"app\",priority=\"low\"} 2".to_owned(),
        format!("evenkeel_requests_in_flight{{{of}}} 3"),
        format!("evenkeel_endpoint_tunnels{{{of}}} 1000"),
    ] {
        assert!(samples.contains(&line), "{line}: {samples:#?}");
    }
}

#[test]
fn health_of_endpoints() {
    let probed = |outcome| Kind::Probed { check: 0, outcome };
    let cause = Cause::ConsecutiveFailures;
    let mode = Mode::Open;
    let events = [
        probed(Outcome::Passed),
        probed(Outcome::Timeout),
        probed(Outcome::Timeout),
        Kind::Ejected { cause },
        Kind::Returned,
    ];
    let events = events.map(|kind| (Some(0), kind));
    let panic = (None, Kind::Panic { mode });
    let counted = metric::Worker::default();
    for (slot, kind) in events.into_iter().chain([panic]) {
        counted.count(&Event {
            at: Timestamp::ZERO,
            request: 0,
            pool: 0,
            attempt: 0,
            endpoint: slot.map(|slot| EndpointIndex {
                slot,
                generation: 0,
            }),
            kind,
        });
    }
    let endpoint = EndpointNow {
        name: "a".into(),
        slot: 0,
        in_flight: 0,
        tunnels: 0,
        limit: None,
        sessions: None,
        health: "down",
    };
    let pool = PoolNow {
        name: "app".into(),
        id: 0,
        queued: 0,
        panics: true,
        shares: [700_000, 300_000, 0],
        endpoints: vec![endpoint],
    };
    let samples = samples(scrape(counted.snapshot(), vec![pool]));
    let of = "pool=\"app\",endpoint=\"a\"";
    for line in [
        format!("evenkeel_endpoint_health{{{of},state=\"down\"}} 1"),
        format!("evenkeel_endpoint_health{{{of},state=\"up\"}} 0"),
        format!("evenkeel_probes_total{{{of},result=\"timeout\"}} 2"),
        format!("evenkeel_probes_total{{{of},result=\"passed\"}} 1"),
        format!("evenkeel_ejections_total{{{of},cause=\"consecutive_failures\"}} 1"),
        "evenkeel_panic{pool=\"app\"} 1".to_owned(),
        "evenkeel_panics_total{pool=\"app\"} 1".to_owned(),
        "evenkeel_pool_share{pool=\"app\",group=\"home\"} 0.7".to_owned(),
        "evenkeel_pool_share{pool=\"app\",group=\"elsewhere\"} 0.3".to_owned(),
    ] {
        assert!(samples.contains(&line), "{line}: {samples:#?}");
    }
}

#[test]
fn time_in_the_queue() {
    let worker = metric::Worker::default();
    let wait = |ms: u64| Event {
        at: Timestamp(ms * 1_000_000),
        request: 1,
        pool: 0,
        attempt: 0,
        endpoint: None,
        kind: Kind::Waited {
            since: Timestamp::ZERO,
        },
    };
    for ms in [3, 40] {
        worker.count(&wait(ms));
    }
    let pool = PoolNow {
        name: "app".into(),
        id: 0,
        queued: 0,
        panics: false,
        shares: [700_000, 300_000, 0],
        endpoints: Vec::new(),
    };
    let samples = samples(scrape(worker.snapshot(), vec![pool]));
    for line in [
        "evenkeel_queue_duration_seconds_sum{pool=\"app\"} 0.043",
        "evenkeel_queue_duration_seconds_count{pool=\"app\"} 2",
        "evenkeel_queue_duration_seconds_bucket{le=\"0.005\",pool=\"app\"} 1",
    ] {
        assert!(samples.contains(&line.to_owned()), "{line}: {samples:#?}");
    }
}
