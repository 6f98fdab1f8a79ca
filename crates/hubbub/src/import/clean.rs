//! Makes names and texts of elsewhere fit our rules, and has counted what had to be changed.

use super::What;
use super::report::Report;
use hubbub_protocol::{Reaction, Text, UserName, limits, sanitize};
use hubbub_server::admin::ImportWhat;
use std::collections::HashMap;
use unicode_segmentation::UnicodeSegmentation as _;

/// Names that are remembered, so that each is changed and reported once.
const NAMES: usize = 100_000;

/// Remembers the names that it has seen.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    names: HashMap<String, UserName>,
}

impl Cleaner {
    /// The name by our rules.
    pub(super) fn name(&mut self, from: &str, report: &mut Report) -> UserName {
        if let Some(name) = self.names.get(from) {
            return name.clone();
        }
        let name = near(from);
        if self.names.len() < NAMES {
            report.person(from, &name);
            self.names.insert(from.to_owned(), name.clone());
        }
        name
    }

    /// What can be said of it: nothing, one message, or several of a long one.
    pub(super) fn parts(&mut self, what: What, report: &mut Report) -> Vec<ImportWhat> {
        match what {
            What::Text(text) => {
                texts(&text, report).into_iter().map(|text| ImportWhat::Text { text }).collect()
            }
            What::Action(text) => {
                texts(&text, report).into_iter().map(|text| ImportWhat::Action { text }).collect()
            }
            What::React { reaction, on } => match Reaction::parse(&reaction) {
                Some(reaction) => vec![ImportWhat::React { reaction, on }],
                None => {
                    report.unusable_reaction();
                    Vec::new()
                }
            },
        }
    }
}

fn near(from: &str) -> UserName {
    let name = UserName::parse(from).ok().or_else(|| UserName::near(from));
    name.or_else(|| UserName::near(&format!("user_{from}")))
        .unwrap_or_else(|| UserName::parse("user").expect("a letter, and no reserved word"))
}

fn texts(text: &str, report: &mut Report) -> Vec<Text> {
    let ends = text.replace("\r\n", "\n");
    let clean = sanitize::typed(&ends);
    if clean != ends {
        report.cleaned();
    }
    let parts: Vec<_> = cut(&clean).into_iter().filter_map(|part| Text::parse(part).ok()).collect();
    match parts.len() {
        0 => report.empty(),
        1 => {}
        _ => report.cut(),
    }
    parts
}

/// Cuts a text where it gets too long: between words in its second half if there is such a place,
/// else between two characters as people see them.
fn cut(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim_end_matches('\n');
    while let Some(end) = too_long(rest) {
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after.strip_prefix('\n').unwrap_or(after);
    }
    parts.push(rest);
    parts
}

/// Where to cut; `None` where it fits.
fn too_long(text: &str) -> Option<usize> {
    let line_ends = text.bytes().filter(|&byte| byte == b'\n').count();
    if text.len() <= limits::TEXT_BYTES && line_ends < limits::TEXT_LINES {
        return None;
    }
    let mut lines = 1;
    let mut space = None;
    for (at, grapheme) in text.grapheme_indices(true) {
        if grapheme == "\n" {
            lines += 1;
        }
        let end = at + grapheme.len();
        if end > limits::TEXT_BYTES && at == 0 {
            // One character as people see it, with a thousand accents.
            let fits = |&at: &usize| text.is_char_boundary(at);
            return (1..=limits::TEXT_BYTES).rev().find(fits);
        }
        if lines > limits::TEXT_LINES {
            return Some(at);
        }
        if end > limits::TEXT_BYTES {
            return space.filter(|&space| space > limits::TEXT_BYTES / 2).or(Some(at));
        }
        if grapheme.chars().all(char::is_whitespace) {
            space = Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_becomes_a_valid_one() {
        for (from, name) in [
            ("ann", "ann"),
            ("ann smith", "ann_smith"),
            ("7up", "up"),
            ("123", "user_123"),
            ("", "user"),
            ("\u{202e}\u{200b}", "user"),
            ("Admin", "Admin_"),
        ] {
            assert_eq!(near(from).as_str(), name, "{from:?}");
        }
        assert!(near(&"é".repeat(1000)).as_str().len() <= limits::USER_NAME_BYTES);
    }

    fn parts(text: &str) -> Vec<String> {
        let mut report = Report::new(false);
        texts(text, &mut report).iter().map(|text| text.as_str().to_owned()).collect()
    }

    #[test]
    fn a_text_is_cleaned_and_an_empty_one_is_none() {
        assert_eq!(parts("a\r\nb\u{1b}[31mc\u{7}\n\n"), ["a\nbc"]);
        assert_eq!(parts(" \n\u{200b}"), [""; 0]);
        assert_eq!(parts("\u{2}bold\u{2}"), ["\u{2}bold\u{2}"]);
    }

    #[test]
    fn a_long_text_is_cut_between_words_or_characters() {
        assert_eq!(parts(&"x".repeat(4096)).len(), 1);
        let words = parts(&"word ".repeat(1000));
        assert_eq!(words.len(), 2);
        assert!(words[1].starts_with("word"), "{:?}", &words[1][..9]);
        assert_eq!(words.concat(), "word ".repeat(1000));
        // A family is 25 bytes, and 4096 is in the midst of one.
        let family = "👨‍👩‍👧‍👦";
        let cut = parts(&family.repeat(200));
        assert_eq!(cut.concat(), family.repeat(200));
        assert!(cut.iter().all(|part| part.len() % family.len() == 0), "no family is torn");
        // An accent on an accent, for longer than a text may be.
        let zalgo = format!("a{}", "\u{301}".repeat(5000));
        assert_eq!(parts(&zalgo).concat(), zalgo);
        let lines = parts(&"line\n".repeat(250));
        assert_eq!(lines.iter().map(|p| p.lines().count()).collect::<Vec<_>>(), [100, 100, 50]);
    }
}
