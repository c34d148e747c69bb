//! WebSockets: npm's `ws` on both sides, over HTTP/1.1, TLS and HTTP/2.
use crate::real::certificate::Authority;
use crate::real::evenkeel::Evenkeel;
use crate::real::process::Process;
use crate::real::tool::{Curl, Tool, content, listening};
use crate::{HOSTS, config, proxy, workshop};
use serde_json::{Value, json};

/// Sockets of each kind that are held open.
const EACH: u64 = 500;

fn echo() -> Process {
    Tool::Node.script("echo.mjs", &json!({}))
}

/// Addresses of a proxy with `ws` or `http` before them, and the authority to believe.
fn settings(proxy: &Evenkeel, scheme: &str) -> Value {
    let plain = format!("{scheme}://localhost:{}", proxy.port("http"));
    let secure = format!("{scheme}s://localhost:{}", proxy.port("https"));
    json!({ "urls": [plain, secure], "ca": proxy.folder.path().join("ca.pem") })
}

#[test]
fn frames_of_every_size_come_back() {
    let mut origin = echo();
    let proxy = proxy([listening(&mut origin)], "");
    content(Tool::Node.script("websocket.mjs", &settings(&proxy, "ws")));
    for code in [4001, 4002, 4001, 4002] {
        assert_eq!(origin.line_with("closed")["closed"], code);
    }
    proxy.stop();
}

#[test]
fn a_session_of_http_2_carries_web_sockets() {
    let mut origin = echo();
    let proxy = proxy([listening(&mut origin)], "");
    let settings = settings(&proxy, "http");
    for url in settings["urls"].as_array().unwrap() {
        let settings = json!({ "url": url, "ca": settings["ca"] });
        content(Tool::Node.script("extended.mjs", &settings));
    }
    proxy.stop();
}

/// Whether a new connection shows a certificate of that authority.
fn shows(proxy: &Evenkeel, authority: &str) -> bool {
    let ca = proxy.folder.path().join(format!("{authority}.pem"));
    let url = format!("https://localhost:{}/", proxy.port("https"));
    let curl = Curl::run(["--cacert", ca.to_str().expect("a path of ASCII"), &url]);
    assert!(matches!(curl.exit, 0 | 60), "{}", curl.said);
    curl.exit == 0
}

#[test]
fn a_thousand_sockets_outlive_reloads() {
    let mut origins = [echo(), echo()];
    let addresses = origins.each_mut().map(listening);
    let (folder, _) = workshop();
    // All sockets are with the first; the second is what the reload brings.
    let text = config([addresses[0]], "").text();
    let text = text.replace("workers = 2", "workers = 2\ndrain = \"2s\"");
    let mut proxy = Evenkeel::start_in(folder, &text);
    let mut settings = settings(&proxy, "ws");
    settings["each"] = EACH.into();
    let mut client = Tool::Node.script("held.mjs", &settings);
    assert_eq!(client.line_with("open")["open"], 2 * EACH);
    let mut all_echo = || {
        client.signal("USR2");
        assert_eq!(client.line_with("echoed")["echoed"], 2 * EACH);
    };
    all_echo();

    let other = Authority::new("the next authority");
    other.write(proxy.folder.path(), "next");
    assert!(shows(&proxy, "ca") && !shows(&proxy, "next"));
    other.sign(proxy.folder.path(), "site", HOSTS);
    proxy.reload(&text);
    while proxy.process.line_with("event")["event"] != "reloaded" {}
    // Workers read their mail one after the other.
    assert!((0..100).any(|_| shows(&proxy, "next")));
    assert!(!shows(&proxy, "ca"));
    all_echo();

    let moved = config([addresses[1]], "policy = \"round_robin\"").text();
    proxy.reload(&moved.replace("workers = 2", "workers = 2\ndrain = \"2s\""));
    while proxy.process.line_with("event")["event"] != "reloaded" {}
    all_echo();

    proxy.process.terminate();
    // Nobody closes these sockets: the deadline does, and says so.
    assert_eq!(proxy.process.exit().code(), Some(0));
    assert_eq!(
        client.line_with("closed")["closed"],
        json!({ "1006": 2 * EACH })
    );
    content(client);
}
