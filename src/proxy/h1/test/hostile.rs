//! Random and mutated heads: nothing panics, nothing is read beyond the input, and where both
//! accept, `httparse` (another parser, more lenient) reads the same.

use proptest::prelude::*;

use super::*;

const REQUESTS: [&[u8]; 4] = [
    b"GET /a?b HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: [::1]:80\r\nTransfer-Encoding: chunked\r\nX:  y \r\n\r\n0\r\n\r\n",
    b"PUT http://a/b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close, x\r\n\r\nabcde",
    b"OPTIONS * HTTP/1.0\r\nUpgrade: websocket\r\nX-Forwarded-For: 1\r\nEmpty:\r\n\r\n",
];

const RESPONSES: [&[u8]; 3] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nDate: x\r\n\r\nhello",
    b"HTTP/1.0 404 Not Found\r\nServer: a b\r\nSet-Cookie: a=b; c\r\n\r\n",
    b"HTTP/1.1 101\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
];

/// One of `seeds` with up to four bytes replaced, inserted or removed.
fn mutated(seeds: &'static [&'static [u8]]) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => prop::sample::select(&b"\r\n\r\n\t :,;/\0\x7f\xe9#?*@[]015aHT"[..]),
        1 => any::<u8>(),
    ];
    let edit = (0..3u8, any::<prop::sample::Index>(), byte);
    (
        prop::sample::select(seeds),
        prop::collection::vec(edit, 0..5),
    )
        .prop_map(|(seed, edits)| {
            let mut bytes = seed.to_vec();
            for (kind, at, byte) in edits {
                let at = at.index(bytes.len());
                match kind {
                    0 => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    _ => drop(bytes.remove(at)),
                }
            }
            bytes
        })
}

/// The head of `input` has a line that does not end in CRLF, or a CR that ends no line.
fn has_bare_end(head: &[u8]) -> bool {
    let lone = |at: usize| match head[at] {
        b'\n' => at == 0 || head[at - 1] != b'\r',
        b'\r' => head.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..head.len()).any(lone)
}

type Line<'a> = (&'a [u8], &'a [u8]);

fn lines<'a>(fields: &Fields, buf: &'a [u8]) -> Vec<Line<'a>> {
    fields
        .iter()
        .map(|field| (field.name.of(buf), field.value.of(buf)))
        .collect()
}

fn reference<'a>(headers: &[httparse::Header<'a>]) -> Vec<Line<'a>> {
    headers
        .iter()
        .map(|header| (header.name.as_bytes(), header.value))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn requests_agree_with_another_parser(input in mutated(&REQUESTS)) {
        let mut head = RequestHead::default();
        let ours = parse_request(&input, &LIMITS, &mut head);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut other = httparse::Request::new(&mut headers);
        let theirs = other.parse(&input);
        match ours {
            Ok(Status::Complete(end)) => {
                prop_assert_eq!(theirs, Ok(httparse::Status::Complete(end)));
                prop_assert!(!has_bare_end(&input[..end]));
                prop_assert_eq!(other.method, Some(text(head.method_name.of(&input))));
                prop_assert_eq!(other.path, Some(text(head.target.whole.of(&input))));
                prop_assert_eq!(other.version, Some(head.version as u8));
                prop_assert_eq!(lines(&head.fields, &input), reference(other.headers));
            }
            Ok(Status::Partial) => prop_assert_eq!(theirs, Ok(httparse::Status::Partial)),
            // What we refuse and they accept is refused for one of our reasons.
            Err(reject) => if let Ok(httparse::Status::Complete(end)) = theirs {
                let ours = match reject {
                    Reject::LineEnd => {
                        has_bare_end(&input[..end]) || input.starts_with(b"\r\n\r\n")
                    }
                    Reject::Target | Reject::Host | Reject::ContentLength => true,
                    Reject::TransferEncoding | Reject::TwoFramings => true,
                    // In `Connection` alone.
                    Reject::FieldValue => !input[..end].is_ascii(),
                    _ => false,
                };
                prop_assert!(ours, "{:?}: {}", reject, input.escape_ascii());
            }
        }
    }

    #[test]
    fn responses_agree_with_another_parser(input in mutated(&RESPONSES)) {
        let mut head = ResponseHead::default();
        let ours = parse_response(&input, Method::Get, &LIMITS, &mut head);
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut other = httparse::Response::new(&mut headers);
        let theirs = other.parse(&input);
        if let Ok(Status::Complete(end)) = ours {
            prop_assert_eq!(theirs, Ok(httparse::Status::Complete(end)));
            prop_assert!(!has_bare_end(&input[..end]));
            prop_assert_eq!(other.code, Some(head.status));
            prop_assert_eq!(other.version, Some(head.version as u8));
            prop_assert_eq!(lines(&head.fields, &input), reference(other.headers));
        }
    }

    #[test]
    fn mutated_heads_are_the_same_at_every_split(input in mutated(&REQUESTS)) {
        // A head that is cut off is judged line by line, so only complete ones are compared.
        let mut closed = input;
        closed.extend_from_slice(b"\r\n\r\n");
        if let Ok(Status::Complete(end)) = request_everywhere(&closed) {
            prop_assert!(end <= closed.len());
        }
    }

    #[test]
    fn control_characters_are_found_where_they_are(
        input in prop::collection::vec(
            prop_oneof![8 => any::<u8>(), 9 => 0x20..0x7fu8, 1 => Just(b'\t')], 0..40),
        from in any::<prop::sample::Index>(),
    ) {
        let from = from.index(input.len() + 1);
        let is_control = |at: &usize| input[*at].is_ascii_control() && input[*at] != b'\t';
        let naive = (from..input.len()).find(is_control).unwrap_or(input.len());
        prop_assert_eq!(token::control(&input, from), naive);
    }

    #[test]
    fn random_bytes_never_panic(input in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(Status::Complete(end)) = request_everywhere(&[&input[..], b"\r\n\r\n"].concat()) {
            prop_assert!(end <= input.len() + 4);
        }
        let _ = response_everywhere(&[&b"HTTP/1.1 200 "[..], &input, b"\n"].concat(), Method::Get);
    }
}
