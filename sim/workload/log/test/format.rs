//! Each format's lines as a table: what is read of them, and what is not.

use super::*;

const NGINX: &str = concat!(
    r#"{"msec":"1700000010.250","remote_addr":"10.0.0.1","request":"GET /a?x=1 HTTP/1.1"#,
    r#"","status":200,"body_bytes_sent":"512","request_time":"0.250","upstream_addr":"1"#,
    r#"0.1.0.1:80, 10.1.0.2:80","upstream_response_time":"0.100, 0.140","upstream_statu"#,
    r#"s":"502, 200","host":"example.com"}"#,
);
const CADDY: &str = concat!(
    r#"{"level":"info","ts":1700000010.25,"logger":"http.log.access","request":{"remote"#,
    r#"_ip":"10.0.0.1","client_ip":"10.0.0.9","proto":"HTTP/2.0","method":"POST","host""#,
    r#":"example.com","uri":"/b","headers":{"Cookie":["a=1; sid=u7"]}},"duration":0.25,"#,
    r#""size":7,"status":201}"#,
);
const OWN: &str = concat!(
    r#"{"time":1700000010.250000,"id":"1","client":"10.0.0.1","method":"GET","host":"h""#,
    r#","path":"/c","pool":"app","session":null,"limit":null,"outcome":"complete","stat"#,
    r#"us":200,"bytes":5,"total_ms":250.000,"held_ms":0.0,"queue_ms":10.0,"backoff_ms":"#,
    r#"0.0,"tries":[{"endpoint":"a","at_ms":10.0,"total_ms":1.0,"outcome":"dial_failed""#,
    r#","error":"refused"},{"endpoint":"b","at_ms":12.0,"dial_ms":1.0,"head_ms":31.0,"s"#,
    r#"tatus":200,"total_ms":238.0,"outcome":"ok"}]}"#,
);
const HAPROXY: &str = concat!(
    r#"Nov 14 22:13:30 lb haproxy[9]: 10.0.0.1:3331 [14/Nov/2023:22:13:30.000] in app/s"#,
    r#"rv1 10/0/30/69/109 200 2750 sid=u7 - ---- 1/1/1/1/0 0/0 {h} "GET /d HTTP/1.1""#,
);
const BEGAN_US: i64 = 1_700_000_010_000_000;

fn one(line: &str) -> (Record, Option<Format>) {
    let mut log = Log::new(Cursor::new(line.as_bytes().to_vec()), Reading::default())
        .expect("memory can be read");
    let record = log.next();
    (record.expect("it is a good line"), log.format())
}

#[test]
fn what_each_format_tells() {
    let table = [
        (
            NGINX,
            Format::Nginx,
            "GET",
            "/a?x=1",
            200,
            512,
            Some(140_000),
        ),
        (CADDY, Format::Caddy, "POST", "/b", 201, 7, Some(250_000)),
        (OWN, Format::Evenkeel, "GET", "/c", 200, 5, Some(30_000)),
        (
            HAPROXY,
            Format::Haproxy,
            "GET",
            "/d",
            200,
            2750,
            Some(69_000),
        ),
    ];
    for (line, format, method, path, status, bytes, service_us) in table {
        let (record, found) = one(line);
        assert_eq!(found, Some(format));
        assert_eq!(
            (record.at_us, record.is_coarse),
            (BEGAN_US, false),
            "{format:?}"
        );
        assert_eq!(
            (&*record.method, &*record.path, record.status, record.bytes),
            (method, path, status, bytes),
            "{format:?}"
        );
        assert_eq!(record.service_us, service_us, "{format:?}");
    }
}

#[test]
fn tries_and_who_served_them() {
    let tried = |endpoint: &str, at_us, head_us, end| Try {
        endpoint: endpoint.into(),
        at_us,
        head_us,
        end,
    };
    let (own, _) = one(OWN);
    let expected = [
        tried("a", 10_000, None, End::Refused),
        tried("b", 12_000, Some(31_000), End::Answered),
    ];
    assert_eq!(
        (own.pool.as_deref(), &own.tries[..]),
        (Some("app"), &expected[..])
    );
    let (haproxy, _) = one(HAPROXY);
    let expected = [tried("srv1", 10_000, Some(99_000), End::Answered)];
    assert_eq!(
        (haproxy.pool.as_deref(), &haproxy.tries[..]),
        (Some("app"), &expected[..])
    );
    let (nginx, _) = one(NGINX);
    let expected = [tried("10.1.0.2:80", 110_000, Some(140_000), End::Answered)];
    assert_eq!(nginx.tries, expected);
}

/// What a proxy answers by itself is not what the application would have said.
#[test]
fn answers_of_the_proxy_are_not_replayed() {
    let table = [
        (
            OWN.replace("\"complete\"", "\"local\"")
                .replace("\"status\":200,\"bytes\"", "\"status\":503,\"bytes\""),
            200,
        ),
        (
            OWN.replace("\"status\":200,\"bytes\"", "\"status\":500,\"bytes\""),
            500,
        ),
        (
            HAPROXY.replace("10/0/30/69/109 200", "10/0/30/-1/109 504"),
            200,
        ),
        (
            NGINX
                .replace("\"status\":200", "\"status\":499")
                .replace(",\"upstream_status\":\"502, 200\"", ""),
            200,
        ),
        (
            NGINX.replace("\"status\":200", "\"status\":502").replace(
                "\"502, 200\"",
                "\"502, 502\",\"upstream_header_time\":\"-, -\"",
            ),
            200,
        ),
        (
            NGINX.replace("\"status\":200", "\"status\":502").replace(
                "\"502, 200\"",
                "\"502, 502\",\"upstream_header_time\":\"-, 0.140\"",
            ),
            502,
        ),
        (CADDY.replace("\"status\":201", "\"status\":0"), 200),
    ];
    for (line, status) in table {
        assert_eq!(one(&line).0.status, status, "{line}");
    }
}

#[test]
fn lines_that_are_no_requests_and_lines_that_are_wrong() {
    let table: [(&str, String, Option<Fault>); 14] = [
        (OWN, OWN.replace("\"GET\"", "null"), None),
        (
            OWN,
            OWN.replace("\"status\":200,\"bytes\"", "\"status\":101,\"bytes\""),
            None,
        ),
        (
            OWN,
            OWN.replace("\"time\"", "\"tyme\""),
            Some(Fault::Field("time")),
        ),
        (OWN, OWN[..90].to_owned(), Some(Fault::Json)),
        (
            NGINX,
            NGINX.replace("1700000010.250", "soon"),
            Some(Fault::Field("time_iso8601")),
        ),
        (
            NGINX,
            NGINX.replace("GET /a?x=1", "hello"),
            Some(Fault::Field("request")),
        ),
        (
            NGINX,
            NGINX.replace("remote_addr", "ip"),
            Some(Fault::Field("client address")),
        ),
        (
            CADDY,
            CADDY.replace("\"duration\":0.25", "\"duration\":-1"),
            Some(Fault::Field("duration")),
        ),
        (
            HAPROXY,
            HAPROXY.replace("GET /d HTTP/1.1", "<BADREQ>"),
            None,
        ),
        (
            HAPROXY,
            HAPROXY.replace("10/0/30/69/109", "10/0/30"),
            Some(Fault::Timers),
        ),
        (
            HAPROXY,
            HAPROXY.replace("/69/", "/999999999999999999/"),
            Some(Fault::Timers),
        ),
        (
            OWN,
            OWN.replace("\"status\":200,\"bytes\"", "\"status\":65736,\"bytes\""),
            Some(Fault::Field("status")),
        ),
        (HAPROXY, HAPROXY.replace(".000]", "]"), Some(Fault::Date)),
        (
            HAPROXY,
            HAPROXY.replace("\"GET", "GET"),
            Some(Fault::Request),
        ),
    ];
    for (good, line, fault) in table {
        let (records, summary) = read(format!("{good}\n{line}\n"));
        assert_eq!(records.len(), 1, "{line}");
        match fault {
            None => assert_eq!((summary.other, summary.broken), (1, 0), "{line}"),
            Some(fault) => assert_eq!(summary.first[0].fault, fault, "{line}"),
        }
    }
}

#[test]
fn clients_are_told_apart_by_what_is_asked_for() {
    let client = |line: &str, what: What| {
        let reading = Reading {
            key: Key::new(what, None),
            ..Reading::default()
        };
        let mut log = Log::new(Cursor::new(line.as_bytes().to_vec()), reading).unwrap();
        log.next().expect("it is a good line").client
    };
    let of = |text: &str| Key::default().hash(text.as_bytes());
    let cookie = || What::Cookie("sid".into());
    let common = format!("10.0.0.1 - bob {DATE} \"GET / HTTP/1.0\" 200 1");
    let table = [
        (CADDY, What::Address, "10.0.0.9"),
        (CADDY, cookie(), "u7"),
        (CADDY, What::Field("request.host".into()), "example.com"),
        (HAPROXY, cookie(), "u7"),
        (HAPROXY, What::Address, "10.0.0.1"),
        (NGINX, cookie(), "10.0.0.1"),
        (NGINX, What::Field("host".into()), "example.com"),
        (&common, What::Field("user".into()), "bob"),
        (&common, cookie(), "10.0.0.1"),
    ];
    for (line, what, text) in table {
        assert_eq!(client(line, what.clone()), of(text), "{what:?} {line}");
    }
    let salted = Key::new(What::Address, Some("secret"));
    assert_ne!(salted.hash(b"10.0.0.1"), of("10.0.0.1"));
}

#[test]
fn dates_in_iso_form() {
    let table = [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2023-11-14T22:13:30+00:00", Some(1_700_000_010_000_000)),
        ("2023-11-14T23:13:30.25+0100", Some(1_700_000_010_250_000)),
        ("2023-11-14 22:13:30.1234567Z", Some(1_700_000_010_123_456)),
        ("2023-13-14T22:13:30Z", None),
        ("2023-11-14T22:13:30", None),
        ("2023-11-14T22:13:30.Z", None),
        ("2023-11-14T22:13", None),
    ];
    for (text, expected) in table {
        assert_eq!(iso(text), expected, "{text}");
    }
}

/// What is written is read again as it was.
#[test]
fn recordings_come_back() {
    for line in [NGINX, CADDY, OWN, HAPROXY] {
        let (record, _) = one(line);
        let mut recording = Recording::new(Vec::new(), true).unwrap();
        recording.write(&record).unwrap();
        let (records, summary) = read(recording.finish().unwrap());
        assert_eq!((summary.lines, summary.is_clean()), (1, true));
        assert_eq!(records, [record]);
    }
    let (_, later) = read("{\"evenkeel\":\"recording\",\"schema\":2}\n");
    assert_eq!(later.first[0].fault, Fault::Field("schema"));
}

/// `line` with `digits` in place of its number `place`.
fn with_number(line: &str, place: prop::sample::Index, digits: &str) -> String {
    let is_digit = |at: usize| line.as_bytes()[at].is_ascii_digit();
    let begins = |at: &usize| is_digit(*at) && (*at == 0 || !is_digit(at - 1));
    let numbers: Vec<usize> = (0..line.len()).filter(begins).collect();
    let from = numbers[place.index(numbers.len())];
    let until = (from..line.len()).find(|at| !is_digit(*at));
    [&line[..from], digits, &line[until.unwrap_or(line.len())..]].concat()
}

proptest! {
    /// Whatever number stands in a line, it is counted, or what is recorded of it comes back.
    #[test]
    fn what_is_read_comes_back(
        line in 0_usize..4,
        numbers in prop::collection::vec((any::<prop::sample::Index>(), "[0-9]{1,20}"), 1..4),
    ) {
        let mut line = [NGINX, CADDY, OWN, HAPROXY][line].to_owned();
        for (place, digits) in numbers {
            line = with_number(&line, place, &digits);
        }
        let (records, summary) = read(line.as_str());
        prop_assert_eq!(records.len() as u64 + summary.broken + summary.other, summary.lines);
        let mut recording = Recording::new(Vec::new(), true).unwrap();
        records.iter().try_for_each(|record| recording.write(record)).unwrap();
        let (again, summary) = read(recording.finish().unwrap());
        prop_assert_eq!((again, summary.first), (records, Vec::new()));
    }
}
