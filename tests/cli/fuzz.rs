//! `sim fuzz` as its users meet it.
use super::Desk;

#[test]
fn generated_scenarios_are_counted_and_go_on_where_they_ended() {
    let desk = Desk::new();
    let told = desk.run("sim fuzz --minutes 0.0001 --engine model --from 7 --jobs 1");
    assert_eq!(told.code, Some(0), "{told:?}");
    for needle in [
        "4 scenarios from number 7 in model, ",
        " requests after all was well: 0 failed",
        "go on: evenkeel sim fuzz --from 11",
    ] {
        assert!(told.out.contains(needle), "{needle}: {}", told.out);
    }
    assert!(
        !desk.path().join("evenkeel-fuzz").exists(),
        "nothing failed"
    );
}

#[test]
fn times_and_jobs_that_are_none_are_wrong_usage() {
    let desk = Desk::new();
    for (option, expected) in [
        (
            "--minutes inf",
            "--minutes inf: expected a time such as 5 or 0.5",
        ),
        ("--jobs 0", "0 is not in 1..=1024"),
    ] {
        desk.fails(&format!("sim fuzz {option}"), 2, &[expected]);
    }
}
