//! `[matrix]` and `--vary`: which cells there are, and what the author of a wrong one is told.

use super::*;
use evenkeel_core::policy::Kind;
use evenkeel_proxy::config::Policy;

const MATRIX: &str = r#"[matrix]
policy = ["round_robin", { name = "p2c", choices = 3 }]
retry.attempts = [1, 2]
"workload.browse.arrivals.rate" = ["10/s"]
[[threshold]]
metric = "p99 < 400ms"
over = "all"
where = { policy = "round_robin", retry.attempts = 2 }
[[sometimes]]
metric = "failed > 0"
where = { policy = { name = "p2c", choices = 3 } }
"#;

fn pairs(given: &[&str]) -> Vec<(String, String)> {
    let pair = |pair: &&str| {
        let (key, value) = pair.split_once('=').unwrap();
        (key.to_owned(), value.to_owned())
    };
    given.iter().map(pair).collect()
}

fn full() -> String {
    let conditions = FULL.find("[[threshold]]").unwrap_or(FULL.len());
    format!("{}{CONFIG}{MATRIX}", &FULL[..conditions])
}

fn cells_of(sets: &[&str], varies: &[&str]) -> Vec<Scenario> {
    let (cells, problems) = cells(
        Path::new("x"),
        full().as_bytes(),
        &pairs(sets),
        &pairs(varies),
    );
    cells.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// The settings of each cell, one line each.
fn labels(cells: &[Scenario]) -> Vec<String> {
    let label = |cell: &Scenario| {
        let settings = cell
            .settings
            .iter()
            .map(|(key, value)| format!("{key}={value}"));
        settings.collect::<Vec<_>>().join(" ")
    };
    cells.iter().map(label).collect()
}

#[test]
fn every_combination_is_a_cell_the_last_key_changing_fastest() {
    let cells = cells_of(&[], &[]);
    let rate = "workload.browse.arrivals.rate=10/s";
    let p2c = "{ name = \"p2c\", choices = 3 }";
    let wanted = [
        format!("policy=round_robin retry.attempts=1 {rate}"),
        format!("policy=round_robin retry.attempts=2 {rate}"),
        format!("policy={p2c} retry.attempts=1 {rate}"),
        format!("policy={p2c} retry.attempts=2 {rate}"),
    ];
    assert_eq!(labels(&cells), wanted);
    let pool = |cell: &Scenario| {
        (
            cell.config.pools[0].policy,
            cell.config.pools[0].retry.attempts,
        )
    };
    assert_eq!(pool(&cells[1]), (Policy::Core(Kind::RoundRobin), 2));
    assert_eq!(pool(&cells[2]), (Policy::Core(Kind::P2c { choices: 3 }), 1));
    let rate = |cell: &Scenario| match cell.workloads[0].source {
        Source::Open { rate_per_s, .. } => rate_per_s,
        Source::Closed { .. } | Source::Recorded { .. } => 0.0,
    };
    assert_eq!(cells.iter().map(rate).collect::<Vec<_>>(), [10.0; 4]);
}

/// What a setting is called sets it again: replays rely on it.
#[test]
fn labels_set_what_they_name() {
    for cell in cells_of(&[], &[]) {
        let sets: Vec<String> = cell
            .settings
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        assert_eq!(cells_of(&sets, &[]), [cell]);
    }
}

#[test]
fn the_command_line_varies_and_sets_instead() {
    let varied = cells_of(&[], &["policy=random,p2c", "queue.limit=1,2"]);
    assert_eq!(varied.len(), 2 * 2 * 2);
    assert!(labels(&varied)[0].starts_with("policy=random retry.attempts=1 workload"));
    assert!(labels(&varied)[1].ends_with(" queue.limit=2"));
    let set = cells_of(&["policy=random", "retry.attempts=2"], &[]);
    let wanted = "policy=random retry.attempts=2 workload.browse.arrivals.rate=10/s";
    assert_eq!(labels(&set), [wanted]);
}

#[test]
fn conditions_are_about_the_cells_that_they_name() {
    let about = |conditions: fn(&Scenario) -> &[Threshold]| {
        let cells = cells_of(&[], &[]);
        let about = |cell: &Scenario| conditions(cell)[0].is_about(&cell.settings);
        cells.iter().map(about).collect::<Vec<_>>()
    };
    assert_eq!(about(|cell| &cell.thresholds), [false, true, false, false]);
    assert_eq!(about(|cell| &cell.sometimes), [false, false, true, true]);
    assert_eq!(
        cells_of(&[], &[])[0].thresholds[0].over,
        crate::result::Over::All
    );
}

/// What is written instead of what, and what is told.
/// What is right, what is wrong in its place, and what is said.
const WRONG: [(&str, &str, &str); 11] = [
    (
        "[matrix]\npolicy = [\"round_robin\", ",
        "[matrix]\npolicy = [\"rond_robin\", ",
        "`config.pool.policy.name`: unknown policy \"rond_robin\"; did you mean `round_robin`?",
    ),
    (
        "retry.attempts = [1, 2]",
        "retry.attempts = [1, 1000]",
        "`config.pool.retry.attempts` is the integer 1000; expected an integer from 1",
    ),
    (
        "choices = 3 }]",
        "choices = 0 }]",
        "`config.pool.policy.choices` is the integer 0",
    ),
    (
        "retry.attempts = [1, 2]",
        "retry.atempts = [1, 2]",
        "unknown key `atempts`; did you mean `attempts`?",
    ),
    (
        "retry.attempts = [1, 2]",
        "retry.attempts = []",
        "`matrix.retry.attempts` is an empty list; expected a list of values",
    ),
    (
        "retry.attempts = [1, 2]",
        "retry.attempts = [2, 2]",
        "`retry.attempts` has the value 2 twice; the second one",
    ),
    (
        "retry.attempts = [1, 2]",
        "seeds = [1, 2]",
        "`seeds` cannot be varied",
    ),
    (
        "[\"10/s\"]",
        "[\"10\"]",
        "`workload.arrivals.rate` is the string \"10\"; expected a unit",
    ),
    (
        "where = { policy = \"round_robin\"",
        "where = { policy = \"p2c\"",
        "unknown value in the matrix `p2c`",
    ),
    (
        "where = { policy = \"round_robin\"",
        "where = { polcy = \"round_robin\"",
        "unknown key of the matrix `polcy`; did you mean `policy`?",
    ),
    (
        "over = \"all\"",
        "over = \"none\"",
        "unknown scope \"none\"",
    ),
];

#[test]
fn wrong_ones_are_told_where_they_stand() {
    for (right, wrong, wanted) in WRONG {
        let text = full().replacen(right, wrong, 1);
        assert_ne!(text, full(), "{right}");
        let (found, problems) = cells(Path::new("x"), text.as_bytes(), &[], &[]);
        assert!(found.is_none(), "{wrong}");
        let lines: Vec<String> = problems.iter().map(Diagnostic::line).collect();
        let told = |line: &String| line.contains(wanted);
        assert!(lines.iter().any(told), "{wrong}: {lines:#?}");
        let changed = text.find(wrong).unwrap()..text.find(wrong).unwrap() + wrong.len();
        let errors = problems.iter().filter(|p| p.severity == Severity::Error);
        for problem in
            errors.filter(|problem| problem.message.contains("atempts") || lines.len() == 1)
        {
            assert!(changed.contains(&problem.span.start), "{wrong}: {lines:#?}");
        }
    }
}

#[test]
fn wrong_values_of_the_command_line_are_told_there() {
    let varied = |vary: &str| {
        let (_, problems) = cells(Path::new("x"), full().as_bytes(), &[], &pairs(&[vary]));
        problems.iter().map(Diagnostic::line).collect::<Vec<_>>()
    };
    let lines = varied("policy=p2c,rondom");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(
        lines[0].starts_with(
            "command line:1:19: error: `config.pool.policy.name`: unknown policy \"rondom\""
        ),
        "{lines:#?}"
    );
    let lines = varied("seeds=1,2");
    assert!(
        lines[0].starts_with("command line:1:8: error: `seeds` cannot be varied"),
        "{lines:#?}"
    );
}

#[test]
fn a_matrix_has_a_limit() {
    let text = full().replace(
        "retry.attempts = [1, 2]",
        &format!("retry.attempts = {:?}", (0..6_000).collect::<Vec<_>>()),
    );
    let (found, problems) = cells(Path::new("x"), text.as_bytes(), &[], &[]);
    assert!(found.is_none());
    assert!(problems[0].message.contains("12000 cells"), "{problems:?}");
}
