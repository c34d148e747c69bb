//! A file as the rules see it: its text, and the same text with comments and literals blanked out,
//! so that a rule about code is not led astray by a sentence.

/// What a byte of the text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Code,
    Comment,
    /// A string literal with its quotes and prefix, or a character.
    Literal,
}

/// One file.
pub(crate) struct Source {
    /// Relative to the repository, with slashes.
    pub(crate) path: String,
    pub(crate) text: String,
    /// As long as `text`, byte for byte; everything but code and line ends is a blank.
    pub(crate) code: String,
    pub(crate) parts: Vec<Part>,
}

impl Source {
    pub(crate) fn new(path: &str, text: String) -> Self {
        let parts = parts(&text);
        let blank = |(byte, part): (u8, &Part)| match byte {
            b'\n' => '\n',
            byte if *part == Part::Code && byte.is_ascii() => char::from(byte),
            _ => ' ',
        };
        Self {
            path: path.to_owned(),
            code: text.bytes().zip(&parts).map(blank).collect(),
            parts,
            text,
        }
    }

    /// The line of a byte, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        self.text.as_bytes()[..at]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1
    }

    /// Where `word` stands in the code, not as a part of a longer name.
    pub(crate) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let bytes = self.code.as_bytes();
        let ends = move |at: Option<&u8>| !at.is_some_and(|byte| is_name(*byte));
        self.code.match_indices(word).filter_map(move |(at, _)| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            (ends(before) && ends(bytes.get(at + word.len()))).then_some(at)
        })
    }

    /// The end of the bracket that opens at `at`, itself included.
    pub(crate) fn closing(&self, at: usize) -> usize {
        let mut depth = 0_usize;
        for (offset, byte) in self.code.as_bytes()[at..].iter().enumerate() {
            match byte {
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                _ => continue,
            }
            if depth == 0 {
                return at + offset + 1;
            }
        }
        self.code.len()
    }

    /// Whether the byte belongs to a test: by the file's place, or below `#[cfg(test)]`.
    pub(crate) fn is_test(&self, at: usize) -> bool {
        let is_test_name = |name: &str| {
            let stem = name.trim_end_matches(".rs");
            ["test", "tests", "benches"].contains(&stem) || stem.ends_with("_test")
        };
        if self.path.split('/').any(is_test_name) {
            return true;
        }
        self.code
            .match_indices("#[cfg(test)]")
            .any(|(start, attribute)| {
                let item = start + attribute.len();
                let rest = &self.code[item..];
                let body = rest.find('{').unwrap_or(rest.len());
                let end = match rest.find(';') {
                    Some(end) if end < body => item + end,
                    _ => self.closing(item + body),
                };
                (start..end).contains(&at)
            })
    }
}

pub(crate) const fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// What each byte belongs to.
fn parts(text: &str) -> Vec<Part> {
    let bytes = text.as_bytes();
    let mut parts = vec![Part::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let (end, part) = part(text, at);
        parts[at..end].fill(part);
        at = end;
    }
    parts
}

/// The end of what begins at `at`, and what it is.
fn part(text: &str, at: usize) -> (usize, Part) {
    let bytes = text.as_bytes();
    let rest = &bytes[at..];
    if rest.starts_with(b"//") {
        let end = text[at..].find('\n').map_or(bytes.len(), |n| at + n);
        return (end, Part::Comment);
    }
    if rest.starts_with(b"/*") {
        return (at + block_comment(rest), Part::Comment);
    }
    if at == 0 || !is_name(bytes[at - 1]) {
        let prefix = rest.iter().take_while(|b| b"bcr".contains(b)).count();
        let hashes = rest[prefix..].iter().take_while(|b| **b == b'#').count();
        let is_raw = rest[..prefix].ends_with(b"r");
        if rest.get(prefix + hashes) == Some(&b'"') && (is_raw || hashes == 0) {
            let body = at + prefix + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let length = if is_raw {
                text[body..].find(&close).map(|n| n + close.len())
            } else {
                quoted(&bytes[body..], b'"')
            };
            return (length.map_or(bytes.len(), |n| body + n), Part::Literal);
        }
    }
    if rest[0] == b'\'' {
        let next = text[at + 1..].chars().next().map_or(0, char::len_utf8);
        let is_character = rest.get(1) == Some(&b'\\') || rest.get(1 + next) == Some(&b'\'');
        if is_character && let Some(length) = quoted(&rest[1..], b'\'') {
            return (at + 1 + length, Part::Literal);
        }
    }
    (
        at + text[at..].chars().next().map_or(1, char::len_utf8),
        Part::Code,
    )
}

/// The length of a literal's content and closing quote.
fn quoted(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// The length of a block comment; they nest.
fn block_comment(bytes: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if bytes[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

#[test]
fn comments_and_literals_are_blanked() {
    let table = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("x\"{", g)"#, r"f(      , g)"),
        (r##"f(r#"}"#, br"{")"##, r"f(      ,      )"),
        ("f('{', '\\'', b'\"')", "f(   ,     , b   )"),
        ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
        ("let r#type = bar;", "let r#type = bar;"),
        ("\"é\" + x", "     + x"),
    ];
    for (text, code) in table {
        assert_eq!(
            Source::new("src/x.rs", text.to_owned()).code,
            code,
            "{text}"
        );
    }
}
