//! Node.js: `fetch` and `http2` as clients, `http2` as an application.
use crate::real::client::Client;
use crate::real::evenkeel::Evenkeel;
use crate::real::message::Failure;
use crate::real::process::Process;
use crate::real::tool::{Curl, Tool, content, listening};
use crate::{config, workshop};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tempfile::TempDir;

const H2: &str = "http2 = true";
const H2_TLS: &str = "http2 = true\ntls = { ca = \"ca.pem\" }";

/// Applications, and the pool that reaches them.
const KINDS: &[(&str, &str)] = &[("h1", ""), ("h2c", H2), ("tls", H2_TLS)];

/// Starts `origin.mjs`, which finds its certificate in `folder` if its kind needs one.
fn origin(kind: &str, folder: &TempDir, more: &Value) -> (SocketAddr, Process) {
    let mut settings = more.clone();
    settings["kind"] = kind.into();
    if kind == "tls" {
        let file = |name: &str| folder.path().join(name);
        settings["tls"] = json!({ "cert": file("site.pem"), "key": file("site.key") });
    }
    let mut process = Tool::Node.script("origin.mjs", &settings);
    (listening(&mut process), process)
}

/// One application of a kind, and a proxy in front of it.
fn pair(kind: &str, pool: &'static str, more: &Value) -> (Evenkeel, SocketAddr, Process) {
    let (folder, _) = workshop();
    let (address, process) = origin(kind, &folder, more);
    let proxy = Evenkeel::start_in(folder, &config([address], pool).text());
    (proxy, address, process)
}

fn urls(proxy: &Evenkeel) -> [String; 2] {
    ["http", "https"].map(|name| format!("{name}://localhost:{}", proxy.port(name)))
}

/// What the application has counted so far, asked through the proxy.
fn seen(proxy: &Evenkeel) -> Value {
    let curl = Curl::run([format!("http://{}/seen", proxy.http)]);
    serde_json::from_slice(&curl.body).expect("it answers with an object")
}

#[test]
fn fetch_works() {
    for &(kind, pool) in KINDS {
        let (proxy, _, _origin) = pair(kind, pool, &json!({}));
        let ca = proxy.folder.path().join("ca.pem");
        let urls = urls(&proxy);
        content(Tool::Node.script("fetch.mjs", &json!({ "urls": urls, "ca": ca })));
        proxy.stop();
    }
}

#[test]
fn a_session_carries_many_streams() {
    for &(kind, pool) in KINDS {
        let (proxy, _, _origin) = pair(kind, pool, &json!({}));
        let ca = proxy.folder.path().join("ca.pem");
        for url in urls(&proxy) {
            content(Tool::Node.script("session.mjs", &json!({ "url": url, "ca": ca })));
        }
        proxy.stop();
    }
}

#[test]
fn a_drain_ends_streams_as_they_should_end() {
    for &(kind, pool) in KINDS {
        let (mut proxy, address, _origin) = pair(kind, pool, &json!({}));
        let ca = proxy.folder.path().join("ca.pem");
        // The second waits for as many as both hold.
        let settings = |url, held| json!({ "url": url, "ca": ca, "streams": 50, "held": held });
        let [first, second] = urls(&proxy);
        let mut clients = vec![Tool::Node.script("drain.mjs", &settings(first, 50))];
        assert_eq!(clients[0].line_with("open")["open"], 50);
        clients.push(Tool::Node.script("drain.mjs", &settings(second, 100)));
        assert_eq!(clients[1].line_with("open")["open"], 50);

        proxy.process.terminate();
        for client in &mut clients {
            assert_eq!(client.line_with("goaway")["goaway"], 0);
        }
        let scheme = if kind == "tls" { "https" } else { "http" };
        let url = format!("{scheme}://localhost:{}/release", address.port());
        let h2c = (kind == "h2c").then_some("--http2-prior-knowledge");
        let arguments = ["--cacert", ca.to_str().unwrap()].into_iter().chain(h2c);
        assert_eq!(Curl::run(arguments.chain([&*url])).body, b"released");
        for mut client in clients {
            assert_eq!(client.line_with("whole")["whole"], 50);
            content(client);
        }
        assert_eq!(proxy.process.exit().code(), Some(0));
    }
}

/// Sends as many requests at once, over sessions of their own.
fn burst(proxy: &Evenkeel, requests: usize) {
    let url = format!("http://{}/[1-{requests}]", proxy.http);
    let requests = requests.to_string();
    let parallel = [
        "--parallel",
        "--parallel-immediate",
        "--parallel-max",
        &requests,
    ];
    let output = Tool::Curl
        .command()
        .args(["--silent", "--show-error", "--fail", "--http1.1"])
        .args(parallel)
        .args([
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}\n",
            &url,
        ])
        .output()
        .expect("curl runs");
    let codes = String::from_utf8_lossy(&output.stdout);
    let right = codes.lines().filter(|code| *code == "200").count();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(right.to_string(), requests, "{said}{codes}");
}

#[test]
fn an_http_2_application_sees_one_connection_of_each_worker() {
    for (kind, pool) in [("h2c", H2), ("tls", H2_TLS)] {
        let (proxy, _, _origin) = pair(kind, pool, &json!({}));
        for _ in 0..5 {
            burst(&proxy, 200);
        }
        let seen = seen(&proxy);
        assert!(seen["sessions"].as_u64() <= Some(2), "{kind}: {seen}");
        assert_eq!(seen["requests"], 1001, "{kind}");
        proxy.stop();
    }
}

#[test]
fn an_application_gets_no_more_streams_than_it_wants() {
    for (kind, pool) in [("h2c", H2), ("tls", H2_TLS)] {
        let (proxy, _, _origin) = pair(kind, pool, &json!({ "streams": 10 }));
        // The first connection's limit is not known before it has told it.
        for _ in 0..5 {
            burst(&proxy, 200);
        }
        let seen = seen(&proxy);
        assert!(seen["peak"].as_u64() <= Some(10), "{kind}: {seen}");
        proxy.stop();
    }
}

/// What clients and the test know of each other.
#[derive(Default)]
struct Progress {
    answers: AtomicUsize,
    /// An application is killed: what it has begun to say may be cut.
    killed: AtomicBool,
    done: AtomicBool,
}

/// One `GET` after another while an application is away; all must be answered.
fn ask_until_done(proxy: SocketAddr, progress: &Progress) {
    let connect = || Client::connect(proxy).expect("the proxy accepts");
    let mut client = connect();
    while !progress.done.load(Ordering::SeqCst) {
        match client.exchange("GET", b"GET / HTTP/1.1\r\nHost: app\r\n\r\n") {
            Ok(answer) => assert_eq!((answer.head.status, &*answer.body), (200, &b"hello"[..])),
            Err(Failure::CutBody(..)) if progress.killed.load(Ordering::SeqCst) => {
                client = connect();
            }
            Err(failure) => panic!("{failure}"),
        }
        progress.answers.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn an_application_that_restarts_costs_no_get() {
    for (kind, pool) in [("h2c", H2), ("tls", H2_TLS)] {
        let (folder, _) = workshop();
        let copy = TempDir::new().unwrap();
        for name in ["site.pem", "site.key"] {
            std::fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
        }
        let start = |port: u16| origin(kind, &copy, &json!({ "port": port }));
        let (stays, _stays) = start(0);
        let (goes, mut process) = start(0);
        let proxy = Evenkeel::start_in(folder, &config([stays, goes], pool).text());
        let progress = Progress::default();
        let address = proxy.http;
        std::thread::scope(|scope| {
            let clients: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| ask_until_done(address, &progress)))
                .collect();
            let more = |n: usize| {
                let answers = || progress.answers.load(Ordering::SeqCst);
                let target = answers() + n;
                let ended = || clients.iter().any(|client| client.is_finished());
                while answers() < target && !ended() {
                    std::thread::yield_now();
                }
            };
            more(500);
            // Once as an orchestrator does it, once as a machine does it.
            for kill in [false, true] {
                if kill {
                    progress.killed.store(true, Ordering::SeqCst);
                    process.kill();
                } else {
                    process.terminate();
                    assert_eq!(process.exit().code(), Some(0));
                }
                more(500);
                process = start(goes.port()).1;
                more(500);
            }
            progress.done.store(true, Ordering::SeqCst);
            for client in clients {
                client.join().unwrap();
            }
        });
        proxy.stop();
    }
}
