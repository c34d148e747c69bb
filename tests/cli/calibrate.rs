//! `sim calibrate` on a bad day: whom it does not ask, and how it ends.
use super::Desk;

#[test]
fn wrong_usage_and_applications_that_are_not_there() {
    let desk = Desk::new();
    desk.write("there.toml", "");
    let nobody = "--url http://127.0.0.1:1";
    for (rest, code, needle) in [
        ("--path /", 2, "--url <URL>|--command <COMMAND>"),
        (nobody, 2, "--path <PATH>"),
        ("--url 127.0.0.1 --path /", 2, "expected http://HOST:PORT"),
        (
            "--url http://192.0.2.1:80 --path /",
            2,
            "192.0.2.1:80 is not of this machine",
        ),
        (
            &format!("{nobody} --path items"),
            2,
            "--path items: expected a path such as",
        ),
        (
            &format!("{nobody} --path / --out there.toml"),
            2,
            "there.toml is there already",
        ),
        (
            &format!("{nobody} --path /"),
            1,
            "GET /: Connection refused",
        ),
        (
            "--command no-such-program --path /",
            1,
            "cannot start `no-such-program`",
        ),
    ] {
        desk.fails(&format!("sim calibrate {rest}"), code, &[needle]);
    }
}
