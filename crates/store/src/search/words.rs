//! A text as words that can be compared byte by byte.
//!
//! The text is normalised (NFKC) and case-folded. A word is then a run of letters, digits and the marks
//! on them; everything else stands between words, also inside of `example.com`, `can't` and
//! `snake_case`: whoever looks for one of the parts finds it, and the whole is found as words that
//! follow each other. Beyond that:
//!
//! - Scripts whose words have no spaces between them, or have endings and particles glued on (Korean),
//!   are cut into single characters, and words of them become characters that follow each other. A
//!   dictionary would cut better and find less.
//! - An emoji is a word. What only changes its look (skin, variant) is left out.
//! - Accents, the points of Hebrew and the vowel signs of Arabic are left out, on both sides: people
//!   don't type them when they search. Marks without which it is another letter stay: those of Indic
//!   and Japanese writing, and the breve of Cyrillic й.
//! - What can't be seen is left out, so that a soft hyphen does not hide a word.
//!
//! Word boundaries by UAX 29 lost: they keep `example.com` and `can't` whole, and for all that remains
//! they come to the same.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{
    GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory,
};
use unicode_script::{Script, UnicodeScript};

/// Longest word, in characters; what is longer is several words that follow each other.
const WORD_CHARS: usize = 64;

/// The words of a text, in its order.
pub(crate) fn words(text: &str) -> Vec<String> {
    if text.is_ascii() {
        return ascii(text);
    }
    let mut cutter = Cutter::default();
    let mut base = '\0';
    let folded = text.nfkd().default_case_fold().nfkd();
    let kept = folded.filter_map(|c| keep(c, &mut base));
    kept.nfc().for_each(|c| cutter.take(c));
    cutter.words
}

/// The same for ASCII, where no tables are needed.
fn ascii(text: &str) -> Vec<String> {
    let runs = text.as_bytes().split(|byte| !byte.is_ascii_alphanumeric());
    runs.flat_map(|run| run.chunks(WORD_CHARS))
        .map(|word| word.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
        .collect()
}

/// What is kept of a decomposed character that stands behind the base character `base`.
fn keep(c: char, base: &mut char) -> Option<char> {
    match c {
        // Between words of a script without spaces: a boundary, though nobody sees it.
        '\u{200b}' => Some(' '),
        // The breve makes Cyrillic и the letter й.
        '\u{306}' if *base == 'и' => Some(c),
        // Accents of Latin, Greek and Cyrillic.
        '\u{300}'..='\u{36f}'
        // Hebrew points, but not the punctuation among them.
        | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        // Arabic vowel signs and what makes words longer.
        | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{640}'
        // What chooses a variant of a character.
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => None,
        // Letters with a stroke, and the i without its dot: no mark that could be left out.
        'ø' => Some('o'),
        'ł' => Some('l'),
        'đ' => Some('d'),
        'ħ' => Some('h'),
        'ı' => Some('i'),
        c if c.general_category() == GeneralCategory::Format => None,
        c => {
            if c.general_category_group() != GeneralCategoryGroup::Mark {
                *base = c;
            }
            Some(c)
        }
    }
}

/// What a character is to a word.
enum Part {
    /// Of a word with other letters.
    Letter,
    /// A word by itself.
    Alone,
    /// Belongs to the character before it.
    Mark,
    /// Stands between words.
    Between,
}

fn part(c: char) -> Part {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Part::Letter } else { Part::Between };
    }
    match c.general_category() {
        GeneralCategory::OtherSymbol if c.is_emoji_char() => Part::Alone,
        // What our tables don't know may well be a letter of a younger Unicode.
        GeneralCategory::Unassigned | GeneralCategory::PrivateUse => Part::Letter,
        _ => match c.general_category_group() {
            GeneralCategoryGroup::Mark => Part::Mark,
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number if is_unspaced(c) => {
                Part::Alone
            }
            GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number => Part::Letter,
            _ => Part::Between,
        },
    }
}

/// Whether a letter is of a script that is cut into characters.
fn is_unspaced(c: char) -> bool {
    // The sign that makes a Japanese vowel long belongs to two scripts.
    c == '\u{30fc}'
        || matches!(
            c.script(),
            Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Bopomofo
                | Script::Hangul
                | Script::Yi
                | Script::Tangut
                | Script::Nushu
                | Script::Khitan_Small_Script
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
                | Script::Tai_Le
                | Script::New_Tai_Lue
                | Script::Tai_Tham
                | Script::Tai_Viet
                | Script::Ahom
                | Script::Balinese
                | Script::Javanese
        )
}

/// Collects the words.
#[derive(Default)]
struct Cutter {
    words: Vec<String>,
    /// Characters of the last word.
    chars: usize,
    /// Whether letters may be added to the last word.
    takes_letters: bool,
    /// Whether marks may.
    takes_marks: bool,
}

impl Cutter {
    fn take(&mut self, c: char) {
        let part = part(c);
        let goes_on = self.chars < WORD_CHARS
            && match part {
                Part::Letter => self.takes_letters,
                Part::Mark => self.takes_marks,
                Part::Alone | Part::Between => false,
            };
        self.takes_marks = !matches!(part, Part::Between);
        self.takes_letters = match part {
            Part::Letter => true,
            // A mark changes nothing; alone it is a word that letters may follow.
            Part::Mark => self.takes_letters || !goes_on,
            Part::Alone | Part::Between => false,
        };
        match self.words.last_mut() {
            Some(word) if goes_on => {
                word.push(c);
                self.chars += 1;
            }
            _ if self.takes_marks => {
                self.words.push(c.into());
                self.chars = 1;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(words(text).join(" "), expected, "{text:?}");
    }

    #[test]
    fn words_of_many_scripts() {
        check("Hello, World!", "hello world");
        check("can't see example.com/snake_case", "can t see example com snake case");
        check("Straße ΣΊΣΥΦΟΣ", "strasse σισυφοσ");
        check("Zoë naïve Łódź ISTANBUL İstanbul ısı", "zoe naive lodz istanbul istanbul isi");
        check("Мой ёж", "мой еж");
        check("ﬁne ＡＢＣ m²", "fine abc m2");
        check("שָׁלוֹם مُحَمَّد", "שלום محمد");
        check("नमस्ते दुनिया", "नमस्ते दुनिया");
        check("日本語のガギグ、ｶﾞ", "日 本 語 の ガ ギ グ ガ");
        check("한국어가 좋다", "한 국 어 가 좋 다");
        check("\u{1112}\u{1161}\u{11ab}", "한");
        check("ที่บ้าน", "ที่ บ้ า น");
        check("ខ្មែរ", "ខ្ មែ រ");
        check("日本go語", "日 本 go 語");
        check("ok👍🏽👍 ❤️ 👩‍👩‍👧", "ok 👍 👍 ❤ 👩 👩 👧");
        check("pass\u{ad}word zero\u{200b}width", "password zero width");
        check("١٢٣ 42", "١٢٣ 42");
        check(" \u{301}\u{20e3} ... ", "\u{20e3}");
        check("", "");
    }

    #[test]
    fn a_long_word_is_several() {
        for letter in ["x", "ж"] {
            let found = words(&letter.repeat(130));
            let lengths: Vec<usize> = found.iter().map(|word| word.chars().count()).collect();
            assert_eq!(lengths, [64, 64, 2], "{letter}");
        }
    }

    proptest! {
        /// The index separates words by spaces, and marks what is no word by `_`.
        #[test]
        fn words_have_nothing_but_letters(text in any::<String>()) {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.chars().count() <= WORD_CHARS);
                prop_assert!(word.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric()), "{}", word);
                prop_assert!(!word.contains(|c: char| c.is_ascii_uppercase()));
            }
        }

        #[test]
        fn the_short_cut_for_ascii_is_right(text in "[ -~\n\t]{0,80}") {
            let cut = words(&text);
            // One more word keeps it from the short cut.
            let mut long_way = words(&format!("{text} ж"));
            let last = long_way.pop();
            prop_assert_eq!(last.as_deref(), Some("ж"));
            prop_assert_eq!(cut, long_way);
        }
    }
}
