//! Every key of routes arrives where it belongs.

use super::*;

#[test]
fn every_key_of_routes_arrives() {
    let home = Route {
        hosts: vec![],
        path: Match::Exact("/".into()),
        action: Action::Redirect {
            status: 307,
            to: "/webapp/".into(),
        },
        timeouts: RouteTimeouts::default(),
        body_limit_bytes: None,
        limits: vec![],
        priority: queue::Priority::Normal,
    };
    let timeouts = RouteTimeouts {
        header: Some(s(1)),
        idle: Some(s(2)),
        total: Some(s(3)),
        tunnel: s(4),
    };
    let webapp = Route {
        hosts: vec![
            Host::Exact("example.com".into()),
            Host::Wildcard(".example.com".into()),
        ],
        path: Match::Prefix("/webapp/".into()),
        action: Action::Pool("nodejs".into()),
        timeouts,
        body_limit_bytes: Some(1 << 20),
        limits: vec!["each".into(), "reports".into()],
        priority: queue::Priority::High,
    };
    assert_eq!(full().routes, [home, webapp]);
}
