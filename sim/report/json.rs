//! The report as one object of JSON: what a program decides from.

use serde_json::{Map, Value as Json, json};

use super::text::mean;
use super::{Report, answer};
use crate::result::{Metric, Scope};
use crate::statistic::Interval;

/// The object, in one line.
#[must_use]
pub fn json(report: &Report) -> String {
    let outline = &report.outline;
    let seeds: Vec<u64> = report.runs.iter().map(|run| run.seed).collect();
    let ranking: Vec<Json> = report.order.iter().map(|cell| row(report, *cell)).collect();
    let failures: Vec<Json> = report.failures.iter().map(|f| failure(report, f)).collect();
    let whole = json!({
        "schema": 1,
        "scenario": outline.name,
        "engine": outline.engine,
        "seeds": seeds,
        "subject": report.subject.facts,
        "varied": report.keys,
        "metric": report.question(),
        "command": report.command(),
        "answer": answer(report),
        "ranking": ranking,
        "failures": failures,
        "warnings": report.doubts,
    });
    whole.to_string()
}

fn settings(report: &Report, cell: usize) -> Json {
    let pairs = report.outline.cells[cell].settings.iter();
    let pairs = pairs.map(|(key, value)| (key.clone(), json!(value)));
    Json::Object(pairs.collect())
}

fn answer(report: &Report) -> Json {
    let Some(answer) = &report.answer else {
        return Json::Null;
    };
    let cost = |cost: &answer::Cost| {
        let mut found = measured(cost.metric, &cost.scope);
        found.insert("than".into(), settings(report, cost.than));
        found.insert("by".into(), json!(cost.by));
        found.insert("interval".into(), interval(cost.interval));
        Json::Object(found)
    };
    json!({
        "settings": settings(report, answer.take),
        "reason": answer.reason,
        "certainty": answer.certainty,
        "costs": answer.costs.iter().map(cost).collect::<Vec<_>>(),
    })
}

fn measured(metric: Metric, scope: &Scope) -> Map<String, Json> {
    let mut map = Map::new();
    map.insert("metric".into(), json!(metric.name()));
    if let Scope::Class(name) = scope {
        map.insert("class".into(), json!(name));
    }
    map
}

fn interval(interval: Interval) -> Json {
    json!([interval.low, interval.high])
}

fn row(report: &Report, cell: usize) -> Json {
    let row = &report.ranking.rows[cell];
    let (by, within) = row.verdict.difference();
    let mut values = Map::new();
    for question in answer::elsewhere(&report.runs) {
        let value = mean(report, cell, question.metric, &question.scope);
        let name = match &question.scope {
            Scope::Class(class) => format!("class:{class} {}", question.metric),
            _ => question.metric.to_string(),
        };
        values.insert(name, json!(value));
    }
    json!({
        "settings": settings(report, cell),
        "value": row.value,
        "verdict": row.verdict.name(),
        "by": by,
        "interval": within.map(interval),
        "values": values,
        "replay": report.runs.first().map(|run| report.outline.replay(cell, run.seed)),
    })
}

fn failure(report: &Report, failure: &super::Failure) -> Json {
    json!({
        "settings": settings(report, failure.cell),
        "seed": failure.seed,
        "kind": failure.kind.name(),
        "condition": failure.condition,
        "found": failure.found,
    })
}
