//! The rules. Each looks at one file and says which lines break it and what to do instead.

use crate::function::functions;
use crate::source::{Part, Source, is_name};

/// The first line of what is found, from 1, and what is wrong with it.
pub(crate) type Found = Vec<(usize, String)>;

/// One rule.
pub(crate) struct Rule {
    pub(crate) name: &'static str,
    pub(crate) check: fn(&Source) -> Found,
}

/// Longest file without a reason in its header, in lines.
const FILE_LINES: usize = 500;
/// Longest function, in lines.
const FUNCTION_LINES: usize = 70;
/// Widest line, in characters; rustfmt's width, which it does not hold for everything.
const COLUMNS: usize = 100;

/// Rules for Rust files.
pub(crate) const RULES: &[Rule] = &[
    Rule {
        name: "biased",
        check: biased,
    },
    Rule {
        name: "file_length",
        check: file_length,
    },
    Rule {
        name: "function_length",
        check: function_length,
    },
    Rule {
        name: "arrow",
        check: arrow,
    },
    Rule {
        name: "world",
        check: world,
    },
    Rule {
        name: "unwrap",
        check: unwrap,
    },
    Rule {
        name: "later",
        check: later,
    },
    Rule {
        name: "header",
        check: header,
    },
    Rule {
        name: "name",
        check: name,
    },
    Rule {
        name: "tab",
        check: tab,
    },
    Rule {
        name: "width",
        check: width,
    },
];

/// Rules for every text file of the project.
pub(crate) const TEXT_RULES: &[Rule] = &[Rule {
    name: "machine",
    check: machine,
}];

/// Without `biased;`, `select!` polls its branches in an order drawn from a generator that no seed
/// reaches.
fn biased(source: &Source) -> Found {
    let unbiased = |at: usize| {
        let branches = source.code[at + "select!".len()..].trim_start();
        let first = branches.get(1..).unwrap_or_default().trim_start();
        (!first.starts_with("biased;")).then(|| source.line(at))
    };
    let calls = source.code.match_indices("select!").map(|(at, _)| at);
    calls
        .filter(|at| *at == 0 || !is_name(source.code.as_bytes()[at - 1]))
        .filter_map(unbiased)
        .map(|line| (line, "`select!` begins with `biased;`".to_owned()))
        .collect()
}

fn file_length(source: &Source) -> Found {
    let lines = source.text.lines().count();
    let mut header = source.text.lines().take_while(|l| l.starts_with("//!"));
    let has_reason = header.any(|line| {
        let reason = line.strip_prefix("//! Length:");
        reason.is_some_and(|reason| !reason.trim().is_empty())
    });
    if lines <= FILE_LINES || has_reason {
        return Found::new();
    }
    let what = format!("{lines} lines: split it, or give a `//! Length: reason` in the header");
    vec![(1, what)]
}

fn function_length(source: &Source) -> Found {
    let all = functions(source).into_iter();
    all.filter(|function| function.lines > FUNCTION_LINES)
        .map(|function| {
            let what = format!("`{}` has {} lines", function.name, function.lines);
            (function.line, what)
        })
        .collect()
}

/// Who may know whom: Cargo refuses a cycle, but not a dependency that should not be there.
fn arrow(source: &Source) -> Found {
    const ARROWS: [(&str, &[&str]); 2] = [
        (
            "src/core/",
            &[
                "tokio",
                "hyper",
                "turmoil",
                "evenkeel_proxy",
                "evenkeel_sim",
            ],
        ),
        ("src/proxy/", &["turmoil", "plotters", "evenkeel_sim"]),
    ];
    let mut found = Found::new();
    for (folder, unknown) in ARROWS {
        if source.path.starts_with(folder) {
            for name in unknown {
                let what = format!("{folder} does not know `{name}`");
                found.extend(source.words(name).map(|at| (source.line(at), what.clone())));
            }
        }
    }
    found
}

/// Sockets, clocks and tasks of the data path come from a `World`. `real.rs` is the real one;
/// `live.rs` takes the beginning of time, once for all workers, before any world exists.
fn world(source: &Source) -> Found {
    const REAL: &str = "src/proxy/world/real.rs";
    const LIVE: &str = "src/proxy/live.rs";
    if !source.path.starts_with("src/proxy/") || source.path == REAL {
        return Found::new();
    }
    let mut calls: Vec<(usize, &str)> = Vec::new();
    for call in ["tokio::net", "tokio::time", "tokio::spawn", "spawn_local"] {
        calls.extend(source.words(call).map(|at| (at, call)));
    }
    for (group, _) in source.code.match_indices("tokio::{") {
        let inside = group..source.closing(group + "tokio::".len());
        for call in ["net", "time", "spawn"] {
            let words = source.words(call).filter(|at| inside.contains(at));
            calls.extend(words.map(|at| (at, call)));
        }
    }
    let allowed = usize::from(source.path == LIVE);
    let clocks = source.words("Instant::now").skip(allowed);
    calls.extend(clocks.map(|at| (at, "Instant::now")));
    let line = |(at, call)| (source.line(at), format!("`{call}` is the real world's"));
    calls.into_iter().map(line).collect()
}

fn unwrap(source: &Source) -> Found {
    let calls = source.code.match_indices(".unwrap()").map(|(at, _)| at);
    calls
        .filter(|at| !source.is_test(*at))
        .map(|at| {
            (
                source.line(at),
                "`expect` says why it cannot fail".to_owned(),
            )
        })
        .collect()
}

/// What is to be done later is an issue; a comment is forgotten.
fn later(source: &Source) -> Found {
    const MARKS: [&str; 3] = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
    ];
    let marks = MARKS
        .iter()
        .flat_map(|mark| source.text.match_indices(mark));
    marks
        .map(|(at, mark)| {
            (
                source.line(at),
                format!("`{mark}`: do it, or open an issue"),
            )
        })
        .collect()
}

fn header(source: &Source) -> Found {
    if source.text.starts_with("//! ") {
        return Found::new();
    }
    let what = "a file opens with `//!`: what it is, and why it exists";
    vec![(1, what.to_owned())]
}

/// Names that say nothing. `get_` says less than the noun behind it.
fn name(source: &Source) -> Found {
    const EMPTY: [&str; 7] = [
        "util", "utils", "common", "helper", "helpers", "manager", "managers",
    ];
    let mut found = Found::new();
    for part in source.path.trim_end_matches(".rs").split('/') {
        if EMPTY.contains(&part) {
            found.push((1, format!("`{part}` says nothing: name the thing in it")));
        }
    }
    for keyword in ["mod", "struct", "enum", "trait", "type"] {
        for at in source.words(keyword) {
            let declared = source.code[at + keyword.len()..].trim_start();
            let length = declared.bytes().take_while(|byte| is_name(*byte)).count();
            let declared = &declared[..length];
            if EMPTY.iter().any(|empty| ends_in(declared, empty)) {
                found.push((source.line(at), format!("`{declared}` says nothing")));
            }
        }
    }
    for function in functions(source) {
        if function.name.starts_with("get_") {
            found.push((
                function.line,
                format!("`{}`: the noun alone", function.name),
            ));
        }
    }
    found
}

fn tab(source: &Source) -> Found {
    let lines = source.text.lines().enumerate();
    lines
        .filter(|(_, line)| line.contains('\t'))
        .map(|(n, _)| (n + 1, "a tab".to_owned()))
        .collect()
}

/// rustfmt leaves long comments and whatever stands in a macro. A long string alone on its line
/// may stay: breaking it would change it.
fn width(source: &Source) -> Found {
    let mut found = Found::new();
    let mut at = 0;
    for (n, line) in source.text.split('\n').enumerate() {
        let columns = line.chars().count();
        let parts = &source.parts[at..at + line.len()];
        let is_literal = line
            .bytes()
            .zip(parts)
            .all(|(byte, part)| *part == Part::Literal || byte == b' ' || b",;)".contains(&byte));
        if columns > COLUMNS && !is_literal {
            found.push((n + 1, format!("{columns} columns")));
        }
        at += line.len() + 1;
    }
    found
}

/// Paths of the machine on which something was written.
fn machine(source: &Source) -> Found {
    const PATHS: [&str; 3] = [
        concat!("/wo", "rk/"),
        concat!("/tmp", "/wt"),
        concat!("/ro", "ot/"),
    ];
    let paths = PATHS
        .iter()
        .flat_map(|path| source.text.match_indices(path));
    paths
        .map(|(at, path)| {
            (
                source.line(at),
                format!("`{path}` is a path of one machine"),
            )
        })
        .collect()
}

/// Whether the last word of a name is `word`: `pool_utils`, `PoolManager`.
fn ends_in(name: &str, word: &str) -> bool {
    let Some(before) = name.len().checked_sub(word.len()) else {
        return false;
    };
    let (front, last) = name.split_at(before);
    let begins = front.is_empty() || front.ends_with('_') || last.starts_with(char::is_uppercase);
    begins && last.eq_ignore_ascii_case(word)
}
