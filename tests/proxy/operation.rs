//! What operators do and see: reloads, `/ready` and `/metrics`, the access log, a proxy without a
//! file.
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::{GET, HELLO, local};
use crate::real::client::Client;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::gate::gate;
use crate::real::origin::{self, REFUSING};
use crate::real::process::Process;

/// An origin that says its name.
pub(super) fn named(name: &'static str) -> SocketAddr {
    origin::start(move |mut connection| {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}");
        while connection.head().is_some() && connection.say(answer.as_bytes()).is_ok() {}
    })
}

/// The same proxy with these endpoints: name, address and further keys of each.
fn text(endpoints: &[(&str, SocketAddr, &str)]) -> String {
    let list = endpoints.iter().map(|(name, address, further)| {
        format!("{{ name = \"{name}\", address = \"{address}\"{further} }}, ")
    });
    let whole = Config::new([]).text();
    let list = format!("endpoints = [{}]", list.collect::<String>());
    let policy = "policy = \"round_robin\"";
    whole
        .replace("endpoints = [\n]", &list)
        .replace("policy = \"p2c\"", policy)
}

pub(super) fn reloaded(proxy: &mut Evenkeel, text: &str) {
    proxy.reload(text);
    while proxy.process.line_with("event")["event"] != "reloaded" {}
}

/// How often each name answers `many` requests, taken by the clients in turn.
fn answers(clients: &mut [Client], many: usize) -> BTreeMap<String, usize> {
    let mut answers = BTreeMap::new();
    for n in 0..many {
        let client = n % clients.len();
        let answer = clients[client].exchange("GET", GET);
        let answer = answer.unwrap_or_else(|failure| panic!("request {n}: {failure}"));
        assert_eq!(answer.head.status, 200);
        let name = String::from_utf8(answer.body).expect("a name");
        *answers.entry(name).or_insert(0) += 1;
    }
    answers
}

fn counted<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(name, count)| (name.to_owned(), count)).into()
}

/// No connection is closed either: the clients would fail.
#[test]
fn a_reload_under_way_costs_no_request_and_no_connection() {
    let (a, b) = (named("a"), named("b"));
    let mut proxy = Evenkeel::start(&Config::new([a]));
    let mut clients: Vec<Client> = (0..8).map(|_| proxy.client()).collect();
    assert_eq!(answers(&mut clients, 40), counted([("a", 40)]));
    reloaded(&mut proxy, &text(&[("a", a, ""), ("b", b, "")]));
    assert_eq!(answers(&mut clients, 40), counted([("a", 20), ("b", 20)]));
    reloaded(&mut proxy, &text(&[("a", a, ", weight = 3"), ("b", b, "")]));
    assert_eq!(answers(&mut clients, 40), counted([("a", 30), ("b", 10)]));
    reloaded(&mut proxy, &text(&[("b", b, "")]));
    assert_eq!(answers(&mut clients, 40), counted([("b", 40)]));
    // A slot that is used again.
    reloaded(&mut proxy, &text(&[("c", a, ""), ("b", b, ", weight = 0")]));
    assert_eq!(answers(&mut clients, 40), counted([("a", 40)]));
    proxy.stop();
}

/// An endpoint keeps its name and moves: connections that are kept lead to where it was.
#[test]
fn an_endpoint_that_moves_is_asked_where_it_is() {
    let (gate, keeper) = gate();
    let here = origin::start(move |mut connection| {
        while let Some(head) = connection.head() {
            if head.starts_with("GET /held ") {
                gate.pass();
            }
            let a = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na";
            if connection.say(a).is_err() {
                return;
            }
        }
    });
    let there = named("b");
    // Proxies are origins that speak HTTP/2 as well.
    let behind = [here, there].map(|origin| Evenkeel::start(&Config::new([origin])));
    for (http2, addresses) in [
        ("", [here, there]),
        ("http2 = true\n", [behind[0].http, behind[1].http]),
    ] {
        let text = addresses.map(|address| {
            let text = text(&[("a", address, "")]);
            text.replace("policy", &format!("{http2}policy"))
        });
        let folder = TempDir::new().unwrap();
        let mut proxy = Evenkeel::start_in(folder, &text[0].replace("workers = 2", "workers = 1"));
        let mut clients = [proxy.client(), proxy.client()];
        let hold = |client: &mut Client| {
            let held = b"GET /held HTTP/1.1\r\nHost: app\r\n\r\n";
            client.send(held).expect("the proxy reads");
            keeper.await_one();
        };
        // Two connections are kept, and one of them is busy while its endpoint moves.
        clients.iter_mut().for_each(hold);
        // Which of them the origin answers first is its own.
        clients.iter().for_each(|_| keeper.let_one());
        for client in &mut clients {
            assert_eq!(client.answer("GET").unwrap().body, b"a");
        }
        hold(&mut clients[0]);
        reloaded(&mut proxy, &text[1].replace("workers = 2", "workers = 1"));
        // The worker keeps its connections until it has read its mail.
        let moves = |_| clients[1].exchange("GET", GET).unwrap().body == b"b";
        assert!((0..10_000).any(moves), "{http2}");
        keeper.let_one();
        assert_eq!(clients[0].answer("GET").unwrap().body, b"a");
        assert_eq!(answers(&mut clients, 20), counted([("b", 20)]), "{http2}");
        proxy.stop();
    }
}

/// Under load from several threads, with requests at an endpoint that goes.
#[test]
fn a_request_at_an_endpoint_that_is_removed_is_finished() {
    let (gate, keeper) = gate();
    let a = origin::start(move |mut connection| {
        if connection.head().is_some() {
            gate.pass();
            let _ = connection.say(HELLO);
        }
    });
    let b = named("b");
    let mut proxy = Evenkeel::start(&Config::new([a]));
    let mut held = proxy.client();
    held.send(GET).unwrap();
    keeper.await_one();
    let http = proxy.http;
    std::thread::scope(|scope| {
        reloaded(&mut proxy, &text(&[("b", b, "")]));
        let clients = [(); 4]
            .map(|()| scope.spawn(move || answers(&mut [Client::connect(http).unwrap()], 200)));
        for weight in [2, 5, 1] {
            reloaded(
                &mut proxy,
                &text(&[("b", b, &format!(", weight = {weight}"))]),
            );
        }
        for client in clients {
            assert_eq!(client.join().unwrap(), counted([("b", 200)]));
        }
    });
    keeper.let_one();
    assert_eq!(held.answer("GET").unwrap().body, b"hello");
}

#[test]
fn a_reload_that_cannot_be_changes_nothing_and_says_so() {
    let a = named("a");
    let mut proxy = Evenkeel::start(&Config::new([a]));
    let mut clients = [proxy.client()];
    let wrong = text(&[("a", a, ", weigth = 1")]);
    for (wrong, needle) in [
        (wrong.as_str(), "did you mean `weight`"),
        ("", "is missing"),
    ] {
        proxy.reload(wrong);
        proxy.process.says(needle);
        proxy.process.says("the configuration in force was kept");
        assert_eq!(answers(&mut clients, 5), counted([("a", 5)]));
    }
    std::fs::remove_file(proxy.folder.path().join("evenkeel.toml")).unwrap();
    proxy.process.signal("HUP");
    proxy.process.says("No such file");
    proxy.process.says("the configuration in force was kept");
    assert_eq!(answers(&mut clients, 5), counted([("a", 5)]));
    assert_eq!(proxy.counter("evenkeel_generation"), 1);
}

#[test]
fn a_proxy_needs_no_file() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--workers", "3", "--to"]);
    command.arg(format!("{},{}", named("a"), named("b")));
    let mut process = Process::start("evenkeel", &mut command);
    let listening = process.line_with("address");
    let address: SocketAddr = listening["address"].as_str().unwrap().parse().unwrap();
    while process.line_with("event")["event"] != "ready" {}
    assert_eq!(process.threads("worker "), 3);
    process.signal("HUP");
    process.says("there is no configuration file to read again");
    let seen = answers(&mut [Client::connect(address).unwrap()], 100);
    assert_eq!(seen.values().sum::<usize>(), 100);
    assert_eq!(seen.len(), 2, "{seen:?}");
    process.terminate();
    assert_eq!(process.exit().code(), Some(0));
}

#[test]
fn ready_is_503_while_a_pool_has_no_endpoint_in_service() {
    let a = named("a");
    let mut proxy = Evenkeel::start(&Config::new([a]));
    assert_eq!(proxy.admin("/ready").head.status, 200);
    reloaded(&mut proxy, &text(&[("a", a, ", down = true")]));
    let answer = proxy.admin("/ready");
    assert_eq!(answer.head.status, 503);
    assert_eq!(answer.body, b"pool app: no endpoint is in service\n");
    let refused = proxy.client().exchange("GET", GET).unwrap();
    assert_eq!(refused.head.status, 503);
    // A pool that the configuration has no more is not waited for.
    let other = text(&[("a", a, "")]).replace("\"app\"", "\"other\"");
    reloaded(&mut proxy, &other);
    assert_eq!(proxy.admin("/ready").head.status, 200);
    // Its routes are in force once the worker has read its mail.
    while proxy.client().exchange("GET", GET).unwrap().body != b"a" {
        std::thread::yield_now();
    }
}

#[test]
fn metrics_are_lines_that_a_scraper_reads() {
    let proxy = Evenkeel::start(&Config::new([named("a"), REFUSING]));
    let mut client = proxy.client();
    for _ in 0..20 {
        assert_eq!(client.exchange("GET", GET).unwrap().body, b"a");
    }
    let answer = proxy.admin("/metrics");
    assert_eq!(answer.head.status, 200);
    let page = String::from_utf8(answer.body).unwrap();
    let lines: Vec<&str> = page.lines().collect();
    assert_eq!(lines.last(), Some(&"# EOF"));
    let mut families = Vec::new();
    for line in &lines[..lines.len() - 1] {
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["#", "HELP", ..] => {}
            ["#", "TYPE", name, "counter" | "gauge" | "histogram"] => families.push(name),
            ["#", "UNIT", ..] => {}
            _ => sample(line, families.last().expect("a TYPE comes first")),
        }
    }
    assert!(families.len() > 10, "{families:?}");
    assert!(
        families.iter().all(|name| name.starts_with("evenkeel_")),
        "{families:?}"
    );
}

/// Panics unless the line is `name{label="value",...} number` of the family.
fn sample(line: &str, family: &str) {
    let (series, value) = line.rsplit_once(' ').expect(line);
    assert!(value.parse::<f64>().is_ok(), "{line}");
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let suffix = name
        .strip_prefix(family)
        .unwrap_or_else(|| panic!("{line} is not of {family}"));
    assert!(
        ["", "_total", "_bucket", "_sum", "_count"].contains(&suffix),
        "{line}"
    );
    let labels = labels.strip_suffix('}').expect(line);
    for label in labels.split(',').filter(|label| !label.is_empty()) {
        let (name, value) = label.split_once('=').expect(line);
        assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
        assert!(
            value.len() >= 2 && value.starts_with('"') && value.ends_with('"'),
            "{line}"
        );
    }
}

// ---- the access log -----------------------------------------------------------------------------

fn logging(path: &str, origins: impl IntoIterator<Item = SocketAddr>) -> Evenkeel {
    Evenkeel::start(&Config {
        pool: "policy = \"round_robin\"",
        blocks: format!("[log]\naccess = {{ path = \"{path}\", explain = \"100%\" }}\n"),
        ..Config::new(origins)
    })
}

/// Ends the proxy, and reads what it has written to `access.log`.
pub(super) fn logged(proxy: Evenkeel) -> Vec<Value> {
    let Evenkeel {
        mut process,
        folder,
        ..
    } = proxy;
    process.terminate();
    assert_eq!(process.exit().code(), Some(0));
    let text = std::fs::read_to_string(folder.path().join("access.log")).expect("a log");
    let line = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(line).collect()
}

#[test]
fn every_request_is_a_line_with_all_its_tries() {
    let proxy = logging("access.log", [REFUSING, named("b")]);
    let mut client = proxy.client();
    let asked = b"GET /a%22b?q='1'&r=%5C HTTP/1.1\r\nHost: app\r\n\r\n";
    for request in [asked, GET] {
        assert_eq!(client.exchange("GET", request).unwrap().body, b"b");
    }
    let lines = logged(proxy);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["path"], "/a%22b?q='1'&r=%5C");
    for line in &lines {
        assert_eq!(line["method"], "GET");
        assert_eq!(line["status"], 200);
        assert_eq!(line["client"], "127.0.0.1");
        assert_eq!(line["pool"], "app");
        assert_eq!(line["outcome"], "complete");
        assert_eq!(line["bytes"], 1);
        for key in ["time", "id", "host", "total_ms"] {
            assert!(!line[key].is_null(), "no {key} in {line}");
        }
    }
    let tries = lines[0]["tries"].as_array().unwrap();
    assert_eq!(tries.len(), 2, "{}", lines[0]);
    assert_eq!(
        (&tries[0]["endpoint"], &tries[0]["outcome"]),
        (&"a".into(), &"dial_failed".into())
    );
    let why = tries[0]["error"].as_str().expect("a reason");
    assert!(why.contains("refused"), "{why}");
    assert_eq!(tries[1]["error"], Value::Null);
    assert_eq!(
        (&tries[1]["endpoint"], &tries[1]["outcome"]),
        (&"b".into(), &"ok".into())
    );
    assert_eq!(tries[1]["reused"], false);
    let picks = lines[0]["explain"].as_array().expect("all are explained");
    let picked: Vec<_> = picks.iter().map(|pick| &pick["endpoint"]).collect();
    assert_eq!(picked, ["a", "b"], "{}", lines[0]);
    assert_eq!(picks[1]["candidates"][0]["skipped"], "tried");
    // On a slow machine `a` may be tried again before.
    let last = lines[1]["tries"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["endpoint"], &last["reused"]),
        (&"b".into(), &true.into())
    );
}

#[test]
fn why_tls_to_an_endpoint_failed_is_told() {
    let blunt = origin::start(|mut connection| {
        let _ = connection.say(HELLO);
        connection.head();
    });
    let proxy = Evenkeel::start(&Config {
        pool: "tls = true",
        blocks: "[log]\naccess = { path = \"access.log\", format = \"json\" }\n".into(),
        ..Config::new([blunt])
    });
    local(&proxy.client().exchange("GET", GET).unwrap(), 502);
    let line = &logged(proxy)[0];
    let why = line["tries"][0]["error"].as_str().expect("a reason");
    assert!(why.contains("corrupt message"), "{why}");
}

#[test]
fn what_no_pool_was_asked_for_is_logged_too() {
    let mut config = Config {
        path: "/here/",
        blocks: "[log]\naccess = { path = \"access.log\", format = \"json\" }\n".into(),
        ..Config::new([named("a")])
    };
    config.pool = "";
    let proxy = Evenkeel::start(&config);
    for request in [
        &b"GET /nowhere HTTP/1.1\r\nHost: app\r\n\r\n"[..],
        b"GET / nonsense\r\n\r\n",
    ] {
        let _ = proxy.client().exchange("GET", request);
    }
    let mut lines = logged(proxy);
    // Two workers may have written them.
    lines.sort_by_key(|line| std::cmp::Reverse(line["status"].as_u64()));
    let told = |n: usize, key: &str| lines[n][key].clone();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(told(0, "path"), "/nowhere");
    assert_eq!(told(0, "status"), 404);
    assert_eq!(told(1, "path"), serde_json::Value::Null);
    assert_eq!(told(1, "status"), 400);
    assert!((0..2).all(|n| told(n, "outcome") == "rejected"));
}

#[test]
fn a_log_on_a_full_disk_costs_no_request_and_is_told_once() {
    let proxy = logging("/dev/full", [named("a")]);
    let mut clients: Vec<Client> = (0..4).map(|_| proxy.client()).collect();
    assert_eq!(answers(&mut clients, 400), counted([("a", 400)]));
    drop(clients);
    let Evenkeel { mut process, .. } = proxy;
    process.terminate();
    assert_eq!(process.exit().code(), Some(0));
    let complaint = process.complaint();
    assert_eq!(
        complaint.matches("access log cannot be written").count(),
        1,
        "{complaint}"
    );
}

#[test]
fn a_log_that_cannot_be_opened_is_named_before_anything_listens() {
    let config = Config {
        blocks: "[log]\naccess = { path = \"/nowhere/access.log\", format = \"json\" }\n".into(),
        ..Config::new([REFUSING])
    };
    let (mut process, _folder) = Evenkeel::launch(&config);
    let code = process.exit().code();
    assert!([Some(1), Some(3)].contains(&code), "{code:?}");
    let complaint = process.complaint();
    assert!(complaint.contains("/nowhere/access.log"), "{complaint}");
}
