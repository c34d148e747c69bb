//! What happens in a generated scenario before all is well again.

use std::fmt::Write as _;

use super::pool::Pool;
use super::{Dice, HEALED};

/// What an origin can suffer, with what each kind needs beside its time.
pub(super) const ORIGIN: [(&str, &str); 9] = [
    ("crash", ""),
    ("refuse", ""),
    ("hang", ""),
    ("pause", ""),
    ("blackhole", ""),
    ("slow", "factor = 20.0"),
    ("reset", "share = \"40%\""),
    ("error_burst", "share = \"60%\"\nstatus = 503"),
    ("keepalive_race", "share = \"50%\""),
];
/// What can be done at runtime and is undone by itself.
pub(super) const RUNTIME: [&str; 4] = ["drain", "latency", "partition", "proxy_restart"];

/// Up to five faults and changes, the last of which ends by [`HEALED`].
pub(super) fn faults(dice: &mut Dice, pool: &Pool, proxies: u64) -> String {
    let mut text = String::new();
    // Not all at once where those that are left would have more than they can bear.
    let most = match pool.may_queue {
        true => pool.primaries() / 3,
        false => 3,
    };
    for _ in 0..dice.within(0, most) {
        let (kind, keys) = dice.one_of(&ORIGIN);
        let target = Pool::name(dice.0.below(pool.endpoints));
        text += &fault(dice, kind, &format!("target = \"{target}\""), keys);
    }
    for _ in 0..dice.within(0, 2) {
        let kind = dice.one_of(&RUNTIME);
        let name = Pool::name(dice.0.below(pool.endpoints));
        let place = dice.0.below(proxies);
        text += &match kind {
            "drain" => fault(dice, kind, &format!("target = \"{name}\""), ""),
            "latency" => fault(
                dice,
                kind,
                &format!("from = \"proxy\"\nto = \"{name}\""),
                "plus = \"20ms\"",
            ),
            "partition" => fault(
                dice,
                kind,
                &format!("from = \"proxy\"\nto = \"{name}\""),
                "",
            ),
            _ => {
                let at = dice.within(1_000, HEALED.as_millis() as u64 - 1_000);
                format!(
                    "[[fault]]\nat = \"{at}ms\"\nkind = \"{kind}\"\ntarget = \"proxy:{place}\"\n"
                )
            }
        };
    }
    text
}

/// A fault that ends by itself in time.
fn fault(dice: &mut Dice, kind: &str, whom: &str, keys: &str) -> String {
    let lasts = dice.within(200, 4_000);
    let at = dice.within(1_000, HEALED.as_millis() as u64 - lasts);
    let mut text =
        format!("[[fault]]\nat = \"{at}ms\"\nkind = \"{kind}\"\n{whom}\nfor = \"{lasts}ms\"\n");
    if !keys.is_empty() {
        let _ = writeln!(text, "{keys}");
    }
    text
}
