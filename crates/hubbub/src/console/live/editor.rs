//! What keys do to the line. No terminal, no clock: keys in, and what there is to do out.

use super::complete::{self, Completion, Names};
use super::history::History;
use super::keys::Key;
use super::line::Line;

/// What a key asks for, beside that the line is drawn anew.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Act {
    Draw,
    /// A whole line.
    Submit(String),
    /// Ctrl-C on a line with text: it is dropped.
    Drop(String),
    /// Ctrl-C on an empty line.
    Interrupt,
    /// Ctrl-D on an empty line.
    EndOfInput,
    Suspend,
    ClearScreen,
    /// What the line could go on with.
    Choices(Vec<String>),
}

/// The line, and what was typed before.
#[derive(Debug)]
pub(super) struct Editor {
    pub(super) line: Line,
    history: History,
}

impl Editor {
    pub(super) fn new(history: History) -> Self {
        Self { line: Line::default(), history }
    }

    pub(super) fn hint(&self) -> Option<String> {
        complete::hint(self.line.text())
    }

    pub(super) fn take(&mut self, key: Key, names: &impl Names) -> Act {
        let line = &mut self.line;
        match key {
            Key::Up => {
                if let Some(older) = self.history.older(line.text()) {
                    line.set(older);
                }
                return Act::Draw;
            }
            Key::Down => {
                if let Some(newer) = self.history.newer() {
                    line.set(&newer);
                }
                return Act::Draw;
            }
            _ => self.history.typed(),
        }
        match key {
            Key::Enter => {
                let text = line.take();
                self.history.add(&text);
                return Act::Submit(text);
            }
            Key::Interrupt if line.text().is_empty() => return Act::Interrupt,
            Key::Interrupt => return Act::Drop(line.take()),
            Key::EndOfInput if line.text().is_empty() => return Act::EndOfInput,
            Key::Suspend => return Act::Suspend,
            Key::ClearScreen => return Act::ClearScreen,
            Key::Tab => return self.complete(names),
            Key::Char(c) => line.insert(c.encode_utf8(&mut [0; 4])),
            Key::Paste(text) => line.insert(&text),
            Key::Left => line.left(),
            // As in other shells, the hint is taken with the key that would go there.
            Key::Right | Key::End if line.is_at_end() => self.take_hint(),
            Key::Right => line.right(),
            Key::End => line.end(),
            Key::WordLeft => line.word_left(),
            Key::WordRight => line.word_right(),
            Key::Home => line.home(),
            Key::Backspace => line.backspace(),
            Key::Delete | Key::EndOfInput => line.delete(),
            Key::DeleteWordLeft => line.delete_word_left(),
            Key::DeleteWordRight => line.delete_word_right(),
            Key::DeleteToStart => line.delete_to_start(),
            Key::DeleteToEnd => line.delete_to_end(),
            Key::Undelete => line.undelete(),
            Key::Up | Key::Down => {}
        }
        Act::Draw
    }

    /// Only the rest of a verb: what stands for its arguments is nothing to be sent.
    fn take_hint(&mut self) {
        let hint = self.hint().unwrap_or_default();
        let rest = hint.split(' ').next().unwrap_or_default();
        if rest.chars().all(char::is_lowercase) && !rest.is_empty() {
            self.line.insert(&format!("{rest} "));
        }
    }

    fn complete(&mut self, names: &impl Names) -> Act {
        let Completion { from, mut choices } = complete::complete(self.line.before(), names);
        if let [one] = &choices[..] {
            self.line.replace_from(from, &format!("{one} "));
            return Act::Draw;
        }
        let common = common(&choices);
        // Other letters of the same kind count as the same: never make it shorter.
        if common.chars().count() > self.line.before()[from..].chars().count() {
            self.line.replace_from(from, &common);
            return Act::Draw;
        }
        choices.sort_unstable();
        if choices.is_empty() { Act::Draw } else { Act::Choices(choices) }
    }
}

/// How all of them begin.
fn common(choices: &[String]) -> String {
    let Some((first, others)) = choices.split_first() else { return String::new() };
    let is_shared = |end: &usize| others.iter().all(|other| other.starts_with(&first[..*end]));
    let ends = first.char_indices().map(|(at, c)| at + c.len_utf8());
    let end = ends.take_while(is_shared).last().unwrap_or(0);
    first[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_server::verbs::Takes;

    struct Fixed;

    impl Names for Fixed {
        fn names(&self, of: Takes) -> Vec<String> {
            let names: &[&str] = match of {
                Takes::User => &["ann", "bob", "bobby", "Bobo"],
                _ => &["lobby"],
            };
            names.iter().map(ToString::to_string).collect()
        }
    }

    /// The line after these keys, `|` being the cursor, and what the last key asked for.
    fn typed(text: &str, keys: &[Key]) -> (String, Act) {
        let folder = tempfile::tempdir().unwrap();
        let mut editor = Editor::new(History::load(folder.path()));
        let mut act = editor.take(Key::Paste(text.into()), &Fixed);
        for key in keys {
            act = editor.take(key.clone(), &Fixed);
        }
        let mut line = editor.line.text().to_owned();
        line.insert(editor.line.before().len(), '|');
        (line, act)
    }

    #[test]
    fn tab_goes_as_far_as_it_is_clear_and_then_shows_what_there_is() {
        assert_eq!(typed("sta", &[Key::Tab]), ("stats |".into(), Act::Draw));
        assert_eq!(typed("/kick an", &[Key::Tab]).0, "/kick ann |");
        let names = Act::Choices(vec!["Bobo".into(), "bob".into(), "bobby".into()]);
        assert_eq!(typed("kick bo", &[Key::Tab]), ("kick bo|".into(), names));
        assert_eq!(typed("kick bobb", &[Key::Tab]).0, "kick bobby |");
        assert_eq!(typed("se", &[Key::Tab]).0, "sessions |");
        assert_eq!(typed("un", &[Key::Tab]).1, Act::Choices(vec!["unban".into(), "unmute".into()]));
        assert_eq!(typed("zzz", &[Key::Tab]), ("zzz|".into(), Act::Draw));
        let middle = [Key::Home, Key::Char('s'), Key::Char('t'), Key::Tab];
        assert_eq!(typed(" x", &middle).0, "stats | x");
    }

    #[test]
    fn ctrl_c_and_ctrl_d_mean_something_else_on_an_empty_line() {
        assert_eq!(typed("", &[Key::Interrupt]), ("|".into(), Act::Interrupt));
        assert_eq!(typed("kick", &[Key::Interrupt]), ("|".into(), Act::Drop("kick".into())));
        assert_eq!(typed("", &[Key::EndOfInput]), ("|".into(), Act::EndOfInput));
        assert_eq!(typed("kick", &[Key::Home, Key::EndOfInput]), ("|ick".into(), Act::Draw));
    }

    #[test]
    fn a_hint_is_taken_as_far_as_it_is_a_verb() {
        assert_eq!(typed("anno", &[Key::Right]).0, "announce |");
        assert_eq!(typed("kick ", &[Key::End]).0, "kick |");
    }

    #[test]
    fn what_was_entered_comes_back_with_the_arrow() {
        let keys = [Key::Enter, Key::Char('k'), Key::Up];
        assert_eq!(typed("kick bob", &keys).0, "kick bob|");
        let keys = [Key::Enter, Key::Char('k'), Key::Up, Key::Down];
        assert_eq!(typed("kick bob", &keys).0, "k|");
    }
}
