//! The README's configurations and scenario are what `evenkeel check` accepts, without a warning.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The TOML blocks of the README, in order.
fn blocks() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = fs::read_to_string(path).expect("the README is there");
    let blocks = text.split("```toml\n").skip(1);
    let inside = |rest: &str| rest.split("```").next().unwrap_or_default().to_owned();
    blocks.map(inside).collect()
}

#[test]
fn its_files_are_right() {
    let blocks = blocks();
    let [config, secure, scenario] = &blocks[..] else {
        panic!(
            "two configurations and a scenario, not {} blocks",
            blocks.len()
        );
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("evenkeel.toml", config);
    write("secure.toml", secure);
    write("scenario.toml", scenario);
    let signed = rcgen::generate_simple_self_signed(["site.example".to_owned()]).unwrap();
    write("site.pem", &signed.cert.pem());
    write("internal-ca.pem", &signed.cert.pem());
    write("site.key", &signed.signing_key.serialize_pem());
    let check = Command::new(env!("CARGO_BIN_EXE_evenkeel"))
        .current_dir(folder.path())
        .args(["check", "evenkeel.toml", "secure.toml", "scenario.toml"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&check.stdout);
    let complaints = String::from_utf8_lossy(&check.stderr);
    assert_eq!(complaints, "");
    assert_eq!(
        said,
        "evenkeel.toml: configuration ok\nsecure.toml: configuration ok\nscenario.toml: scenario ok\n"
    );
    assert!(check.status.success());
}
