//! Laws, shares, pauses and first requests that are known are found again; what must not be asked
//! is refused.

use super::measure::Times;
use super::*;
use crate::law::Law;
use evenkeel_core::rng::Stream;

const MS: u64 = 1_000_000;

fn drawn(law: &Law, count: u64) -> Vec<u64> {
    let draws = Stream::new(7, "drawn");
    (0..count).map(|n| law.draw(&mut draws.at(n))).collect()
}

/// Steps of 2, 4, 8 ... clients whose requests take `mean_ns` of so many.
fn steps(most: u32, mean_ns: impl Fn(f64) -> f64) -> Vec<Step> {
    let clients = std::iter::successors(Some(2), |clients| Some(clients * 2));
    let step = |clients: u32| Step {
        clients,
        requests: 100,
        mean: Duration::from_nanos(mean_ns(f64::from(clients)) as u64),
    };
    clients
        .take_while(|clients| *clients <= most)
        .map(step)
        .collect()
}

/// By what must come out without a simulation: of requests that all take 20 ms and compute for a
/// part of it, one client finds the loop free, and many get one answer each such part.
#[test]
fn the_share_that_blocks_is_found() {
    let alone = vec![20 * MS; 50];
    let table = [
        (20.0, 8, 1.0),
        (10.0, 16, 0.5),
        (4.0, 32, 0.2),
        (0.4, 64, 0.02),
        (0.0, 64, 0.0),
    ];
    for (cpu_ms, most, share) in table {
        let many = |clients: f64| (clients * cpu_ms).max(20.0) * 1e6;
        let found = share::share(&alone, &steps(most, many));
        assert!(
            (found - share).abs() < 0.02_f64.max(share * 0.1),
            "{found} for {share}"
        );
    }
    assert!(
        (share::share(&alone, &[]) - 1.0).abs() < 1e-9,
        "unknown is all of it"
    );
}

/// By simulation, with other draws, of services that vary: within a tenth.
#[test]
fn the_share_is_found_where_times_vary() {
    let law = Law::exponential(Duration::from_millis(10));
    let (alone, others) = (drawn(&law, 400), drawn(&law, 800)[400..].to_vec());
    for share in [0.05, 0.3, 0.6, 0.9] {
        let slower = |clients: f64| share::latency_ns(&others, share, clients as u32);
        let found = share::share(&alone, &steps(32, slower));
        assert!((found / share - 1.0).abs() < 0.1, "{found} for {share}");
    }
}

#[test]
fn a_route_becomes_laws() {
    let law = Law::lognormal(Duration::from_millis(20), Duration::from_millis(60)).expect("a law");
    let alone_ns = drawn(&law, 3_000);
    let half = |clients: f64| share::latency_ns(&alone_ns, 0.5, clients as u32);
    let measured = measure::Measured {
        routes: vec![Times {
            steps: steps(16, half),
            alone_ns: alone_ns.clone(),
        }],
        ..measure::Measured::default()
    };
    let calibrated = fitted(&["/".to_owned()], &measured, false);
    let [route] = &calibrated.routes[..] else {
        panic!("{calibrated:?}")
    };
    let io = route.io.as_ref().expect("half of it waits");
    for (fit, [p50, p99]) in [
        (&route.whole, [20.0, 60.0]),
        (&route.service, [10.0, 30.0]),
        (io, [10.0, 30.0]),
    ] {
        assert_eq!(fit.name, "lognormal");
        let ms = fit.law.map(|time| time.as_secs_f64() * 1e3);
        // Of 3,000 the median is known to 1.4 %, the 99th percentile to 4 %; three of them.
        assert!(
            (ms[0] / p50 - 1.0).abs() < 0.05 && (ms[1] / p99 - 1.0).abs() < 0.12,
            "{fit:?}"
        );
    }
    assert!(route.misfit() < 0.05, "{route:?}");
    assert_eq!((calibrated.warmup, calibrated.pause), (None, None));
}

/// A pause every 86 requests, whatever they ask for; of services that vary by themselves nobody can
/// say.
#[test]
fn pauses_are_no_services() {
    let uniform = |from, to| {
        let law = Law::uniform(Duration::from_micros(from), Duration::from_micros(to));
        drawn(&law.expect("a law"), 1_000)
    };
    let (mut short, mut long) = (uniform(4_900, 5_100), uniform(19_800, 20_200));
    for n in (0..1_000).step_by(86) {
        short[n] += 6 * MS;
        long[n] += 6 * MS;
    }
    let vary = drawn(&Law::exponential(Duration::from_millis(10)), 1_000);
    let times = |alone_ns: &Vec<u64>| Times {
        alone_ns: alone_ns.clone(),
        steps: Vec::new(),
    };
    let (pause, without) = runtime::pause(&[&short, &long, &vary].map(times));
    let pause = pause.expect("there is one");
    assert!(pause.every.abs_diff(86) <= 4, "{pause:?}");
    assert!(
        (pause.lasts.as_secs_f64() / 6e-3 - 1.0).abs() < 0.05,
        "{pause:?}"
    );
    assert_eq!(
        without.iter().map(Vec::len).collect::<Vec<_>>(),
        [988, 988, 1_000]
    );
    let (none, whole) = runtime::pause(&[times(&vary)]);
    assert_eq!((none, whole), (None, vec![vary]));
}

#[test]
fn first_requests_tell_of_a_cold_start() {
    let alone_ns = vec![5 * MS; 100];
    let first = |factor: f64| {
        let took = |n: u32| (5e6 * (1.0 + (factor - 1.0) / f64::from(n).sqrt())) as u64;
        (1..=200).map(|n| (0, took(n))).collect()
    };
    for (factor, is_cold, found) in [
        (12.0, true, Some(12.0)),
        (1.0, true, None),
        (12.0, false, None),
    ] {
        let measured = measure::Measured {
            first: first(factor),
            routes: vec![Times {
                alone_ns: alone_ns.clone(),
                steps: Vec::new(),
            }],
            ..measure::Measured::default()
        };
        let calibrated = fitted(&["/".to_owned()], &measured, is_cold);
        let told = calibrated.warmup.map(|warmup| warmup.factor);
        let close = |(told, found): (f64, f64)| (told / found - 1.0_f64).abs() < 0.02;
        assert_eq!(told.is_some(), found.is_some(), "{told:?}");
        assert!(told.zip(found).is_none_or(close), "{told:?}");
    }
}

/// Starts nothing.
fn nobody() -> Launcher {
    Launcher {
        program: PathBuf::new(),
        arguments: Vec::new(),
    }
}

#[test]
fn targets_and_whom_not_to_ask() {
    for (url, host) in [
        ("http://127.0.0.1:3000", Some("127.0.0.1:3000")),
        ("http://localhost:3000/", Some("localhost:3000")),
        ("http://[::1]:80", Some("[::1]:80")),
        ("https://127.0.0.1:3000", None),
        ("127.0.0.1:3000", None),
        ("http://127.0.0.1:3000/path", None),
        ("http://me@127.0.0.1:3000", None),
        ("http://:3000", None),
    ] {
        let target = Target::url(url).ok();
        assert_eq!(
            target,
            host.map(|host| Target::Running(host.to_owned())),
            "{url}"
        );
    }
    let foreign = Target::url("http://192.0.2.1:80").expect("a target");
    let nobody = nobody();
    let reach = |elsewhere| foreign.reach(Path::new("."), elsewhere, &nobody);
    let refused = reach(false);
    assert!(matches!(refused, Err(Error::Elsewhere(_))), "{refused:?}");
    let allowed = reach(true).expect("nobody is asked yet");
    assert_eq!(
        allowed.address(),
        "192.0.2.1:80".parse().expect("an address")
    );
    assert!(Target::command("  ").is_err());
}

/// `sim live` runs a command in the scenario's folder: files of another one are named whole.
#[test]
fn a_command_is_found_from_where_the_scenario_is() {
    let desk = std::env::temp_dir().join(format!("evenkeel-calibrate-{}", std::process::id()));
    let (here, elsewhere) = (desk.join("here"), desk.join("elsewhere"));
    for folder in [&here, &elsewhere] {
        std::fs::create_dir_all(folder).expect("it can be made");
    }
    for name in ["app.js", "node"] {
        std::fs::write(here.join(name), "").expect("it can be written");
    }
    let target = Target::command("node app.js --app.js").expect("a command");
    let measured = measure::Measured {
        routes: vec![Times {
            alone_ns: vec![5 * MS; 100],
            steps: Vec::new(),
        }],
        ..measure::Measured::default()
    };
    let paths = ["/".to_owned()];
    let calibrated = fitted(&paths, &measured, false);
    let file = here.canonicalize().expect("it is there").join("app.js");
    for (out, file) in [(&here, Path::new("app.js")), (&elsewhere, &file)] {
        let out = out.join("model.toml");
        let order = Order {
            target: &target,
            launcher: &nobody(),
            folder: &here,
            elsewhere: false,
            paths: &paths,
            out: &out,
            endpoints: 2,
            lasts: Duration::ZERO,
            requests: 0,
            clients: 0,
            patience: Duration::ZERO,
        };
        let text = write::scenario(&order, &calibrated);
        let expected = format!("command = [\"node\", \"{}\", \"--app.js\"]", file.display());
        assert!(text.contains(&expected), "{expected}: {text}");
    }
    std::fs::remove_dir_all(&desk).expect("it was made");
}
