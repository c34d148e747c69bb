//! Logs in, scenarios out: order, parts, laws, incidents, and the real day in both engines.

mod hostile;
mod law;

use super::*;
use crate::law::Law;
use crate::plan::Plan;
use crate::scenario::{Engine, Scenario};
use crate::workload::log::{End, Try};
use crate::{model, net};
use std::io::Write as _;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// A folder of a test's own, removed with the guard.
struct Desk(PathBuf);

impl Desk {
    fn new(name: &str) -> Self {
        let name = format!("evenkeel-import-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("it can be made");
        Self(folder)
    }

    fn log(&self, text: &str) -> PathBuf {
        let path = self.0.join("access.log");
        let mut file = File::create(&path).expect("it can be written");
        file.write_all(text.as_bytes()).expect("it can be written");
        path
    }

    fn out(&self) -> PathBuf {
        self.0.join("day.toml")
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn order<'a>(log: &'a Path, out: &'a Path) -> Order<'a> {
    Order {
        log,
        reading: Reading::default(),
        out,
        config: None,
        endpoints: 8,
        from: None,
        to: None,
        rate: 1.0,
        speed: 1.0,
        replay: true,
        node: false,
        seed: 1,
    }
}

fn done(order: &Order<'_>) -> Imported {
    import(order, &Stop::default(), &mut |_| {}).expect("it is a good log")
}

fn load(out: &Path) -> Scenario {
    let text = fs::read(out).expect("it was written");
    let (scenario, problems) = scenario::load(out, &text);
    scenario.unwrap_or_else(|| panic!("{problems:?}"))
}

/// The requests of a recording.
fn recorded(out: &Path) -> Vec<Record> {
    let log = Log::open(&recording(out), Reading::default()).expect("it was written");
    log.collect()
}

fn common(second: u32, path: u32) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!("a - - [01/Jan/2024:00:{minute:02}:{second:02} +0000] \"GET /{path} HTTP/1.1\" 200 1\n")
}

/// A line of our own log: sent at `at_ms`, answered by `endpoint` after `head_ms`.
fn own(at_ms: u64, endpoint: &str, head_ms: f64, path: &str) -> String {
    let time = (1_700_000_000_000 + at_ms) as f64 / 1e3 + head_ms / 1e3;
    format!(
        "{{\"time\":{time:.6},\"client\":\"c{}\",\"method\":\"GET\",\"host\":null,\
         \"path\":\"{path}\",\"pool\":\"app\",\"outcome\":\"complete\",\"status\":200,\
         \"bytes\":9,\"total_ms\":{head_ms},\"held_ms\":0,\"queue_ms\":0,\"tries\":[{{\
         \"endpoint\":\"{endpoint}\",\"at_ms\":0,\"head_ms\":{head_ms},\"status\":200,\
         \"total_ms\":{head_ms},\"outcome\":\"ok\"}}]}}\n",
        at_ms % 7
    )
}

/// The real day: every request is in the scenario, and neither engine loses one.
#[test]
fn the_nasa_day_in_both_engines() {
    let desk = Desk::new("nasa");
    let log = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../scenarios/data/nasa-1995-08-01.log.gz"
    );
    let out = desk.out();
    let imported = done(&Order {
        speed: 167.5,
        ..order(log.as_ref(), &out)
    });
    assert_eq!((imported.requests, imported.summary.broken), (30_969, 0));
    assert_eq!((imported.disordered, imported.rest), (0, None));
    let scenario = Arc::new(load(&out));
    for choice in [Engine::Model, Engine::Net] {
        let plan = Arc::new(Plan::new(Arc::clone(&scenario), Some(choice)));
        let run = || match choice {
            Engine::Model => model::run(&plan, 1, false, &mut |_| true),
            Engine::Net => net::run(&plan, 1, false, net::Packing::One, &mut |_| true),
        };
        let ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
        let ended = ended.expect("it runs to its end");
        let requests = &ended.cell.requests;
        assert_eq!((requests.sent, requests.ok), (30_969, 30_969), "{choice:?}");
    }
}

/// Ten broken lines among good ones: counted, the first three told with their numbers.
#[test]
fn broken_lines_are_reported() {
    let desk = Desk::new("broken");
    let lines = (0..100).map(|n| match n % 10 {
        9 => format!("broken {n}\n"),
        _ => common(n, n),
    });
    let log = desk.log(&lines.collect::<String>());
    let imported = done(&order(&log, &desk.out()));
    let told: Vec<u64> = imported.summary.first.iter().map(|b| b.line).collect();
    assert_eq!((imported.requests, imported.summary.broken), (90, 10));
    assert_eq!(told, [10, 20, 30]);
}

/// A clock that steps back by a minute: the requests of both times are mixed, and it is said.
#[test]
fn a_clock_that_steps_back() {
    let desk = Desk::new("clock");
    let seconds = (100..160).chain(100..130);
    let lines = (0..).zip(seconds).map(|(n, second)| common(second, n));
    let log = desk.log(&lines.collect::<String>());
    let out = desk.out();
    let imported = done(&order(&log, &out));
    assert_eq!((imported.requests, imported.disordered), (90, 30));
    assert_eq!(imported.furthest, Some((61, 59_000_000)));
    let all = recorded(&out);
    assert_eq!(all.len(), 90);
    assert!(all.is_sorted_by_key(|record| record.at_us));
    let second = |at: usize| all[at].at_us / 1_000_000;
    assert_eq!([second(0), second(1), second(2), second(89)], [0, 0, 1, 59]);
}

/// A line of an nginx log with stamps of whole seconds, written after `took_ms`.
fn nginx(second: u32, took_ms: u32) -> String {
    let (minute, second) = (second / 60, second % 60);
    format!(
        "{{\"time_iso8601\":\"2024-01-01T00:{minute:02}:{second:02}+00:00\",\
         \"remote_addr\":\"c{took_ms}\",\"request\":\"GET / HTTP/1.1\",\"status\":200,\
         \"request_time\":{}}}\n",
        f64::from(took_ms) / 1e3
    )
}

/// What is spread over a second meets the next one's, where seconds begin apart: of requests that
/// are counted back from their end, and of clients that come again. Each keeps its own place, in a
/// second of its own.
#[test]
fn what_is_spread_over_seconds_that_overlap_is_in_order() {
    let ends = (1..60).flat_map(|second| (0..9).map(move |n| nginx(second, n * 100)));
    let whole = (0..60).flat_map(|second| (0..9).map(move |n| common(second, n)));
    for (log, rate) in [(ends.collect::<String>(), 1.0), (whole.collect(), 3.0)] {
        let desk = Desk::new("overlap");
        let (log, out) = (desk.log(&log), desk.out());
        let imported = done(&Order {
            rate,
            ..order(&log, &out)
        });
        let all = recorded(&out);
        assert!(all.is_sorted_by_key(|record| record.at_us), "rate {rate}");
        assert_eq!(all.last().map(|r| r.at_us as u64), Some(imported.lasts_us));
        let times: BTreeSet<i64> = all.iter().map(|record| record.at_us).collect();
        assert!(times.len() * 10 > all.len() * 9, "{} places", times.len());
    }
}

#[test]
fn parts_rates_and_speeds() {
    let desk = Desk::new("part");
    let lines = (0..100_u64).map(|n| own(n * 1_000, "a", 5.0, &format!("/{n}")));
    let log = desk.log(&lines.collect::<String>());
    let [cut, thrice] = ["cut.toml", "thrice.toml"].map(|name| desk.0.join(name));
    let part = done(&Order {
        from: Some(Bound::parse("10s").expect("a time")),
        to: Some(Bound::parse("2023-11-14T22:13:40Z").expect("a date")),
        speed: 10.0,
        ..order(&log, &cut)
    });
    assert_eq!((part.taken, part.outside), (10, 90));
    assert_eq!(load(&cut).duration, Duration::from_secs(1));
    assert_eq!(&*recorded(&cut)[0].path, "/10");
    let more = done(&Order {
        rate: 3.0,
        ..order(&log, &thrice)
    });
    assert_eq!((more.taken, more.requests), (100, 300));
    let clients: BTreeSet<u64> = recorded(&thrice).iter().map(|r| r.client).collect();
    assert_eq!(
        clients.len(),
        3 * 7,
        "copies are clients of their own, each whole"
    );
    for wrong in ["10", "soon", "2023-11-14"] {
        assert!(Bound::parse(wrong).is_err(), "{wrong}");
    }
}

/// Two routes of known laws, told apart by identifiers in their paths.
#[test]
fn laws_are_fitted_by_route() {
    let desk = Desk::new("fit");
    let laws = [
        ("/items/", Law::exponential(Duration::from_millis(20))),
        (
            "/report/",
            Law::lognormal(Duration::from_millis(80), Duration::from_millis(400)).expect("a law"),
        ),
    ];
    let mut text = String::new();
    for n in 0..6_000_u64 {
        let (path, law) = &laws[(n % 2) as usize];
        let head_ms = law.draw(&mut Stream::new(3, "law").at(n)) as f64 / 1e6;
        text += &own(n * 10, "a", head_ms, &format!("{path}{n}"));
    }
    let log = desk.log(&text);
    let out = desk.out();
    let imported = done(&Order {
        replay: false,
        ..order(&log, &out)
    });
    let found = |name: &str| {
        let mut routes = imported.routes.iter();
        let route = routes.find(|route| route.name == name);
        &route.expect("it is a route").fit
    };
    let (items, report) = (found("get-items-id"), found("get-report-id"));
    assert_eq!((items.name, report.name), ("exponential", "lognormal"));
    for (fit, p50_ms) in [(items, 13.9), (report, 80.0)] {
        let law_ms = fit.law[0].as_secs_f64() * 1e3;
        // The error of a median of 3,000 is about 2 %; three of them.
        assert!((law_ms / p50_ms - 1.0).abs() < 0.06, "{fit:?}");
    }
    let scenario = load(&out);
    let crate::scenario::Source::Recorded { routes, .. } = &scenario.workloads[0].source else {
        panic!("it is recorded");
    };
    assert_eq!(routes.len(), 2);
    assert!(
        recorded(&out)
            .iter()
            .all(|record| record.service_us.is_none())
    );
}

/// One of two endpoints stops for five seconds: its waiting requests are no long services, and the
/// scenario has the stop.
#[test]
fn a_stop_is_a_fault_and_no_service() {
    let desk = Desk::new("stop");
    let mut text = String::new();
    for n in 0..2_000_u64 {
        let at_ms = n * 10;
        let stopped = n % 2 == 0 && (5_000..10_000).contains(&at_ms);
        let head_ms = if stopped {
            10_000.0 - at_ms as f64
        } else {
            4.0
        };
        text += &own(at_ms, ["a", "b"][(n % 2) as usize], head_ms, "/");
    }
    let log = desk.log(&text);
    let out = desk.out();
    let imported = done(&order(&log, &out));
    let [stop] = &imported.incidents[..] else {
        panic!("{:?}", imported.incidents);
    };
    assert_eq!((stop.kind, &*stop.endpoint), ("pause", "a"));
    assert!((stop.from_us - 5_000_000).abs() < 50_000, "{stop:?}");
    assert!((stop.until_us - 10_000_000).abs() < 50_000, "{stop:?}");
    assert_eq!(imported.replayed, 2_000 - 250);
    let longest = recorded(&out).iter().filter_map(|r| r.service_us).max();
    assert_eq!(longest, Some(4_000));
    assert_eq!(load(&out).faults.len(), 1);
}

/// Two requests at a time at one event loop, the second of which waits for the first: each gets
/// back what was computed for it, and so do those that waited for a stop to end, but the one that
/// the stop cut in two.
#[test]
fn an_event_loop_waits_again() {
    let desk = Desk::new("node");
    // Sent at, computed for (ms), and whether that is still known.
    let mut work: Vec<(u64, u64, bool)> = Vec::new();
    for n in 0..100 {
        work.extend([(n * 100, 30, true), (n * 100 + 10, 5, true)]);
    }
    let (from, until) = (5_000, 8_000);
    let (mut text, mut free_at, mut resumed) = (String::new(), 0, false);
    for (at, ms, known) in &mut work {
        let mut start = free_at.max(*at);
        if (from..until).contains(&start) {
            // What runs as it goes on is not told from the stop.
            (start, *known, resumed) = (until, resumed, true);
        }
        free_at = start + *ms;
        text += &own(*at, "a", (free_at - *at) as f64, "/");
    }
    let log = desk.log(&text);
    let out = desk.out();
    let imported = done(&Order {
        node: true,
        ..order(&log, &out)
    });
    assert_eq!(imported.incidents.len(), 1, "{:?}", imported.incidents);
    let services: Vec<_> = recorded(&out).iter().map(|r| r.service_us).collect();
    let right = work
        .iter()
        .map(|(_, ms, known)| known.then_some(ms * 1_000));
    assert_eq!(services, right.collect::<Vec<_>>());
    let origin = load(&out).origin;
    assert_eq!(origin.model, crate::scenario::Model::Node);
}

/// A server that was stopped works first on what it was sent meanwhile, though nobody waits: the
/// stop is not longer for it.
#[test]
fn a_stop_ends_before_its_backlog_is_worked_off() {
    const MS: u64 = 20;
    let mut watch = Watch::new(SLOW_US);
    let (from, until, patience) = (1_000, 3_000, 300);
    let mut free_at = 0;
    for at in (0..6_000).step_by(50) {
        let start = free_at.max(at);
        let start = if (from..until).contains(&start) {
            until
        } else {
            start
        };
        free_at = start + MS;
        let waited = free_at - at <= patience;
        watch.see(&Record {
            at_us: at as i64 * 1_000,
            tries: vec![Try {
                endpoint: "a".into(),
                at_us: 0,
                head_us: waited.then_some((free_at - at) * 1_000),
                end: if waited { End::Answered } else { End::Failed },
            }],
            ..record()
        });
    }
    let mut incidents = watch.finish(6_000_000);
    let [found] = &mut incidents[..] else {
        panic!("{incidents:?}");
    };
    assert!(found.until_us > 3_500_000, "{found:?}");
    found.without_backlog(MS as f64 * 1e3);
    assert!((found.until_us - 3_000_000).abs() < 50_000, "{found:?}");
}

#[test]
fn incidents_are_told_apart() {
    let table = [
        (End::Refused, "refuse"),
        (End::Silent, "blackhole"),
        (End::Failed, "pause"),
    ];
    for (end, kind) in table {
        let mut watch = Watch::new(SLOW_US);
        for n in 0..300 {
            let bad = (100..200).contains(&n);
            let tried = Try {
                endpoint: "a".into(),
                at_us: 0,
                head_us: (!bad).then_some(1_000),
                end: if bad { end } else { End::Answered },
            };
            watch.see(&Record {
                at_us: n * 10_000,
                tries: vec![tried],
                ..record()
            });
        }
        let incidents = watch.finish(3_000_000);
        let [found] = &incidents[..] else {
            panic!("{incidents:?}");
        };
        assert_eq!(found.kind, kind);
        assert_eq!((found.from_us, found.until_us), (1_000_000, 2_000_000));
    }
}

fn record() -> Record {
    Record {
        at_us: 0,
        is_coarse: false,
        client: 1,
        method: "GET".into(),
        host: None,
        path: "/".into(),
        status: 200,
        bytes: 1,
        service_us: None,
        pool: None,
        tries: Vec::new(),
    }
}

/// Against the order of a stable sort, with files that are merged more than once.
#[test]
fn what_does_not_fit_into_memory_is_sorted_in_files() {
    let desk = Desk::new("sort");
    let out = desk.out();
    let mut sorter = Sorter::new(&out).within(2_000);
    let draws = Stream::new(1, "order");
    let mut all = Vec::new();
    for n in 0..1_500_u64 {
        let record = Record {
            at_us: draws.at(n).below(300) as i64,
            bytes: n,
            ..record()
        };
        all.push(record.clone());
        sorter.add(record).expect("the disk has room");
    }
    all.sort_by_key(|record| record.at_us);
    let merged = sorter.finish().expect("the files are there");
    let sorted: Vec<Record> = merged.map(|record| record.expect("it is whole")).collect();
    assert!(sorted == all, "out of order");
    let left = fs::read_dir(&desk.0).expect("it is there").count();
    assert_eq!(left, 0, "files are removed");
}

#[test]
fn what_cannot_be_imported() {
    let desk = Desk::new("wrong");
    let out = desk.out();
    let fails =
        |order: &Order<'_>| import(order, &Stop::default(), &mut |_| {}).expect_err("fails");
    let nowhere = desk.0.join("nowhere.log");
    assert!(matches!(fails(&order(&nowhere, &out)), Error::Log { .. }));
    let log = desk.log("nonsense\n");
    assert!(matches!(fails(&order(&log, &out)), Error::Empty { .. }));
    let two = own(0, "a", 1.0, "/") + &own(1, "b", 1.0, "/").replace("\"app\"", "\"api\"");
    let log = desk.log(&two);
    assert!(matches!(fails(&order(&log, &out)), Error::Pools(names) if names == "api, app"));
    let log = desk.log(&own(0, "an endpoint", 1.0, "/"));
    assert!(matches!(fails(&order(&log, &out)), Error::Scenario(_)));
    let left = fs::read_dir(&desk.0).expect("it is there").count();
    assert_eq!(left, 1, "the log alone");
    let stop = Stop::default();
    stop.stop();
    let log = desk.log(&common(1, 1));
    let interrupted = import(&order(&log, &out), &stop, &mut |_| {});
    assert!(matches!(interrupted, Err(Error::Interrupted)));
    done(&order(&log, &out));
    assert!(matches!(fails(&order(&log, &out)), Error::Exists(_)));
    // Nor is a log overwritten that is called as its recording would be.
    let log = recording(&out);
    fs::remove_file(&out).expect("it was written");
    assert!(matches!(fails(&order(&log, &out)), Error::Exists(_)));
}
