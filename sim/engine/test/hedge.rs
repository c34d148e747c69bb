//! Both engines where a late try gets another one beside it.

use super::*;

fn hedged(hedge: &str, fault: &str) -> [Ended; 2] {
    let text = TEXT.replace("MODEL", "fifo");
    let policy = format!("policy = \"random\"\nhedge = {hedge}");
    let text = text.replace("policy = \"random\"", &policy);
    let fault = fault.replace("; ", "\n");
    let text = format!("{text}[[fault]]\nat = \"1s\"\ntarget = \"a\"\n{fault}\n");
    agree(&format!("{hedge}, {fault}"), &read(&text))
}

fn value(ended: &Ended, metric: Metric) -> f64 {
    ended.cell.value(metric, &Scope::All).unwrap_or_default()
}

#[test]
fn engines_agree_on_hedges() {
    let faults = [
        "kind = \"slow\"; factor = 10; for = \"1s\"",
        "kind = \"pause\"; for = \"500ms\"",
        "kind = \"hang\"; for = \"1s\"",
        "kind = \"crash\"; for = \"1s\"",
        "kind = \"reset\"; share = \"20%\"; for = \"1s\"",
        "kind = \"blackhole\"; for = \"500ms\"",
    ];
    for fault in faults {
        let both = hedged("{ after = \"30ms\", budget = \"20%\" }", fault);
        let [net, model] = both.each_ref().map(|ended| value(ended, Metric::Hedges));
        println!("{fault}: {net} and {model} hedges");
        // Who is late within a tick of its answer may be either.
        assert!(
            net > 0.0 && (net - model).abs() <= 2.0 + net / 20.0,
            "{fault}"
        );
        for ended in &both {
            let won = value(ended, Metric::HedgesWon);
            assert!(won > 0.0 && won <= value(ended, Metric::Hedges), "{fault}");
            let broken: Vec<_> = ended.cell.invariants.iter().filter(|i| !i.ok).collect();
            assert!(broken.is_empty(), "{fault}: {broken:?}");
        }
    }
}

/// What is learned of times is the same as well, and it is what helps.
#[test]
fn engines_agree_on_who_is_late() {
    let fault = "kind = \"hang\"; for = \"500ms\"";
    let [net, model] = hedged("\"p90\"", fault);
    let hedges = [&net, &model].map(|ended| value(ended, Metric::Hedges));
    assert!(hedges[0] > 50.0, "{hedges:?}");
    assert!(
        (hedges[0] - hedges[1]).abs() <= 2.0 + hedges[0] / 20.0,
        "{hedges:?}"
    );
}
