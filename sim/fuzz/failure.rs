//! A generated scenario that fails, and the smallest one that fails as it does.

use std::path::Path;
use std::sync::Arc;

use crate::plan::Plan;
use crate::result::Run;
use crate::scenario::{Engine, Scenario};
use crate::shrink::{Error, Order, shrink};
use crate::sweep::Stop;

/// The plan of scenario number `number` in an engine; its seed is its number.
///
/// # Panics
///
/// Never: what is generated is sound.
#[must_use]
pub fn plan(number: u64, engine: Engine) -> Arc<Plan> {
    let scenario: Scenario = super::scenario(number).parse().expect("it is sound");
    Arc::new(Plan::new(Arc::new(scenario), Some(engine)))
}

/// What does not hold in a run, a clause each: invariants, and thresholds with what was measured.
#[must_use]
pub fn broken(run: &Run) -> Vec<String> {
    let mut broken = Vec::new();
    for cell in &run.cells {
        let invariants = cell.invariants.iter().filter(|check| !check.ok);
        broken.extend(invariants.map(|check| format!("invariant {}", check.name)));
        for verdict in cell.thresholds.iter().filter(|verdict| !verdict.ok) {
            let value = verdict
                .value
                .map_or("nothing".into(), |v| format!("{v:.4}"));
            broken.push(format!("{} (measured {value})", verdict.metric));
        }
    }
    broken
}

/// The smallest scenario that fails as number `number` does, as a file that is to stand at `out`,
/// found in at most `budget` runs. If it cannot be made smaller, it is as it was generated, and the
/// first line says why.
#[must_use]
pub fn smallest(number: u64, engine: Engine, budget: u32, out: &Path, stop: &Stop) -> String {
    let text = super::scenario(number);
    // No file, but what the result is said to come from.
    let origin = format!("generated scenario {number}");
    let order = Order {
        path: origin.as_ref(),
        text: text.as_bytes(),
        sets: &[],
        seed: number,
        engine: Some(engine),
        budget,
        out,
    };
    match shrink(order, stop, &mut |_| {}) {
        Ok(shrunk) => shrunk.text,
        Err(error @ (Error::Sound(_) | Error::Elsewhere(_) | Error::Run(_))) => {
            format!("# Not made smaller: {error}.\n{text}")
        }
        Err(Error::Invalid(_)) => text,
    }
}
