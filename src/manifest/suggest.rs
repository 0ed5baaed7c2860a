//! "Did you mean": the nearest known word. PURE.

/// The candidate nearest to `word`, if it is near enough to be a slip.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    nearest_of(word, candidates.into_iter().map(|candidate| (candidate, candidate)))
}

/// As [`nearest`], for spellings that stand for something else.
pub fn nearest_of<'c, T>(word: &str, candidates: impl IntoIterator<Item = (&'c str, T)>) -> Option<T> {
    // Long words are cut: the distance takes time by the product of both lengths.
    let word: String = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|(spelling, meaning)| (strsim::osa_distance(&word, &spelling.to_lowercase()), meaning))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, meaning)| meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("supervized", ["supervised", "sharedIpad"]), Some("supervised"));
        assert_eq!(nearest("SharedIPad", ["supervised", "sharedIpad"]), Some("sharedIpad"));
        assert_eq!(nearest("colour", ["supervised", "sharedIpad"]), None);
    }
}
