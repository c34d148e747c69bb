//! Wrong files: file, line and column, the offending line, what was expected, the nearest known
//! key, and all mistakes at once.
use std::fs;
use std::net::TcpListener;

use super::{CONFIG, Desk, scenario};

#[test]
fn a_configuration_with_many_mistakes_tells_all_of_them() {
    let desk = Desk::new();
    let text = "[[listener]]\nadress = \"127.0.0.1:0\"\n[[pool]]\nname = 5\nendpoints = []\n\
                [[pool]]\nname = \"w\"\npolcy = \"p2c\"\nqueue = { timeout = 30 }\n\
                endpoints = [{ address = \"10.0.0.1:1\", weight = 0 }]\n";
    desk.write("bad.toml", text);
    let needles = [
        "unknown key `adress`",
        "--> bad.toml:2:1",
        "2 | adress = \"127.0.0.1:0\"",
        "did you mean `address`?",
        "`pool.name` is the integer 5",
        "--> bad.toml:4:8",
        "4 | name = 5",
        "expected a name",
        "`pool.endpoints` is an empty list",
        "--> bad.toml:5:13",
        "5 | endpoints = []",
        "expected at least one, such as [{ address =",
        "unknown key `polcy`",
        "--> bad.toml:8:1",
        "did you mean `policy`?",
        "`pool.queue.timeout` is the integer 30",
        "--> bad.toml:9:21",
        "expected a unit",
        "all weights of pool `w` are 0",
        "--> bad.toml:10:13",
        "expected a weight above 0",
        "6 errors",
    ];
    desk.fails("check bad.toml", 3, &needles);
    desk.fails("serve -c bad.toml", 3, &needles);
}

#[test]
fn a_scenario_with_many_mistakes_tells_all_of_them() {
    let desk = Desk::new();
    let further = "[[fault]]\nat = \"100ms\"\nkind = \"crash\"\ntarget = \"c\"\n\
                   [[threshold]]\nmetric = \"p98 < 1s\"\n";
    let text = scenario(further)
        .replace("duration", "seeds = \"5..1\"\nduration")
        .replace("10/s", "0/s");
    desk.write("bad.toml", text);
    let needles = [
        "`seeds` is the string \"5..1\"",
        "--> bad.toml:3:9",
        "3 | seeds = \"5..1\"",
        "expected the smaller seed first: \"1..5\"",
        "`workload.arrivals.rate` is the string \"0/s\"",
        "--> bad.toml:9:21",
        "expected a rate above 0",
        "unknown endpoint `c`",
        "--> bad.toml:13:10",
        "13 | target = \"c\"",
        "known: a, b",
        "unknown metric `p98`",
        "--> bad.toml:15:11",
        "did you mean `p9",
        "4 errors",
    ];
    for command in ["check", "sim run", "sim verify"] {
        desk.fails(&format!("{command} bad.toml"), 3, &needles);
    }
}

#[test]
fn mistakes_in_the_configuration_of_a_scenario_are_told_with_their_file() {
    let desk = Desk::new();
    desk.write("evenkeel.toml", CONFIG.replace("address", "adress"));
    let needles = [
        "unknown key `adress`",
        "evenkeel.toml:4:1",
        "did you mean `address`?",
    ];
    desk.fails("sim run ok.toml", 3, &needles);
}

#[test]
fn json_says_the_same_and_has_places_too() {
    let desk = Desk::new();
    let text = "{\n  \"config\": \"evenkeel.toml\",\n  \"duration\": \"1s\",\n  \
        \"origin\": { \"service\": { \"dist\": \"constant\", \"value\": \"1ms\" } },\n  \
        \"workload\": [{ \"name\": \"w\", \"arrivals\": { \"rate\": \"10/s\" } }]\n}\n";
    desk.write("s.json", text);
    let told = desk.run("sim run --engine model s.json");
    assert_eq!(told.code, Some(0), "{told:?}");
    desk.write("s.json", text.replace("duration", "durations"));
    let needles = [
        "unknown key `durations`",
        "s.json:3:3",
        "did you mean `duration`?",
    ];
    desk.fails("sim run s.json", 3, &needles);
    desk.write("s.json", "{ \"workload\": [ }");
    desk.fails("sim run s.json", 3, &["s.json:1:"]);
}

#[test]
fn files_that_are_none() {
    let desk = Desk::new();
    fs::create_dir(desk.path().join("folder.toml")).unwrap();
    desk.write("latin.toml", b"name = \"caf\xe9\"\n");
    desk.write("wide.toml", b"\xff\xfen\0a\0m\0e\0");
    desk.write("empty.toml", "");
    desk.write("big.toml", vec![b'#'; 20 << 20]);
    let cases: &[(&str, &[&str])] = &[
        (
            "missing.toml",
            &["missing.toml: cannot read the file: No such file"],
        ),
        (
            "folder.toml",
            &["folder.toml: cannot read the file: Is a directory"],
        ),
        ("latin.toml", &["not UTF-8", "latin.toml:1:12"]),
        (
            "wide.toml",
            &["wide.toml: the file is UTF-16", "save it as UTF-8"],
        ),
        ("empty.toml", &["empty.toml", "`listener` is missing"]),
        ("big.toml", &["big.toml: the file is larger than 16 MiB"]),
    ];
    for (file, needles) in cases {
        desk.fails(&format!("check {file}"), 3, needles);
        desk.fails(&format!("serve -c {file}"), 3, needles);
    }
    for file in [
        "missing.toml",
        "folder.toml",
        "latin.toml",
        "wide.toml",
        "big.toml",
    ] {
        let (_, needles) = cases.iter().find(|(name, _)| *name == file).unwrap();
        desk.fails(&format!("sim run {file}"), 3, needles);
    }
    desk.fails("sim run empty.toml", 3, &["`workload` is missing"]);
}

#[test]
fn one_wrong_file_among_many_does_not_hide_the_others() {
    let desk = Desk::new();
    desk.write("one.toml", "a = 1");
    desk.write("two.toml", "b = 1");
    let told = desk.run("check one.toml ok.toml missing.toml two.toml evenkeel.toml");
    assert_eq!(told.code, Some(3), "{told:?}");
    assert_eq!(
        told.out,
        "ok.toml: scenario ok\nevenkeel.toml: configuration ok\n"
    );
    for place in ["one.toml:1:1", "missing.toml: cannot", "two.toml:1:1"] {
        assert!(told.err.contains(place), "{place}: {}", told.err);
    }
}

#[test]
fn a_trace_with_broken_lines_is_counted_and_its_first_three_are_shown() {
    let desk = Desk::new();
    let good = "10.0.0.1 - - [01/Aug/1995:00:00:01 -0400] \"GET / HTTP/1.0\" 200 10\n";
    let log = format!("{good}first wrong\n{good}second\x07wrong\nthird wrong\nfourth\n{good}");
    desk.write("access.log", log);
    let text = scenario("").replace(
        "arrivals = { rate = \"10/s\" }",
        "trace = { file = \"access.log\", speed = 10.0 }",
    );
    desk.write("recorded.toml", text);
    for engine in ["net", "model"] {
        let told = desk.run(&format!(
            "sim run recorded.toml --engine {engine} --seeds 1..2"
        ));
        assert_eq!(told.code, Some(0), "{told:?}");
        let note = "note: recorded.toml: w: 4 of 7 lines cannot be read, first:\n";
        assert_eq!(told.err.matches(note).count(), 1, "{engine}: {}", told.err);
        for line in [
            "line 2: ",
            "first wrong",
            "line 4: ",
            "second\\u{7}wrong",
            "line 5: ",
        ] {
            assert!(told.err.contains(line), "{line}: {}", told.err);
        }
        assert!(!told.err.contains("fourth"), "{}", told.err);
    }
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let desk = Desk::new();
    desk.write("taken.toml", CONFIG.replace("127.0.0.1:0", &address));
    let admin = format!("{CONFIG}[admin]\naddress = \"{address}\"\n");
    desk.write("admin.toml", admin);
    let needles = [address.as_str(), "in use"];
    desk.fails("serve -c taken.toml", 1, &needles);
    desk.fails("serve -c admin.toml", 1, &needles);
    desk.fails(
        &format!("serve --listen {address} --to 127.0.0.1:1"),
        1,
        &needles,
    );
}

#[test]
fn wrong_usage_is_2() {
    let desk = Desk::new();
    let cases: &[(&str, &[&str])] = &[
        ("", &["Usage: evenkeel"]),
        (
            "siim run ok.toml",
            &["unrecognized subcommand 'siim'", "'sim'"],
        ),
        ("sim walk ok.toml", &["unrecognized subcommand 'walk'"]),
        ("sim run", &["<SCENARIO>"]),
        ("sim run ok.toml --seed x", &["'x'", "--seed"]),
        ("sim run ok.toml --seed -1", &["'-1'"]),
        (
            "sim run ok.toml --seeds 5..1",
            &["--seeds 5..1", "smaller seed first"],
        ),
        (
            "sim run ok.toml --seeds a..b",
            &["--seeds a..b", "seeds such as"],
        ),
        (
            "sim run ok.toml --seed 1 --seeds 1..2",
            &["cannot be used with"],
        ),
        ("sim run ok.toml --engine nett", &["'nett'", "'net'"]),
        ("sim run ok.toml --jobs 0", &["'0'", "--jobs"]),
        (
            "sim verify ok.toml --golden missing.txt",
            &["missing.txt", "--bless"],
        ),
        ("serve", &["--config"]),
        (
            "serve -c evenkeel.toml --to 127.0.0.1:1",
            &["cannot be used with"],
        ),
        ("serve -c evenkeel.toml --workers 0", &["'0'", "--workers"]),
    ];
    for (words, needles) in cases {
        desk.fails(words, 2, needles);
    }
}

#[test]
fn addresses_on_the_command_line_have_places_too() {
    let needles = [
        "command line:1:",
        "--to 127.0.0.1:1,nowhere:x",
        "command line:1:",
    ];
    let desk = Desk::new();
    desk.fails(
        "serve --listen nowhere:y --to 127.0.0.1:1,nowhere:x",
        3,
        &needles,
    );
}

#[test]
fn a_certificate_is_part_of_what_is_checked() {
    let desk = Desk::new();
    let tls =
        "tls = { certificates = [\n  { cert = \"site.pem\", key = \"site.key\" },\n] }\n[[pool]]";
    desk.write("tls.toml", CONFIG.replace("[[pool]]", tls));
    desk.write(
        "site.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    let needles = [
        "error: site.pem holds a private key and no certificate",
        "--> tls.toml:6:12",
        "{ cert = \"site.pem\", key = \"site.key\" }",
        "1 error",
    ];
    desk.fails("check tls.toml", 3, &needles);
    desk.fails("serve -c tls.toml", 3, &needles);
}
