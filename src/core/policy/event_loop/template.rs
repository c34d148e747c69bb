//! Routes as a proxy can know them: the method and the path, without what differs from request to
//! request.

use crate::policy::{Key, crc32};

/// Deeper segments do not tell routes apart.
const DEPTH: usize = 8;
/// A segment that is longer and holds a digit is an identifier.
const WORD: usize = 15;
/// A longer segment is no name of a route.
const NAME: usize = 31;

impl Key {
    /// The key of a route: `method`, and `path` (without query) with every segment that looks like
    /// an identifier replaced by `*`: `/users/4711/orders` is `/users/*/orders`.
    #[must_use]
    pub fn route(method: &[u8], path: &[u8]) -> Self {
        let mut crc = crc32(0, method);
        let mut length = method.len() as u32;
        for segment in path.split(|b| *b == b'/').skip(1).take(DEPTH) {
            let segment = if is_variable(segment) { b"*" } else { segment };
            crc = crc32(crc32(crc, b"/"), segment);
            length += 1 + segment.len() as u32;
        }
        Self::Text { crc, length }
    }
}

/// Whether a segment names a thing and not a kind of things: two digits in a row, nothing but
/// digits, something encoded, or too long for a name. `v1` and `oauth2` are names.
fn is_variable(segment: &[u8]) -> bool {
    let is_digit = |b: &u8| b.is_ascii_digit();
    let digits = segment.iter().filter(|b| is_digit(b)).count();
    segment.len() > NAME
        || segment.iter().any(|b| matches!(b, b'%' | b'@'))
        || (digits > 0 && (digits == segment.len() || segment.len() > WORD))
        || segment.windows(2).any(|pair| pair.iter().all(is_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_request_to_request_is_left_out() {
        let route = |path: &str| Key::route(b"GET", path.as_bytes());
        let same = [
            ("/users/4711/orders", "/users/1/orders"),
            ("/u/6f9619ff-8b86-d011-b42d-00c04fc964ff", "/u/12"),
            ("/d/507f1f77bcf86cd799439011", "/d/12"),
            ("/t/V1StGXR8_Z5jdHi6B-myT", "/t/12"),
            ("/mail/ann@example.com", "/mail/12"),
            ("/search/caf%C3%A9", "/search/12"),
            ("/order-12345.pdf", "/99"),
            ("/a/b/c/d/e/f/g/h/i", "/a/b/c/d/e/f/g/h/j"),
        ];
        for (a, b) in same {
            assert_eq!(route(a), route(b), "{a}");
        }
        let different = [
            ("/", "/a"),
            ("/a", "/a/"),
            ("/a/b", "/ab"),
            ("/api/v1/items", "/api/v2/items"),
            ("/oauth2/token", "/login/token"),
            ("/users/12", "/users"),
            ("/users/me", "/users/12"),
        ];
        for (a, b) in different {
            assert_ne!(route(a), route(b), "{a}");
        }
        assert_ne!(Key::route(b"POST", b"/a"), route("/a"));
        assert_ne!(Key::route(b"OPTIONS", b"*"), Key::None);
    }
}
