//! The terminal that a server is started on: how large it is, and how to say something there.

use std::io::{self, IsTerminal};

/// What a terminal is taken for that doesn't say how large it is.
const COLUMNS: usize = 80;
const ROWS: usize = 24;

/// How text is to look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// Colours, bold and dim.
    pub(crate) styles: bool,
    /// Whether pictures made of blocks come out as such.
    pub(crate) blocks: bool,
}

impl Look {
    /// That of stdout, if it is a terminal.
    pub(crate) fn of_stdout() -> Option<Self> {
        if !io::stdout().is_terminal() {
            return None;
        }
        let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let size = terminal_size::terminal_size_of(io::stdout());
        // A terminal that was never told its size says 0.
        let size = size.map(|(columns, rows)| (usize::from(columns.0), usize::from(rows.0)));
        let (columns, rows) =
            size.filter(|size| size.0 > 0 && size.1 > 0).unwrap_or((COLUMNS, ROWS));
        Some(Self { columns, rows, styles: !is_dumb && !no_color, blocks: !is_dumb })
    }

    pub(crate) fn bold(&self, text: &str) -> String {
        self.styled("\x1b[1m", text)
    }

    pub(crate) fn dim(&self, text: &str) -> String {
        self.styled("\x1b[2m", text)
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.styles { format!("{style}{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Breaks ASCII text between words, so that no line is wider. A word that is too wide stays whole.
pub(crate) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_between_words() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("one enormously two", 5), ["one", "enormously", "two"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
