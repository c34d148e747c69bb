//! `sim explain` as its users meet it.
use super::Desk;

#[test]
fn a_request_is_explained_under_each_setting() {
    let desk = Desk::new();
    let told = desk.run("sim explain ok.toml --request 3 --vary policy=p2c,random");
    assert_eq!(told.code, Some(0), "{told:?}");
    let mut rest = told.out.as_str();
    for needle in [
        "short: request 3, pool app (engine net, seed 1, policy = p2c)",
        "the least of 2 drawn, by requests in flight for each unit of weight",
        "time line, from ",
        "done: 200",
        "policy = random)",
        "drawn by % chance",
    ] {
        let at = rest.find(needle);
        let at = at.unwrap_or_else(|| panic!("no {needle:?} in\n{}", told.out));
        rest = &rest[at + needle.len()..];
    }
}

#[test]
fn json_is_an_object_a_line() {
    let desk = Desk::new();
    let words = "sim explain ok.toml --request 3 --engine model --seed 2 --format json";
    let told = desk.run(words);
    assert_eq!(told.code, Some(0), "{told:?}");
    let object: serde_json::Value = serde_json::from_str(&told.out).expect("one object");
    assert_eq!(object["seed"], 2);
    assert_eq!(object["request"], 3);
    let pick = &object["picks"][0];
    assert_eq!(pick["outcome"], "picked");
    assert_eq!(pick["candidates"].as_array().map(Vec::len), Some(2));
    assert_eq!(object["timeline"][0]["what"], "arrived");
}

#[test]
fn a_request_that_there_was_not_is_wrong_usage() {
    let desk = Desk::new();
    let asked = "sim explain ok.toml --engine model --request 4711";
    desk.fails(
        asked,
        2,
        &["proxy 0 had no request 4711", "expected one from 0 to "],
    );
    let asked = "sim explain ok.toml --engine model --request 1 --proxy 2";
    desk.fails(
        asked,
        2,
        &["there is no proxy 2 that had a request: expected one below 1"],
    );
}
