//! What else the machine does: a live run on a machine that works on something else shows that, and
//! not what a proxy does. Read from /proc (Linux).

use std::fs;
use std::time::Duration;

use super::clock::Clock;

/// What /proc counts in: a hundredth of a second, on every Linux that there is.
const TICK: Duration = Duration::from_millis(10);

/// Processor time until now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    clock: Clock,
    /// Of the whole machine.
    all: u64,
    /// Of a run's own processes.
    own: u64,
}

impl Usage {
    /// Until now, where `pids` and this process are the run's own; `None` without /proc.
    pub(super) fn now(pids: &[u32]) -> Option<Self> {
        let own = pids.iter().filter_map(|pid| ticks(&pid.to_string()));
        Some(Self {
            clock: Clock::began(Duration::ZERO),
            all: whole(&fs::read_to_string("/proc/stat").ok()?)?,
            own: own.sum::<u64>() + ticks("self")?,
        })
    }

    /// How many processors others have used since `before`, on average.
    pub(super) fn others_since(&self, before: &Self) -> f64 {
        let all = self.all.saturating_sub(before.all);
        let own = self.own.saturating_sub(before.own);
        let others = TICK * u32::try_from(all.saturating_sub(own)).unwrap_or(u32::MAX);
        let passed = before.clock.now().0.saturating_sub(self.clock.now().0);
        others.as_secs_f64() / (passed as f64 / 1e9).max(1e-9)
    }
}

/// Ticks that all processes have used, the kernel's work for them included. What a host takes away
/// counts as work of others. Interrupts are the run's own packets and count for nobody.
fn whole(stat: &str) -> Option<u64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .map_while(|n| n.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal
    let of = |place: usize| ticks.get(place).copied().unwrap_or(0);
    Some(of(0) + of(1) + of(2) + of(7))
}

/// Ticks that a process has used, and those of its children that it has waited for.
fn ticks(pid: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name stands in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields = fields.split_whitespace().skip(11).take(4);
    Some(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn what_processes_use_is_counted_and_idleness_is_not() {
        let stat = "cpu  100 20 3 9000 50 7 8 4 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(whole(stat), Some(127));
        assert_eq!(whole("intr 1 2"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        let usage = Usage::now(&[]).unwrap();
        assert!(usage.all >= usage.own);
    }
}
