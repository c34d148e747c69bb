//! What the author of a wrong file is told: each case is a file, and how its lines begin.

use super::*;

/// The last lines of a pool without endpoints, and what is told.
const ENDPOINTS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            ":2:1: error: `pool.endpoints` is missing; expected `endpoints`, at least one, \
                 such as [{ address =",
        ],
    ),
    (
        "endpoints = []",
        &[":4:13: error: `pool.endpoints` is an empty list; expected at least one, such as"],
    ),
    (
        "endpoints = [{ address = \"a:1\", weight = 0 }, { address = \"b:1\", backup = true }]",
        &[
            ":4:13: error: all weights of pool `p` are 0; expected a weight above 0 for an \
               endpoint that is not a backup",
        ],
    ),
    (
        "endpoints = [{ name = \"a\", address = \"a:1\" }, { name = \"a\", address = \"a:2\" }]",
        &[":4:56: error: the endpoint name `a` is used twice; the second one"],
    ),
    (
        "endpoints = [{ name = \"a\", address = \"a:1\" }, { name = \"b\", address = \"a:1\" }]",
        &[":4:47: warning: two endpoints have the address a:1"],
    ),
    (
        "endpoints = [{ address = \"a:1\", down = true }]",
        &[":4:13: warning: every endpoint of pool `p` is down"],
    ),
    (
        "endpoints = [{ adress = \"a:1\" }]",
        &[":4:16: error: unknown key `adress` in"],
    ),
    (
        "endpoints = [{ name = \"a\" }]",
        &[":4:14: error: `pool.endpoints.address` is missing"],
    ),
    (
        "endpoints = [{ address = \"a\" }]",
        &[":4:26: error: `pool.endpoints.address` is"],
    ),
];

#[test]
fn endpoints_that_cannot_work() {
    check(
        ENDPOINTS
            .iter()
            .map(|(text, wanted)| (with_pool(text), *wanted)),
    );
}

/// The last line of a pool with an endpoint, and what is told.
const SETTINGS: &[(&str, &[&str])] = &[
    (
        "retry = { attempts = 9 }",
        &[":5:22: error: `pool.retry.attempts` is the integer 9; \
               expected an integer from 1 to 8"],
    ),
    (
        "retry = { timeout = \"60s\" }",
        &[
            ":5:9: warning: a try that ends with `timeouts.header` is not replaced; expected a \
               `timeout` below it",
        ],
    ),
    (
        "retry = { on = [\"conect\", 302] }",
        &[
            ":5:17: error: `pool.retry.on`: unknown failure \"conect\"",
            ":5:27: error: `pool.retry.on` is the integer 302; expected \"connect\", \"reset\", \
               \"timeout\" or a status from 400 to 599",
        ],
    ),
    (
        "retry = { on = [503], timeout = \"1s\" }",
        &[":5:33: warning: no try is replaced for being late; expected \"timeout\" among `on`"],
    ),
    (
        "retry = { on = [] }",
        &[":5:16: warning: nothing is tried again; expected something, or `attempts = 1`"],
    ),
    (
        "retry = { backoff = \"2s\" }",
        &[":5:21: warning: no try waits for longer than `max_wait`; expected no more than that"],
    ),
    (
        "hedge = \"p101\"",
        &[
            ":5:9: error: `pool.hedge.after` is the string \"p101\"; expected a duration such as \
               \"50ms\", or a percentile from \"p50\" to \"p99.9\"",
            ":5:9: warning: a hedge goes to another endpoint, and there is one",
        ],
    ),
    (
        "hedge = { after = \"60s\" }",
        &[
            ":5:9: warning: a hedge goes to another endpoint, and there is one; expected two",
            ":5:9: warning: no try is late for so long: it is given up before; expected less than",
        ],
    ),
    (
        "retry = { any_method = true }",
        &[":5:24: warning: an endpoint that has acted and was lost is not the only one to act"],
    ),
    (
        "queue = { order = \"newest\" }",
        &[":5:19: error: `pool.queue.order`: unknown order \"newest\""],
    ),
    (
        "queue = { overload = \"1s\" }",
        &[":5:22: warning: nothing depends on an overload; expected `order` or `codel` beside it"],
    ),
    (
        "queue = { codel = \"1s\" }",
        &[":5:19: warning: nobody waits for so long; expected less than `timeout`"],
    ),
    (
        "timeouts = { dial = \"0s\" }",
        &[":5:21: error: `pool.timeouts.dial` is the string \"0s\"; expected more than zero"],
    ),
    (
        "idle = { timeout = \"5s\" }",
        &[":5:20: warning: Node.js closes idle connections after 5s"],
    ),
    (
        "policy = { name = \"random\", choices = 2 }",
        &[":5:39: error: only p2c has `choices`"],
    ),
    (
        "policy = { name = \"p2c\", choices = 9 }",
        &[":5:36: error: `pool.policy.choices` is the integer 9; expected an integer from 2 to 8"],
    ),
    (
        "policy = \"central_queue\"",
        &[":5:10: error: this policy knows what only a simulation can know; expected one that can"],
    ),
    (
        "policy = { name = \"maglev\", bound = 1.25 }",
        &[":5:37: error: only ring_hash has `bound`"],
    ),
    (
        "policy = { name = \"ip_hash\", key = \"path\" }",
        &[":5:36: error: only hash, ring_hash, maglev and rendezvous have `key`"],
    ),
    (
        "policy = { name = \"ring_hash\", bound = 1.01, key = \"cookie:a b\" }",
        &[
            ":5:40: error: `pool.policy.bound` is the number 1.01",
            ":5:52: error: `pool.policy.key` is the string \"cookie:a b\"",
        ],
    ),
    (
        "policy = { name = \"hash\", key = \"header\" }",
        &[":5:33: error: `pool.policy.key` is the string \"header\""],
    ),
    (
        "policy = { name = \"hash\", key = \"adress\" }",
        &[":5:33: error: `pool.policy.key`: unknown key \"adress\"; did you mean `address`?"],
    ),
    (
        "policy = \"p2\"",
        &[":5:10: error: `pool.policy.name`: unknown policy \"p2\"; did you mean `p2c`?"],
    ),
];

#[test]
fn settings_of_pools_that_cannot_work() {
    let pool = |text| with_pool(&format!("endpoints = [{{ address = \"a:1\" }}]\n{text}"));
    check(SETTINGS.iter().map(|(text, wanted)| (pool(text), *wanted)));
}

#[test]
fn blocks_that_contradict_each_other() {
    let pool = "\n[[pool]]\nname = \"nodejs\"\nendpoints = [{ address = \"a:1\" }]";
    let listener = "\n[[listener]]\naddress = \":80\"";
    let cases: &[(&str, &[&str])] = &[
        (
            pool,
            &[":1:1: error: `listener` is missing; expected `listener`, at least one [[listener]]"],
        ),
        (
            listener,
            &[":1:1: error: there is no pool to send requests to"],
        ),
        (
            &format!("[server]\nworkers = 0{pool}{listener}"),
            &[":2:11: error: `server.workers` is the integer 0; expected an integer from 1"],
        ),
        (
            &format!("{pool}{listener}{listener}"),
            &[":7:1: error: two listeners on 0.0.0.0:80; the second one"],
        ),
        (
            &format!("[admin]\naddress = \"0.0.0.0:80\"{pool}{listener}"),
            &[":1:1: error: two listeners on 0.0.0.0:80"],
        ),
        (
            &format!("{pool}{}{listener}", pool.replace("nodejs", "b")),
            &[":6:8: error: several pools, and no route that says which"],
        ),
        (
            &format!("{pool}{pool}{listener}"),
            &[
                ":6:8: error: the pool name `nodejs` is used twice; the second one",
                ":6:8: error: several pools",
            ],
        ),
        (
            &format!("{pool}{listener}\n[[route]]\npool = \"nodesj\""),
            &[
                ":3:8: warning: no route goes to pool `nodejs`",
                ":8:8: error: unknown pool `nodesj`; did you mean `nodejs`?",
            ],
        ),
        (
            &format!("{pool}{listener}\n[[route]]\nredirect = {{ to = \"/a\" }}"),
            &[":3:8: warning: no route goes to pool `nodejs`; never used"],
        ),
        // A pool that lost its name is one mistake, not two.
        (
            &format!(
                "{}{listener}\n[[route]]\npool = \"b\"",
                pool.replace("name", "nmae")
            ),
            &[":3:1: error: unknown key `nmae` in `pool`; did you mean `name`?"],
        ),
    ];
    check(
        cases
            .iter()
            .map(|(text, wanted)| ((*text).to_owned(), *wanted)),
    );
}

/// The last lines of a route block, and what is told.
const ROUTES: &[(&str, &[&str])] = &[
    (
        "pool = \"p\"\n[[route]]\npool = \"p\"",
        &[":8:1: error: two routes for any host and"],
    ),
    (
        "pool = \"p\"\nhost = \"a\"\n[[route]]\npool = \"p\"\nhost = [\"b\", \"A\"]",
        &[":9:1: error: two routes for host `a` and paths from `/`; the second one"],
    ),
    (
        "pool = \"p\"\npath = { exact = \"/a\" }\n[[route]]\npool = \"p\"\npath = \"/a\"",
        &[],
    ),
    (
        "",
        &[":6:1: error: the route goes nowhere; expected `pool` or `redirect`"],
    ),
    (
        "pool = \"p\"\nredirect = { to = \"/\" }",
        &[":6:1: error: a route has a pool or a redirect, not both"],
    ),
    (
        "pool = \"p\"\npath = \"app\"",
        &[
            ":8:8: error: `route.path.prefix` is the string \"app\"; expected a path that begins \
               with a slash: \"/app\"",
        ],
    ),
    (
        "pool = \"p\"\npath = \"/a?b=1\"",
        &[":8:8: error: `route.path.prefix`"],
    ),
    (
        "pool = \"p\"\npath = { exact = \"/a\", prefix = \"/\" }",
        &[":8:8: error: a path is exact or a prefix, not both"],
    ),
    (
        "pool = \"p\"\nhost = [\"http://a.b/\", \"a.b:80\", \"a/\", \"a.*.b\", \"*\", 5]",
        &[
            ":8:9: error: `route.host` is the string \"http://a.b/\"; \
                 expected a host without a scheme: \"a.b\"",
            ":8:24: error: `route.host` is the string \"a.b:80\"; \
                 expected a host without a port: \"a.b\"",
            ":8:34: error: `route.host` is the string \"a/\"; \
                 expected a host without a path: \"a\"",
            ":8:40: error: `route.host` is the string \"a.*.b\"; expected a host such as",
            ":8:49: error: `route.host` is the string \"*\"; expected a host such as",
            ":8:54: error: `route.host` is the integer 5; expected a host such as",
        ],
    ),
    (
        "pool = \"p\"\nhost = []",
        &[":8:8: error: a route for no host is never taken"],
    ),
    (
        "redirect = { status = 304, to = \"x\" }\n[[route]]\npath = \"/b\"\npool = \"p\"",
        &[
            ":7:23: error: 304 is not a redirect; expected 301, 302, 303, 307 or 308",
            ":7:33: error: cannot redirect to \"x\"",
        ],
    ),
];

#[test]
fn routes_that_cannot_work() {
    let start = with_pool("endpoints = [{ address = \"a:1\" }]");
    let start = start.replacen("\n\n", "\n", 1);
    check(
        ROUTES
            .iter()
            .map(|(text, wanted)| (format!("{start}\n[[route]]\n{text}\n"), *wanted)),
    );
}

/// The last lines of a listener on line 4, and what is told.
const LISTENERS: &[(&str, &[&str])] = &[
    (
        "tls = {}",
        &[
            ":4:7: error: `listener.tls.certificates` is missing; expected `certificates`, at least \
               one, such as [{ cert =",
        ],
    ),
    (
        "tls = { certificates = [] }",
        &[":4:24: error: `listener.tls.certificates` is an empty list; expected at least one"],
    ),
    (
        "tls = { certificates = [{ cert = \"a\" }] }",
        &[":4:25: error: `listener.tls.certificates.key` is missing"],
    ),
    (
        "tls = { certificates = [{ cert = \"a\", key = \"b\" }], protocols = [\"1.1\", 1.3] }",
        &[
            ":4:66: error: `listener.tls.protocols`: unknown TLS version \"1.1\"",
            ":4:73: error: `listener.tls.protocols` is the number 1.3; expected \"1.3\" or \"1.2\"",
        ],
    ),
    (
        "tls = { certificates = [{ cert = \"a\", key = \"b\" }], protocols = [] }",
        &[":4:65: error: without a version nobody can connect"],
    ),
    (
        "tls = { certificates = [{ cert = \"a\", key = \"b\" }], clients = {} }",
        &[":4:63: error: `listener.tls.clients.ca` is missing"],
    ),
    (
        "tls = true",
        &[":4:7: error: `listener.tls` is the boolean true; expected a table"],
    ),
    (
        "tls = { certificates = [{ cert = \"a\", key = \"b\" }] }\nredirect = \"https:8443\"",
        &[],
    ),
    (
        "redirect = \"http\"",
        &[":4:12: error: `listener.redirect` is the string \"http\"; expected \"https\", or"],
    ),
    (
        "redirect = \"https:0\"",
        &[":4:12: error: `listener.redirect` is"],
    ),
    (
        "limits = { streams = 0 }",
        &[":4:22: error: `listener.limits.streams` is the integer 0; expected an integer from 1"],
    ),
];

#[test]
fn listeners_that_cannot_work() {
    let start = "pool = [{ name = \"p\", endpoints = [{ address = \"a:1\" }] }]\n\
                 [[listener]]\naddress = \":80\"";
    check(
        LISTENERS
            .iter()
            .map(|(text, wanted)| (format!("{start}\n{text}\n"), *wanted)),
    );
}

/// TLS of a pool on line 5 with one endpoint, and what is told.
const POOL_TLS: &[(&str, &[&str])] = &[
    ("tls = true", &[]),
    ("tls = false", &[]),
    (
        "tls = 1",
        &[":5:7: error: `pool.tls.enabled` is the integer 1; expected true or false"],
    ),
    (
        "tls = { verify = false }",
        &[":5:18: warning: endpoints are not verified: anybody"],
    ),
    (
        "tls = { verify = true, server_name = \"https://a/\" }",
        &[":5:38: error: \"https://a/\" is no name that a certificate could hold"],
    ),
    ("tls = { server_name = \"::1\" }", &[]),
    (
        "tls = { certificate = { cert = \"a\" } }",
        &[":5:23: error: `pool.tls.certificate.key` is missing"],
    ),
];

#[test]
fn tls_of_pools_that_cannot_work() {
    let pool = |text| with_pool(&format!("endpoints = [{{ address = \"a:1\" }}]\n{text}"));
    check(POOL_TLS.iter().map(|(text, wanted)| (pool(text), *wanted)));
    let socket = |tls| with_pool(&format!("endpoints = [{{ address = \"unix:a\" }}]\n{tls}"));
    let wanted = ":4:14: error: nobody says what `unix:a` must prove to be; a socket has no name";
    let cases = [
        (socket("tls = true"), &[wanted][..]),
        (socket("tls = { server_name = \"a\" }"), &[]),
    ];
    check(cases.into_iter());
}

#[test]
fn listeners_that_only_redirect_need_no_pool() {
    let file = |more| format!("[[listener]]\naddress = \":80\"\nredirect = \"https\"\n{more}");
    let wanted = ":1:1: error: there is no pool to send requests to";
    let cases = [
        (file(""), &[][..]),
        (file("[[listener]]\naddress = \":81\"\n"), &[wanted]),
    ];
    check(cases.into_iter());
}

/// The affinity of a pool, and what is told.
const AFFINITIES: &[(&str, &[&str])] = &[
    ("\"cookie\"", &[]),
    ("\"none\"", &[]),
    (
        "{ kind = \"learn\", from = \"query:sid\", ttl = \"5m\", limit = 10 }",
        &[],
    ),
    (
        "{ kind = \"route\", from = \"cookie:JSESSIONID\", on_down = \"queue\" }",
        &[],
    ),
    (
        "\"cokie\"",
        &[
            ":5:12: error: `pool.affinity.kind`: unknown kind of affinity \"cokie\"; did you mean `cookie`?",
        ],
    ),
    (
        "\"learn\"",
        &[":5:12: error: `affinity.from` is missing; expected `from`, such as"],
    ),
    (
        "{ kind = \"learn\", from = \"address\" }",
        &[":5:37: error: `pool.affinity.from` is"],
    ),
    (
        "{ kind = \"cookie\", limit = 3 }",
        &[":5:39: error: only learn has `limit`"],
    ),
    (
        "{ kind = \"cookie\", name = \"a b\" }",
        &[":5:38: error: no cookie can be called \"a b\""],
    ),
    (
        "{ kind = \"cookie\", same_site = \"none\" }",
        &[":5:43: error: browsers refuse `same_site = \"none\"` without TLS"],
    ),
    (
        "{ kind = \"cookie\", name = \"__Host-a\", secure = true, domain = \"e.com\" }",
        &[":5:38: error: browsers refuse a `__Host-` cookie with another path or a domain"],
    ),
    (
        "{ kind = \"cookie\", path = \"/;x\" }",
        &[":5:38: error: no cookie can have this path"],
    ),
    (
        "{ kind = \"cookie\", ttl = \"100ms\" }",
        &[":5:37: error: cookies count in seconds"],
    ),
];

#[test]
fn affinities_that_cannot_work() {
    check(AFFINITIES.iter().map(|(affinity, wanted)| {
        let endpoints = "endpoints = [{ address = \"a:1\" }]";
        (
            with_pool(&format!("{endpoints}\naffinity = {affinity}")),
            *wanted,
        )
    }));
}
