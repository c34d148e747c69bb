//! Both engines under each kind of affinity: `net` carries cookies and sessions byte for byte,
//! `model` without bytes, and as many sessions begin, move and break.

use super::*;

const TEXT: &str = r#"
duration = "30s"
[config]
listener = [{ address = ":80" }]
[[config.pool]]
name = "p"
policy = "round_robin"
affinity = AFFINITY
endpoints = [
  { name = "a", address = "10.0.0.1:80" },
  { name = "b", address = "10.0.0.2:80" },
  { name = "c", address = "10.0.0.3:80" },
  { name = "d", address = "10.0.0.4:80" },
]
[origin]
model = "delay"
service = { dist = "constant", value = "2ms" }
[[workload]]
name = "w"
arrivals = { process = "constant", rate = "100/s" }
shape = [{ at = "0s", x = 1.0 }, { at = "10s", x = 1.0 }, { at = "10s", x = 0.0 }]
sessions = { requests = { dist = "constant", value = 10 }, think = "1s" }
[network]
default = { latency = "0s" }
"#;

/// Sessions that moved, and that broke, in both engines: 100 began, the first at 0 s.
fn both(affinity: &str, fault: &str) -> [(u64, u64); 2] {
    let text = TEXT.replace("AFFINITY", affinity);
    let scenario: Scenario = format!("{text}{fault}").parse().expect("it is sound");
    let plan = Arc::new(Plan::new(Arc::new(scenario), None));
    let run = || net::run(&plan, 1, false, Packing::One, &mut |_| true).expect("it runs");
    let net = thread::scope(|scope| scope.spawn(run).join().expect("it does not panic"));
    let model = model::run(&plan, 1, false, &mut |_| true).expect("it runs");
    [net, model].map(|ended| {
        let sessions = ended.cell.sessions;
        assert_eq!(sessions.started, 100);
        assert!(ended.cell.invariants.iter().all(|check| check.ok));
        (sessions.moved, sessions.broken)
    })
}

const KINDS: [&str; 5] = [
    r#""cookie""#,
    r#"{ kind = "cookie", ttl = "4s", keys = "keys" }"#,
    r#"{ kind = "learn", from = "cookie:sid" }"#,
    r#"{ kind = "learn", from = "query:sid" }"#,
    r#"{ kind = "route", from = "header:X-Session" }"#,
];

#[test]
fn nobody_moves_while_nothing_happens_and_all_do_without_affinity() {
    for affinity in KINDS {
        assert_eq!(both(affinity, ""), [(0, 0); 2], "{affinity}");
    }
    assert_eq!(both(r#""none""#, ""), [(100, 0); 2]);
}

#[test]
fn the_sessions_of_an_endpoint_that_goes_move_and_no_others() {
    let removed = "[[fault]]\nat = \"10s\"\nkind = \"remove\"\ntarget = \"b\"\n";
    for affinity in KINDS {
        // A session in ten has ended by then.
        let [net, model] = both(affinity, removed);
        assert!((20..=25).contains(&net.0), "{affinity}: {net:?}");
        assert_eq!((net, net.1), (model, 0), "{affinity}");
    }
}

#[test]
fn a_restart_forgets_what_only_the_process_knew() {
    let restart = "[[fault]]\nat = \"10.5s\"\nkind = \"proxy_restart\"\ntarget = \"proxy\"\n";
    for (affinity, forgets) in [(KINDS[0], true), (KINDS[1], false), (KINDS[4], false)] {
        let [net, model] = both(affinity, restart);
        assert_eq!([net.1, model.1], [0, 0], "{affinity}");
        assert_eq!(
            [net.0 > 50, model.0 > 50],
            [forgets; 2],
            "{affinity} {net:?} {model:?}"
        );
        assert!(
            forgets || (net.0, model.0) == (0, 0),
            "{affinity} {net:?} {model:?}"
        );
    }
}

/// Refused where it lives, or served elsewhere.
#[test]
fn a_session_of_a_dead_endpoint_breaks_or_moves() {
    let crash = "[[fault]]\nat = \"10s\"\nkind = \"crash\"\ntarget = \"b\"\nfor = \"3s\"\n";
    for (on_down, breaks) in [("repick", false), ("fail", true), ("queue", true)] {
        let affinity = format!(r#"{{ kind = "cookie", on_down = "{on_down}" }}"#);
        let [net, model] = both(&affinity, crash);
        for (moved, broken) in [net, model] {
            assert_eq!(
                (moved > 15, broken > 15),
                (!breaks, breaks),
                "{on_down} {net:?} {model:?}"
            );
        }
    }
}
