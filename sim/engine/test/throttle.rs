//! Both engines with limits of clients: the same requests are held back, refused and left alone.

use super::*;

/// What a limit did in both engines, as the clients saw it and as the proxy counts it.
fn both(what: &str, limit: &str) -> [(f64, f64, f64); 2] {
    let text = TEXT.replace("MODEL", "fifo");
    let route = format!("[[config.route]]\npool = \"p\"\nlimit = \"l\"\n[[config.limit]]\n{limit}");
    let text = text.replace("[origin]", &format!("{route}\n[origin]"));
    let text = text.replace(
        "rate = \"300/s\" }",
        "rate = \"300/s\" }\nclient = { timeout = \"1s\" }",
    );
    agree(what, &read(&text)).map(|ended| {
        let value = |metric| ended.cell.value(metric, &Scope::All).unwrap_or_default();
        assert!(ended.cell.invariants.iter().all(|check| check.ok));
        (
            value(Metric::Limited),
            value(Metric::Held),
            value(Metric::Failed),
        )
    })
}

/// 1,200 requests of 1,024 clients: some come a second, third or fourth time within 4 s.
#[test]
fn engines_agree_on_limits_of_clients() {
    let rate = "name = \"l\"\nrate = \"20/m\"\nburst = 2\ndelay = 1";
    for (n, (limited, held, failed)) in both("a rate", rate).into_iter().enumerate() {
        // Who is held back for longer than a second has left.
        assert!(
            limited > 9.0 && held > 50.0 && failed > 30.0,
            "{n}: {limited} {held} {failed}"
        );
    }
    let dry = format!("{rate}\ndry_run = true");
    assert_eq!(both("a dry run", &dry), [(0.0, 0.0, 0.0); 2]);
    let marked = rate.replace("rate", "key = \"header:x-client\"\nrate");
    let [(limited, ..), _] = both("a header", &marked);
    assert!(limited < 9.0, "each request calls itself something else");
    let most = "name = \"l\"\nkey = \"all\"\nrequests = 4";
    for (limited, ..) in both("requests at once", most) {
        assert!(limited > 9.0, "{limited}");
    }
}
