//! `slow_start`, of a pool or of an endpoint: a growing share for who has just come up.

use std::time::Duration;

use evenkeel_core::slow_start::Spec;

use crate::document::{Float, Integer, Table, Time};

/// Reads one, if the file has it.
pub(super) fn slow_start(t: &mut Table<'_>, doc: &'static str) -> Option<Spec> {
    let spec = t.shorthand("slow_start", "time", doc, |t| {
        let doc = "how long it takes at most; 10s is what a Node.js process needs to be compiled";
        let time = t.default("time", Time::POSITIVE, Duration::from_secs(10), doc);
        let doc = "it ends after so many completed requests, too: code is compiled by use";
        let requests = t.optional("requests", Integer(1..=10_000_000_u32), doc);
        let doc = "the curve: the part that has passed to the power of 1 over this; 1 is a line, \
                   more gives more at the beginning";
        let aggression = t.default("aggression", Float(0.1..=10.0), 1.0, doc);
        Spec {
            time,
            requests,
            aggression_milli: (aggression * 1000.0 + 0.5) as u32,
        }
    });
    t.has("slow_start").then_some(spec)
}
