//! Checks, ejections, panic and slow start: what a good file means, what the author of a wrong one
//! is told.

use evenkeel_core::health::Standing;
use evenkeel_core::outlier::Statuses;
use evenkeel_core::slow_start;

use super::*;

fn read(text: &str) -> Pool {
    let (config, problems) = load(Path::new("x"), text.as_bytes());
    assert_eq!(problems, [], "{text}");
    config.expect("it has no errors").pools.remove(0)
}

fn pool(lines: &str) -> Pool {
    read(&with_endpoint(lines))
}

fn with_endpoint(lines: &str) -> String {
    with_pool(&format!("endpoints = [{{ address = \"a:1\" }}]\n{lines}"))
}

#[test]
fn without_keys_there_is_none_of_it() {
    let pool = pool("");
    assert_eq!((&pool.health, &pool.outlier), (&None, &None));
    assert_eq!(pool.endpoints[0].slow_start, None);
    let panic = (pool.panic.below.ppm(), pool.panic.closed);
    assert_eq!(panic, (300_000, false));
}

#[test]
fn checks_have_the_defaults_of_the_contract() {
    let pool = pool("health = {}\noutlier = {}");
    let health = pool.health.expect("it is there");
    assert_eq!(health.initial, Standing::Checking);
    let [check] = health.checks.as_slice() else {
        panic!("{:?}", health.checks)
    };
    let schedule = check.schedule();
    assert_eq!(
        (&*schedule.name, schedule.rise, schedule.fall),
        ("http", 2, 3)
    );
    let times = (
        schedule.interval,
        schedule.interval_in_doubt,
        schedule.timeout,
    );
    assert_eq!(times, (s(5), s(2), s(1)));
    assert!(check.patience() > s(3), "a garbage collection");
    let outlier = pool.outlier.expect("it is there");
    assert_eq!(
        (outlier.consecutive_failures, outlier.max_ejected_ppm),
        (3, 500_000)
    );
    assert_eq!((outlier.eject, outlier.eject_max), (s(5), s(60)));
    let failures = [500, 502, 503, 504];
    let expected = failures
        .into_iter()
        .fold(Statuses::default(), Statuses::with);
    assert_eq!(outlier.statuses, expected);
    let rules = (outlier.error_rate, outlier.success_rate, outlier.latency);
    assert_eq!(rules, (None, None, None));
}

#[test]
fn every_key_of_checks_arrives() {
    let pool = pool(
        "health = { path = \"/healthz?x=1\", method = \"OPTIONS\", host = \"app\", port = 81, \
         headers = [\"x-probe: 1\"], interval = \"3s\", interval_in_doubt = \"1s\", \
         timeout = \"2s\", rise = 4, fall = 5, initial = \"up\", expect = { status = \"204\", \
         header = [\"!x-broken\", \"x-a ~ ^b\"], body = \"ok\", latency = \"1s\" }, \
         also = [{ kind = \"tcp\", name = \"socket\" }] }\npanic = { below = \"50%\", mode = \
         \"closed\" }\nslow_start = { time = \"30s\", requests = 2000, aggression = 1.5 }",
    );
    let health = pool.health.expect("it is there");
    assert_eq!(health.initial, Standing::Up);
    let [http, tcp] = health.checks.as_slice() else {
        panic!("{:?}", health.checks)
    };
    let ask = Ask::Http {
        method: "OPTIONS",
        path: "/healthz?x=1".into(),
        host: Some("app".into()),
        headers: vec!["x-probe: 1".into()],
    };
    assert_eq!(
        (&http.ask, http.port, http.rise, http.fall),
        (&ask, Some(81), 4, 5)
    );
    assert_eq!(
        (http.interval, http.interval_in_doubt, http.timeout),
        (s(3), s(1), s(2))
    );
    assert_eq!(http.expect.statuses, Statuses::default().with(204));
    assert_eq!(
        (http.expect.headers.len(), http.expect.latency),
        (2, Some(s(1)))
    );
    assert_eq!((&tcp.ask, &*tcp.name), (&Ask::Tcp, "socket"));
    assert_eq!((pool.panic.below.ppm(), pool.panic.closed), (500_000, true));
    let slow_start = slow_start::Spec {
        time: s(30),
        requests: Some(2_000),
        aggression_milli: 1_500,
    };
    assert_eq!(pool.endpoints[0].slow_start, Some(slow_start));
}

#[test]
fn every_key_of_ejection_arrives() {
    let endpoints = ["a", "b", "c", "d", "e"].map(|host| format!("{{ address = \"{host}:1\" }}"));
    let outlier = "outlier = { consecutive_failures = 0, statuses = \"500-599,!501\", \
                   window = \"5s\", error_rate = \"30%\", success_rate = 2.5, latency = { \
                   factor = 4, least = \"10ms\", endpoints = 5, requests = 7 }, eject = \"1s\", \
                   eject_max = \"9s\", max_ejected = \"10%\" }";
    let lines = format!("endpoints = [{}]\n{outlier}", endpoints.join(", "));
    let pool = read(&with_pool(&lines));
    let outlier = pool.outlier.expect("it is there");
    assert_eq!((outlier.consecutive_failures, outlier.window), (0, s(5)));
    assert!(outlier.statuses.contains(599) && !outlier.statuses.contains(501));
    let error_rate = outlier.error_rate.expect("it is on");
    assert_eq!((error_rate.above_ppm, error_rate.requests), (300_000, 20));
    let success_rate = outlier.success_rate.expect("it is on");
    assert_eq!(
        (success_rate.deviations_milli, success_rate.endpoints),
        (2_500, 5)
    );
    let latency = outlier.latency.expect("it is on");
    assert_eq!(
        (latency.factor_milli, latency.least),
        (4_000, Duration::from_millis(10))
    );
    assert_eq!((latency.endpoints, latency.requests), (5, 7));
    assert_eq!(
        (outlier.eject, outlier.eject_max, outlier.max_ejected_ppm),
        (s(1), s(9), 100_000)
    );
}

/// The last line of a pool with an endpoint, and what is told.
const WRONG: &[(&str, &[&str])] = &[
    (
        "health = { path = \"healthz\" }",
        &[":5:19: error: that is no path of a request"],
    ),
    (
        "health = { kind = \"tcp\", path = \"/\" }",
        &[":5:33: error: a check of kind tcp has no `path`"],
    ),
    (
        "health = { kind = \"tcp\", host = \"a\" }",
        &[":5:33: error: a check of kind tcp has no `host`"],
    ),
    (
        "health = { kind = \"tcp\", expect = { latency = \"1s\", body = \"ok\" } }",
        &[":5:60: error: a check of kind tcp has no `body`"],
    ),
    (
        "http2 = true\nhealth = { kind = \"grpc\", expect = { status = \"200\" } }",
        &[":6:47: error: a check of kind grpc has no `status`"],
    ),
    (
        "health = { method = \"HEAD\", expect = { body = \"ok\" } }",
        &[":5:38: error: an answer to HEAD has no body"],
    ),
    (
        "health = { kind = \"grpc\" }",
        &[":5:19: error: gRPC is spoken over HTTP/2"],
    ),
    (
        "health = { service = \"a\" }",
        &[":5:22: error: a check of kind http has no `service`"],
    ),
    (
        "health = { headers = [\"Content-Length: 7\"] }",
        &[":5:23: error: `Content-Length` is the probe's own"],
    ),
    (
        "health = { expect = { status = \"200-\" } }",
        &[":5:32: error: \"\" is no status from 100 to 599"],
    ),
    (
        "health = { expect = { header = \"a ~ (\" } }",
        &[":5:32: error: regex parse error"],
    ),
    (
        "health = { fall = 1 }",
        &[":5:19: warning: a healthy endpoint will be taken out now and then"],
    ),
    (
        "health = { interval = \"1s\", interval_in_doubt = \"2s\" }",
        &[":5:49: error: doubt would slow the probes down"],
    ),
    (
        "health = { also = [{ kind = \"http\" }] }",
        &[":5:20: error: two checks are called `http`"],
    ),
    (
        "outlier = { eject = \"2m\" }",
        &[":5:21: error: the first ejection is longer than the longest"],
    ),
    (
        "outlier = { latency = 3 }",
        &[":5:23: warning: a pool of 1 has too few endpoints to compare: nobody is ejected"],
    ),
    (
        "outlier = { consecutive_failures = 1 }",
        &[":5:36: warning: a single failed request ejects its endpoint"],
    ),
    (
        "panic = \"30\"",
        &[":5:9: error: `pool.panic.below` is the string \"30\""],
    ),
    (
        "slow_start = \"0s\"",
        &[":5:14: error: `pool.slow_start.time` is the string \"0s\"; expected more than zero"],
    ),
];

/// Probes of the load, which a policy wants.
const LOAD: &[(&str, &[&str])] = &[
    (
        "policy = { name = \"prequal\", probe = { path = \"/load\", header = \"X-In-Flight\" } }",
        &[],
    ),
    (
        "policy = { name = \"prequal\", probe = {} }",
        &[":5:38: error: `pool.policy.probe.path` is missing"],
    ),
    (
        "policy = { name = \"prequal\", probe = { path = \"load\" } }",
        &[":5:47: error: that is no path of a request"],
    ),
    (
        "policy = { name = \"prequal\", probe = { path = \"/\", timeout = \"2s\" } }",
        &[":5:62: error: an answer is worth nothing after 1s, and meanwhile nobody asks again"],
    ),
    (
        "policy = { name = \"prequal\", probe = { path = \"/\", header = \"Date:\" } }",
        &[":5:61: error: `pool.policy.probe.header` is the string \"Date:\""],
    ),
    (
        "policy = { name = \"prequal\", probe = { path = \"/\", header = \"Content-Length\" } }",
        &[":5:61: error: `pool.policy.probe.header` is the string \"Content-Length\""],
    ),
    (
        "policy = { name = \"p2c\", probe = { path = \"/\" } }",
        &[":5:34: error: only prequal has `probe`"],
    ),
];

#[test]
fn probes_of_the_load() {
    check(
        LOAD.iter()
            .map(|(text, wanted)| (with_endpoint(text), *wanted)),
    );
    let expected = Probe {
        path: "/load".into(),
        header: Some("X-In-Flight".into()),
        timeout: Duration::from_millis(100),
    };
    assert_eq!(pool(LOAD[0].0).probe, Some(expected));
}

#[test]
fn what_cannot_work() {
    check(
        WRONG
            .iter()
            .map(|(text, wanted)| (with_endpoint(text), *wanted)),
    );
}

#[test]
fn what_to_expect_is_said() {
    let text = with_endpoint("health = {}\noutlier = {}");
    let (config, _) = load(Path::new("x"), text.as_bytes());
    let outlook = config.expect("it has no errors").outlook(200.0);
    let expected = [
        "pool p, check http: a process that is gone is found after 6.5s on average and 9s at most, \
         one that hangs after 7.5s and 10s; that it is well again, after 4.5s and 7s; a pause of 5s \
         passes; at 200 requests/s each, 1300 and 1500 meet it; if one probe in 100 is lost by chance, an endpoint is taken out by mistake \
         every 57d",
        "pool p, outlier: at 200 requests/s each, an endpoint that fails all is ejected for 5s after \
         3 of them, 15ms; if one request in 100 is lost by chance, an endpoint is ejected by mistake \
         every 84min",
    ];
    assert_eq!(outlook, expected);
}
