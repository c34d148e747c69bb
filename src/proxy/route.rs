//! Which route a request takes: exact host, then the longest wildcard, then none; within it the
//! exact path, then the longest prefix. The order of the file never matters.

use std::sync::Arc;

use crate::config::{Host, Match};

/// Routes, ready to be matched. `T` is what a route leads to.
#[derive(Debug)]
pub struct Router<T> {
    /// Sorted by name.
    exact: Vec<(String, Paths<T>)>,
    /// The longest ending first.
    wildcard: Vec<(String, Paths<T>)>,
    any: Paths<T>,
}

#[derive(Debug)]
struct Paths<T> {
    /// Sorted by path.
    exact: Vec<(String, Arc<T>)>,
    /// The longest first.
    prefix: Vec<(String, Arc<T>)>,
}

impl<T> Default for Paths<T> {
    fn default() -> Self {
        Self {
            exact: Vec::new(),
            prefix: Vec::new(),
        }
    }
}

impl<T> Router<T> {
    /// A router of routes: for which hosts (none is any), for which paths, to what.
    pub fn new<'a>(routes: impl IntoIterator<Item = (&'a [Host], &'a Match, T)>) -> Self {
        let mut router = Self {
            exact: Vec::new(),
            wildcard: Vec::new(),
            any: Paths::default(),
        };
        for (hosts, path, target) in routes {
            let target = Arc::new(target);
            if hosts.is_empty() {
                router.any.add(path, &target);
            }
            for host in hosts {
                match host {
                    Host::Exact(name) => paths(&mut router.exact, name).add(path, &target),
                    Host::Wildcard(end) => paths(&mut router.wildcard, end).add(path, &target),
                }
            }
        }
        router.exact.sort_by(|a, b| a.0.cmp(&b.0));
        router
            .wildcard
            .sort_by_key(|(end, _)| std::cmp::Reverse(end.len()));
        let all = router
            .exact
            .iter_mut()
            .chain(&mut router.wildcard)
            .map(|(_, paths)| paths);
        for paths in all.chain([&mut router.any]) {
            paths.exact.sort_by(|a, b| a.0.cmp(&b.0));
            paths
                .prefix
                .sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        }
        router
    }

    /// The route for `host` (as received, port and case included) and `path` (as received, without
    /// query). A host whose routes have none for the path falls back to the next.
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<&Arc<T>> {
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return self.any.find(path);
        }
        let host = without_port(host);
        let exact = self
            .exact
            .binary_search_by(|(name, _)| compare(name.as_bytes(), host));
        let exact = exact.ok().and_then(|at| self.exact[at].1.find(path));
        let matches = |end: &str| {
            host.len() > end.len()
                && host[host.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
        };
        let mut wildcards = self.wildcard.iter().filter(|(end, _)| matches(end));
        exact
            .or_else(|| wildcards.find_map(|(_, paths)| paths.find(path)))
            .or_else(|| self.any.find(path))
    }
}

impl<T> Paths<T> {
    fn add(&mut self, path: &Match, target: &Arc<T>) {
        let (list, path) = match path {
            Match::Exact(path) => (&mut self.exact, path),
            Match::Prefix(path) => (&mut self.prefix, path),
        };
        list.push((path.clone(), Arc::clone(target)));
    }

    fn find(&self, path: &[u8]) -> Option<&Arc<T>> {
        let exact = self
            .exact
            .binary_search_by(|(known, _)| known.as_bytes().cmp(path));
        match exact {
            Ok(at) => Some(&self.exact[at].1),
            Err(_) => self
                .prefix
                .iter()
                .find(|(prefix, _)| path.starts_with(prefix.as_bytes()))
                .map(|(_, target)| target),
        }
    }
}

fn paths<'a, T>(list: &'a mut Vec<(String, Paths<T>)>, host: &str) -> &'a mut Paths<T> {
    let at = list
        .iter()
        .position(|(name, _)| name == host)
        .unwrap_or_else(|| {
            list.push((host.to_owned(), Paths::default()));
            list.len() - 1
        });
    &mut list[at].1
}

/// The host of an authority. The codec has checked the form.
pub(crate) fn without_port(authority: &[u8]) -> &[u8] {
    let end = match authority.iter().rposition(|b| matches!(b, b':' | b']')) {
        Some(at) if authority[at] == b':' => at,
        _ => authority.len(),
    };
    &authority[..end]
}

/// Compares a name in lower case with a host in any case.
fn compare(name: &[u8], host: &[u8]) -> std::cmp::Ordering {
    name.iter()
        .copied()
        .cmp(host.iter().map(u8::to_ascii_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router<&'static str> {
        let exact = |host: &str| vec![Host::Exact(host.into())];
        let wildcard = |end: &str| vec![Host::Wildcard(end.into())];
        let prefix = |path: &str| Match::Prefix(path.into());
        let routes = [
            (vec![], prefix("/"), "any"),
            (vec![], Match::Exact("/x".into()), "any exact"),
            (vec![], prefix("/api/"), "any api"),
            (vec![], prefix("/api/v2/"), "any api v2"),
            (exact("example.com"), prefix("/api/"), "example api"),
            (wildcard(".example.com"), prefix("/"), "wildcard"),
            (wildcard(".deep.example.com"), prefix("/"), "deep wildcard"),
        ];
        Router::new(
            routes
                .iter()
                .map(|(hosts, path, to)| (&hosts[..], path, *to)),
        )
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        let router = router();
        for (host, path, expected) in [
            ("a.test", "/", "any"),
            ("a.test", "/x", "any exact"),
            ("a.test", "/x/", "any"),
            ("a.test", "/api/1", "any api"),
            ("a.test", "/api/v2/1", "any api v2"),
            ("Example.COM:8080", "/api/v2/1", "example api"),
            ("example.com", "/other", "any"),
            ("w.example.com", "/api/1", "wildcard"),
            ("x.deep.example.com:1", "/", "deep wildcard"),
            (".example.com", "/", "any"),
            ("[::1]:8080", "/x", "any exact"),
            ("", "/x", "any exact"),
        ] {
            let found = router.find(host.as_bytes(), path.as_bytes()).map(|to| **to);
            assert_eq!(found, Some(expected), "{host}{path}");
        }
    }

    #[test]
    fn no_match_is_no_route() {
        let only = Match::Prefix("/api/".into());
        let router = Router::new([(&[][..], &only, ())]);
        assert!(router.find(b"a", b"/ap").is_none());
        assert!(router.find(b"a", b"*").is_none());
    }
}
