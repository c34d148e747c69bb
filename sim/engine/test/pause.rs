//! Both engines after a pause: an origin works on all that it was sent meanwhile, whether or not
//! somebody waits for it still, as Node.js does (`tests/node.rs`).

use super::*;

/// What both come to where `a`, the one endpoint, is asked each 100 ms for so much work, and paused
/// from 1.05 s to 2.05 s.
fn alone(service: &str, overhead: &str, pool: &str) -> [Ended; 2] {
    let replaced = [
        ("MODEL\"", &*format!("node\"\noverhead = \"{overhead}\"")),
        ("  { name = \"b\", address = \"10.0.0.2:80\" },\n", ""),
        ("  { name = \"c\", address = \"10.0.0.3:80\" },\n", ""),
        ("timeouts = { dial = \"300ms\", header = \"700ms\" }", pool),
        (
            "\"exponential\", mean = \"4ms\"",
            &format!("\"constant\", value = \"{service}\""),
        ),
        (
            "rate = \"300/s\"",
            "process = \"constant\", rate = \"10/s\"",
        ),
    ];
    let text = replaced.iter().fold(TEXT.to_owned(), |text, (a, b)| {
        assert!(text.contains(a), "{a}");
        text.replace(a, b)
    });
    let fault = "at = \"1050ms\"\ntarget = \"a\"\nkind = \"pause\"\nfor = \"1s\"";
    both(&read(&format!("{text}[[fault]]\n{fault}\n")))
}

/// Ten requests come in the pause, which leave 480 ms of work. Who comes 50 ms and k times 100 ms
/// after it is done 478 - 52 k ms later: within its 100 ms from k = 8 on.
#[test]
fn work_that_was_given_up_is_done() {
    let pool = "timeouts = { header = \"100ms\" }\nretry = { attempts = 1 }";
    for ended in alone("48ms", "0s", pool) {
        assert_eq!(ended.cell.value(Metric::Failed, &Scope::All), Some(18.0));
    }
}

/// Fifty checks come in the pause, each of which is 4 ms of work; the ten requests' is 60 ms. Who
/// comes 50 ms after it waits for some 200 ms.
#[test]
fn checks_that_were_given_up_are_answered() {
    let pool = "health = { path = \"/\", interval = \"20ms\", timeout = \"10ms\" }";
    for ended in alone("2ms", "4ms", pool) {
        let after = ended.seen.iter().map(|seen| seen.completion);
        let first = after
            .clone()
            .find(|seen| seen.due >= Timestamp(2_060_000_000));
        let took = first.map(|seen| seen.done.since(seen.due).as_millis());
        assert!(
            took.is_some_and(|ms| (120..260).contains(&ms)),
            "{took:?} ms"
        );
    }
}

/// A third of the traffic of `lasts` is given up after 50 ms, while `a` is paused or a black hole:
/// `pool` and `client` say by whom.
fn given_up(fault: &str, lasts: &str, pool: &str, client: &str) {
    let text = TEXT.replace("MODEL\"", "node\"\noverhead = \"4ms\"");
    let text = text.replace("rate = \"300/s\"", "rate = \"100/s\"");
    let text = text.replace("idle = {", &format!("{pool}\nidle = {{"));
    let text = text.replace("[network]", &format!("{client}\n[network]"));
    let fault = format!("kind = \"{fault}\"\nfor = \"{lasts}\"");
    let text = format!("{text}[[fault]]\nat = \"1s\"\ntarget = \"a\"\n{fault}\n");
    agree(&format!("{fault}, {pool}{client}"), &read(&text));
}

const RETRY: &str = "retry = { timeout = \"50ms\", budget = \"100%\" }";

#[test]
fn engines_agree_on_tries_that_were_given_up() {
    given_up("pause", "1s", RETRY, "");
    given_up("blackhole", "1s", RETRY, "");
}

/// No more than twenty on a connection: h2 then ends it.
#[test]
fn engines_agree_on_streams_that_were_given_up() {
    given_up("pause", "500ms", &format!("{RETRY}\nhttp2 = true"), "");
}

#[test]
fn engines_agree_on_clients_that_left() {
    let client = "client = { timeout = \"50ms\", retries = 2, backoff = \"50ms\" }";
    given_up("pause", "1s", "", client);
}
