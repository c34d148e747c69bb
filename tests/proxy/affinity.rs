//! Clients that stay: cookies of ours and sessions of applications, on real sockets.
use std::net::SocketAddr;

use super::GET;
use crate::real::evenkeel::{Config, Evenkeel};
use crate::real::message::Answer;
use crate::real::origin;

/// An origin that says its name.
pub(crate) fn named(name: &'static str) -> SocketAddr {
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}",
        name.len()
    );
    origin::saying(answer.leak().as_bytes())
}

/// A proxy that keeps clients by the cookie `srv`.
pub(crate) fn sticky<const N: usize>(origins: [SocketAddr; N]) -> Evenkeel {
    Evenkeel::start(&sticky_config(origins))
}

pub(crate) fn sticky_config<const N: usize>(origins: [SocketAddr; N]) -> Config {
    let mut config = Config::new(origins);
    config.pool = "policy = \"round_robin\"\naffinity = { kind = \"cookie\", name = \"srv\" }";
    config
}

/// The cookie that an answer gives, as a client sends it back. It is not to be cached then.
pub(crate) fn cookie_of(answer: &Answer) -> Option<String> {
    let cookie = answer.head.field("set-cookie")?;
    assert_eq!(answer.head.field("cache-control"), Some("private"));
    assert!(
        cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
    cookie.split(';').next().map(str::to_owned)
}

fn get(proxy: &Evenkeel, target: &str, fields: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: app\r\n{fields}\r\n");
    let answer = proxy.client().exchange("GET", request.as_bytes());
    answer.expect("an answer")
}

#[test]
fn a_client_that_brings_its_cookie_stays_and_one_that_does_not_is_new() {
    let proxy = sticky([named("a"), named("b"), named("c")]);
    let first = proxy.client().exchange("GET", GET).unwrap();
    let cookie = cookie_of(&first).expect("a new client");
    let value = cookie.strip_prefix("srv=").expect("its name");
    assert_eq!(
        value.len(),
        38,
        "neither an address nor a name is in it: {value}"
    );
    for _ in 0..9 {
        let answer = get(&proxy, "/", &format!("Cookie: x=1; {cookie}\r\n"));
        assert_eq!(answer.body, first.body);
        assert_eq!(answer.head.field("set-cookie"), None, "it knows");
        assert_eq!(answer.head.field("cache-control"), None);
    }
    let others: Vec<_> = (0..9).map(|_| get(&proxy, "/", "").body).collect();
    assert!(others.iter().any(|name| *name != first.body));
    proxy.counts("evenkeel_session_steps_total", 10);
    proxy.stop();
}

/// Two proxies with one file of keys are one, in any order of their endpoints; the second one has a
/// key more, as while keys are changed.
#[test]
fn a_cookie_is_good_at_every_proxy_that_has_its_key() {
    let origins = [named("a"), named("b"), named("c")];
    let keys = [
        "the first key of ours\n",
        "a second key of ours\nthe first key of ours\n",
    ];
    let proxies = [0, 1].map(|n| {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::write(folder.path().join("keys"), keys[n]).unwrap();
        let mut config = Config::new(origins);
        config.pool = "policy = \"round_robin\"\n\
                       affinity = { kind = \"cookie\", name = \"srv\", keys = \"keys\" }";
        config.endpoints.rotate_left(n);
        Evenkeel::start_in(folder, &config.text())
    });
    for _ in 0..6 {
        let first = proxies[0].client().exchange("GET", GET).unwrap();
        let cookie = cookie_of(&first).expect("a new client");
        for proxy in &proxies {
            let answer = get(proxy, "/", &format!("Cookie: {cookie}\r\n"));
            assert_eq!(
                (answer.head.field("set-cookie"), answer.body),
                (None, first.body.clone())
            );
        }
    }
    // The first one does not have the second one's key yet.
    let new = cookie_of(&proxies[1].client().exchange("GET", GET).unwrap()).expect("a new client");
    get(&proxies[0], "/", &format!("Cookie: {new}\r\n"));
    proxies[0].counts("evenkeel_session_cookies_forged_total", 1);
    proxies.into_iter().for_each(Evenkeel::stop);
}

/// An origin with sessions of its own: it begins one for who has none, answers those that it
/// knows, and refuses the others with 400. `give` makes the fields and the body of a new one.
fn stateful(name: &'static str, give: fn(&str) -> (String, String)) -> SocketAddr {
    let known = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    origin::start(move |mut connection| {
        while let Some(head) = connection.head() {
            let mut known = known.lock().expect("short");
            let asked = head.split("sid=").nth(1);
            let asked = asked.map(|rest| rest.split([' ', ';', '\r', '&']).next().unwrap_or(""));
            let (status, fields, body) = match asked {
                Some(sid) if known.iter().any(|k| k == sid) => (200, String::new(), name.into()),
                Some(_) => (400, String::new(), "Session ID unknown".to_owned()),
                None => {
                    let sid = format!("{name}{}", known.len());
                    let (fields, body) = give(&sid);
                    known.push(sid);
                    (200, fields, body)
                }
            };
            drop(known);
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{fields}Content-Length: {length}\r\n\r\n");
            // The body comes late: what is in it must be waited for.
            if connection.say(head.as_bytes()).is_err() || connection.say(body.as_bytes()).is_err()
            {
                return;
            }
        }
    })
}

/// The session that an answer gives.
fn sid_of(answer: &Answer) -> String {
    let body = String::from_utf8_lossy(&answer.body);
    let sid = match answer.head.field("set-cookie") {
        Some(cookie) => cookie
            .strip_prefix("sid=")
            .and_then(|rest| rest.split(';').next()),
        None => body.split('"').nth(3),
    };
    sid.expect("a session").to_owned()
}

/// The answer to who brings a session.
fn with(proxy: &Evenkeel, from: &str, sid: &str) -> Answer {
    match from {
        "cookie:sid" => get(proxy, "/", &format!("Cookie: sid={sid}\r\n")),
        _ => get(proxy, &format!("/?sid={sid}"), ""),
    }
}

#[test]
fn sessions_of_the_application_are_learned() {
    type Give = fn(&str) -> (String, String);
    let by_cookie: Give = |sid| (format!("Set-Cookie: sid={sid}; Path=/\r\n"), "new".into());
    let by_body: Give = |sid| {
        (
            String::new(),
            format!("0{{\"sid\":\"{sid}\",\"upgrades\":[]}}"),
        )
    };
    for (from, give) in [("cookie:sid", by_cookie), ("query:sid", by_body)] {
        let origins = ["a", "b", "c"].map(|name| stateful(name, give));
        let mut config = Config::new(origins);
        let pool = "policy = \"round_robin\"\naffinity = { kind = \"learn\", from = \"FROM\" }";
        config.pool = pool.replace("FROM", from).leak();
        let proxy = Evenkeel::start(&config);
        let mut sids = Vec::new();
        for _ in 0..6 {
            let answer = get(&proxy, "/", "");
            let sid = sid_of(&answer);
            sids.push(sid);
        }
        for round in 0..3 {
            for sid in &sids {
                let answer = with(&proxy, from, sid);
                assert_eq!(answer.head.status, 200, "{from} {round} {sid}");
                assert!(sid.as_bytes().starts_with(&answer.body), "{from} {sid}");
            }
        }
        proxy.counts("evenkeel_sessions", 6);
        // A reload forgets nothing, whatever order it brings.
        config.endpoints.reverse();
        proxy.reload(&config.text());
        for sid in &sids {
            assert_eq!(with(&proxy, from, sid).head.status, 200, "{from} {sid}");
        }
        proxy.stop();
    }
}

/// What becomes of a session whose endpoint is down is a choice.
#[test]
fn a_session_of_a_down_endpoint_is_refused_or_moved() {
    for (on_down, status) in [("fail", 503), ("queue", 503), ("repick", 200)] {
        let origins = [named("a"), named("b")];
        let mut config = Config::new(origins);
        let pool = "queue = { timeout = \"50ms\" }\npolicy = \"round_robin\"\n\
                    affinity = { kind = \"cookie\", name = \"srv\", on_down = \"HOW\" }";
        config.pool = pool.replace("HOW", on_down).leak();
        let proxy = Evenkeel::start(&config);
        let first = proxy.client().exchange("GET", GET).unwrap();
        let cookie = cookie_of(&first).expect("a new client");
        let home = String::from_utf8(first.body.clone()).unwrap();
        let all = config.text();
        let own = format!("name = \"{home}\",");
        proxy.reload(&all.replace(&own, &format!("{own} down = true,")));
        let ask = || get(&proxy, "/", &format!("Cookie: {cookie}\r\n"));
        let changed = (0..1000)
            .map(|_| ask())
            .find(|answer| answer.body != first.body);
        assert_eq!(
            changed.expect("the reload").head.status,
            status,
            "{on_down}"
        );
        if status == 503 {
            proxy.reload(&all);
            let back = (0..1000)
                .map(|_| ask())
                .find(|answer| answer.head.status == 200);
            assert_eq!(
                back.expect("the reload").body,
                first.body,
                "it has waited for it"
            );
        }
        proxy.stop();
    }
}
