//! Engine `model` against Lindley's recursion, to the nanosecond.

use evenkeel_sim::result::End;
use evenkeel_sim::scenario::Engine;

use crate::lindley::{self, Row};
use crate::{LOADS, plan, run, size};

#[test]
fn model_is_lindley_to_the_nanosecond() {
    let requests = size(200_000, 20_000);
    for policy in ["random", "round_robin"] {
        for load in LOADS {
            let plan = plan(policy, load, Engine::Model, requests);
            let seed = 1;
            let expected = lindley::rows(&plan, seed, policy);
            let seen = run(&plan, seed).seen;
            assert_eq!(seen.len(), expected.len(), "{policy} at {load}");
            assert!(seen.len() >= requests as usize, "{}", seen.len());
            for (seen, Row { due, done, .. }) in seen.iter().zip(&expected) {
                let completion = seen.completion;
                assert_eq!(
                    (completion.due, completion.done, completion.end),
                    (*due, *done, End::Status(200)),
                    "{policy} at {load}, request {}",
                    seen.n
                );
            }
            let all = seen.len();
            println!("model, {policy} at {load}: {all} of {all} requests equal to the nanosecond");
        }
    }
}
