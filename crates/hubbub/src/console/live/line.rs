//! The line that is typed, and where its cursor stands.

use unicode_segmentation::UnicodeSegmentation;

/// Longest line, in bytes: more than any verb takes.
pub(super) const LINE_BYTES: usize = 8 * 1024;

/// Holds no control characters, and its cursor stands between characters as people see them.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    at: usize,
    /// What was deleted last, to be put in again.
    deleted: String,
}

impl Line {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn before(&self) -> &str {
        &self.text[..self.at]
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Replaces it, with the cursor at its end.
    pub(super) fn set(&mut self, text: &str) {
        self.text.clear();
        self.at = 0;
        self.insert(text);
    }

    /// Takes it, and leaves an empty one.
    pub(super) fn take(&mut self) -> String {
        self.at = 0;
        std::mem::take(&mut self.text)
    }

    /// Puts text in, as far as there is room. Line ends and tabs become spaces, other control characters go.
    pub(super) fn insert(&mut self, text: &str) {
        // Terminals paste a line end as Enter is typed.
        for c in text.trim_end_matches(['\r', '\n']).replace("\r\n", "\n").chars() {
            let c = if matches!(c, '\r' | '\n' | '\t') { ' ' } else { c };
            if c.is_control() || self.text.len() + c.len_utf8() > LINE_BYTES {
                continue;
            }
            self.text.insert(self.at, c);
            self.at += c.len_utf8();
        }
    }

    /// Replaces what stands from there to the cursor.
    pub(super) fn replace_from(&mut self, from: usize, by: &str) {
        self.text.replace_range(from..self.at, "");
        self.at = from;
        self.insert(by);
    }

    pub(super) fn left(&mut self) {
        self.at = self.previous();
    }

    pub(super) fn right(&mut self) {
        self.at = self.next();
    }

    pub(super) fn word_left(&mut self) {
        self.at = self.word_start();
    }

    pub(super) fn word_right(&mut self) {
        self.at = self.word_end();
    }

    pub(super) fn home(&mut self) {
        self.at = 0;
    }

    pub(super) fn end(&mut self) {
        self.at = self.text.len();
    }

    pub(super) fn backspace(&mut self) {
        let from = self.previous();
        self.text.replace_range(from..self.at, "");
        self.at = from;
    }

    pub(super) fn delete(&mut self) {
        let to = self.next();
        self.text.replace_range(self.at..to, "");
    }

    pub(super) fn delete_word_left(&mut self) {
        let from = self.word_start();
        self.cut(from, self.at);
    }

    pub(super) fn delete_word_right(&mut self) {
        let to = self.word_end();
        self.cut(self.at, to);
    }

    pub(super) fn delete_to_start(&mut self) {
        self.cut(0, self.at);
    }

    pub(super) fn delete_to_end(&mut self) {
        self.cut(self.at, self.text.len());
    }

    pub(super) fn undelete(&mut self) {
        let deleted = self.deleted.clone();
        self.insert(&deleted);
    }

    fn cut(&mut self, from: usize, to: usize) {
        if from < to {
            self.deleted = self.text[from..to].to_owned();
            self.text.replace_range(from..to, "");
            self.at = from;
        }
    }

    fn previous(&self) -> usize {
        self.before().grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        self.at + self.text[self.at..].graphemes(true).next().map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        let text = self.before().trim_end();
        text.char_indices().rfind(|(_, c)| c.is_whitespace()).map_or(0, |(at, c)| at + c.len_utf8())
    }

    fn word_end(&self) -> usize {
        let rest = &self.text[self.at..];
        let blank = rest.len() - rest.trim_start().len();
        let word = rest[blank..].find(char::is_whitespace).unwrap_or(rest.len() - blank);
        self.at + blank + word
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        let mut line = Line::default();
        line.insert(text);
        line
    }

    #[test]
    fn characters_are_what_people_see() {
        let mut line = line("ae\u{301}👨‍👩‍👧b");
        line.left();
        line.backspace();
        assert_eq!((line.text(), line.before()), ("ae\u{301}b", "ae\u{301}"));
        line.backspace();
        assert_eq!(line.text(), "ab");
        line.home();
        line.delete();
        assert_eq!(line.text(), "b");
        line.right();
        line.right();
        line.delete();
        assert_eq!(line.before(), "b");
    }

    #[test]
    fn words_go_and_come_back() {
        let mut line = line("kick #lobby bob  too loud");
        line.delete_word_left();
        line.delete_word_left();
        assert_eq!(line.text(), "kick #lobby bob  ");
        line.undelete();
        assert_eq!(line.text(), "kick #lobby bob  too ");
        line.home();
        line.word_right();
        line.delete_word_right();
        assert_eq!(line.text(), "kick bob  too ");
        line.delete_to_end();
        assert_eq!(line.text(), "kick");
        line.word_left();
        line.undelete();
        assert_eq!(line.before(), " bob  too ");
        line.delete_to_start();
        assert_eq!(line.text(), "kick");
    }

    #[test]
    fn what_is_pasted_stays_one_line_without_commands_to_the_terminal() {
        assert_eq!(line("kick bob\r\nkick eve\n").text(), "kick bob kick eve");
        assert_eq!(line("kick bob\rkick eve\r").text(), "kick bob kick eve");
        assert_eq!(line("a\x1b[2J\u{9b}b\t!").text(), "a[2Jb !");
        assert_eq!(line(&"é".repeat(LINE_BYTES)).text().len(), LINE_BYTES);
    }
}
