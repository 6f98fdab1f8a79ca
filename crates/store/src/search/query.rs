//! A query as people type it. There is no wrong one: what has no words finds nothing.

use super::words::words;

/// Most words of a query; what follows them is not looked at, so that no query takes long.
const QUERY_WORDS: usize = 32;

/// What a message must have to be found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// All of these.
    pub(crate) terms: Vec<Term>,
}

/// Words that follow each other.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Term {
    /// At least one.
    pub(crate) words: Vec<String>,
    /// Whether the last word may go on.
    pub(crate) open: bool,
}

impl Wanted {
    /// Reads what was typed. Between quotation marks words follow each other, also across a line; so do
    /// the parts of a word that has several (`example.com`).
    pub(crate) fn parse(typed: &str) -> Self {
        let mut wanted = Self::default();
        let mut room = QUERY_WORDS;
        let pieces: Vec<&str> = typed.split(['"', '“', '”', '„']).collect();
        for (number, piece) in pieces.iter().enumerate() {
            if number % 2 == 1 {
                wanted.add(piece, &mut room);
            } else {
                piece.split_whitespace().for_each(|word| wanted.add(word, &mut room));
            }
        }
        // A star inside of quotation marks is a character like any other.
        let is_open = pieces.len() % 2 == 1 && typed.trim_end().ends_with('*');
        if let (true, Some(term)) = (is_open && room > 0, wanted.terms.last_mut()) {
            term.open = true;
        }
        wanted
    }

    fn add(&mut self, piece: &str, room: &mut usize) {
        let mut words = words(piece);
        words.truncate(*room);
        *room -= words.len();
        if !words.is_empty() {
            self.terms.push(Term { words, open: false });
        }
    }

    /// Whether there is no word in it.
    pub(crate) fn is_nothing(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether a text has all of it.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        let words = words(text);
        self.terms.iter().all(|term| words.windows(term.words.len()).any(|run| term.is(run)))
    }
}

impl Term {
    /// Whether these words, as many as it has, are it.
    fn is(&self, run: &[String]) -> bool {
        let (Some((last, before)), Some((found, rest))) =
            (self.words.split_last(), run.split_last())
        else {
            return false;
        };
        before == rest && (found == last || self.open && found.starts_with(last.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(typed: &str, expected: &str) {
        let terms = Wanted::parse(typed).terms.into_iter();
        let shown = terms.map(|term| term.words.join("+") + if term.open { "*" } else { "" });
        assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{typed:?}");
    }

    #[test]
    fn queries_are_read_as_people_mean_them() {
        check("Red  fox", "red fox");
        check("\"Red fox\" runs", "red+fox runs");
        check("say “good night", "say good+night");
        check("fo*", "fo*");
        check("fo* ba", "fo ba");
        check("\"red fo\"*", "red+fo*");
        check("\"red fo*\"", "red+fo");
        check("\"red fo*", "red+fo");
        check("example.com 東京", "example+com 東+京");
        check("a AND NOT b OR c NEAR(d) ^e -f col:g {h}", "a and not b or c near+d e f col+g h");
        for nothing in ["", "*", "\"\"", "\" ", "... -- !", "\u{301}", "\0"] {
            check(nothing, "");
        }
    }

    #[test]
    fn a_long_query_is_cut() {
        let long = (0..100).map(|n| format!("w{n} ")).collect::<String>();
        assert_eq!(Wanted::parse(&long).terms.len(), QUERY_WORDS);
        let long = "字".repeat(1000) + "*";
        assert_eq!(Wanted::parse(&long).terms[0].words.len(), QUERY_WORDS);
    }

    #[test]
    fn a_text_has_what_is_wanted() {
        for (typed, text, expected) in [
            ("fox red", "the Red fox", true),
            ("\"fox red\"", "the red fox", false),
            ("\"red fox\"", "the red, FOX", true),
            ("re", "red", false),
            ("re*", "red", true),
            ("京都", "東京都", true),
            ("東都", "東京都", false),
            ("cafe", "Café", true),
            ("café", "CAFE", true),
            ("👍", "ok 👍🏿", true),
            ("com", "example.com", true),
        ] {
            assert_eq!(Wanted::parse(typed).is_in(text), expected, "{typed:?} in {text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_finds_itself(text in any::<String>()) {
            let quoted: String = text.replace(['"', '“', '”', '„', '*'], " ");
            let wanted = Wanted::parse(&format!("\"{quoted}\""));
            prop_assert!(wanted.is_in(&text) || wanted.terms.iter().any(|term| term.words.len() == QUERY_WORDS));
        }
    }
}
