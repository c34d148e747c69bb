//! Zones and backups that take what others cannot carry: what the author of a file is told.

use super::*;

fn file(server: &str, pool: &str) -> String {
    format!("server = {{ {server} }}\n{}", with_pool(pool))
}

#[test]
fn zones_have_endpoints_enough() {
    let zone = "zone = \"east\"";
    let endpoint = |name: &str, zone: &str| format!("{{ address = \"{name}:1\", {zone} }}");
    let endpoints = |zones: [&str; 4]| {
        let all = zones.iter().zip(["a", "b", "c", "d"]);
        let all: Vec<String> = all.map(|(zone, name)| endpoint(name, zone)).collect();
        format!("endpoints = [{}]", all.join(", "))
    };
    let (east, west) = (zone, "zone = \"west\"");
    let even = endpoints([east, east, west, west]);
    let lonely = endpoints([east, west, west, west]);
    let strange = endpoints([west; 4]);
    let cases: [(String, &[&str]); 6] = [
        (file(zone, &even), &[]),
        (file("", &lonely), &[]),
        (
            file(zone, &lonely),
            &[
                ":3:1: warning: the proxy's zone has 1 of 4 of the weights of pool `p`; expected \
                  about one in 2",
            ],
        ),
        (
            file(zone, &strange),
            &[
                ":1:10: warning: no endpoint is in the zone of the proxy; expected an endpoint with \
                  this `zone`",
            ],
        ),
        (file(zone, &format!("{even}\noverprovision = 1.2")), &[]),
        (
            file("", &format!("{even}\noverprovision = 1.2")),
            &[
                ":3:1: warning: pool `p` has nobody that `overprovision` is for; expected backups, \
                  or `server.zone`",
            ],
        ),
    ];
    check(cases.into_iter());
}
