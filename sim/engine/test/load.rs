//! Both engines where a policy asks endpoints for their load.

use super::*;

/// One proxy before three processes, with `policy` and `more` of its pool.
fn before_three(policy: &str, more: &str) -> String {
    let pool = format!("policy = {{ name = \"prequal\", {policy} }}\n{more}");
    let text = TEXT.replace("MODEL", "node");
    text.replace("policy = \"random\"", &pool)
}

fn value(ended: &Ended, metric: Metric) -> f64 {
    ended.cell.value(metric, &Scope::All).unwrap_or_default()
}

/// Whose probe ends within a tick of a pick is known to one engine and not to the other, and from
/// then on they pick apart: what is compared is what all picks come to.
#[test]
fn engines_agree_on_probes_of_the_load() {
    const SAYS: &str = "probe = { path = \"/load\", header = \"x-in-flight\" }";
    const PLAIN: &str = "probe = { path = \"/load\" }";
    for (policy, more) in [(SAYS, ""), (PLAIN, ""), (SAYS, "http2 = true")] {
        let text = before_three(policy, more);
        let text = text.replace("latency = \"0s\"", "latency = \"200us\"");
        let ended = both(&read(&text.replace("rate = \"300/s\"", "rate = \"450/s\"")));
        for ended in &ended {
            let broken: Vec<_> = ended.cell.invariants.iter().filter(|i| !i.ok).collect();
            assert!(broken.is_empty(), "{policy} {more}: {broken:?}");
        }
        let [net, model] = ended.each_ref().map(|ended| value(ended, Metric::Mean));
        println!("{policy} {more}: {net} and {model} ms");
        assert!(
            (net - model).abs() < 0.1 * model,
            "{policy} {more}: {net}, {model}"
        );
    }
}

/// A process that answers nobody is out of the picks within moments, in both, without any check of
/// its health: of the 600 requests that come meanwhile a third would be its, for who does not look.
#[test]
fn who_hangs_is_passed_over() {
    let hang = "[[fault]]\nat = \"1s\"\nkind = \"hang\"\ntarget = \"a\"\nfor = \"2s\"\n";
    let text = before_three("probe = { path = \"/load\" }", "") + hang;
    for ended in both(&read(&text)) {
        let failed = value(&ended, Metric::Failed);
        assert!((1.0..40.0).contains(&failed), "{failed}");
    }
}
