//! What an operator should know of endpoints, in sentences: the state of their health as it
//! changes. Workers write them down, the thread that controls the process says them.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use evenkeel_core::health::Standing;
use evenkeel_core::outlier::Cause;
use evenkeel_core::panic::Mode;
use evenkeel_core::trace::{Event, Kind};
use tokio::sync::Notify;

use crate::pool::Pool;

/// Sentences that are kept for who reads them late; beyond it the oldest go.
const KEPT: usize = 256;

/// Sentences that nobody has said yet.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    waiting: Mutex<VecDeque<String>>,
    arrived: Notify,
}

impl Notices {
    /// Writes down what `event` says of an endpoint of `pool`, if that is news.
    pub(crate) fn take(&self, pool: &Pool, event: &Event) {
        let Some(what) = sentence(event.kind) else {
            return;
        };
        let name = event
            .endpoint
            .and_then(|e| pool.with(|s| s.name(e.slot).map(str::to_owned)));
        let who = name.map_or(String::new(), |name| format!(", endpoint {name}"));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() == KEPT {
            waiting.pop_front();
        }
        waiting.push_back(format!("pool {}{who}: {what}", pool.name()));
        drop(waiting);
        self.arrived.notify_one();
    }

    /// The next sentence, once there is one.
    pub(crate) async fn next(&self) -> String {
        loop {
            let next = self
                .waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            match next {
                Some(next) => return next,
                None => self.arrived.notified().await,
            }
        }
    }
}

const fn sentence(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Health {
            standing: Standing::Up,
        } => "passes its checks",
        Kind::Health {
            standing: Standing::Checking,
        } => "is being checked",
        Kind::Health {
            standing: Standing::Down,
        } => "fails its checks and gets no requests",
        Kind::Ejected {
            cause: Cause::ConsecutiveFailures,
        } => "ejected: its requests failed in a row",
        Kind::Ejected {
            cause: Cause::ErrorRate,
        } => "ejected: it fails more often than the others",
        Kind::Ejected {
            cause: Cause::SuccessRate,
        } => "ejected: it succeeds less often than the others",
        Kind::Ejected {
            cause: Cause::Latency,
        } => "ejected: it is slower than the others",
        Kind::Ejected {
            cause: Cause::Trial,
        } => "ejected again: the request that tried it failed",
        Kind::Returned => "serves again after its ejection",
        Kind::Drained => "is drained: nothing is left there",
        Kind::Spilled { kept_percent: 100 } => "its first endpoints take all requests again",
        Kind::Spilled { .. } => {
            "too few of its first endpoints are fine: others take a part of the requests"
        }
        Kind::Panic { mode: Mode::Off } => "enough endpoints are fine again",
        Kind::Panic { mode: Mode::Open } => "too few endpoints are fine: all are tried (panic)",
        Kind::Panic { mode: Mode::Closed } => "too few endpoints are fine: none is tried (panic)",
        _ => return None,
    })
}
