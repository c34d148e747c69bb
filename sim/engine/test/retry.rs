//! Both engines where tries follow each other: by status, later, as an endpoint asks.

use super::*;

/// Half of what two of three endpoints are asked is refused, for a second.
fn refusing(retry: &str, retry_after: &str) -> [Ended; 2] {
    let fault = |target: &str| {
        format!(
            "[[fault]]\nat = \"1s\"\nkind = \"error_burst\"\ntarget = \"{target}\"\n\
             share = \"50%\"\nfor = \"1s\"\n{retry_after}\n"
        )
    };
    let text = TEXT.replace("MODEL", "fifo");
    let text = text.replace(
        "policy = \"random\"",
        &format!("policy = \"random\"\nretry = {{ {retry} }}"),
    );
    agree(retry, &read(&(text + &fault("a") + &fault("b"))))
}

#[test]
fn engines_agree_on_statuses_that_are_tried_again() {
    let failed = |ended: &Ended| ended.cell.value(Metric::Failed, &Scope::All);
    let [plain, _] = refusing("attempts = 3", "");
    let [at_once, _] = refusing("attempts = 3, on = [503], budget = \"100%\"", "");
    let later = "attempts = 3, on = [503], budget = \"100%\", backoff = \"50ms\"";
    let [later, _] = refusing(later, "");
    // One in three of 300, and of those who meet two of them one in four.
    assert!(failed(&plain) > Some(70.0), "{:?}", failed(&plain));
    assert!(failed(&at_once) < Some(5.0), "{:?}", failed(&at_once));
    assert!(failed(&later) < Some(5.0), "{:?}", failed(&later));
    let mean = |ended: &Ended| ended.cell.value(Metric::Mean, &Scope::All);
    assert!(mean(&later) > mean(&at_once));
}

#[test]
fn engines_agree_on_what_endpoints_ask_for() {
    let failed = |ended: &Ended| ended.cell.value(Metric::Failed, &Scope::All);
    let retry = "attempts = 3, on = [503], max_wait = \"1s\"";
    let [waited, _] = refusing(retry, "retry_after = \"1s\"");
    let [passed_on, _] = refusing(retry, "retry_after = \"2s\"");
    assert_eq!(failed(&waited), Some(0.0), "it is over by then");
    let longest = waited.cell.value(Metric::Max, &Scope::All);
    assert!(longest > Some(1000.0), "{longest:?}");
    assert!(failed(&passed_on) > Some(70.0), "{:?}", failed(&passed_on));
}
