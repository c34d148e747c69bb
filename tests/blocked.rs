//! Real Node.js servers, one route of which blocks its event loop: `event_loop` finds out by itself
//! which it is, and keeps others away from who runs it. How much that is worth is measured by
//! `benches/node/blocked.mjs`.
mod real;

use real::client::Client;
use real::evenkeel::{Config, Evenkeel};
use real::node::Node;

/// Waits for a timer: the loop is free.
const LIGHT: &str = "/io?ms=5";
/// Holds the loop.
const HEAVY: &str = "/cpu?ms=40&wait=1";

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: app\r\n\r\n").into_bytes()
}

/// Who answers a request that has been sent.
fn origin(client: &mut Client) -> String {
    let answer = client.answer("GET").expect("an answer");
    assert_eq!(answer.head.status, 200);
    answer.head.field("x-origin").expect("a name").to_owned()
}

#[test]
fn who_runs_a_blocking_route_is_left_alone() {
    let nodes = ["a", "b", "c", "d"].map(|name| Node::start(name, 0));
    let config = Config {
        pool: "policy = \"event_loop\"",
        ..Config::new(nodes.iter().map(|node| node.address))
    };
    let proxy = Evenkeel::start(&config);
    // Twelve at a time, so that some are behind others; one in five is heavy.
    std::thread::scope(|scope| {
        for thread in 0..12 {
            let address = proxy.http;
            scope.spawn(move || {
                let mut client = Client::connect(address).expect("the proxy accepts");
                for n in 0..60 {
                    let path = if (n + thread) % 5 == 0 { HEAVY } else { LIGHT };
                    client.send(&request(path)).expect("the proxy reads");
                    origin(&mut client);
                }
            });
        }
    });

    let connect = || Client::connect(proxy.http).expect("the proxy accepts");
    let mut blocking = connect();
    blocking
        .send(&request("/cpu?ms=6000&wait=1"))
        .expect("the proxy reads");
    proxy.counts("evenkeel_requests_in_flight", 1);
    // Every other server has three in flight at the end, and the one that is blocked has one.
    let mut others: Vec<Client> = (0..9).map(|_| connect()).collect();
    for (n, client) in (2..).zip(&mut others) {
        client
            .send(&request("/io?ms=8000"))
            .expect("the proxy reads");
        proxy.counts("evenkeel_requests_in_flight", n);
    }
    let blocked = origin(&mut blocking);
    let behind = others
        .iter_mut()
        .filter_map(|client| (origin(client) == blocked).then_some(()));
    assert_eq!(behind.count(), 0, "requests were sent to {blocked}");
    proxy.stop();
}
