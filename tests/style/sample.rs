//! What each rule must catch, and what none may catch.

/// Rule, path and text.
pub(crate) fn caught() -> Vec<(&'static str, &'static str, String)> {
    let mut samples: Vec<_> = FIXED
        .iter()
        .map(|(rule, path, text)| (*rule, *path, (*text).to_owned()))
        .collect();
    let long_line = format!("// {}", "word ".repeat(25));
    samples.extend([
        ("file_length", "src/a.rs", "//! A.\n".repeat(501)),
        (
            "file_length",
            "src/a.rs",
            format!("//! A.\n//! Length:\n{}", "\n".repeat(500)),
        ),
        (
            "function_length",
            "src/a.rs",
            format!("fn long() {{\n{}}}\n", "    step();\n".repeat(69)),
        ),
        (
            "function_length",
            "sim/a.rs",
            format!(
                "mod m {{ async fn f(a: [u8; 2])\nwhere\n{{{}\n}} }}",
                "\n".repeat(69)
            ),
        ),
        ("width", "src/a.rs", long_line.clone()),
        (
            "width",
            "src/a.rs",
            format!("fn f() {{\n    {long_line}\n}}"),
        ),
        (
            "width",
            "src/a.rs",
            format!("let a = \"{}\";", "x".repeat(95)),
        ),
    ]);
    for mark in [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
    ] {
        samples.push(("later", "src/a.rs", format!("// {mark}: later")));
    }
    for path in [
        concat!("/wo", "rk/"),
        concat!("/tmp", "/wt"),
        concat!("/ro", "ot/"),
    ] {
        samples.push(("machine", "docs/a.md", format!("see {path}main/notes")));
    }
    samples
}

const FIXED: &[(&str, &str, &str)] = &[
    ("biased", "sim/a.rs", "tokio::select! { a = b => c }"),
    (
        "biased",
        "src/a.rs",
        "select! {\n    // biased;\n    a = b => c,\n}",
    ),
    ("biased", "src/a.rs", "tokio::select!(x = y => z)"),
    ("arrow", "src/core/a.rs", "use tokio::sync::Notify;"),
    (
        "arrow",
        "src/core/a.rs",
        "fn f(body: hyper::body::Incoming) {}",
    ),
    ("arrow", "src/core/policy/a.rs", "use evenkeel_proxy::pool;"),
    ("arrow", "src/core/a.rs", "use evenkeel_sim as sim;"),
    (
        "arrow",
        "src/proxy/a.rs",
        "turmoil::net::TcpStream::connect(a)",
    ),
    (
        "arrow",
        "src/proxy/h1/a.rs",
        "use evenkeel_sim::world::World;",
    ),
    ("world", "src/proxy/a.rs", "use tokio::net::TcpStream;"),
    (
        "world",
        "src/proxy/a.rs",
        "tokio::time::sleep_until(at).await;",
    ),
    ("world", "src/proxy/a.rs", "tokio::spawn(async {});"),
    ("world", "src/proxy/a.rs", "tokio::task::spawn_local(f);"),
    ("world", "src/proxy/a.rs", "use tokio::{io, time};"),
    (
        "world",
        "src/proxy/a.rs",
        "let now = std::time::Instant::now();",
    ),
    (
        "world",
        "src/proxy/live.rs",
        "Instant::now(); Instant::now();",
    ),
    ("world", "src/proxy/live.rs", "use tokio::time::Instant;"),
    ("unwrap", "src/a.rs", "fn f() { g().unwrap(); }"),
    (
        "unwrap",
        "src/a.rs",
        "#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }\nfn h() { g().unwrap(); }",
    ),
    (
        "unwrap",
        "sim/a.rs",
        "#[cfg(test)]\nmod test;\nfn h() { g()\n.unwrap(); }",
    ),
    ("header", "src/a.rs", "use std::io;\n//! Too late.\n"),
    ("header", "src/a.rs", "/// Of an item.\nstruct A;"),
    ("name", "src/proxy/utils.rs", "//! A.\n"),
    ("name", "tests/common/a.rs", "//! A.\n"),
    ("name", "src/a.rs", "mod pool_helpers {}"),
    ("name", "src/a.rs", "pub struct ConnectionManager;"),
    ("name", "src/a.rs", "pub(crate) fn get_pool(&self) {}"),
    ("tab", "src/a.rs", "fn f() {\n\tg();\n}"),
];

/// Path and text that every rule lets pass.
pub(crate) fn passed() -> Vec<(&'static str, String)> {
    let fixed = RIGHT.iter().map(|(path, text)| (*path, (*text).to_owned()));
    let mut samples: Vec<_> = fixed.collect();
    let long_string = format!("//! A.\nf(\n    \"{}\",\n);", "x ".repeat(70));
    samples.extend([
        ("src/a.rs", long_string),
        ("src/a.rs", format!("//! A.\n{}", "\n".repeat(499))),
        (
            "src/a.rs",
            format!("//! A.\n//! Length: one table.\n{}", "\n".repeat(600)),
        ),
        (
            "src/a.rs",
            format!("//! A.\nfn just() {{\n{}}}\n", "    step();\n".repeat(68)),
        ),
        (
            "src/a.rs",
            format!(
                "//! A.\ntrait T {{ fn none(&self);\n{} }}",
                "\n".repeat(100)
            ),
        ),
    ]);
    samples
}

const RIGHT: &[(&str, &str)] = &[
    (
        "sim/a.rs",
        "//! A.\ntokio::select! {\n    biased;\n    a = b => c,\n}",
    ),
    (
        "src/a.rs",
        "//! An unbiased `tokio::select! { a = b => c }` is told.\n",
    ),
    (
        "src/core/a.rs",
        "//! What tokio and hyper do is the shell's.\nfn tokios() {}",
    ),
    ("src/core/a.rs", "//! A.\nlet text = \"use tokio::net\";"),
    (
        "src/proxy/world/real.rs",
        "//! A.\nuse tokio::net::TcpStream;",
    ),
    ("src/proxy/live.rs", "//! A.\nlet start = Instant::now();"),
    (
        "src/proxy/a.rs",
        "//! A.\nuse tokio::sync::Notify;\nuse tokio::{io, sync};",
    ),
    (
        "sim/world/a.rs",
        "//! A.\ntokio::time::Instant::now(); turmoil::net::TcpStream",
    ),
    (
        "src/a.rs",
        "//! A.\n#[cfg(test)]\nmod tests { fn f() { g().unwrap(); } }",
    ),
    (
        "src/core/request/tests.rs",
        "//! A.\nfn f() { g().unwrap(); }",
    ),
    (
        "sim/result/core_test.rs",
        "//! A.\nfn f() { g().unwrap(); }",
    ),
    (
        "src/a.rs",
        "//! A.\nfn f() { g().unwrap_or_else(h); budget(); forget_it(); }",
    ),
    (
        "src/a.rs",
        "//! A.\nfn f<'a>(x: &'a str) -> char { '\"' } // it's \"quoted\n",
    ),
];
