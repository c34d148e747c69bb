//! gRPC: `grpcio` on both sides, over an HTTP/2 pool.
use crate::proxy;
use crate::real::tool::{Tool, content, listening};
use serde_json::json;

#[test]
fn calls_of_every_kind_pass() {
    let mut origin = Tool::Python.script("grpc_origin.py", &json!({}));
    let proxy = proxy([listening(&mut origin)], "http2 = true");
    let ca = proxy.folder.path().join("ca.pem");
    let plain = json!({ "target": format!("localhost:{}", proxy.port("http")) });
    let secure = json!({ "target": format!("localhost:{}", proxy.port("https")), "ca": ca });
    for settings in [plain, secure] {
        let mut client = Tool::Python.script("grpc_client.py", &settings);
        // Cancelled only once the server has begun: then it must hear of it.
        for call in ["deadline", "cancel"] {
            assert_eq!(origin.line_with("begun")["begun"], call);
            if call == "cancel" {
                client.line_with("hanging");
                client.enter();
            }
            assert_eq!(origin.line_with("left")["left"], call);
        }
        assert_eq!(origin.line_with("left")["left"], "endless");
        content(client);
    }
    proxy.stop();
}
