//! What the author of wrong proxies, links and changes is told.

use super::*;

#[test]
fn proxies_and_links_that_cannot_be() {
    let link = |entry: &str| format!("[network]\nlinks = [{{ {entry} }}]");
    check(&[
        (
            "[proxies]\ncount = 0\nbalancer = \"hsah\"",
            &[
                ":9:9: error: `proxies.count` is the integer 0; expected an integer from 1 to 64",
                ":10:12: error: `proxies.balancer`: unknown balancer \"hsah\"; did you mean `hash`?",
            ],
        ),
        (
            &link("from = \"proxy\", to = \"pool:q\", latency = \"1ms\""),
            &[":9:33: error: unknown pool `q`; not a known pool; known: p"],
        ),
        (
            &link("from = \"downstram\", to = \"a\""),
            &[":9:19: error: unknown endpoint `downstram`"],
        ),
        (
            &link("from = \"proxy\", latency = 5, loss = \"101%\", bandwidth = \"5MB\""),
            &[
                ":9:10: error: `network.links.to` is missing",
                ":9:38: error: `network.links.latency` is the integer 5; expected a unit",
                ":9:48: error: `network.links.loss` is the string \"101%\"; expected at most",
                ":9:68: error: `network.links.bandwidth` is the string \"5MB\"; expected bytes a second",
            ],
        ),
        (
            &link("from = \"proxy\", to = \"a\", bandwidth = \"0MB/s\""),
            &[
                ":9:50: error: `network.links.bandwidth` is the string \"0MB/s\"; expected more than",
            ],
        ),
    ]);
}

#[test]
fn changes_that_cannot_be() {
    let fault =
        |kind: &str, rest: &str| format!("[[fault]]\nat = \"20s\"\nkind = \"{kind}\"\n{rest}");
    check(&[
        (
            &fault(
                "add",
                "target = \"p\"\nendpoint = { address = \"10.0.0.3:80\" }",
            ),
            &[":11:10: error: an endpoint cannot be added to \"p\"; expected a pool, such as"],
        ),
        (
            &fault(
                "add",
                "target = \"pool:p\"\nendpoint = { name = \"a\", address = \"10.0.0.3:80\" }",
            ),
            &[":12:12: error: the pool has an endpoint `a` already; expected another name"],
        ),
        (
            &fault("add", "target = \"pool:q\""),
            &[":8:1: error: add: `endpoint` is missing; expected `endpoint`, { name = \"e\", addr"],
        ),
        (
            &fault("remove", "target = \"c\"\nweight = 2"),
            &[
                ":11:10: error: unknown endpoint `c`; not a known endpoint; known: a, b",
                ":12:10: error: this fault has no `weight`; expected only for reweight",
            ],
        ),
        (
            &fault("reweight", "target = \"a\""),
            &[":8:1: error: reweight: `weight` is missing; expected `weight`, the new weight"],
        ),
        (
            &fault(
                "reload",
                "pool = { name = \"q\", endpoints = [{ address = \"10.0.0.9:80\" }] }",
            ),
            &[":11:8: error: unknown pool `q`; not a known pool; known: p"],
        ),
        (
            &fault(
                "reload",
                "pool = { name = \"p\", policy = \"stale\", endpoints = [{ address = \"10.0.0.9:80\" }] }",
            ),
            &[
                ":11:31: error: this policy knows what only a simulation can know; expected one that",
            ],
        ),
        (
            &fault(
                "reload",
                "pool = { name = \"p\", policy = \"rnadom\", endpoints = [] }",
            ),
            &[
                ":11:31: error: `fault.pool.policy.name`: unknown policy \"rnadom\"",
                ":11:53: error: `fault.pool.endpoints` is an empty list; expected at least one",
            ],
        ),
        (
            &fault(
                "reload",
                "pool = { name = \"p\", endpoints = [{ name = \"a\", address = \"10.0.0.9:80\" }] }",
            ),
            &[":11:8: error: endpoint `a` was at 10.0.0.1:80 before; expected a new name"],
        ),
    ]);
}

#[test]
fn changes_of_proxies_and_links_that_cannot_be() {
    let fault =
        |kind: &str, rest: &str| format!("[[fault]]\nat = \"20s\"\nkind = \"{kind}\"\n{rest}");
    check(&[
        (
            &fault("proxy_restart", "target = \"a\"\nfor = \"1s\""),
            &[
                ":11:10: error: there is no proxy \"a\"; expected \"proxy\" for all, or \"proxy:0\"",
                ":12:7: error: proxy_restart has no end; leave it out",
            ],
        ),
        (
            &fault(
                "dns_change",
                "host = \"app.internal\"\naddresses = [\"10.0.0\"]",
            ),
            &[
                ":11:8: error: unknown host of an endpoint `app.internal`; there is no host",
                ":12:14: error: `fault.addresses` is the string \"10.0.0\"; expected an IP address",
            ],
        ),
        (
            &fault("latency", "from = \"proxy\"\nto = \"a\""),
            &[":8:1: error: the latency stays what it is; expected `factor` or `plus`"],
        ),
        (
            &fault("proxy_restart", "every = \"1ns\""),
            &[":11:9: error: the fault happens too often"],
        ),
        (
            &fault("drain", "target = \"a\"\nevery = \"1s\""),
            &[":12:9: error: drain happens again before it has ended; expected `for`, and no less"],
        ),
        (
            &fault(
                "partition",
                "from = \"proxy\"\nto = \"a\"\nfor = \"2s\"\nevery = \"1s\"",
            ),
            &[":14:9: error: partition happens again before it has ended; expected `for`, and no"],
        ),
        (
            &fault("partition", "from = \"proxy\""),
            &[":8:1: error: partition: `to` is missing; expected `to`, its other end"],
        ),
        (
            "[[fault]]\nat = \"20s\"\nkind = \"remove\"\ntarget = \"a\"\n\
             [[fault]]\nat = \"21s\"\nkind = \"remove\"\ntarget = \"b\"",
            &[":8:1: error: pool `p` has no endpoint left at 21s; expected one, always"],
        ),
        (
            "engine = \"model\"\n[[fault]]\nat = \"20s\"\nkind = \"cert_swap\"",
            &[":8:10: error: engine model cannot do it: cert_swap is about TLS"],
        ),
        // An endpoint is known from the fault that adds it on.
        (
            "[[fault]]\nat = \"20s\"\nkind = \"add\"\ntarget = \"pool:p\"\n\
             endpoint = { name = \"c\", address = \"10.0.0.3:80\" }\n\
             [[fault]]\nat = \"21s\"\nkind = \"drain\"\ntarget = \"c\"\n\
             [[threshold]]\nmetric = \"endpoint:c share < 50%\"",
            &[],
        ),
    ]);
}
