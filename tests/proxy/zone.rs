//! Zones and backups on real sockets: who is tried first, and where the rest goes once the checks
//! say that too few of the first are left.
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::health::{CHECKS, checked, names};
use crate::real::evenkeel::{Config, Evenkeel};

/// The endpoints a, b and c, which have these further keys; the proxy is in the zone `here`.
struct Groups {
    proxy: Evenkeel,
    /// Whose checks pass.
    healthy: [Arc<AtomicBool>; 3],
}

impl Groups {
    fn new(keys: [&str; 3]) -> Self {
        let healthy = [true; 3].map(|healthy| Arc::new(AtomicBool::new(healthy)));
        let origins = ["a", "b", "c"].into_iter().zip(&healthy);
        let origins: Vec<SocketAddr> = origins.map(|(name, h)| checked(name, h)).collect();
        let pool = format!("policy = \"round_robin\"\n{CHECKS}").leak();
        let text = Config {
            pool,
            ..Config::new(origins)
        }
        .text();
        let text = text.replace("[server]", "[server]\nzone = \"here\"");
        let text = ["a", "b", "c"]
            .iter()
            .zip(keys)
            .fold(text, |text, (n, key)| {
                text.replace(
                    &format!("name = \"{n}\","),
                    &format!("name = \"{n}\", {key},"),
                )
            });
        let mut proxy = Evenkeel::start_in(TempDir::new().expect("a folder"), &text);
        for _ in &healthy {
            proxy.process.says("passes its checks");
        }
        Self { proxy, healthy }
    }

    /// From now on the checks of the `n`th pass, or fail; waits until that is known.
    fn set(&mut self, n: usize, healthy: bool) {
        self.healthy[n].store(healthy, Ordering::SeqCst);
        self.proxy.process.says(match healthy {
            true => "passes its checks",
            false => "fails its checks",
        });
    }

    /// Which of the endpoints answer, of enough requests for all that may.
    fn answering(&self) -> String {
        let answers = names(&self.proxy, 200);
        let mut answering: Vec<char> = answers.chars().collect();
        answering.sort_unstable();
        answering.dedup();
        answering.into_iter().collect()
    }

    fn shares(&self, home: &str, elsewhere: &str, backup: &str) {
        let page = self.proxy.admin("/metrics").body;
        let page = String::from_utf8(page).expect("text");
        for (group, share) in [("home", home), ("elsewhere", elsewhere), ("backup", backup)] {
            let line = format!("evenkeel_pool_share{{pool=\"app\",group=\"{group}\"}} {share}");
            assert!(page.lines().any(|l| l == line), "{line} in\n{page}");
        }
    }
}

#[test]
fn only_what_the_own_zone_cannot_carry_goes_to_another() {
    let [here, there] = ["zone = \"here\"", "zone = \"there\""];
    let mut groups = Groups::new([here, here, there]);
    assert_eq!(groups.answering(), "ab");
    groups.shares("1.0", "0.0", "0.0");
    groups.set(0, false);
    groups.proxy.process.says("others take a part");
    groups.shares("0.7", "0.3", "0.0");
    assert_eq!(groups.answering(), "bc");
    groups.set(0, true);
    groups.proxy.process.says("take all requests again");
    assert_eq!(groups.answering(), "ab");
    groups.proxy.stop();
}

#[test]
fn backups_are_used_once_nobody_else_can_be() {
    let mut groups = Groups::new(["weight = 1", "weight = 1", "backup = true"]);
    assert_eq!(groups.answering(), "ab");
    groups.set(0, false);
    assert_eq!(groups.answering(), "b");
    groups.set(1, false);
    groups.proxy.process.says("others take a part");
    groups.shares("0.0", "0.0", "1.0");
    assert_eq!(groups.answering(), "c");
    groups.set(0, true);
    groups.proxy.process.says("take all requests again");
    assert_eq!(groups.answering(), "a");
    groups.proxy.stop();
}
