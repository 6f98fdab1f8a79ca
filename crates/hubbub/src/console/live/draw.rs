//! How the line looks on one row of a terminal. What is wider moves sideways below the cursor, so that
//! the row is the same at every width and can be drawn anew at any moment.

use super::super::PROMPT;
use super::line::Line;
use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Takes the row away, with the cursor at its beginning.
pub(super) const CLEAR_ROW: &str = "\r\x1b[K";
/// Columns that stay free behind the cursor when it is at the edge.
const EDGE: usize = 1;

/// The row with the cursor in it, from wherever the cursor is in that row now.
pub(super) fn row(line: &Line, hint: Option<&str>, columns: usize, styles: bool) -> String {
    let columns = columns.saturating_sub(PROMPT.len() + EDGE);
    let cursor = line.before().width();
    // So many columns have moved out on the left.
    let (mut gone, mut hidden) = (0, 0);
    for grapheme in line.text().graphemes(true) {
        if cursor <= columns + gone {
            break;
        }
        gone += grapheme.width();
        hidden += grapheme.len();
    }
    let shown = fitting(&line.text()[hidden..], columns);
    let left = columns - shown.width();
    // Without a style of its own a hint would look typed.
    let hint = hint.filter(|_| styles && line.is_at_end()).map_or("", |hint| fitting(hint, left));
    let mut row = String::from(CLEAR_ROW);
    let (bold, dim, plain) = if styles { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let _ = write!(row, "{bold}{PROMPT}{plain}{shown}");
    if !hint.is_empty() {
        let _ = write!(row, "{dim}{hint}{plain}");
    }
    let _ = write!(row, "\r\x1b[{}C", PROMPT.len() + cursor - gone);
    row
}

/// As much of the text as there is room for.
fn fitting(text: &str, columns: usize) -> &str {
    let mut width = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        width += grapheme.width();
        if width > columns {
            return &text[..at];
        }
    }
    text
}

/// Choices side by side, in rows of that width.
pub(super) fn choices(choices: &[String], columns: usize) -> Vec<String> {
    let widest = choices.iter().map(|choice| choice.width()).max().unwrap_or(0) + 2;
    let across = (columns / widest).max(1);
    let line = |row: &[String]| {
        let cells = row
            .iter()
            .map(|choice| format!("{choice}{}", " ".repeat(widest.saturating_sub(choice.width()))));
        cells.collect::<String>().trim_end().to_owned()
    };
    choices.chunks(across).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, back: usize) -> Line {
        let mut line = Line::default();
        line.insert(text);
        (0..back).for_each(|_| line.left());
        line
    }

    /// What is seen, and where the cursor is.
    fn seen(row: &str) -> (String, usize) {
        let row = row.strip_prefix(CLEAR_ROW).unwrap();
        let (text, cursor) = row.rsplit_once("\r\x1b[").unwrap();
        (text.to_owned(), cursor.strip_suffix('C').unwrap().parse().unwrap())
    }

    #[test]
    fn the_cursor_is_behind_what_was_typed() {
        assert_eq!(seen(&row(&line("", 0), None, 80, false)), ("hubbub> ".into(), 8));
        assert_eq!(seen(&row(&line("stats", 2), None, 80, false)), ("hubbub> stats".into(), 11));
        assert_eq!(seen(&row(&line("漢字", 0), None, 80, false)), ("hubbub> 漢字".into(), 12));
    }

    #[test]
    fn a_long_line_moves_and_never_fills_the_row() {
        for columns in [1, 8, 9, 20, 80, 200] {
            for text in ["x".repeat(300), "漢字e\u{301}".repeat(60)] {
                for back in [0, 1, 50, 100, 150, 300] {
                    let (text, cursor) =
                        seen(&row(&line(&text, back), Some("hint"), columns, false));
                    let most = columns.max(PROMPT.len() + EDGE);
                    assert!(
                        text.width() < most && cursor < most,
                        "{columns} {back}: {cursor} {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_hint_is_seen_only_in_its_own_style_and_at_the_end() {
        let hinted =
            |back, columns, styles| row(&line("kick", back), Some(" NAME"), columns, styles);
        assert!(hinted(0, 80, true).contains("\x1b[2m NAME\x1b[0m"));
        assert!(!hinted(0, 80, false).contains("NAME"));
        assert!(!hinted(1, 80, true).contains("NAME"));
        assert!(hinted(0, 16, true).contains("\x1b[2m NA\x1b[0m"));
    }

    #[test]
    fn choices_fill_the_width() {
        let names: Vec<_> = ["ann", "bob", "bernd"].map(str::to_owned).into();
        assert_eq!(choices(&names, 80), ["ann    bob    bernd"]);
        assert_eq!(choices(&names, 15), ["ann    bob", "bernd"]);
        assert_eq!(choices(&names, 1), ["ann", "bob", "bernd"]);
    }
}
