//! Reports on results that are made up.

use std::path::Path;
use std::sync::Arc;

use evenkeel_proxy::config;

use super::*;
use crate::plan::Plan;
use crate::result::{Class, Digest, Scope};
use crate::scenario;
use crate::statistic::LEAST;

/// One run for each seed, with the cells of `seeds`: a latency that all requests have, in
/// milliseconds, and how many.
pub(super) fn runs<const N: usize>(seeds: &[[(f64, u64); N]]) -> Vec<Run> {
    let cell = |(latency_ms, requests): &(f64, u64)| {
        let mut cell = Cell::default();
        let mut class = Class::default();
        for _ in 0..*requests {
            class.latency_ms.record((latency_ms * 1e6) as u64);
        }
        (class.requests.sent, class.requests.ok) = (*requests, *requests);
        cell.latency_ms = class.latency_ms.clone();
        cell.requests = class.requests.clone();
        cell.classes.push(("all".to_owned(), class));
        cell
    };
    let run = |(seed, cells): (u64, &[(f64, u64); N])| Run {
        schema: 1,
        scenario: "made up".to_owned(),
        engine: "model",
        seed,
        trace_hash: Digest::default(),
        simulated_s: 1.0,
        wall_s: 0.0,
        cells: cells.iter().map(cell).collect(),
    };
    (1..).zip(seeds).map(run).collect()
}

/// A study of so many policies under so many seeds.
fn study(policies: &[&str], seeds: u64, further: &str) -> Study {
    let text = format!(
        r#"name = "made up"
duration = "1s"
[config]
[[config.listener]]
name = "http"
address = "0.0.0.0:8080"
[[config.pool]]
name = "app"
endpoints = [{{ name = "a", address = "10.0.0.1:1" }}, {{ name = "b", address = "10.0.0.2:1" }}]
[origin]
service = {{ dist = "constant", value = "100ms" }}
[[workload]]
name = "all"
arrivals = {{ rate = "10/s" }}
{further}"#
    );
    let varies = [("policy".to_owned(), policies.join(","))];
    let (cells, problems) =
        scenario::cells(Path::new("made-up.toml"), text.as_bytes(), &[], &varies);
    let cells = cells.unwrap_or_else(|| panic!("{problems:?}"));
    let plan = |cell| Arc::new(Plan::new(Arc::new(cell), Some(scenario::Engine::Model)));
    let seeds: Vec<u64> = (1..=seeds).collect();
    let mut study = Study::new(cells.into_iter().map(plan).collect(), &seeds, None);
    study.outline.path = "made-up.toml".to_owned();
    study.outline.varies = varies.to_vec();
    study
}

fn results(runs: Vec<Run>) -> Results {
    Results {
        runs,
        notes: Vec::new(),
        complete: true,
    }
}

/// Mean latencies of three policies over six seeds, of 1000 requests each.
fn three(latencies: [[f64; 3]; 6]) -> Report {
    let study = study(&["random", "p2c", "round_robin"], 6, "");
    let seeds = latencies.map(|cells| cells.map(|latency| (latency, 1_000)));
    Report::new(&study, &results(runs(&seeds)), None, "engine model")
}

/// What so many policies would come to, with a course: each has a latency of its own.
pub(super) fn made(cells: usize, seeds: u64) -> Report {
    let policies: Vec<_> = config::policies().collect();
    let study = study(&policies[..cells], seeds, FAULT).watched();
    let stop = crate::sweep::Stop::default();
    let results =
        crate::sweep::studies(std::slice::from_ref(&study), 1, &stop, &mut |_| ()).unwrap();
    Report::new(&study, &results[0], None, "engine model")
}

const FAULT: &str = "[[fault]]\nat = \"300ms\"\nkind = \"slow\"\nfactor = 3.0\ntarget = \"a\"\n\
                     for = \"200ms\"\n";

/// Two cells, of which one fails every request and a condition.
pub(super) fn troubled() -> Report {
    let study = study(&["random", "p2c"], 5, FAULT).watched();
    let stop = crate::sweep::Stop::default();
    let mut results =
        crate::sweep::studies(std::slice::from_ref(&study), 1, &stop, &mut |_| ()).unwrap();
    for run in &mut results[0].runs {
        let cell = &mut run.cells[1];
        cell.latency_ms = Default::default();
        (cell.requests.failed, cell.requests.ok) = (cell.requests.sent, 0);
        for (_, class) in &mut cell.classes {
            class.latency_ms = Default::default();
        }
        for step in cell.course.iter_mut().flat_map(|course| &mut course.steps) {
            (step.failed, step.p50_ms, step.p99_ms) = (step.sent, None, None);
        }
        cell.thresholds.push(crate::result::Verdict {
            metric: "error_rate < 1%".to_owned(),
            value: Some(1.0),
            ok: false,
        });
    }
    Report::new(&study, &results[0], None, "engine model")
}

#[test]
fn the_best_is_taken_and_the_next_told() {
    let report = three([
        [20.0, 10.0, 11.0],
        [21.0, 10.5, 11.4],
        [19.0, 9.5, 10.6],
        [22.0, 11.0, 12.1],
        [20.5, 10.2, 11.3],
        [20.0, 10.1, 11.0],
    ]);
    assert_eq!(report.varied(), "policy");
    assert_eq!(report.order, [1, 2, 0]);
    let answer = report.answer.as_ref().unwrap();
    assert_eq!(answer.take, 1);
    assert!(
        answer.reason.starts_with("its p99 of 10.2"),
        "{}",
        answer.reason
    );
    assert!(
        answer
            .reason
            .contains("is the lowest of 3; the next, round_robin, is 10"),
        "{}",
        answer.reason
    );
    let sure = "each of the 2 others differs beyond chance (against p2c; 6 paired seeds";
    assert!(answer.certainty.starts_with(sure), "{}", answer.certainty);
    assert_eq!(answer.costs, []);
    let wanted = "evenkeel sim compare made-up.toml --vary policy=random,p2c,round_robin --engine \
                  model --metric p99 --seeds 1..6";
    assert_eq!(report.command(), wanted);
}

#[test]
fn what_chance_explains_is_said() {
    let report = three([
        [10.3, 10.0, 20.0],
        [9.7, 10.4, 21.0],
        [10.1, 9.9, 20.5],
        [10.4, 10.2, 20.4],
        [9.9, 10.3, 20.7],
        [10.2, 10.0, 20.3],
    ]);
    let answer = report.answer.unwrap();
    assert!(
        answer.reason.ends_with("but random cannot be told from it")
            || answer.reason.ends_with("but p2c cannot be told from it"),
        "{}",
        answer.reason
    );
    let sure = "1 of 2 others differ beyond chance; not told from it: ";
    assert!(answer.certainty.starts_with(sure), "{}", answer.certainty);
    let few = Report::new(
        &study(&["random", "p2c"], 2, ""),
        &results(runs(&[[(1.0, 1_000), (2.0, 1_000)]; 2])),
        None,
        "",
    );
    let certainty = few.answer.unwrap().certainty;
    assert!(
        certainty.contains(&format!("2 of at least {LEAST} seeds")),
        "{certainty}"
    );
}

/// The fastest fails a condition of the scenario: it is ranked after those that do not.
#[test]
fn what_fails_is_not_taken() {
    let mut made = runs(&[[(1.0, 1_000), (2.0, 1_000), (4.0, 1_000)]; 6]);
    for run in &mut made {
        run.cells[0].thresholds.push(crate::result::Verdict {
            metric: "requests > 5000".to_owned(),
            value: Some(1_000.0),
            ok: false,
        });
    }
    let study = study(&["random", "p2c", "round_robin"], 6, "");
    let report = Report::new(&study, &results(made), None, "");
    assert_eq!(report.order, [1, 2, 0]);
    assert_eq!(report.ranking.rows[0].verdict, Verdict::Barred { by: -0.5 });
    let reason = report.answer.as_ref().unwrap().reason.clone();
    assert!(
        reason.ends_with("; random is lower, but fails its conditions"),
        "{reason}"
    );
    assert_eq!(report.failures.len(), 6);
    let shown = text(&report, false);
    assert!(
        shown.contains("random, seed 1: threshold requests > 5000: 1000"),
        "{shown}"
    );
}

#[test]
fn a_class_that_pays_is_a_cost() {
    let mut made = runs(&[[(1.0, 1_000), (2.0, 1_000), (4.0, 1_000)]; 6]);
    for run in &mut made {
        for (n, cell) in run.cells.iter_mut().enumerate() {
            let mut heavy = Class::default();
            for _ in 0..1_000 {
                heavy.latency_ms.record(50_000_000 - 10_000_000 * n as u64);
            }
            cell.classes.push(("heavy".to_owned(), heavy));
        }
    }
    let study = study(&["random", "p2c", "round_robin"], 6, "");
    let report = Report::new(&study, &results(made), None, "");
    let answer = report.answer.as_ref().unwrap();
    assert_eq!(answer.take, 0);
    let cost = &answer.costs[0];
    assert_eq!(cost.scope, Scope::Class("heavy".to_owned()));
    assert!(
        cost.than == 2 && (cost.by - 50.0 / 30.0 + 1.0).abs() < 0.01,
        "{cost:?}"
    );
    let shown = text(&report, false);
    assert!(shown.contains("costs   "), "{shown}");
    assert!(shown.contains("of heavy: +66.7%"), "{shown}");
    assert!(
        shown.lines().all(|line| line.chars().count() <= 100),
        "{shown}"
    );
}

/// Scenario, cell, seed, bound and value; where an address is too narrow for a name, its title has
/// it.
#[test]
fn every_form_names_what_fails_where_and_with_what() {
    let report = troubled();
    let markdown = markdown(&report).replace('\\', "");
    let annotated = github(&report, "").replace("%25", "%");
    let page = html(&report).replace("&lt;", "<");
    let tests = junit(&report).replace("&lt;", "<");
    let said = "p2c, seed 1: threshold error_rate < 1%: 100.000%";
    for (form, text, parts) in [
        ("text", text(&report, false), vec!["made up\n", said]),
        (
            "html",
            page,
            vec![
                "<h1>made up</h1>",
                "<strong>p2c</strong> fails threshold <code>error_rate < 1%</code>: \
                             100.000% with seed 1, 5 times",
            ],
        ),
        ("markdown", markdown, vec!["## made up\n", said]),
        (
            "csv",
            csv(&report),
            vec![
                "made up,2,p2c,",
                "seed 1: threshold error_rate < 1%: 100.000%; seed 2: ",
            ],
        ),
        (
            "json",
            json(&report),
            vec![
                r#""scenario":"made up""#,
                r#"{"condition":"error_rate < 1%","found":"100.000%","kind":"threshold","seed":1,"settings":{"policy":"p2c"}}"#,
            ],
        ),
        (
            "junit",
            tests,
            vec![
                r#"classname="made up.p2c" name="threshold error_rate < 1%""#,
                said,
            ],
        ),
        (
            "github",
            annotated,
            vec!["title=made up%3A threshold failed::", said],
        ),
    ] {
        for part in parts {
            assert!(text.contains(part), "{form}: {part}: {text}");
        }
    }
}

#[test]
fn what_fails_says_how_it_is_had_again() {
    let report = troubled();
    let again = "evenkeel sim run made-up.toml --engine model --seed 1 --set policy=p2c";
    let annotated = github(&report, "\n\nmetric = \"error_rate < 1%\"\n");
    let line = "::error file=made-up.toml,line=3,title=made up%3A threshold failed::p2c, seed 1: \
                threshold error_rate < 1%25: 100.000%25%0Aevenkeel";
    assert!(annotated.starts_with(line), "{annotated}");
    let xml = junit(&report);
    for part in [
        "failures=\"1\"",
        "<failure type=\"threshold\" message=\"p2c, seed 1: threshold error_rate &lt; 1%: 100.000%\">",
        "classname=\"made up.random\"",
        again,
    ] {
        assert!(xml.contains(part), "{part}: {xml}");
    }
    let table = csv(&report);
    let mut rows = table.split("\r\n");
    let head = rows.next().unwrap();
    assert!(
        head.starts_with("scenario,rank,policy,verdict,by,low,high,mean"),
        "{head}"
    );
    assert_eq!(
        rows.next()
            .map(|row| row.starts_with("made up,1,random,best,,,,")),
        Some(true)
    );
}

/// Worse for sure, but nobody knows by how much.
#[test]
fn an_interval_wider_than_its_difference_is_doubted() {
    let doubted = |latencies: [f64; 6]| {
        let report = three(latencies.map(|latency| [10.0, latency, 40.0]));
        let worse = matches!(report.ranking.rows[1].verdict, Verdict::Worse { .. });
        assert!(worse, "{:?}", report.ranking.rows[1]);
        let doubt = "p2c: worse beyond chance, but the interval is wider than the difference \
                     claimed; more seeds narrow it";
        report.doubts.contains(&doubt.to_owned())
    };
    assert!(doubted([10.1, 10.2, 10.3, 12.0, 14.0, 18.0]));
    assert!(!doubted([14.0, 14.1, 14.2, 14.1, 14.0, 14.2]));
}

#[test]
fn a_condition_that_is_about_no_setting_is_doubted() {
    let text = "[matrix]\naffinity = [\"none\", \"cookie\"]\n[[threshold]]\nmetric = \"p99 < 1s\"\n\
                where = { policy = \"p2c\", affinity = \"cookie\" }\n";
    let mut study = study(&["random", "p2c"], 5, text);
    assert_eq!(study.outline.idle, [""; 0]);
    // What `--set affinity=none` leaves.
    let left = |plan: &Arc<Plan>| !plan.scenario.settings.contains(&pair("affinity", "cookie"));
    study.plans.retain(left);
    let study = Study::new(study.plans, &study.outline.seeds, None);
    let made = runs(&[[(1.0, 1_000), (2.0, 1_000)]; 5]);
    let report = Report::new(&study, &results(made), None, "");
    let doubt = "never evaluated, no setting here is like that: p99 < 1s where policy = p2c, \
                 affinity = cookie";
    assert_eq!(report.doubts, [doubt]);
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn json_says_the_same() {
    let study = study(&["random", "p2c"], 6, "");
    let made = runs(&[[(1.0, 1_000), (2.0, 1_000)]; 6]);
    let report = Report::new(&study, &results(made), Question::parse("mean").ok(), "");
    let read: serde_json::Value = serde_json::from_str(&json(&report)).unwrap();
    assert_eq!(read["answer"]["settings"]["policy"], "random");
    assert_eq!(read["metric"], "mean");
    assert_eq!(read["ranking"][1]["verdict"], "worse");
    assert_eq!(read["ranking"][1]["by"], 1.0);
    assert_eq!(read["ranking"][1]["values"]["p50"], 2.0);
}
