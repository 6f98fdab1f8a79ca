//! Breaks answers for people between words, with what goes on below what it goes on from.

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// What goes on stands so much further in than what it goes on from, if there is no column for it.
const HANG: usize = 2;
/// Fewer columns than that are not worth breaking for.
const COLUMNS_MIN: usize = 20;

/// The line in as many as it takes. What has columns (two spaces between them) goes on below its last
/// column, as far as that leaves room for it.
pub(crate) fn wrapped(line: &str, columns: usize) -> Vec<String> {
    if columns < COLUMNS_MIN || line.width() <= columns {
        return vec![line.to_owned()];
    }
    let hang = " ".repeat(hanging(line, columns));
    let mut lines = Vec::new();
    let mut now = String::new();
    let mut has_text = false;
    // Words with the space before them, so that columns stay.
    for part in line.split_inclusive(' ').flat_map(|word| pieces(word, columns - hang.len())) {
        let is_blank = part.trim().is_empty();
        if has_text && now.width() + part.trim_end().width() > columns {
            lines.push(now.trim_end().to_owned());
            now = hang.clone();
            has_text = false;
            if is_blank {
                continue;
            }
        }
        now.push_str(part);
        has_text |= !is_blank;
    }
    lines.push(now.trim_end().to_owned());
    lines
}

/// Where the last column begins, if there is one in the left half.
fn hanging(line: &str, columns: usize) -> usize {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let mut column = (indent + HANG).min(columns / 2);
    let mut spaces = 0;
    let mut width = 0;
    for grapheme in line.graphemes(true) {
        if grapheme != " " && spaces >= 2 && width > indent {
            column = width;
        }
        spaces = if grapheme == " " { spaces + 1 } else { 0 };
        width += grapheme.width();
        if width > columns / 2 {
            break;
        }
    }
    column
}

/// A word, cut where it is wider than a line.
fn pieces(word: &str, columns: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut from, mut width) = (0, 0);
    for (at, grapheme) in word.grapheme_indices(true) {
        if width + grapheme.width() > columns && at > from && grapheme != " " {
            pieces.push(&word[from..at]);
            (from, width) = (at, 0);
        }
        width += grapheme.width();
    }
    pieces.push(&word[from..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_server::verbs::VERBS;

    #[test]
    fn what_goes_on_stands_below_its_column() {
        assert_eq!(wrapped("short", 80), ["short"]);
        let line = "kick NAME  end somebody's connections, or send them out of a room";
        assert_eq!(
            wrapped(line, 40),
            ["kick NAME  end somebody's connections,", "           or send them out of a room",]
        );
        assert_eq!(wrapped("  one two three four five", 20), ["  one two three four", "    five"]);
    }

    #[test]
    fn nothing_is_wider_and_nothing_is_lost() {
        let wide = "漢字".repeat(60);
        let long = format!("a {} b", "x".repeat(500));
        let mut lines = vec![wide.as_str(), long.as_str(), "", "   ", "e\u{301}e\u{301}"];
        lines.extend(VERBS.iter().map(|verb| verb.about));
        for line in lines {
            for columns in [20, 37, 80, 200] {
                let parts = wrapped(line, columns);
                assert!(parts.iter().all(|part| part.width() <= columns), "{columns}: {parts:?}");
                let text = |text: &str| text.split_whitespace().collect::<String>();
                assert_eq!(text(&parts.concat()), text(line));
            }
        }
    }

    #[test]
    fn a_terminal_of_no_width_gets_the_line_as_it_is() {
        assert_eq!(wrapped(&"word ".repeat(30), 3).len(), 1);
    }
}
