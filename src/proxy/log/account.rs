//! Why a pick came out as it did, as JSON: in lines of the access log and from `sim explain`.

use evenkeel_core::account::{Account, Candidate, Reason, Skip};
use evenkeel_core::endpoint::EndpointIndex;
use evenkeel_core::policy::Best;
use evenkeel_core::pool::Admission;
use evenkeel_core::time::Timestamp;
use serde_json::{Map, Value, json};

/// One pick of a request that arrived at `began`, as an object.
#[must_use]
pub fn account(account: &Account, began: Timestamp) -> Value {
    let name = |index: EndpointIndex| {
        let mut all = account.candidates.iter();
        all.find(|c| c.endpoint == index).map(|c| c.name.as_str())
    };
    let (by, unit, best) = match account.reason {
        Reason::Policy { unit, best } => ("policy", Some(unit), Some(best_name(best))),
        Reason::Session(_) => ("session", None, None),
        Reason::Nobody => ("nobody", None, None),
    };
    let (outcome, endpoint) = match account.outcome {
        Admission::Picked(index) => ("picked", name(index)),
        Admission::Queued => ("queued", None),
        Admission::QueueFull => ("queue_full", None),
        Admission::Shed => ("shed", None),
        Admission::NoEndpoint => ("no_endpoint", None),
    };
    let mut object = Map::new();
    object.insert("at_ms".into(), ms(account.at.since(began)));
    object.insert("attempt".into(), account.attempt.into());
    object.insert("by".into(), by.into());
    object.insert("unit".into(), unit.into());
    object.insert("best".into(), best.into());
    object.insert("outcome".into(), outcome.into());
    object.insert("endpoint".into(), endpoint.into());
    let candidates = account.candidates.iter().map(candidate).collect();
    object.insert("candidates".into(), Value::Array(candidates));
    Value::Object(object)
}

/// What is not so is left out.
fn candidate(candidate: &Candidate) -> Value {
    let mut object = Map::new();
    object.insert("endpoint".into(), candidate.name.as_str().into());
    object.insert("weight".into(), candidate.weight.into());
    object.insert("in_flight".into(), candidate.in_flight.into());
    if let Some(skip) = candidate.skipped {
        object.insert("skipped".into(), skip.name().into());
        match skip {
            Skip::Full { most } => drop(object.insert("most".into(), most.into())),
            Skip::Warming { percent } => {
                object.insert("warm_percent".into(), percent.into());
            }
            _ => {}
        }
    }
    if let Some(score) = candidate.score {
        object.insert("score".into(), json!(score));
    }
    if candidate.drawn > 0 {
        object.insert("drawn".into(), candidate.drawn.into());
    }
    if let Some(behind) = candidate.behind {
        object.insert("behind".into(), behind.into());
    }
    Value::Object(object)
}

const fn best_name(best: Best) -> &'static str {
    match best {
        Best::Least => "least",
        Best::Most => "most",
        Best::Drawn => "drawn",
    }
}

fn ms(duration: std::time::Duration) -> Value {
    json!((duration.as_secs_f64() * 1e6).round() / 1e3)
}
