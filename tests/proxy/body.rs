//! Bodies and retries: what is sent again, what never is, and where a message ends.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use super::{GET, HELLO, local, scripted};
use crate::real::PATIENCE;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::message::Answer;
use crate::real::origin::{self, Connection};

/// Two endpoints of one application, of whose requests all together the first is read whole by
/// `read` and then lost with its connection. Returns the bodies that were read, too.
fn losing_the_first(
    read: fn(&mut Connection) -> Option<Vec<u8>>,
) -> (Evenkeel, Arc<Mutex<Vec<Vec<u8>>>>) {
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let origins = [(); 2].map(|()| {
        let bodies = Arc::clone(&bodies);
        origin::start(move |mut connection| {
            while connection.head().is_some() {
                let Some(body) = read(&mut connection) else {
                    return;
                };
                let mut bodies = bodies.lock().expect("short");
                bodies.push(body);
                if bodies.len() == 1 || connection.say(HELLO).is_err() {
                    return;
                }
            }
        })
    });
    (Evenkeel::start(&Config::new(origins)), bodies)
}

#[test]
fn a_small_chunked_body_is_sent_again() {
    let (proxy, bodies) = losing_the_first(Connection::chunks);
    let request = b"PUT / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n\
        3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n";
    let answer = proxy.client().exchange("PUT", request).unwrap();
    assert_eq!(answer.body, b"hello");
    assert_eq!(*bodies.lock().unwrap(), [b"abcdefg", b"abcdefg"]);
}

#[test]
fn a_post_is_never_sent_again() {
    let (proxy, bodies) = losing_the_first(|connection| connection.body(5));
    let request = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nhello";
    let mut client = proxy.client();
    local(&client.exchange("POST", request).unwrap(), 502);
    assert_eq!(bodies.lock().unwrap().len(), 1);
    assert_eq!(client.exchange("POST", request).unwrap().body, b"hello");
    assert_eq!(bodies.lock().unwrap().len(), 2);
}

#[test]
fn a_body_too_large_to_keep_is_not_sent_again() {
    const LENGTH: usize = 1 << 20;
    let (proxy, bodies) = losing_the_first(|connection| connection.body(LENGTH));
    let head = format!("PUT / HTTP/1.1\r\nHost: app\r\nContent-Length: {LENGTH}\r\n\r\n");
    let request = [head.as_bytes(), &[b'x'; LENGTH]].concat();
    local(&proxy.client().exchange("PUT", &request).unwrap(), 502);
    assert_eq!(bodies.lock().unwrap().len(), 1);
}

/// The origin closes after each answer and says nothing of it, so every idle connection is stale,
/// sooner or later than the proxy looks.
fn closing() -> (Evenkeel, Arc<Mutex<BTreeMap<String, u32>>>) {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let noted = Arc::clone(&seen);
    let proxy = scripted(move |mut connection| {
        let Some(head) = connection.head() else {
            return;
        };
        let line = head.lines().next().unwrap_or_default().to_owned();
        *noted.lock().expect("short").entry(line).or_insert(0) += 1;
        let _ = connection.say(HELLO);
    });
    (proxy, seen)
}

fn numbered(method: &str, n: usize) -> String {
    format!("{method} /{n} HTTP/1.1\r\nHost: app\r\nContent-Length: 0\r\n\r\n")
}

#[test]
fn a_stale_idle_connection_costs_no_get() {
    let (proxy, _) = closing();
    let mut client = proxy.client();
    for n in 0..200 {
        let answer = client
            .exchange("GET", numbered("GET", n).as_bytes())
            .unwrap();
        assert_eq!(answer.body, b"hello", "request {n}");
    }
}

#[test]
fn a_stale_idle_connection_sends_no_post_twice() {
    let (proxy, seen) = closing();
    let mut client = proxy.client();
    for n in 0..200 {
        let answer = client
            .exchange("POST", numbered("POST", n).as_bytes())
            .unwrap();
        assert!(
            [200, 502].contains(&answer.head.status),
            "request {n}: {answer:?}"
        );
    }
    assert!(seen.lock().unwrap().values().all(|&times| times == 1));
}

#[test]
fn an_answer_may_come_before_the_whole_request() {
    let proxy = scripted(|mut connection| {
        connection.head();
        let refusal = b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno";
        connection.say(refusal).expect("the proxy reads");
        connection.ended();
    });
    let mut client = proxy.client();
    let head = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 1000000000\r\n\r\n";
    client.send(&[head, &[b'x'; 20_000][..]].concat()).unwrap();
    let answer = client.answer("POST").unwrap();
    assert_eq!((answer.head.status, &answer.body[..]), (413, &b"no"[..]));
    drop(client);

    // What is left of a short one is passed over, and the next request is found behind it.
    let mut client = proxy.client();
    for _ in 0..2 {
        let head = b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 5\r\n\r\nab";
        client.send(head).unwrap();
        assert_eq!(client.answer("POST").unwrap().head.status, 413);
        client.send(b"cde").unwrap();
    }
}

/// What some clients send behind the body of a POST, which no length counts. The proxy finds it
/// beside the answer, and closing with it unread would reset the connection.
#[test]
fn a_line_too_many_takes_no_answer_away() {
    let (sender, asked) = channel();
    let (go_on, gate) = channel::<()>();
    let (sender, gate) = (Mutex::new(sender), Mutex::new(gate));
    let proxy = scripted(move |mut connection| {
        connection.head();
        assert_eq!(connection.body(5).as_deref(), Some(&b"hello"[..]));
        sender
            .lock()
            .expect("one sender")
            .send(())
            .expect("it waits");
        let _ = gate.lock().expect("one receiver").recv();
        connection.say(HELLO).expect("it is in the kernel's hands");
        sender
            .lock()
            .expect("one sender")
            .send(())
            .expect("it waits");
        connection.head();
    });
    let mut client = proxy.client();
    let request =
        b"POST / HTTP/1.1\r\nHost: app\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello";
    client.send(request).unwrap();
    asked.recv_timeout(PATIENCE).unwrap();
    proxy.process.freeze();
    client.send(b"\r\n").unwrap();
    go_on.send(()).unwrap();
    asked.recv_timeout(PATIENCE).unwrap();
    proxy.process.wake();
    assert_eq!(client.answer("POST").unwrap().body, b"hello");
    assert!(!client.is_reset());
}

#[test]
fn what_has_no_body_has_none() {
    let proxy = scripted(|mut connection| {
        while let Some(head) = connection.head() {
            let answer: &[u8] = match head.split(' ').nth(1) {
                Some("/204") => b"HTTP/1.1 204 No Content\r\n\r\n",
                Some("/304") => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                Some("/chunked") => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                Some("/length") => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
                _ => HELLO,
            };
            if connection.say(answer).is_err() {
                return;
            }
        }
    });
    let mut client = proxy.client();
    for (method, path, status) in [
        ("GET", "/204", 204),
        ("HEAD", "/204", 204),
        ("GET", "/304", 304),
        ("HEAD", "/304", 304),
        ("HEAD", "/length", 200),
        ("HEAD", "/chunked", 200),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: app\r\n\r\n");
        let answer = client.exchange(method, request.as_bytes()).unwrap();
        assert_eq!(answer.head.status, status, "{method} {path}");
        assert!(answer.body.is_empty(), "{method} {path}");
        // The connection is in step: nothing was left on it, and it goes on.
        assert_eq!(
            client.exchange("GET", GET).unwrap().body,
            b"hello",
            "{method} {path}"
        );
    }
}

#[test]
fn a_cut_answer_to_http_1_0_is_a_reset() {
    let cut: [&'static [u8]; 2] = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhello",
    ];
    for said in cut {
        let proxy = scripted(move |mut connection| {
            connection.head();
            connection.say(said).expect("the proxy reads");
        });
        let mut client = proxy.client();
        client.send(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        assert!(client.is_reset(), "it looks whole");
    }
}

/// An answer whose end is its connection's, to each version.
#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let proxy = scripted(|mut connection| {
        connection.head();
        connection
            .say(b"HTTP/1.1 200 OK\r\n\r\nhello")
            .expect("the proxy reads");
    });
    for request in [GET, b"GET / HTTP/1.0\r\n\r\n"] {
        let Answer { head, body, .. } = proxy.client().exchange("GET", request).unwrap();
        assert_eq!((head.status, &body[..]), (200, &b"hello"[..]));
    }
}

#[test]
fn an_endpoint_that_refuses_costs_no_request() {
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
    let proxy = Evenkeel::start(&Config::new([origin::REFUSING, origin]));
    let mut client = proxy.client();
    for n in 0..100 {
        let answer = client
            .exchange("POST", numbered("POST", n).as_bytes())
            .unwrap();
        assert_eq!(answer.body, b"hello");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 100);
}
