//! Chromium loads a page whose script tells what it saw.
use crate::proxy;
use crate::real::tool::{Tool, listening};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// What `--ignore-certificate-errors-spki-list` wants: the hash of a certificate's key.
fn key_hash(cert: &Path) -> String {
    const HASH: &str = "
        const { createHash, X509Certificate } = require('node:crypto');
        const cert = new X509Certificate(require('node:fs').readFileSync(process.argv[1]));
        const key = cert.publicKey.export({ type: 'spki', format: 'der' });
        console.log(createHash('sha256').update(key).digest('base64'));";
    let output = Tool::Node.command().args(["-e", HASH]).arg(cert).output();
    let output = output.expect("it has started before").stdout;
    String::from_utf8(output).expect("base64").trim().to_owned()
}

/// The text of the page's `#outcome` once the script is done.
fn outcome(page: &str) -> Value {
    let (_, rest) = page.split_once("id=\"outcome\">").expect("the page");
    let (text, _) = rest.split_once('<').expect("an end");
    serde_json::from_str(text).unwrap_or_else(|_| panic!("the page says {text:?}"))
}

#[test]
fn a_page_is_loaded_over_http_2() {
    let mut origin = Tool::Node.script("echo.mjs", &json!({}));
    let proxy = proxy([listening(&mut origin)], "");
    let hash = key_hash(&proxy.folder.path().join("site.pem"));
    let profile = TempDir::new().unwrap();
    let mut chromium = Tool::Chromium.command();
    chromium
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
        ])
        .args([
            "--no-first-run",
            "--disable-background-networking",
            "--disable-sync",
        ])
        .args(["--disable-component-update", "--disable-dev-shm-usage"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--ignore-certificate-errors-spki-list={hash}"))
        .arg("--dump-dom")
        .arg(format!("https://localhost:{}/", proxy.port("https")));
    let output = chromium.output().unwrap();
    let page = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(page.contains("outcome"), "{page}{said}");
    let expected = json!({
        "page": "h2",
        "resources": ["h2"],
        "fetched": 50,
        "posted": true,
        "socket": { "data": "hello", "code": 4000, "wasClean": true },
    });
    assert_eq!(outcome(&page), expected, "{said}");
    assert_eq!(origin.line_with("closed")["closed"], 4000);
    proxy.stop();
}
