//! Where an application's session stands in a request, and where in a response it is given.

use crate::config::HashKey;
use crate::h1::{Known, RequestHead, ResponseHead};

/// The values of all cookies of this name, in order.
pub(super) fn cookies<'a>(
    head: &'a RequestHead,
    buf: &'a [u8],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    let lines = head.fields.known(buf, Known::Cookie);
    let pairs = lines.flat_map(|line| line.split(|b| *b == b';'));
    pairs.filter_map(|pair| value(pair.trim_ascii(), name))
}

/// The session that a request brings.
pub(crate) fn asked<'a>(
    head: &'a RequestHead,
    buf: &'a [u8],
    from: &'a HashKey,
) -> Option<&'a [u8]> {
    match from {
        HashKey::Header(name) => head.fields.values(buf, name).next(),
        HashKey::Cookie(name) => cookies(head, buf, name).next(),
        HashKey::Query(name) => {
            let query = head.target.query.of(buf);
            let query = query.strip_prefix(b"?").unwrap_or_default();
            parameter(query, name)
        }
        // The configuration allows neither.
        HashKey::Address | HashKey::Path => None,
    }
}

/// What a query, without its question mark, has in its parameter `name`.
pub(crate) fn parameter<'a>(query: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut pairs = query.split(|b| *b == b'&');
    pairs.find_map(|pair| value(pair, name))
}

/// The session that a response gives its client: in `Set-Cookie`, in the same field, or, for what
/// the client will put into a query, as a member of the JSON that `body` begins with or holds.
pub(super) fn given<'a>(
    head: &'a ResponseHead,
    buf: &'a [u8],
    body: &'a [u8],
    from: &'a HashKey,
) -> Option<&'a [u8]> {
    match from {
        HashKey::Header(name) => head.fields.values(buf, name).next(),
        HashKey::Cookie(name) => {
            let mut lines = head.fields.values(buf, "set-cookie");
            lines.find_map(|line| {
                let pair = line.split(|b| *b == b';').next()?;
                value(pair.trim_ascii(), name)
            })
        }
        HashKey::Query(name) if head.is_success() => member(body, name),
        HashKey::Query(_) | HashKey::Address | HashKey::Path => None,
    }
}

/// The endpoint that an application names: behind the last dot of a session, as Tomcat's
/// `jvmRoute` has it, or all of the text.
pub(super) fn route(text: &[u8]) -> Option<&str> {
    let name = text.rsplit(|b| *b == b'.').next()?;
    std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty())
}

/// What stands behind `name=`.
fn value<'a>(pair: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
}

/// The text behind `"name":`; one with an escape in it is none that goes into a query.
fn member<'a>(body: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = body;
    loop {
        let quote = rest.iter().position(|b| *b == b'"')?;
        rest = &rest[quote + 1..];
        let Some(after) = rest.strip_prefix(name.as_bytes()) else {
            continue;
        };
        let Some(after) = after.strip_prefix(b"\"") else {
            continue;
        };
        let after = after.trim_ascii_start().strip_prefix(b":");
        if let Some(text) = after.and_then(|after| after.trim_ascii_start().strip_prefix(b"\"")) {
            let end = text.iter().position(|b| *b == b'"')?;
            return Some(&text[..end]).filter(|text| !text.contains(&b'\\'));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_of_json_is_found_by_its_name() {
        let cases: [(&str, Option<&str>); 9] = [
            (r#"0{"sid":"abc","upgrades":["websocket"]}"#, Some("abc")),
            (r#"{ "a": 1, "sid" : "x y" }"#, Some("x y")),
            (r#"{"asid":"no","sid":"yes"}"#, Some("yes")),
            (r#"{"sid":7}"#, None),
            (r#"{"sid":"cut"#, None),
            (r#"{"sid"#, None),
            (r#"{"sid":"a\"b"}"#, None),
            (r#"{"other":"sid","sid":"z"}"#, Some("z")),
            ("", None),
        ];
        for (body, expected) in cases {
            let found = member(body.as_bytes(), "sid");
            assert_eq!(found, expected.map(str::as_bytes), "{body}");
        }
    }

    #[test]
    fn a_route_is_behind_the_last_dot() {
        for (text, expected) in [
            ("abc.node1", Some("node1")),
            ("node1", Some("node1")),
            ("a.b.c", Some("c")),
            ("abc.", None),
            ("", None),
        ] {
            assert_eq!(route(text.as_bytes()), expected);
        }
        assert_eq!(route(b"a.\xff"), None);
    }
}
