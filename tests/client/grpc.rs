//! gRPC: `grpcio` on both sides, over an HTTP/2 pool.
use crate::proxy;
use crate::real::tool::{Tool, content, listening};
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn calls_of_every_kind_pass() {
    let mut origin = Tool::Python.script("grpc_origin.py", &json!({}));
    let proxy = proxy([listening(&mut origin)], "http2 = true");
    let ca = proxy.folder.path().join("ca.pem");
    let plain = json!({ "target": format!("localhost:{}", proxy.port("http")) });
    let secure = json!({ "target": format!("localhost:{}", proxy.port("https")), "ca": ca });
    for settings in [plain, secure] {
        let mut client = Tool::Python.script("grpc_client.py", &settings);
        let mut told = BTreeSet::new();
        let mut await_told = |call: &str, is: &str| {
            while !told.contains(&(call.to_owned(), is.to_owned())) {
                let line = origin.line_with("call");
                let text = |key: &str| line[key].as_str().expect("a text").to_owned();
                told.insert((text("call"), text("is")));
            }
        };
        // Cancelled only once the server has begun: then it must hear of it.
        await_told("cancel", "begun");
        client.line_with("hanging");
        client.enter();
        for call in ["deadline", "cancel", "endless"] {
            await_told(call, "left");
        }
        content(client);
    }
    proxy.stop();
}
