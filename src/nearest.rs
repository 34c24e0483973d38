//! "Did you mean": the word that a slip was probably meant to be.

/// The candidate that `word` is probably a slip of, if any is near enough.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = 1 + word.chars().count() / 4;
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_none() {
        assert_eq!(nearest("fre_pct", ["used_pct", "free_pct"]), Some("free_pct"));
        assert_eq!(nearest("startswith", ["endsWith", "startsWith"]), Some("startsWith"));
        assert_eq!(nearest("temperature", ["used_pct", "free_pct"]), None);
    }
}
