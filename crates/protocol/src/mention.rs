//! Whom a text calls: a user by name, a user by a word that they chose, or everybody in the room.
//!
//! Names and words count in any case, as [`UserName::fold`](crate::UserName::fold) has it; a
//! look-alike is somebody else and does not count. What stands between backticks is code: it quotes
//! and does not call.

use crate::name::fold;
use crate::{Said, UserName};
use unicode_normalization::char::is_combining_mark;

/// How a message calls somebody, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mention {
    /// By `@name`.
    Name,
    /// By a word that the user chose.
    Word,
    /// Together with everybody in the room; the server says so.
    Everyone,
}

/// By what one user is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Folded.
    name: String,
    /// Folded, none of them empty.
    words: Vec<String>,
}

impl Calls {
    /// By this name and these words. A word may be several: then they must follow each other.
    #[must_use]
    pub fn new<W: AsRef<str>>(name: &UserName, words: &[W]) -> Self {
        let words = words.iter().map(|word| fold(word.as_ref().trim()));
        Self { name: name.fold(), words: words.filter(|word| !word.is_empty()).collect() }
    }

    /// Whether a message calls the user. Takes time in proportion to text × words at most.
    #[must_use]
    pub fn find(&self, said: &Said) -> Option<Mention> {
        let text = fold(&without_code(said.text.as_str()));
        if !self.name.is_empty() && calls_by_name(&text, &self.name) {
            return Some(Mention::Name);
        }
        if self.words.iter().any(|word| has_word(&text, word)) {
            return Some(Mention::Word);
        }
        said.everyone.then_some(Mention::Everyone)
    }
}

/// `@name`, not behind a letter (an address: `ann@example`), and not the beginning of another name.
/// Names may have dots and dashes inside: `@bob.` and `@bob-` call bob, `@bob.smith` does not.
fn calls_by_name(text: &str, name: &str) -> bool {
    text.match_indices('@').any(|(at, sign)| {
        let before = text[..at].chars().next_back();
        let Some(rest) = text[at + sign.len()..].strip_prefix(name) else { return false };
        !before.is_some_and(|c| is_word(c) && !has_no_spaces(c)) && !goes_on(rest)
    })
}

/// Whether a name goes on with `rest`.
fn goes_on(rest: &str) -> bool {
    let mut rest = rest.chars().skip_while(|c| matches!(c, '.' | '-')).peekable();
    rest.peek().is_some_and(|&c| is_word(c))
}

/// Whether `word` stands in `text`, and not as a part of a longer word.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.zip(word.chars().next()).is_some_and(|(a, b)| are_one_word(a, b))
            && !word.chars().next_back().zip(after).is_some_and(|(a, b)| are_one_word(a, b))
    })
}

fn are_one_word(one: char, next: char) -> bool {
    is_combining_mark(next)
        || is_word(one) && is_word(next) && !(has_no_spaces(one) || has_no_spaces(next))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || is_combining_mark(c)
}

/// Scripts that are written without spaces between words: Thai, Lao, Myanmar, Khmer, kana and Han.
/// There, any place may be the end of a word.
fn has_no_spaces(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}'
        | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
    )
}

/// The text with a space for all that stands between two runs of equally many backticks
/// (CommonMark, section 6.1). A run without a second one is text.
fn without_code(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('`') {
        let ticks = run(&rest[begin..]);
        let inside = &rest[begin + ticks..];
        plain.push_str(&rest[..begin]);
        match closing(inside, ticks) {
            Some(end) => {
                plain.push(' ');
                rest = &inside[end + ticks..];
            }
            None => {
                plain.push_str(&rest[begin..begin + ticks]);
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    plain
}

/// How many backticks the text begins with.
fn run(text: &str) -> usize {
    text.bytes().take_while(|&b| b == b'`').count()
}

/// Where the next run of exactly so many backticks begins.
fn closing(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find('`') {
        at += found;
        let found = run(&text[at..]);
        if found == ticks {
            return Some(at);
        }
        at += found;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;
    use proptest::prelude::*;

    fn find(name: &str, words: &[&str], text: &str) -> Option<Mention> {
        let said = Said::from(Text::parse(text).unwrap());
        Calls::new(&UserName::parse(name).unwrap(), words).find(&said)
    }

    #[test]
    fn a_name_is_called_whole_and_in_any_case() {
        for (name, text) in [
            ("bob", "@bob"),
            ("bob", "hey @BOB!"),
            ("bob", "(@bob)"),
            ("bob", "@bob."),
            ("bob", "is it @bob... or"),
            ("bob", "@bob's turn"),
            ("bob", "@bob, @cleo: hi"),
            ("bob", "mail@bob and @bob"),
            ("bob.smith", "@Bob.Smith: hi"),
            ("bob-smith", "@bob-smith-"),
            ("o'neil", "@o'neil"),
            ("bob-", "@bob- yes"),
            ("straße", "@STRASSE"),
            ("Ольга", "@ольга привет"),
            ("李雷", "你好@李雷 吗"),
            ("zoë", "@Zoe\u{308}"),
        ] {
            assert_eq!(find(name, &[], text), Some(Mention::Name), "{name}: {text}");
        }
        for (name, text) in [
            ("bob", "bob"),
            ("bob", "@bobby"),
            ("bob", "@bob_2"),
            ("bob", "@bob2"),
            ("bob", "@bob.smith"),
            ("bob", "@bob-smith"),
            ("bob", "mail@bob"),
            ("bob", "@ bob"),
            ("bob", "@b\u{43e}b"),
            ("zoe", "@zoe\u{308}"),
            ("modern", "@modem"),
        ] {
            assert_eq!(find(name, &[], text), None, "{name}: {text}");
        }
    }

    #[test]
    fn words_are_whole_in_any_script() {
        for (word, text) in [
            ("deploy", "Deploy!"),
            ("deploy", "re-deploy now"),
            ("on call", "who is ON CALL today"),
            ("c++", "I like C++."),
            ("ärger", "ÄRGER"),
            ("会議", "明日会議です"),
            ("プリン", "プリンがある"),
            ("हिन्दी", "यह हिन्दी है"),
            ("café", "cafe\u{301}?"),
        ] {
            assert_eq!(find("bob", &[word], text), Some(Mention::Word), "{word}: {text}");
        }
        for (word, text) in [
            ("deploy", "deployed"),
            ("deploy", "my_deploy"),
            ("cafe", "cafe\u{301}"),
            ("हिन्द", "हिन्दी"),
            ("", "anything"),
            ("  ", "any thing"),
        ] {
            assert_eq!(find("bob", &[word], text), None, "{word}: {text}");
        }
    }

    #[test]
    fn code_does_not_call() {
        for text in ["`@bob`", "``a ` @bob``", "```\n@bob\n```", "`x` `@bob`"] {
            assert_eq!(find("bob", &[], text), None, "{text}");
        }
        for text in ["`code` @bob", "`@bob", "``@bob`", "`a`@bob`b`", "it`s @bob"] {
            assert_eq!(find("bob", &[], text), Some(Mention::Name), "{text}");
        }
    }

    #[test]
    fn the_strongest_call_counts() {
        let calls = Calls::new(&UserName::parse("bob").unwrap(), &["lunch"]);
        let mut said = Said::from(Text::parse("@room lunch").unwrap());
        assert_eq!(calls.find(&said), Some(Mention::Word));
        said.text = Text::parse("@room").unwrap();
        assert_eq!(calls.find(&said), None, "whether it calls everybody, the server says");
        said.everyone = true;
        assert_eq!(calls.find(&said), Some(Mention::Everyone));
        said.text = Text::parse("@bob lunch").unwrap();
        assert_eq!(calls.find(&said), Some(Mention::Name));
        assert_eq!(Calls::default().find(&Text::parse("@ x").unwrap().into()), None);
    }

    proptest! {
        #[test]
        fn no_text_confuses_it(text in "[@`.a-bé\u{301}会 ]{1,40}", word in "[`@.aé\u{301}]{0,4}") {
            if let Ok(text) = Text::parse(&text) {
                let said = Said::from(text.clone());
                let calls = Calls::new(&UserName::parse("a.b").unwrap(), &[word]);
                let found = calls.find(&said);
                // With borders on both sides, what calls goes on calling.
                let around = Text::parse(&format!("x, {text} ,x")).unwrap();
                if !text.as_str().contains('`') && !text.as_str().starts_with('\u{301}') {
                    prop_assert_eq!(calls.find(&around.into()), found);
                }
            }
        }
    }
}
