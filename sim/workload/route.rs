//! Kinds of recorded requests, told by method and path.

use crate::law::Law;

/// Requests of a log that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Their method; absent: any.
    pub method: Option<String>,
    /// Their path without its query: segments between slashes, of which `*` is any one.
    pub path: String,
    /// How long an origin works on one; absent: the law of origins. What was recorded of a request
    /// comes first.
    pub service: Option<Law>,
}

impl Route {
    /// Whether a request for `path` (query included) is one of them.
    #[must_use]
    pub fn fits(&self, method: &str, path: &str) -> bool {
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let is_method = self.method.as_ref().is_none_or(|own| own == method);
        is_method && matches(&self.path, path)
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/');
    let mut own = pattern.split('/');
    loop {
        match (own.next(), segments.next()) {
            (None, None) => return true,
            (Some("*"), Some(segment)) if !segment.is_empty() => {}
            (Some(own), Some(segment)) if own == segment => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_star_is_one_segment() {
        let table = [
            ("/", "/", true),
            ("/a/*", "/a/1?b=/c", true),
            ("/a/*", "/a/", false),
            ("/a/*", "/a/1/2", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a", "/A", false),
            ("*", "*", true),
        ];
        for (pattern, path, expected) in table {
            let mut route = Route {
                method: None,
                path: pattern.into(),
                service: None,
            };
            assert_eq!(route.fits("GET", path), expected, "{pattern} {path}");
            route.method = Some("PUT".into());
            assert!(!route.fits("GET", path));
        }
    }
}
