//! The known name that a wrong one was probably meant to be.

/// The nearest of `known` to what was written, or none when nothing is near.
///
/// Case and `-` against `_` do not count. Near is a third of the length in edits (a swap of
/// neighbours is one) and less than half of the known name, or a long common beginning; further
/// than that a guess misleads.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// A longer name is nobody's typing error, and the distance costs the product of the lengths.
    const LONGEST: usize = 64;
    /// Jaro-Winkler similarity from which on two names look alike.
    const ALIKE: f64 = 0.9;
    if written.is_empty() || written.len() > LONGEST {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace('-', "_");
    let wanted = plain(written);
    let allowed = (wanted.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|name| {
            let name_plain = plain(name);
            let edits = strsim::damerau_levenshtein(&wanted, &name_plain);
            (edits, strsim::jaro_winkler(&wanted, &name_plain), name)
        })
        .filter(|&(edits, alike, name)| {
            (edits <= allowed && 2 * edits < name.len()) || alike >= ALIKE
        })
        .min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)))
        .map(|(_, _, name)| name)
}

/// What to say about an unknown name: the nearest one, or all of them when none is near.
///
/// Returns the label for the place and the help below it.
pub fn known(written: &str, what: &str, known: &[&str]) -> (String, Option<String>) {
    /// More names than this are a wall, not a help.
    const LISTED: usize = 24;
    if let Some(name) = nearest(written, known.iter().copied()) {
        return (format!("did you mean `{name}`?"), None);
    }
    if known.is_empty() {
        return (format!("there is no {what}"), None);
    }
    let mut list = known
        .iter()
        .take(LISTED)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    if known.len() > LISTED {
        list.push_str(", ...");
    }
    (
        format!("not a known {what}"),
        Some(format!("known: {list}")),
    )
}
