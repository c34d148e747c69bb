//! A report in front of those who read it: Chromium with axe, an HTML validator, xmllint.
use crate::real::tool::Tool;
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Panics with what was said unless it was content.
fn content(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// A comparison with a fault, of which one setting fails conditions. Returns its folder.
fn brownout() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let output = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .args(["sim", "compare", "scenarios/resilience/brownout.toml"])
        .args(["--vary", "policy=round_robin,p2c,least_request"])
        .args(["--seeds", "1..5", "--out"])
        .arg(folder.path())
        .current_dir(ROOT)
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    folder
}

/// Nothing is loaded, no serious finding in light, dark and on a phone, valid HTML.
#[test]
fn its_page_is_for_everybody() {
    let folder = brownout();
    let pages = [folder.path().join("brownout.html")];
    let script = Path::new(ROOT).join("tests/client/report.mjs");
    // Without a limit of time: a browser of a busy machine takes minutes.
    let mut node = Tool::Node.command();
    node.arg(script).arg(json!({ "pages": pages }).to_string());
    content(&node.output().expect("it has started before"));
}

#[test]
fn its_conditions_are_junit_xml() {
    let folder = brownout();
    let schema = Path::new(ROOT).join("tests/client/junit.xsd");
    let mut xmllint = Tool::Xmllint.command();
    xmllint.arg("--noout").arg("--schema").arg(schema);
    xmllint.arg(folder.path().join("brownout.junit.xml"));
    content(&xmllint.output().expect("it has started before"));
}
