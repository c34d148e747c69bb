//! Good lines, broken lines, damaged files and the real log.

mod format;

use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;

const DATE: &str = "[01/Aug/1995:02:00:04 -0400]";

fn read(input: impl Into<Vec<u8>>) -> (Vec<Record>, Summary) {
    let mut log =
        Log::new(Cursor::new(input.into()), Reading::default()).expect("memory can be read");
    let records = log.by_ref().collect();
    (records, log.summary().clone())
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn good_lines() {
    let table = [
        (
            "\"GET /a.html HTTP/1.0\" 200 1713",
            "GET",
            "/a.html",
            200,
            1713,
        ),
        ("\"HEAD / HTTP/1.0\" 304 -", "HEAD", "/", 304, 0),
        (
            "\"POST /f?a=1&b=%20 HTTP/1.1\" 201 7 \"http://r/\" \"Agent \\\"x\\\" 1\"",
            "POST",
            "/f?a=1&b=%20",
            201,
            7,
        ),
        ("\"GET /old\" 200 5", "GET", "/old", 200, 5),
        (
            "\"GET /a b\"c<d> HTTP/1.0\" 404 -",
            "GET",
            "/a%20b%22c%3Cd%3E",
            404,
            0,
        ),
        (
            "\"GET http://host:80/x?y HTTP/1.1\" 200 1",
            "GET",
            "/x?y",
            200,
            1,
        ),
        (
            "\"GET /r?u=http://z/ HTTP/1.1\" 200 1",
            "GET",
            "/r?u=http://z/",
            200,
            1,
        ),
        ("\"OPTIONS * HTTP/1.1\" 200 0", "OPTIONS", "*", 200, 0),
        ("\"GET /é#f HTTP/2.0\" 200 0", "GET", "/%C3%A9", 200, 0),
    ];
    for (rest, method, path, status, bytes) in table {
        let (records, summary) = read(format!("10.0.0.1 - bob smith {DATE} {rest}\r\n"));
        assert_eq!(summary.broken, 0, "{rest}: {:?}", summary.first);
        let r = &records[0];
        assert_eq!(
            (&*r.method, &*r.path, r.status, r.bytes),
            (method, path, status, bytes),
            "{rest}"
        );
        assert_eq!(r.at_us, 807_256_804_000_000);
    }
}

#[test]
fn stamps_are_seconds_since_1970() {
    let table = [
        ("01/Jan/1970:00:00:00 +0000", Some(0)),
        ("29/Feb/2000:12:00:00 +0100", Some(951_822_000)),
        ("31/Dec/2024:23:59:60 +0000", Some(1_735_689_600)),
        ("01/Mar/1900:00:00:00 +0000", Some(-2_203_891_200)),
        ("00/Jan/1970:00:00:00 +0000", None),
        ("01/Foo/1970:00:00:00 +0000", None),
        ("01/Jan/1970:24:00:00 +0000", None),
        ("01/Jan/1970:00:00:00 *0000", None),
        ("1/Jan/1970:00:00:00 +0000", None),
    ];
    for (date, expected) in table {
        let (records, _) = read(format!("a - - [{date}] \"GET / HTTP/1.0\" 200 1"));
        assert_eq!(
            records.first().map(|r| r.at_us),
            expected.map(|s: i64| s * 1_000_000),
            "{date}"
        );
    }
}

#[test]
fn broken_lines_are_counted_and_the_first_three_are_kept() {
    let long = "x".repeat(LINE_LIMIT + 1);
    let good = format!("a - - {DATE} \"GET / HTTP/1.0\" 200 1");
    let text = [
        " no address".trim_end(),
        &good,
        "",
        &format!("a - - {DATE} \"-\" 408 -"),
        &long,
        &format!("a - - {DATE} \"GET / HTTP/1.0\" abc 1"),
        &format!("a - - {DATE} \"GET / HTTP/1.0\" 200 99999999999999999999"),
        "a - - nothing",
        &good,
    ]
    .join("\n");
    for input in [text.clone().into_bytes(), gzip(text.as_bytes())] {
        let (records, summary) = read(input);
        assert_eq!(records.len(), 2);
        assert_eq!((summary.lines, summary.broken, summary.error), (8, 6, None));
        let kept: Vec<_> = summary.first.iter().map(|b| (b.line, b.fault)).collect();
        assert_eq!(
            kept,
            [(1, Fault::Date), (4, Fault::Request), (5, Fault::TooLong)]
        );
        assert_eq!(summary.first[2].text.len(), KEPT_BYTES);
    }
}

#[test]
fn a_summary_can_be_read() {
    let line = |host: &str| format!("{host} - - {DATE} \"GET / HTTP/1.0\" 200 1\n");
    let (_, clean) = read(line("a").repeat(1_234));
    assert_eq!(clean.to_string(), "1,234 lines");
    assert!(clean.is_clean());
    let (_, mut broken) = read(line("a").repeat(1_016) + "nonsense\n\0 x\n");
    broken.error = Some("corrupt deflate stream".to_owned());
    let text = [
        "2 of 1,018 lines cannot be read, first:",
        "  line 1017: no client address at the beginning: nonsense",
        "  line 1018: no date such as [01/Aug/1995:02:00:00 -0400]: \\0 x",
        "  the rest is lost: corrupt deflate stream",
    ];
    assert_eq!(broken.to_string(), text.join("\n"));
    assert!(!broken.is_clean());
}

#[test]
fn clients_are_told_apart_by_address() {
    let line = |host: &str| format!("{host} - - {DATE} \"GET / HTTP/1.0\" 200 1\n");
    let (records, _) = read(line("10.0.0.1") + &line("10.0.0.2") + &line("10.0.0.1"));
    assert_eq!(records[0].client, records[2].client);
    assert_ne!(records[0].client, records[1].client);
}

#[test]
fn a_damaged_file_ends_with_its_reason() {
    let line = format!("a - - {DATE} \"GET / HTTP/1.0\" 200 1\n");
    let whole = gzip(line.repeat(50_000).as_bytes());
    let (records, summary) = read(&whole[..whole.len() / 2]);
    assert!(!records.is_empty() && records.len() < 50_000);
    assert!(summary.error.is_some());
    let twice = [gzip(line.as_bytes()), gzip(line.as_bytes())].concat();
    assert_eq!(
        read(twice).0.len(),
        2,
        "members of a concatenated file follow each other"
    );
    assert_eq!(read(b"".to_vec()).1, Summary::default());
}

proptest! {
    /// No bytes make it panic, and every line that is not blank is good or counted.
    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let (records, summary) = read(bytes);
        prop_assert_eq!(records.len() as u64 + summary.broken + summary.other, summary.lines);
    }

    /// Nor does a good line with a few bytes changed.
    #[test]
    fn mutated_lines_are_read(changes in prop::collection::vec((0_usize..75, any::<u8>()), 0..6)) {
        let mut line = format!("10.0.0.1 - - {DATE} \"GET /a HTTP/1.0\" 200 17").into_bytes();
        for (at, byte) in changes {
            let at = at % line.len();
            line[at] = byte;
        }
        let (records, _) = read(line);
        for record in records {
            prop_assert!(record.path.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
        }
    }
}
