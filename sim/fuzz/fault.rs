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
/// What can be done at runtime and is undone in time.
pub(super) const RUNTIME: [&str; 8] = [
    "drain",
    "remove",
    "reweight",
    "add",
    "reload",
    "latency",
    "partition",
    "proxy_restart",
];

/// Up to five faults and changes, the last of which ends by [`HEALED`].
pub(super) fn faults(dice: &mut Dice, pool: &Pool, proxies: u64) -> String {
    let mut text = String::new();
    // Not all at once where those that are left would have more than they can bear.
    let most = match pool.may_queue {
        true => pool.first_choice() / 3,
        false => 3,
    };
    for _ in 0..dice.within(0, most) {
        let (kind, keys) = dice.one_of(&ORIGIN);
        let target = Pool::name(dice.0.below(pool.endpoints));
        text += &fault(dice, kind, &format!("target = \"{target}\""), keys);
    }
    // One change of the configuration at most: what the second finds depends on the first.
    let mut changes = vec!["latency", "partition", "proxy_restart"];
    if dice.coin() {
        let configured = &RUNTIME[..5];
        text += &change(dice, pool, configured);
    }
    for _ in 0..dice.within(0, 2) {
        let kind = changes.swap_remove(dice.0.below(changes.len() as u64) as usize);
        let name = Pool::name(dice.0.below(pool.endpoints));
        let between = format!("from = \"proxy\"\nto = \"{name}\"");
        text += &match kind {
            "latency" => fault(dice, kind, &between, "plus = \"20ms\""),
            "partition" => fault(dice, kind, &between, ""),
            _ => {
                let place = dice.0.below(proxies);
                let at = dice.within(1_000, HEALED.as_millis() as u64 - 1_000);
                let handover = dice.one_of(&["", "handover = true\n"]);
                format!(
                    "[[fault]]\nat = \"{at}ms\"\nkind = \"{kind}\"\n\
                     target = \"proxy:{place}\"\n{handover}"
                )
            }
        };
    }
    text
}

/// A change of the configuration that is taken back in time.
fn change(dice: &mut Dice, pool: &Pool, kinds: &[&str]) -> String {
    let kind = dice.one_of(kinds);
    let at = dice.0.below(pool.endpoints);
    let target = format!("target = \"{}\"", Pool::name(at));
    match kind {
        "remove" if pool.endpoints == 1 => String::new(),
        "drain" | "remove" => fault(dice, kind, &target, ""),
        "reweight" => {
            let weight = dice.within(0, 4);
            fault(dice, kind, &target, &format!("weight = {weight}"))
        }
        "add" => {
            let endpoint = format!("endpoint = {}", pool.endpoint(pool.endpoints, 1));
            fault(dice, kind, "target = \"pool:app\"", &endpoint)
        }
        _ => {
            let section = pool.reloaded(dice);
            fault(dice, kind, &format!("pool = {section}"), "")
        }
    }
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
