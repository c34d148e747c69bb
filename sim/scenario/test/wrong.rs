//! What the author of a wrong file is told: each case is a file, and how its lines begin.

use super::*;

#[test]
fn times_and_seeds_that_cannot_be() {
    check(&[
        (
            "duration = \"60s\"\nwarmup = \"60s\"",
            &[
                ":9:10: error: nothing is measured: the warm-up is the whole run; expected less than \
               the duration, \"60s\"",
            ],
        ),
        (
            "seeds = \"5..1\"",
            &[
                ":8:9: error: `seeds` is the string \"5..1\"; expected the smaller seed first: \
               \"1..5\"",
            ],
        ),
        (
            "seeds = \"1..9999999\"",
            &[":8:9: error: `seeds` is the string \"1..9999999\"; expected at"],
        ),
        (
            "seeds = -1",
            &[":8:9: error: `seeds` is the integer -1; expected a seed from 0 on"],
        ),
        (
            "seeds = []",
            &[":8:9: error: `seeds` is an empty list; expected seeds such as \"1..20\""],
        ),
        (
            "seeds = [1, 2, 1, \"x\"]",
            &[
                ":8:16: error: seed 1 is there twice",
                ":8:19: error: `seeds` is the string \"x\"; expected a seed",
            ],
        ),
        (
            "engine = \"nett\"",
            &[":8:10: error: `engine`: unknown engine \"nett\"; did you mean `net`?"],
        ),
        (
            "duration = \"0s\"",
            &[":8:12: error: `duration` is the string \"0s\"; expected more than"],
        ),
        (
            "[network]\nresolution = \"10ns\"",
            &[":9:14: error: such short ticks never end; expected at least \"1us\""],
        ),
        (
            "[network]\nresolution = \"2ms\"",
            &[
                ":9:14: warning: ticks of 2ms are long for a mean service of 1s: latencies read too \
               high; resolution = \"1ms\" is right to 1% (and runs longer)",
            ],
        ),
        (
            "engine = \"model\"\n[[network]]",
            &[":9:1: error: `network` is a list; expected [network]"],
        ),
    ]);
}

#[test]
fn runtimes_that_cannot_be() {
    let service = "origin.service = { dist = \"constant\", value = \"1s\" }\n";
    let cases: [(&str, &[&str]); 4] = [
        (
            "origin.command = []",
            &[
                ":9:18: error: there is nothing to start; expected a list such as [\"node\", \
               \"app.js\"]",
            ],
        ),
        (
            "origin.model = \"ps\"\norigin.accept = \"one\"",
            &[":10:17: error: only event loops have it; leave it out, or use model = \"node\""],
        ),
        (
            "origin.warmup = { requests = 10, factor = 0.5 }",
            &[":9:43: error: `origin.warmup.factor` is the number 0.5; expected a number from 1"],
        ),
        (
            "[[origin.gc]]\nevery = 0",
            &[
                ":9:1: error: `origin.gc.pause` is missing; expected `pause`, such as { dist",
                ":10:9: error: `origin.gc.every` is the integer 0; expected an integer from 1",
            ],
        ),
    ];
    for (keys, wanted) in cases {
        check(&[(&format!("{service}{keys}"), wanted)]);
    }
}

#[test]
fn measured_laws_that_cannot_be() {
    check(&[
        (
            "origin.service = { dist = \"empirical\" }",
            &[
                ":8:18: error: the law has nothing that was measured; empirical has one of values, \
                 quantiles, file",
            ],
        ),
        (
            "origin.service = { dist = \"empirical\", values = [[\"1ms\", 0]], k = 2 }",
            &[
                ":8:49: error: nothing was counted; no law has such `values`",
                ":8:67: error: `k` is not of this law; empirical has one of values",
            ],
        ),
        (
            "origin.service = { dist = \"empirical\", values = [[1, 5], [\"1ms\"]] }",
            &[
                ":8:51: error: `origin.service.values` is the integer 1; expected a unit",
                ":8:58: error: `origin.service.values` is a list; expected a list of times and",
            ],
        ),
        (
            "origin.service = { dist = \"empirical\", values = [], quantiles = [[\"9%\", \"1s\"]] }",
            &[
                ":8:49: error: nothing was counted",
                ":8:65: error: `quantiles` is not of this law; empirical has one of",
            ],
        ),
        (
            "origin.service = { dist = \"empirical\", quantiles = [[\"9%\", \"1s\"]] }",
            &[":8:52: error: the last quantile must be the longest: 100%; no law has such"],
        ),
        (
            "origin.service = { dist = \"empirical\", file = \"/nowhere.csv\" }",
            &[":8:47: error: /nowhere.csv: cannot read the file: No such file"],
        ),
        (
            "origin.service = { dist = \"erlang\", mean = \"1ms\", scv = 2 }",
            &[
                ":8:18: error: the law has no `k`; erlang has mean, k",
                ":8:57: error: `scv` is not of this law; erlang has mean, k",
            ],
        ),
    ]);
}

#[test]
fn origins_that_cannot_be() {
    check(&[
        (
            "[origin]",
            &[":8:1: error: `origin.service` is missing; expected `service`, such as { dist ="],
        ),
        (
            "origin.service = { dist = \"exponental\" }",
            &[
                ":8:27: error: `origin.service.dist`: unknown law \"exponental\"; \
               did you mean `exponential`?",
            ],
        ),
        (
            "origin.service = { dist = \"lognormal\", p50 = \"8ms\", mean = \"1ms\" }",
            &[
                ":8:18: error: the law has no `p99`; lognormal has p50, p99",
                ":8:60: error: `mean` is not of this law; lognormal has p50, p99",
            ],
        ),
        (
            "origin.service = { dist = \"lognormal\", p50 = \"8ms\", p99 = \"7ms\" }",
            &[":8:59: error: p99 is below p50; expected at least \"8ms\""],
        ),
        (
            "origin.service = { dist = \"uniform\", min = \"2s\", max = \"1s\", mean = \"1s\" }",
            &[
                ":8:56: error: max is below min; expected at least \"2s\"",
                ":8:69: error: `mean` is not of this law; uniform has min, max",
            ],
        ),
        (
            "origin.service = { dist = \"pareto\", min = \"2s\", alpha = 1 }",
            &[
                ":8:57: error: `origin.service.alpha` is the integer 1; expected a number from 1.001",
            ],
        ),
        (
            "origin.service = { dist = \"normal\", mean = \"0s\" }",
            &[
                ":8:18: error: the law has no `sd`; normal has mean, sd",
                ":8:44: error: `origin.service.mean` is the string \"0s\"; expected more than zero",
            ],
        ),
        (
            "[origin]\nservice = { dist = \"constant\", value = \"1s\" }\n[[origin.override]]\n\
             endpoint = \"c\"\nspeed = 0",
            &[
                ":11:12: error: unknown endpoint `c`; not a known endpoint; known: a, b",
                ":12:9: error: `origin.override.speed` is the integer 0; expected a number from",
            ],
        ),
    ]);
}

#[test]
fn protocols_that_a_listener_does_not_speak() {
    let with = |listeners: &str, protocol: &str| {
        let text = format!(
            "duration = \"60s\"\norigin = {{ service = {{ dist = \"constant\", value = \"1s\" }} }}\n\
             config = {{ listener = [{listeners}], pool = [{{ name = \"p\", endpoints = [\
             {{ address = \"10.0.0.1:80\" }}] }}] }}\n\
             [[workload]]\nname = \"w\"\nprotocol = \"{protocol}\"\narrivals = {{ rate = \"1/s\" }}\n"
        );
        lines(&text)
    };
    let plain = r#"{ address = ":80", name = "web", http2 = false }"#;
    let redirect = r#"{ address = ":81", redirect = "https" }"#;
    let other = r#"{ address = ":443" }"#;
    let none: [&str; 0] = [];
    assert_eq!(with(plain, "http/1.1"), none);
    assert_eq!(with(other, "h2"), none);
    let wanted = ":6:12: error: the listener `web` does not speak HTTP/2; expected \"http/1.1\", \
                  or `http2 = true` at the listener";
    assert_eq!(with(plain, "h2"), [wanted]);
    // Clients come to the first listener that does more than redirect.
    assert_eq!(with(&format!("{redirect}, {plain}"), "h2"), [wanted]);
    assert_eq!(with(&format!("{other}, {plain}"), "h2"), none);
    let wrong = ":6:12: error: `workload.protocol`: unknown protocol \"h3\"";
    assert!(
        with(other, "h3")[0].starts_with(wrong),
        "{:?}",
        with(other, "h3")
    );
}

#[test]
fn workloads_that_cannot_be() {
    check(&[
        (
            "workload = []\n[[workloads]]",
            &[
                ":8:12: error: `workload` is an empty list; expected at least one [[workload]] with",
                ":9:3: error: unknown key `workloads`; did you mean `workload`?",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"0/s\" }",
            &[
                ":10:21: error: `workload.arrivals.rate` is the string \"0/s\"; expected a rate above \
               0: at 0 nothing is ever sent",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = 800 }",
            &[
                ":10:21: error: `workload.arrivals.rate` is the integer 800; expected a unit, such \
               as \"800/s\"",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"",
            &[":8:1: error: nothing arrives: the workload has neither arrivals nor a trace"],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\nclasses = []",
            &[":11:11: error: there are no classes; expected [{ name = \"light\""],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\nclasses = [\
             { name = \"x\", weight = 0 }, { name = \"x\", weight = 0, path = \"a\" }]",
            &[
                ":11:11: error: all weights are 0; expected a weight above 0 for a class",
                ":11:49: error: the class name `x` is used twice; the second one",
                ":11:73: error: cannot ask for \"a\"; expected a path such as",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\nclasses = [\
             { name = \"x\", host = \"a:80\" }, { name = \"y\", host = \"[::1]\" },\
             { name = \"z\", host = \"A.example.com\" }, { name = \"u\", host = \"\" }]",
            &[
                ":11:33: error: cannot ask the host \"a:80\"; expected a host such as \"example.com\"",
                ":11:135: error: cannot ask the host \"\"; expected a host",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\ntrace = { file = \"/nowhere/a.log\", speed = 0 }",
            &[
                ":10:18: error: cannot read the trace /nowhere/a.log: No such file",
                ":10:44: error: `workload.trace.speed` is the integer 0; expected a number",
            ],
        ),
        (
            "[[workload]]\nname = \"w\"\narrivals = { rate = \"1/s\" }\ntrace = { file = \"Cargo.toml\" }",
            &[":8:1: error: a workload has arrivals or a trace, not both"],
        ),
    ]);
}

#[test]
fn faults_that_cannot_be() {
    check(&[
        (
            "[[fault]]\nat = \"20s\"\nkind = \"crash\"\ntarget = \"aa\"",
            &[":11:10: error: unknown endpoint `aa`; not a known endpoint; known: a, b"],
        ),
        (
            "[[fault]]\nat = \"20s\"\nkind = \"crash\"\ntarget = \"q/a\"",
            &[":11:10: error: unknown endpoint `q/a`; did you mean `p/a`?"],
        ),
        (
            "[[fault]]\nat = \"20s\"\nkind = \"slow\"\ntarget = \"a\"",
            &[":8:1: error: slow by how much: `factor` is missing"],
        ),
        (
            "[[fault]]\nat = 20\nkind = \"pause\"\ntarget = \"a\"\nfactor = 2",
            &[
                ":9:6: error: `fault.at` is the integer 20; expected a unit, such as \"20s\"",
                ":12:10: error: the fault pause has no `factor`; leave it out: only slow has it",
            ],
        ),
        (
            "[[fault]]\nat = \"20s\"\nkind = \"crash\"",
            &[":8:1: error: `fault.target` is missing; expected `target`, an endpoint's name"],
        ),
        (
            "[[fault]]\nat = \"60s\"\nkind = \"pause\"\ntarget = \"a\"",
            &[":9:6: warning: the fault begins when no more requests arrive"],
        ),
        (
            "[[fault]]\nat = \"1s\"\nkind = \"puase\"\nfor = \"0s\"",
            &[
                ":10:8: error: `fault.kind`: unknown fault \"puase\"; did you mean `pause`?",
                ":11:7: error: `fault.for` is the string \"0s\"; expected more than zero",
            ],
        ),
    ]);
}

#[test]
fn faults_that_hit_nobody_or_never() {
    let fault = |keys: &str| format!("[[fault]]\nat = \"1s\"\n{keys}");
    let cases: [(&str, &[&str]); 11] = [
        (
            "kind = \"reset\"\ntarget = \"a\"\nshare = \"0%\"",
            &[":12:9: warning: a share of 0: the fault hits nobody"],
        ),
        (
            "kind = \"hang\"\ntarget = \"a\"\nshare = \"5%\"",
            &[
                ":12:9: error: the fault hang has no `share`; leave it out: only error_burst, reset, ke",
            ],
        ),
        (
            "kind = \"crash\"\ntarget = \"random:3\"",
            &[":11:10: error: `random:3` cannot be drawn; expected random:1 to random:2"],
        ),
        (
            "kind = \"crash\"\ntarget = \"random:0\"",
            &[":11:10: error: `random:0` cannot be drawn"],
        ),
        (
            "kind = \"crash\"\ntarget = \"pool:q\"",
            &[":11:10: error: unknown pool `q`"],
        ),
        (
            "kind = \"crash\"\ntarget = \"a\"\nprobability = \"0%\"",
            &[":12:15: warning: the fault never happens"],
        ),
        (
            "kind = \"crash\"\ntarget = \"a\"\nevery = \"1ms\"",
            &[":12:9: error: the fault happens too often to be simulated; at most 10000 times"],
        ),
        (
            "kind = \"rolling_restart\"\ntarget = \"pool:p\"",
            &[":8:1: error: how long is each restart: `for` is missing"],
        ),
        (
            "kind = \"rolling_restart\"\ntarget = \"pool:p\"\nfor = \"30s\"",
            &[":8:1: warning: the last restart ends at 62s; the run ends at 60s"],
        ),
        (
            "kind = \"error_burst\"\ntarget = \"a\"\nstatus = 99",
            &[":12:10: error: `fault.status` is the integer 99; expected an integer from 200 to"],
        ),
        (
            "kind = \"blackhole\"\ntarget = \"a\"\nramp = \"1s\"\ngap = \"1s\"",
            &[
                ":12:8: error: the fault blackhole has no `ramp`; leave it out: only slow, error_bu",
                ":13:7: error: the fault blackhole has no `gap`; leave it out: only rolling_restart",
            ],
        ),
    ];
    for (keys, wanted) in cases {
        check(&[(&fault(keys), wanted)]);
    }
}

/// Conditions, and what is told about each.
const CONDITIONS: &[(&str, &[&str])] = &[
    ("p99 < 400ms", &[]),
    ("p99<400ms", &[]),
    (
        "p98 < 1s",
        &[":9:11: error: unknown metric `p98`; did you mean `p90`?"],
    ),
    (
        "latency < 1s",
        &[":9:11: error: unknown metric `latency`; not a known metric; `threshold.metric`: [cl"],
    ),
    (
        "p99 < 400",
        &[":9:17: error: `p99` cannot be compared with `400`; expected a duration"],
    ),
    (
        "ok > 5%",
        &[":9:16: error: `ok` cannot be compared with `5%`; expected a number such"],
    ),
    (
        "error_rate < 1",
        &[":9:24: error: `error_rate` cannot be compared with `1`; expected a p"],
    ),
    (
        "p99 =< 400ms",
        &[":9:15: error: `=<` does not compare; expected one of < <= > >= == !="],
    ),
    (
        "p99",
        &[":9:10: error: nothing compares `p99`; expected one of"],
    ),
    (
        "",
        &[":9:10: error: the metric is missing; expected a condition such"],
    ),
    ("class:w p50 < 1s", &[]),
    (
        "class:x p50 < 1s",
        &[":9:17: error: unknown class `x`; not a known class; known: w"],
    ),
    (
        "endpoint:c share < 1%",
        &[":9:20: error: unknown endpoint `c`"],
    ),
    (
        "clas:w p50 < 1s",
        &[":9:11: error: unknown scope `clas`; did you mean `class`?"],
    ),
    (
        "share < 1%",
        &[":9:11: error: `share` is not measured for all requests; expected `endpoint:NAME sh"],
    ),
    (
        "endpoint:a p99 < 1s",
        &[":9:22: error: `p99` is not measured for an endpoint; an endpoint has requests, failed"],
    ),
    (
        "class:w p98 <> 1",
        &[":9:19: error: unknown metric `p98`; did you mean `p90`?"],
    ),
    // Where the text has escapes, its parts have no place of their own.
    (
        "class:\\u0078 p50 < 1s",
        &[":9:10: error: unknown class `x`"],
    ),
];

#[test]
fn thresholds_that_cannot_be() {
    // Services of no time: no load, no warm-up.
    let idle = "[origin]\nservice = { dist = \"constant\", value = \"0s\" }\n\
                [network]\nresolution = \"1us\"";
    let metric = |condition: &str| format!("[[threshold]]\nmetric = \"{condition}\"\n{idle}");
    for (condition, wanted) in CONDITIONS {
        check(&[(&metric(condition), wanted)]);
    }
    let few = "[[workload]]\nname = \"w\"\narrivals = { rate = \"10/s\" }\n\
               [[threshold]]\nmetric = \"p99 < 1s\"\n[[sometimes]]\nmetric = \"p50 < 1s\"";
    let wanted = ":11:1: warning: about 600 requests are too few for p99; 1000 leave ten beyond it";
    check(&[(&format!("{few}\n{idle}"), &[wanted])]);
}
