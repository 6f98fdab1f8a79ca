//! Which characters may be stored, and which may reach a terminal.
//!
//! Two nets: [`crate::Text`] and the names refuse what no message needs, and [`for_terminal`] drops
//! what a terminal must not see from everything that is printed, wherever it came from.

use std::borrow::Cow;

/// A character that no text may hold: C0 (but newline, tab and IRC's formatting codes), DEL, C1 and
/// the Unicode line separators.
#[must_use]
pub fn is_forbidden_in_text(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        // IRC formatting: bold, colour, hex colour, reset, monospace, reverse, italic,
        // strikethrough, underline (modern.ircdocs.horse/formatting). Doors that can't show it drop it.
        '\u{02}' | '\u{03}' | '\u{04}' | '\u{0f}' | '\u{11}' | '\u{16}' | '\u{1d}' | '\u{1e}'
        | '\u{1f}' => false,
        '\u{2028}' | '\u{2029}' => true,
        c => c.is_control(),
    }
}

/// A bidirectional formatting character (Unicode UAX 9): it can make text read as what it is not.
#[must_use]
pub fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A character without a shape of its own (Unicode category Cf and the default ignorables): two
/// names that differ only in these look the same.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{0600}'..='\u{0605}' | '\u{06dd}' | '\u{070f}'
        | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}'
    ) || is_bidi_control(c)
}

fn may_reach_terminal(c: char) -> bool {
    c == '\n' || c == '\t' || !(c.is_control() || is_bidi_control(c) || is_line_separator(c))
}

fn is_line_separator(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}')
}

/// The text without anything that a terminal could take for a command: C0 (but newline and tab),
/// DEL, C1, and bidirectional formatting. Colours of IRC lose their code, not their digits.
#[must_use]
pub fn for_terminal(text: &str) -> Cow<'_, str> {
    if text.chars().all(may_reach_terminal) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().filter(|&c| may_reach_terminal(c)).collect())
    }
}

/// [`for_terminal`] for what must stay on one line: newlines and tabs become spaces.
#[must_use]
pub fn for_terminal_line(text: &str) -> Cow<'_, str> {
    let clean = for_terminal(text);
    if clean.contains(['\n', '\t']) { clean.replace(['\n', '\t'], " ").into() } else { clean }
}

/// What a person typed, made fit to be a text: escape sequences and forbidden characters go, line
/// ends become `\n`. For doors where a stray arrow key must not cost the whole message.
#[must_use]
pub fn typed(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                rest.next_if_eq(&'\n');
                clean.push('\n');
            }
            // ECMA-48: ESC [ parameters final; ESC N or O (a single shift) and one more, as terminals
            // send for arrows in application mode; or ESC and one character.
            '\u{1b}' => {
                if rest.next_if_eq(&'[').is_some() {
                    while rest.next_if(|c| ('\u{20}'..='\u{3f}').contains(c)).is_some() {}
                    rest.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
                } else if rest.next_if(|c| matches!(c, 'N' | 'O')).is_some() {
                    rest.next_if(|c| ('\u{20}'..='\u{7e}').contains(c));
                } else {
                    rest.next_if(|c| ('\u{30}'..='\u{7e}').contains(c));
                }
            }
            c if is_forbidden_in_text(c) => {}
            c => clean.push(c),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_do_not_reach_a_terminal() {
        assert_eq!(for_terminal("a\u{1b}]0;title\u{7}b"), "a]0;titleb");
        assert_eq!(for_terminal("\u{9b}31mred"), "31mred");
        assert_eq!(for_terminal("exe\u{202e}gpj.jpg"), "exegpj.jpg");
        assert_eq!(for_terminal("two\nlines\ttab"), "two\nlines\ttab");
        assert_eq!(for_terminal_line("two\nlines"), "two lines");
    }

    #[test]
    fn typed_text_loses_arrow_keys_whole() {
        assert_eq!(typed("he\u{1b}[Dllo\u{1b}[1;5C!\u{1b}OA"), "hello!");
        assert_eq!(typed("a\r\nb\rc\u{0}\u{7f}"), "a\nb\nc");
    }

    proptest! {
        #[test]
        fn whatever_was_typed_becomes_a_text_and_prints_safely(input in any::<String>()) {
            prop_assert!(!typed(&input).chars().any(is_forbidden_in_text));
            prop_assert!(for_terminal(&input).chars().all(may_reach_terminal));
            prop_assert!(!for_terminal_line(&input).contains('\n'));
        }
    }
}
