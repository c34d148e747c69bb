//! Ambiguous messages through `evenkeel serve` on real sockets: what reaches the other side has
//! one reading, whoever reads it, and nothing that stood in a body is ever taken for a message.
#[path = "desync/chunk.rs"]
mod chunk;
#[path = "desync/corpus.rs"]
mod corpus;
#[path = "desync/early.rs"]
mod early;
#[path = "desync/reading.rs"]
mod reading;
mod real;
#[path = "desync/response.rs"]
mod response;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use corpus::{Case, NEXT};
use reading::{Habits, Message, Strict};
use real::client::Client;
use real::evenkeel::{Config, Evenkeel};
use real::message::Failure;
use real::origin;

/// What came over each connection that an origin accepted.
#[derive(Debug, Default)]
struct Record {
    streams: Vec<Vec<u8>>,
    /// The whole requests of all connections, in the order in which they came.
    messages: Vec<Message>,
    /// What a strict reader could not read.
    wrong: Vec<&'static str>,
}

/// An origin that records every byte, and answers each request with its target.
fn recorder() -> (SocketAddr, Arc<Mutex<Record>>) {
    let record = Arc::new(Mutex::new(Record::default()));
    let shared = Arc::clone(&record);
    let address = origin::start(move |mut connection| {
        let with = || shared.lock().expect("no panic holds it");
        let number = {
            let mut record = with();
            record.streams.push(Vec::new());
            record.streams.len() - 1
        };
        let mut fresh = Vec::new();
        while let Some(byte) = connection.body(1) {
            fresh.push(byte[0]);
            with().streams[number].push(byte[0]);
            match reading::strict(&fresh) {
                Strict::Cut => {}
                Strict::Wrong(why) => return with().wrong.push(why),
                Strict::Whole(message, _) => {
                    fresh.clear();
                    let target = message.target.clone();
                    with().messages.push(message);
                    let length = target.len();
                    let answer =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}");
                    if connection.say(answer.as_bytes()).is_err() {
                        return;
                    }
                }
            }
        }
    });
    (address, record)
}

fn filled(bytes: &[u8], number: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let digits = format!("{number:04}");
    for at in 0..bytes.len().saturating_sub(3) {
        if bytes[at..].starts_with(b"@@@@") {
            bytes[at..at + 4].copy_from_slice(digits.as_bytes());
        }
    }
    bytes
}

/// Sends a case and its successor, and reads answers until the connection ends.
fn answers(proxy: SocketAddr, number: usize, case: &Case) -> Result<Vec<(u16, Vec<u8>)>, Failure> {
    let mut client = Client::connect(proxy).expect("the proxy accepts");
    // A refusal can close the connection before all of it is sent.
    let _ = client.send(&filled(&[&case.bytes, NEXT.as_bytes()].concat(), number));
    let mut answers = Vec::new();
    loop {
        match client.answer("GET") {
            Ok(answer) => answers.push((answer.head.status, answer.body)),
            Err(Failure::Closed) => return Ok(answers),
            Err(failure) => return Err(failure),
        }
    }
}

#[test]
fn what_arrives_has_one_reading() {
    let cases = corpus::all();
    let (address, record) = recorder();
    let proxy = Evenkeel::start(&Config {
        listener: "timeouts = { body = \"200ms\" }",
        ..Config::new([address])
    });
    let share = cases.len().div_ceil(4);
    let mut failed: Vec<String> = std::thread::scope(|scope| {
        let parts = cases.chunks(share).enumerate().map(|(part, cases)| {
            let proxy = proxy.http;
            scope.spawn(move || {
                let wrong = |(n, case): (usize, &Case)| {
                    let number = part * share + n;
                    let got = answers(proxy, number, case);
                    let is_right = got.as_ref().is_ok_and(|got| is_as_told(case, number, got));
                    (!is_right).then(|| format!("{number} {}: {got:?}", case.name))
                };
                cases
                    .iter()
                    .enumerate()
                    .filter_map(wrong)
                    .collect::<Vec<_>>()
            })
        });
        let parts: Vec<_> = parts.collect();
        parts
            .into_iter()
            .flat_map(|part| part.join().expect("no panic"))
            .collect()
    });
    let record = record.lock().expect("no panic holds it");
    failed.extend(
        record
            .wrong
            .iter()
            .map(|why| format!("strictly wrong: {why}")),
    );
    failed.extend(misled(&cases, &record));
    failed.extend(ambiguous(&record));
    assert!(
        failed.is_empty(),
        "{} of {}:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

/// Whether the statuses are the case's, and each answer of the origin that of its request.
fn is_as_told(case: &Case, number: usize, got: &[(u16, Vec<u8>)]) -> bool {
    let mut arrived = case.arrives.iter();
    let is_own = |(status, body): &(u16, Vec<u8>)| {
        let name = arrived.next().copied().unwrap_or_default();
        *status != 200 || *body == format!("/{number:04}/{name}").into_bytes()
    };
    got.iter()
        .map(|(status, _)| *status)
        .eq(case.answers.iter().copied())
        && got.iter().all(is_own)
}

/// Cases of which something else arrived than was to.
fn misled(cases: &[Case], record: &Record) -> Vec<String> {
    let mut arrived: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
    for message in &record.messages {
        let number = message.target.get(1..5).unwrap_or_default();
        arrived.entry(number).or_default().push(message);
    }
    let mut failed = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let key = format!("{number:04}");
        let messages = arrived.remove(key.as_str()).unwrap_or_default();
        let targets: Vec<&str> = messages
            .iter()
            .map(|m| m.target.get(6..).unwrap_or(""))
            .collect();
        let body = messages.first().map_or(&b""[..], |first| &first.body);
        let is_right = targets == case.arrives && body == filled(case.body.as_bytes(), number);
        if !is_right || messages.iter().any(|message| message.host != "app") {
            failed.push(format!("{number} {}: arrived {messages:?}", case.name));
        }
    }
    failed.extend(
        arrived
            .into_values()
            .flatten()
            .map(|other| format!("arrived {other:?}")),
    );
    failed
}

/// Streams that some reader understands otherwise than the strict one.
fn ambiguous(record: &Record) -> Vec<String> {
    let mut failed = Vec::new();
    for stream in &record.streams {
        let strict = strictly(stream);
        for habits in Habits::all() {
            let lenient = habits.read(stream);
            if lenient != strict {
                let differs = lenient
                    .iter()
                    .zip(&strict)
                    .find(|(one, other)| one != other);
                failed.push(format!("{habits:?}: {differs:?}"));
                break;
            }
        }
    }
    failed
}

fn strictly(stream: &[u8]) -> Vec<Message> {
    let (mut found, mut rest) = (Vec::new(), stream);
    while let Strict::Whole(message, length) = reading::strict(rest) {
        found.push(message);
        rest = &rest[length..];
    }
    found
}

/// The corpus would prove nothing if its readers agreed on it: most of what is refused is read in
/// several ways by them.
#[test]
fn the_corpus_is_ambiguous() {
    let cases = corpus::all();
    assert!(cases.len() < 10_000, "numbers have four digits");
    let is_ambiguous = |case: &&Case| {
        let bytes = filled(&[&case.bytes, NEXT.as_bytes()].concat(), 0);
        let mut readings = Habits::all().map(|habits| habits.read(&bytes));
        let first = readings.next();
        readings.any(|reading| Some(&reading) != first.as_ref())
    };
    let many = cases.iter().filter(is_ambiguous).count();
    assert!(many > 300, "{many} of {}", cases.len());
}
