//! Load shedding by priority, on real sockets: once nobody has room, who matters most is served and
//! who matters least gets 503, whatever it is that says when there is no room.
use super::limit::Narrow;
use super::local;
use super::operation::logged;
use crate::real::client::Client;
use crate::real::evenkeel::Config;
use crate::real::message::Answer;

/// A route for each priority, and the log of all.
const BLOCKS: &str = r#"
[[route]]
path = "/high"
pool = "app"
priority = "high"
[[route]]
path = "/low"
pool = "app"
priority = "low"
[log]
access = { path = "access.log" }
"#;

/// A client that has asked for `path`.
fn sent(narrow: &Narrow, path: &str) -> Client {
    let mut client = narrow.proxy.client();
    let request = format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n");
    client.send(request.as_bytes()).expect("the proxy reads");
    client
}

fn is_turned_away(answer: &Answer) {
    local(answer, 503);
    assert_eq!(answer.head.field("retry-after"), Some("1"));
}

fn is_shed_for_the_highest(endpoint: &'static str, pool: &'static str) {
    let narrow = Narrow::before(Config {
        endpoint,
        pool,
        blocks: BLOCKS.to_owned(),
        ..Config::new([])
    });
    let mut first = narrow.served();
    let mut low = [1, 2].map(|waiting| {
        let client = sent(&narrow, "/low");
        narrow.queued(waiting);
        client
    });
    is_turned_away(&sent(&narrow, "/low").answer("GET").expect("an answer"));
    // The queue is full, and has room for what matters more: the last of the lowest goes.
    let mut high = sent(&narrow, "/high");
    is_turned_away(&low[1].answer("GET").expect("an answer"));
    narrow.queued(2);
    // It came last, and is the next to be served.
    for client in [&mut first, &mut high, &mut low[0]] {
        narrow.keeper.let_one();
        assert_eq!(client.answer("GET").expect("an answer").body, b"hello");
    }
    for (priority, turned_away) in [("high", 0), ("normal", 0), ("low", 2)] {
        let labels = format!("{{pool=\"app\",priority=\"{priority}\"}}");
        let counter = format!("evenkeel_turned_away_total{labels}");
        narrow.proxy.counts(&counter, turned_away);
    }
    // Of those that were turned away one has waited.
    let lines = logged(narrow.proxy).into_iter().map(|line| {
        let path = line["path"].as_str().expect("all have one").to_owned();
        (
            path,
            line["status"].as_u64(),
            line["queue_ms"].as_f64() > Some(0.0),
        )
    });
    let mut told: Vec<_> = lines.collect();
    told.sort_unstable();
    let line = |path: &str, status, waited| (path.to_owned(), Some(status), waited);
    let expected = [
        line("/", 200, false),
        line("/high", 200, true),
        line("/low", 200, true),
        line("/low", 503, false),
        line("/low", 503, true),
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_full_queue_sheds_the_lowest_for_the_highest() {
    let pool = "queue = { limit = 2, timeout = \"30s\" }";
    is_shed_for_the_highest(", max_connections = 1", pool);
}

#[test]
fn so_does_a_limit_that_is_found_out() {
    let pool = "queue = { limit = 2, timeout = \"30s\" }\nconcurrency = { min = 1, max = 1 }";
    is_shed_for_the_highest("", pool);
}
