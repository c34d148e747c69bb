//! The clients' side of a scenario: what its keys mean, and what the author of wrong ones is told.

use super::*;
use crate::workload::{Abort, Backoff, Count, Messages, Sessions, Shape, Sockets};

/// A workload named `w` with these lines.
fn workload(lines: &str) -> String {
    format!("[[workload]]\nname = \"w\"\n{lines}")
}

fn read(lines: &str) -> Workload {
    let text = with(&workload(lines));
    let scenario: Scenario = text.parse().expect("it is sound");
    scenario.workloads[0].clone()
}

const OPEN: &str = "arrivals = { rate = \"12/s\" }\n";

#[test]
fn every_key_of_clients_arrives() {
    let w = read(&format!(
        "{OPEN}sessions = {{ requests = {{ dist = \"geometric\", mean = 12 }}, think = \"2s\" }}\n\
         client = {{ timeout = \"5s\", retries = 2, backoff = \"50ms\", abort = {{ share = \"1%\", \
         after = {{ dist = \"exponential\", mean = \"1s\" }} }} }}"
    ));
    let sessions = Sessions {
        requests: Count::Geometric { mean: 12.0 },
        think: Law::constant(s(2)),
    };
    assert_eq!(w.sessions, Some(sessions));
    let client = Client {
        timeout: Some(s(5)),
        retries: 2,
        backoff: Backoff {
            first: ms(50),
            most: s(36_500 * 86_400),
            jitter: true,
        },
        abort: Some(Abort {
            share: 0.01,
            after: Law::exponential(s(1)),
        }),
    };
    assert_eq!(w.client, client);
    assert_eq!(read(OPEN).client, Client::PATIENT);
    let five = read(&format!(
        "{OPEN}sessions = {{ requests = 5, think = \"0s\" }}"
    ));
    assert_eq!(five.sessions.map(|s| s.requests), Some(Count::Constant(5)));
}

#[test]
fn every_key_of_sockets_arrives() {
    let w = read(&format!(
        "{OPEN}sockets = {{ hold = \"10m\", messages = {{ every = \"30s\", bytes = 99 }}, \
         reconnect = {{ first = \"1s\", most = \"20s\", jitter = false }} }}"
    ));
    let sockets = Sockets {
        hold: Law::constant(s(600)),
        messages: Some(Messages {
            every: Law::constant(s(30)),
            bytes: 99,
        }),
        reconnect: Some(Backoff {
            first: s(1),
            most: s(20),
            jitter: false,
        }),
    };
    assert_eq!(w.sockets, Some(sockets));
}

#[test]
fn users_and_shapes_arrive() {
    let w = read("arrivals = { users = 30, think = { dist = \"exponential\", mean = \"2s\" } }");
    let Source::Closed { users, think, .. } = w.source else {
        panic!("{w:?}");
    };
    assert_eq!((users, think), (30, Law::exponential(s(2))));
    let points = "[{ at = \"0s\", x = 1 }, { at = \"40s\", x = 2.5 }]";
    let cases = [
        (points, Shape::linear(&[(s(0), 1.0), (s(40), 2.5)])),
        (
            "{ sine = { period = \"24h\", low = 0.3, high = 1.0 } }",
            Shape::sine(s(86_400), 0.3, 1.0),
        ),
        (
            "{ burst = { every = \"10s\", for = \"1s\", x = 5.0 } }",
            Shape::burst(s(10), s(1), 5.0),
        ),
    ];
    for (text, shape) in cases {
        assert_eq!(
            read(&format!("{OPEN}shape = {text}")).shape,
            Some(shape),
            "{text}"
        );
    }
}

/// Lines after [`OPEN`], which begin in line 11, and what is told about them.
const WRONG: &[(&str, &[&str])] = &[
    (
        "shape = [{ at = \"9s\", x = 1 }, { at = \"8s\", x = 1 }]",
        &[":11:32: error: points must be in order of time; expected at least \"9s\""],
    ),
    (
        "shape = [{ at = \"0s\", x = 0 }]",
        &[":11:9: error: nothing ever arrives; expected a point whose x is above 0"],
    ),
    (
        "shape = { sine = { period = \"1h\", low = 2, high = 1 } }",
        &[":11:51: error: the high point is not above the low one"],
    ),
    (
        "shape = { burst = { every = \"1s\", for = \"1s\", x = 2 } }",
        &[":11:41: error: one burst begins before another has ended; expected less than \"1s\""],
    ),
    (
        "shape = { sine = { period = \"1h\", low = 0, high = 1 }, points = [] }",
        &[":11:9: error: a shape is one of points, sine and burst; expected [{ at"],
    ),
    (
        "shape = \"up\"",
        &[":11:9: error: `workload.shape.points` is the string \"up\"; expected"],
    ),
    (
        "sessions = { requests = { dist = \"geometric\" }, think = \"2s\" }",
        &[":11:25: error: the law has no `mean`; expected a number, or { dist"],
    ),
    (
        "sessions = { requests = { mean = 2 } }",
        &[
            ":11:12: error: `workload.sessions.think` is missing; expected `think`, such as \"2s\"",
            ":11:25: error: the law has no `value`; expected a number",
            ":11:34: error: `mean` is not of this law; expected `value` alone",
        ],
    ),
    (
        "client = { timeout = \"0s\", backoff = \"1s\" }",
        &[
            ":11:22: error: `workload.client.timeout` is the string \"0s\"; expected more than zero",
            ":11:38: error: nobody tries again; expected `retries` beside it",
        ],
    ),
    (
        "client = { abort = { share = \"1%\" } }",
        &[":11:20: error: `workload.client.abort.after` is missing; expected `after`, such as"],
    ),
    (
        "sockets = { hold = \"1m\", messages = { every = \"1s\", bytes = 0 } }\nprotocol = \"h2\"",
        &[
            ":11:61: error: `workload.sockets.messages.bytes` is the integer 0; expected an integer",
            ":12:12: error: simulated sockets begin with HTTP/1.1; expected \"http/1.1\"",
        ],
    ),
    (
        "sockets = { hold = \"1m\", reconnect = { first = \"20s\" } }\nclient = { retries = 1 }\n\
         sessions = { requests = 1, think = \"1s\" }",
        &[
            ":11:11: error: a socket is no request of a session; expected a workload for each",
            ":11:38: error: the longest wait is below the first; expected at least \"20s\"",
            ":12:10: error: sockets come back by their own rule; expected sockets.reconnect",
        ],
    ),
];

#[test]
fn clients_that_cannot_be() {
    for (lines, wanted) in WRONG {
        check(&[(&workload(&format!("{OPEN}{lines}")), wanted)]);
    }
}

#[test]
fn arrivals_that_cannot_be() {
    let cases: [(&str, &[&str]); 5] = [
        (
            "arrivals = { users = 3, think = \"1s\", rate = \"1/s\" }\n\
             shape = [{ at = \"0s\", x = 1 }]\nsessions = { requests = 2, think = \"1s\" }\n\
             sockets = { hold = \"1s\" }",
            &[
                ":10:46: error: users make their own pace: `rate` is of an open loop; leave it out",
                ":11:9: error: users have no rate that a shape could change; expected arrivals",
                ":12:12: error: users are sessions that never end",
                ":13:11: error: a socket is no request of a session",
                ":13:11: error: users do not open sockets",
            ],
        ),
        (
            "arrivals = { users = 3 }",
            &[":10:12: error: `workload.arrivals.think` is missing; expected `think`, such as"],
        ),
        (
            "arrivals = { rate = \"1/s\", think = \"1s\" }",
            &[
                ":10:36: error: nobody thinks: an open loop has no users; expected `users` beside it",
            ],
        ),
        (
            "arrivals = {}",
            &[":10:12: error: the arrivals have neither a rate nor users; expected rate ="],
        ),
        (
            "trace = { file = \"Cargo.toml\" }\nshape = [{ at = \"0s\", x = 1 }]\n\
             sessions = { requests = 2, think = \"1s\" }\nsockets = { hold = \"1s\" }",
            &[
                ":11:9: error: a trace has its own rate; set trace.speed instead",
                ":12:12: error: a trace brings its own clients; leave `sessions` out",
                ":13:11: error: a trace has its own requests; leave `sockets` out",
                ":13:11: error: a socket is no request of a session; expected a workload for each",
            ],
        ),
    ];
    for (lines, wanted) in cases {
        check(&[(&workload(lines), wanted)]);
    }
}

/// A load and a warm-up, and what is told about them: services of 10 ms at two endpoints.
#[test]
fn loads_are_told_before_a_run() {
    let told = |keys: &str, rate: &str, more: &str| {
        let text = format!(
            "engine = \"model\"\n{keys}\norigin = {{ model = \"fifo\", service = {{ dist = \
             \"exponential\", mean = \"10ms\" }} }}\n[[workload]]\nname = \"w\"\narrivals = {{ {rate} \
             }}\n{more}\n[[threshold]]\nmetric = \"p90 < 1s\"\n"
        );
        lines(&with(&text))
    };
    let none: [&str; 0] = [];
    let (short, long) = ("warmup = \"100ms\"", "warmup = \"2s\"");
    assert_eq!(told(long, "rate = \"160/s\"", ""), none);
    assert_eq!(told(short, "users = 3, think = \"0s\"", ""), none);
    let burst = "shape = { burst = { every = \"10s\", for = \"1s\", x = 3 } }";
    assert_eq!(
        told(long, "rate = \"140/s\"", burst),
        none,
        "on average it is 0.84"
    );
    let cases = [
        (
            told(short, "rate = \"160/s\"", ""),
            ":9:10: warning: the warm-up of 100ms is short at load 0.80: latencies of half-empty \
             queues are measured; \"1s\" are 20 mean services / (1 - load)",
        ),
        (
            told(long, "rate = \"240/s\"", ""),
            ":11:1: warning: the load is 1.20: queues grow as long as it lasts; no latency is \
             steady; fine if overload is the question",
        ),
        (
            told(long, "rate = \"1.6/s\"", ""),
            ":15:1: warning: about 93 requests are too few for p90; 100 leave ten beyond it",
        ),
    ];
    for (found, wanted) in cases {
        assert_eq!(found, [wanted]);
    }
}
