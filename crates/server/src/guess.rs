//! What somebody may have meant who misspelt a word.

/// Longer words are no misspelt commands, and comparing takes time.
const LONGEST_GUESSED: usize = 16;

/// The nearest of these words, if one is near.
pub(crate) fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST_GUESSED {
        return None;
    }
    words
        .filter(|known| known.len() > 1)
        .map(|known| (strsim::damerau_levenshtein(word, known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
