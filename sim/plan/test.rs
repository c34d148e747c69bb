//! Topology and runtime changes in both engines: every request ends alike, within a few ticks.

use std::sync::Arc;
use std::thread;

use evenkeel_core::time::nanos;

use super::*;
use crate::engine::Ended;
use crate::scenario::Scenario;
use crate::sweep;

/// Three endpoints at load 0.3, a request each 5 ms; one more is added in some cases.
const COMMON: &str = r#"
duration = "4s"
config.listener = [{ name = "http", address = "0.0.0.0:80" }]
origin = { model = "fifo", service = { dist = "constant", value = "4ms" } }
"#;
const ENDPOINTS: &str = r#"[
  { name = "a", address = "10.0.0.1:80", zone = "here" },
  { name = "b", address = "10.0.0.2:80", zone = "here" },
  { name = "c", address = "10.0.0.3:80", zone = "there" }]"#;
const ARRIVALS: &str = r#"arrivals = { process = "constant", rate = "200/s" }"#;

fn plan(policy: &str, lines: &str) -> Arc<Plan> {
    let workload = match lines.contains("[workload") {
        true => String::new(),
        false => format!("[[workload]]\nname = \"w\"\n{ARRIVALS}\n"),
    };
    let policy = match policy.starts_with('{') {
        true => policy.to_owned(),
        false => format!("\"{policy}\""),
    };
    let pool =
        format!("config.pool = [{{ name = \"p\", policy = {policy}, endpoints = {ENDPOINTS} }}]\n");
    let text = format!("{COMMON}{pool}{workload}{lines}");
    let scenario: Scenario = text.parse().expect("it is sound");
    Arc::new(Plan::new(Arc::new(scenario), None))
}

fn run(plan: &Arc<Plan>, engine: Engine) -> Ended {
    let plan = Arc::new(Plan::new(Arc::clone(&plan.scenario), Some(engine)));
    let run = || sweep::execute(&plan, 1, true, &mut |_| true).expect("it runs to its end");
    let mut ended = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    ended.seen.sort_unstable_by_key(|seen| seen.n);
    ended
}

fn picks(ended: &Ended) -> Vec<(String, u64)> {
    let endpoints = ended.cell.endpoints.iter();
    endpoints.map(|e| (e.name.clone(), e.requests)).collect()
}

/// Runs both engines and holds them together; returns what both came to.
fn agree(name: &str, plan: &Arc<Plan>, most_ticks: u64) -> Ended {
    let [net, model] = [Engine::Net, Engine::Model].map(|engine| run(plan, engine));
    for ended in [&net, &model] {
        let broken: Vec<_> = ended.cell.invariants.iter().filter(|c| !c.ok).collect();
        assert!(broken.is_empty(), "{name}: {broken:?}");
        assert_eq!(ended.seen.len(), 800, "{name}");
    }
    let tick_ns = nanos(plan.scenario.network.resolution);
    for (a, b) in net.seen.iter().zip(&model.seen) {
        let (n, a, b) = (a.n, a.completion, b.completion);
        assert_eq!((a.due, a.end), (b.due, b.end), "{name}, request {n}");
        let ticks = a.done.0.abs_diff(b.done.0).div_ceil(tick_ns);
        assert!(
            ticks <= most_ticks,
            "{name}, request {n}: {ticks} ticks; {a:?} {b:?}"
        );
    }
    assert_eq!(picks(&net), picks(&model), "{name}");
    net
}

#[test]
fn engines_agree_on_changes_of_the_configuration() {
    let fault =
        |kind: &str, rest: &str| format!("[[fault]]\nat = \"1002ms\"\nkind = \"{kind}\"\n{rest}\n");
    let d = r#"endpoint = { name = "d", address = "10.0.0.4:80" }"#;
    let section = r#"pool = { name = "p", policy = "random", endpoints = [
        { name = "a", address = "10.0.0.1:80" }, { name = "d", address = "10.0.0.4:80" }] }"#;
    // And which endpoints take how many of the 800 requests, roughly: the first quarter by thirds.
    let cases = [
        (
            "add",
            fault("add", &format!("target = \"pool:p\"\n{d}")),
            [217, 217, 217, 150],
        ),
        (
            "remove",
            fault("remove", "target = \"b\""),
            [367, 67, 367, 0],
        ),
        (
            "drain",
            fault("drain", "target = \"p/b\""),
            [367, 67, 367, 0],
        ),
        (
            "drain for a while",
            fault("drain", "target = \"b\"\nfor = \"1s\""),
            [300, 200, 300, 0],
        ),
        (
            "reweight",
            fault("reweight", "target = \"b\"\nweight = 4"),
            [167, 467, 167, 0],
        ),
        ("reload", fault("reload", section), [367, 67, 67, 300]),
        ("restart", fault("proxy_restart", ""), [267, 267, 267, 0]),
    ];
    for (name, lines, expected) in cases {
        let ended = agree(name, &plan("random", &lines), 4);
        let ok = ended.cell.requests.ok;
        assert_eq!(ok, 800, "{name}: {:?}", ended.cell.requests);
        let found = picks(&ended);
        for ((endpoint, found), expected) in found.iter().zip(expected) {
            let off = found.abs_diff(expected);
            assert!(
                off < 60,
                "{name}, {endpoint}: {found}, expected about {expected}"
            );
        }
    }
}

#[test]
fn engines_agree_on_several_proxies() {
    for (balancer, policy) in [("round_robin", "random"), ("hash", "random")] {
        let lines = format!("[proxies]\ncount = 3\nbalancer = \"{balancer}\"\n");
        let one = run(&plan(policy, ""), Engine::Net);
        let three = agree(balancer, &plan(policy, &lines), 4);
        assert_eq!(three.cell.requests.ok, 800);
        assert_ne!(one.cell.trace_hash, three.cell.trace_hash, "{balancer}");
    }
}

/// Whatever a pool hashes by: clients say the same of themselves in both engines, and are many.
#[test]
fn engines_agree_on_keys() {
    let keyed = |name: &str, key: &str| format!("{{ name = \"{name}\", key = \"{key}\" }}");
    let policies = [
        "ip_hash".to_owned(),
        "hash".to_owned(),
        keyed("ring_hash", "address"),
        keyed("maglev", "header:x-user"),
        keyed("rendezvous", "cookie:sid"),
        keyed("hash", "query:k"),
    ];
    let sessions = r#"[[workload]]
        name = "w"
        arrivals = { process = "constant", rate = "200/s" }
        sessions = { requests = { dist = "constant", value = 4 }, think = "20ms" }
    "#;
    for policy in policies {
        let alone = agree(&policy, &plan(&policy, ""), 5);
        let visits = plan(&policy, sessions);
        let [net, model] = [Engine::Net, Engine::Model].map(|engine| picks(&run(&visits, engine)));
        assert_eq!(net, model, "sessions, {policy}");
        for (endpoint, count) in picks(&alone).into_iter().chain(net) {
            assert!((200..340).contains(&count), "{policy}, {endpoint}: {count}");
        }
    }
}

#[test]
fn engines_agree_on_links() {
    let link = |from: &str, to: &str, rest: &str| {
        format!("[[network.links]]\nfrom = \"{from}\"\nto = \"{to}\"\n{rest}\n")
    };
    let fault = |kind: &str, from: &str, to: &str, rest: &str| {
        format!(
            "[[fault]]\nat = \"1002ms\"\nkind = \"{kind}\"\nfrom = \"{from}\"\nto = \"{to}\"\n{rest}\n"
        )
    };
    let far = link("proxy", "there", "latency = \"5ms\"");
    let zones = format!(
        "[proxies]\nzone = \"here\"\n{}",
        link("here", "there", "latency = \"5ms\"")
    );
    let cases = [
        ("far", far.clone(), 6),
        ("zones", zones, 6),
        (
            "latency",
            far.clone()
                + &fault(
                    "latency",
                    "proxy",
                    "pool:p",
                    "factor = 2.0\nplus = \"1ms\"\nfor = \"1s\"",
                ),
            6,
        ),
        (
            "ramp",
            far.clone()
                + &fault(
                    "latency",
                    "proxy",
                    "pool:p",
                    "plus = \"19700us\"\nramp = \"1s\"\nfor = \"2s\"",
                ),
            6,
        ),
        (
            "partition of an endpoint",
            far + &fault("partition", "proxy", "c", "for = \"500ms\""),
            8,
        ),
    ];
    for (name, lines, most) in cases {
        agree(name, &plan("random", &lines), most);
    }
}

/// Bodies over a slow link: the last byte is what counts.
#[test]
fn engines_agree_on_bandwidth() {
    let lines = format!(
        "[[workload]]\nname = \"w\"\n{ARRIVALS}\nclasses = [\
         {{ name = \"up\", weight = 1, method = \"POST\", body = \"20kB\" }},\
         {{ name = \"down\", weight = 1, response = \"40kB\" }}]\n\
         [network]\ndefault = {{ bandwidth = \"20MB/s\" }}\n"
    );
    let ended = agree("bandwidth", &plan("random", &lines), 20);
    assert_eq!(ended.cell.requests.ok, 800);
    // Unloaded: 4 ms of work, and once 20 or 40 kB at 20 MB/s and a piece.
    let p50 = ended.cell.latency_ms.quantile_ms(0.5).expect("measured");
    assert!((5.0..8.5).contains(&p50), "{p50}");
}

/// Losses are drawn by connection here and by request there: equal in law only.
#[test]
fn engines_agree_on_the_law_of_losses() {
    let lines = "[network]\ndefault = { latency = \"1ms\", loss = \"2%\" }\n";
    let plan = plan("random", lines);
    let late = [Engine::Net, Engine::Model].map(|engine| {
        let ended = run(&plan, engine);
        assert_eq!(ended.cell.requests.ok, 800);
        let late = |seen: &&crate::engine::Seen| {
            seen.completion.done.since(seen.completion.due).as_millis() > 150
        };
        ended.seen.iter().filter(late).count()
    });
    // Four segments each, more for those that wait behind a late one; sd about 8.
    assert!(late.iter().all(|n| (35..120).contains(n)), "{late:?}");
}

#[test]
fn a_restart_without_handover_refuses_meanwhile() {
    let lines = "[[fault]]\nat = \"1002ms\"\nkind = \"proxy_restart\"\nhandover = false\n\
                 target = \"proxy:0\"\n[[fault]]\nat = \"0s\"\nkind = \"slow\"\ntarget = \"a\"\n\
                 factor = 50.0\nfor = \"1500ms\"\n";
    for engine in [Engine::Net, Engine::Model] {
        let ended = run(&plan("random", lines), engine);
        let cell = &ended.cell;
        let refused = cell.requests.by_status.get("refused").copied();
        assert!(refused > Some(20), "{engine:?}: {:?}", cell.requests);
        assert!(
            cell.invariants.iter().all(|check| check.ok),
            "{:?}",
            cell.invariants
        );
        let last = ended.seen.last().expect("800 of them").completion;
        assert_eq!(last.end, crate::result::End::Status(200), "{engine:?}");
    }
}

/// What only a network has.
#[test]
fn names_lead_elsewhere_and_certificates_are_renewed() {
    let text = r#"
duration = "64s"
origin = { model = "fifo", service = { dist = "constant", value = "4ms" } }
workload = [{ name = "w", arrivals = { process = "constant", rate = "5/s" } }]
network = { resolution = "1ms" }
[config]
listener = [{ name = "https", address = "0.0.0.0:443",
  tls = { certificates = [{ cert = "site.pem", key = "site.key" }] } }]
pool = [{ name = "p", endpoints = [{ name = "a", address = "app.internal:80" }],
  idle = { per_worker = 0 } }]
[[fault]]
at = "10s"
kind = "dns_change"
host = "app.internal"
addresses = ["10.0.0.9"]
[[fault]]
at = "20s"
kind = "cert_swap"
"#;
    let scenario: Scenario = text.parse().expect("it is sound");
    let scenario = Arc::new(scenario);
    let plan = Arc::new(Plan::new(scenario, None));
    assert_eq!(plan.origins.len(), 2);
    let ended = run(&plan, Engine::Net);
    assert_eq!(ended.cell.requests.ok, 320);
    // The first origin serves until the name is asked for again, at 30 s: 150 requests of 4 ms.
    let busy_s = ended.cell.endpoints[0].load.busy_ns as f64 / 1e9;
    assert!((0.55..0.75).contains(&busy_s), "{busy_s}");
    let model = Arc::new(Plan::new(Arc::clone(&plan.scenario), Some(Engine::Model)));
    let failed = sweep::execute(&model, 1, false, &mut |_| true);
    let message = failed.map(drop).expect_err("it has no names").to_string();
    assert!(message.contains("dns_change"), "{message}");
}

/// One drain happens four times, in both engines, another one under half of the seeds.
#[test]
fn changes_happen_again_and_by_chance() {
    let drain = "[[fault]]\nat = \"500ms\"\nkind = \"drain\"\ntarget = \"b\"\nfor = \"300ms\"\n";
    let again = format!("{drain}every = \"1s\"\n");
    let repeated = plan("random", &again);
    let turns: Vec<u64> = repeated
        .turns
        .iter()
        .map(|(at, _)| at.0 / 1_000_000)
        .collect();
    assert_eq!(turns, [500, 800, 1_500, 1_800, 2_500, 2_800, 3_500, 3_800]);
    let ended = agree("drain every second", &repeated, 4);
    let b = ended.cell.endpoints[1].requests;
    let expected = 800 * 28 / 40 / 3;
    assert!(
        b.abs_diff(expected) < 40,
        "{b} requests, expected about {expected}"
    );

    let chance = plan("random", &format!("{again}probability = \"50%\"\n"));
    let happens = |seed| chance.under(seed).turns.len() / 2;
    let counts: Vec<usize> = (0..100).map(happens).collect();
    assert_eq!(
        counts,
        (0..100).map(happens).collect::<Vec<_>>(),
        "the same under one seed"
    );
    let sum: usize = counts.iter().sum();
    // Of 400 by a fair coin: five standard deviations are 50.
    assert!(sum.abs_diff(200) < 50, "{sum}");
    assert!(counts.contains(&0) && counts.contains(&4), "{counts:?}");
    let seed = counts
        .iter()
        .position(|count| *count == 0)
        .expect("just seen") as u64;
    let calm = sweep::execute(&plan("random", ""), seed, false, &mut |_| true);
    let none = sweep::execute(&chance, seed, false, &mut |_| true);
    let hash = |ended: Result<Ended, _>| ended.map(|ended| ended.cell.trace_hash).ok();
    assert_eq!(
        hash(none),
        hash(calm),
        "a change that does not happen is none"
    );
}

/// The configurations that changes make, by time.
#[test]
fn changes_make_configurations() {
    let lines = r#"
[[fault]]
at = "3s"
kind = "remove"
target = "a"
[[fault]]
at = "1s"
kind = "add"
target = "pool:p"
endpoint = { name = "d", address = "10.0.0.4:80" }
[[fault]]
at = "2s"
kind = "reweight"
target = "d"
weight = 7
for = "1500ms"
[[fault]]
at = "2s"
kind = "drain"
target = "b"
for = "1s"
"#;
    let plan = plan("random", lines);
    let of = |generation: &Generation| {
        let endpoints = generation.config.pools[0].endpoints.iter();
        let show = |e: &evenkeel_proxy::config::Endpoint| {
            format!("{}{}{}", e.name, e.weight, if e.drain { "!" } else { "" })
        };
        endpoints.map(show).collect::<Vec<_>>().join(" ")
    };
    let found: Vec<_> = plan.generations.iter().map(of).collect();
    let expected = [
        "a1 b1 c1",
        "a1 b1 c1 d1",
        "a1 b1! c1 d7",
        "b1 c1 d7",
        "b1 c1 d1",
    ];
    assert_eq!(found, expected);
    let at: Vec<_> = plan.turns.iter().map(|(at, _)| at.0 / 1_000_000).collect();
    assert_eq!(at, [1_000, 2_000, 3_000, 3_500]);
}

/// Which link lies between a proxy and each endpoint: the most exact names count, then the last.
#[test]
fn the_most_exact_link_counts() {
    let lines = r#"
[proxies]
zone = "here"
[network]
default = { latency = "9ms" }
links = [
  { from = "proxy", to = "c", latency = "4ms" },
  { from = "proxy", to = "pool:p", latency = "1ms" },
  { from = "here", to = "there", latency = "2ms" },
  { from = "here", to = "there", latency = "3ms" },
  { from = "pool:p", to = "proxy", latency = "5ms" },
]
"#;
    let plan = plan("random", lines);
    let ms = |lanes: [Lane; 2]| lanes.map(|lane| lane.link.latency.as_millis());
    assert_eq!(ms(plan.downstream()), [9, 9]);
    let found: Vec<_> = (0..3).map(|origin| ms(plan.upstream(origin))).collect();
    // To the endpoint by name and between the zones are equally exact: the last one.
    assert_eq!(found, [[1, 5], [1, 5], [3, 3]]);
}
