//! What is bounded: requests at an endpoint, the queue before it, connections, and the patience
//! with clients that neither take nor give.
use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use super::{GET, HELLO, local};
use crate::real::PATIENCE;
use crate::real::client::Client;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::gate::{Keeper, gate};
use crate::real::origin;

/// An endpoint for one request at a time, whose origin answers when it is told to.
pub(super) struct Narrow {
    pub(super) proxy: Evenkeel,
    pub(super) keeper: Keeper,
    /// The most requests that the origin has had at once.
    most: Arc<AtomicUsize>,
}

impl Narrow {
    fn new(pool: &'static str) -> Self {
        Self::before(Config {
            endpoint: ", max_connections = 1",
            pool,
            ..Config::new([])
        })
    }

    /// The one endpoint of a configuration that allows it one request.
    pub(super) fn before(config: Config) -> Self {
        let (gate, keeper) = gate();
        let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let seen = Arc::clone(&most);
        let origin = origin::start(move |mut connection| {
            while connection.head().is_some() {
                seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let passes = gate.pass();
                now.fetch_sub(1, Ordering::SeqCst);
                if !passes || connection.say(HELLO).is_err() {
                    return;
                }
            }
        });
        let config = Config {
            endpoints: vec![("a".into(), origin)],
            ..config
        };
        Self {
            proxy: Evenkeel::start(&config),
            keeper,
            most,
        }
    }

    /// A client whose request is with the origin.
    pub(super) fn served(&self) -> Client {
        let client = self.sent();
        self.keeper.await_one();
        client
    }

    /// A client that has sent its request.
    fn sent(&self) -> Client {
        let mut client = self.proxy.client();
        client.send(GET).expect("the proxy reads");
        client
    }

    /// Waits until so many requests wait.
    pub(super) fn queued(&self, many: u64) {
        while self.proxy.counter("evenkeel_queue_depth") != many {
            std::thread::yield_now();
        }
    }
}

#[test]
fn an_endpoint_for_one_serves_ten_one_after_another() {
    let narrow = Narrow::new("");
    let mut clients = vec![narrow.served()];
    clients.extend((0..9).map(|_| narrow.sent()));
    narrow.queued(9);
    for _ in 0..10 {
        narrow.keeper.let_one();
    }
    for client in &mut clients {
        assert_eq!(client.answer("GET").unwrap().body, b"hello");
    }
    assert_eq!(narrow.most.load(Ordering::SeqCst), 1);
}

/// The bound is the pool's, not a worker's: 64 clients of four workers ask as fast as they can.
#[test]
fn four_workers_together_never_send_a_fourth_to_an_endpoint_for_three() {
    let (now, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let seen = Arc::clone(&most);
    let origin = origin::start(move |mut connection| {
        while connection.head().is_some() {
            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Long enough for one too many to be seen.
            (0..20).for_each(|_| std::thread::yield_now());
            now.fetch_sub(1, Ordering::SeqCst);
            if connection.say(HELLO).is_err() {
                return;
            }
        }
    });
    let config = Config {
        workers: 4,
        endpoint: ", max_connections = 3",
        pool: "queue = { limit = 64, timeout = \"30s\" }",
        ..Config::new([origin])
    };
    let proxy = Evenkeel::start(&config);
    let clients: Vec<Client> = (0..64).map(|_| proxy.client()).collect();
    std::thread::scope(|scope| {
        for mut client in clients {
            scope.spawn(move || {
                for _ in 0..10 {
                    let answer = client.exchange("GET", GET).expect("an answer");
                    assert_eq!(answer.body, b"hello");
                }
            });
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 3);
    proxy.counts("evenkeel_queue_depth", 0);
    proxy.stop();
}

#[test]
fn what_the_queue_does_not_hold_is_503_with_retry_after() {
    let narrow = Narrow::new("queue = { limit = 1, timeout = \"30s\" }");
    let mut first = narrow.served();
    let mut second = narrow.sent();
    narrow.queued(1);
    for _ in 0..3 {
        let answer = narrow.proxy.client().exchange("GET", GET).unwrap();
        local(&answer, 503);
        assert_eq!(answer.head.field("retry-after"), Some("1"));
    }
    for client in [&mut first, &mut second] {
        narrow.keeper.let_one();
        assert_eq!(client.answer("GET").unwrap().body, b"hello");
    }
}

#[test]
fn who_waits_too_long_is_told_503() {
    let narrow = Narrow::new("queue = { limit = 5, timeout = \"100ms\" }");
    let mut first = narrow.served();
    let answer = narrow.proxy.client().exchange("GET", GET).unwrap();
    local(&answer, 503);
    assert_eq!(answer.head.field("retry-after"), Some("1"));
    narrow.keeper.let_one();
    assert_eq!(first.answer("GET").unwrap().body, b"hello");
}

#[test]
fn who_leaves_the_queue_costs_nobody_a_place() {
    let narrow = Narrow::new("queue = { limit = 1, timeout = \"30s\" }");
    let mut first = narrow.served();
    let second = narrow.sent();
    narrow.queued(1);
    drop(second);
    narrow.queued(0);
    let mut third = narrow.sent();
    narrow.queued(1);
    for client in [&mut first, &mut third] {
        narrow.keeper.let_one();
        assert_eq!(client.answer("GET").unwrap().body, b"hello");
    }
}

/// With two workers: a place that one of them held while nobody came would be lost to the other.
#[test]
fn connections_beyond_the_limit_wait_for_a_place() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let origin = origin::start(move |mut connection| {
        while connection.head().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
            if connection.say(HELLO).is_err() {
                return;
            }
        }
    });
    let config = Config {
        listener: "limits = { connections = 1 }",
        ..Config::new([origin])
    };
    let proxy = Evenkeel::start(&config);
    let mut first = proxy.client();
    assert_eq!(first.exchange("GET", GET).unwrap().body, b"hello");
    let mut waiting: Vec<Client> = (0..8).map(|_| proxy.client()).collect();
    for client in &mut waiting {
        client.send(GET).unwrap();
    }
    for _ in 0..20 {
        assert_eq!(first.exchange("GET", GET).unwrap().body, b"hello");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 21);
    drop(first);
    // In whatever order they get their place, each gives it back.
    std::thread::scope(|scope| {
        for mut client in waiting.drain(..) {
            scope.spawn(move || assert_eq!(client.answer("GET").unwrap().body, b"hello"));
        }
    });
    assert_eq!(asked.load(Ordering::SeqCst), 29);
}

#[test]
fn a_client_that_takes_nothing_is_let_go_and_holds_little() {
    let (sender, ended) = channel();
    let sender = Mutex::new(sender);
    let origin = origin::start(move |mut connection| {
        connection.head();
        let endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n";
        connection.say(endless).expect("the proxy reads");
        let mut written = 0_usize;
        let stopped = loop {
            match connection.say(&[b'x'; 65_536]) {
                Ok(()) => written += 65_536,
                Err(error) => break error.kind(),
            }
        };
        let _ = sender.lock().expect("one sender").send((stopped, written));
    });
    let config = Config {
        listener: "timeouts = { write = \"300ms\" }",
        ..Config::new([origin])
    };
    let proxy = Evenkeel::start(&config);
    let mut client = proxy.client();
    client.send(GET).unwrap();
    let (stopped, written) = ended.recv_timeout(PATIENCE * 2).unwrap();
    let closed = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(closed.contains(&stopped), "{stopped}");
    // Sockets hold some MiB on each of the four sides; the proxy itself 64 KiB.
    assert!(written < 64 << 20, "{written} bytes");
    drop(client);
}

#[test]
fn a_body_that_comes_byte_by_byte_and_stops_is_408() {
    let (sender, came) = channel();
    let sender = Mutex::new(sender);
    let origin = origin::start(move |mut connection| {
        connection.head();
        while let Some(byte) = connection.body(1) {
            let _ = sender.lock().expect("one sender").send(byte);
        }
    });
    let config = Config {
        listener: "timeouts = { body = \"300ms\" }",
        ..Config::new([origin])
    };
    let proxy = Evenkeel::start(&config);
    let mut client = proxy.client();
    let head = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 100\r\n\r\n";
    client.send(head).unwrap();
    for byte in b"abcd" {
        client.send(&[*byte]).unwrap();
        assert_eq!(came.recv_timeout(PATIENCE).unwrap(), [*byte]);
    }
    let answer = client.answer("POST").unwrap();
    local(&answer, 408);
    assert!(answer.head.closes() && client.ended());
}

#[test]
fn a_connection_kept_for_nothing_is_closed() {
    let config = Config {
        listener: "timeouts = { idle = \"200ms\" }",
        ..Config::new([origin::saying(HELLO)])
    };
    let proxy = Evenkeel::start(&config);
    let (mut fresh, mut used) = (proxy.client(), proxy.client());
    assert_eq!(used.exchange("GET", GET).unwrap().body, b"hello");
    assert!(fresh.ended() && used.ended());
}
