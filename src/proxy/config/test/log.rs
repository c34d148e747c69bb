//! What the log is told to say.

use super::*;

#[test]
fn lines_that_explain_themselves_are_few() {
    let file = |share| {
        let pool = "endpoints = [{ address = \"a:1\" }]";
        with_pool(&format!(
            "{pool}\n[log]\naccess = {{ explain = \"{share}\" }}"
        ))
    };
    let cases: [(&str, &[&str]); 3] = [
        ("0.1%", &[]),
        ("10%", &[]),
        (
            "10.01%",
            &[":6:22: warning: 10.01% of all requests are explained, at the others' expense"],
        ),
    ];
    check(
        cases
            .into_iter()
            .map(|(share, wanted)| (file(share), wanted)),
    );
}
