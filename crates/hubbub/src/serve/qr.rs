//! A QR code as text, for a telephone to read from a terminal.

use qrcode::{Color, EcLevel, QrCode};

/// Black on white, whatever colours the terminal has: the fixed part of the 256 colours.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const PLAIN: &str = "\x1b[0m";

/// A code, two of its rows in one line.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) lines: Vec<String>,
    /// How wide it is, in columns.
    pub(crate) columns: usize,
}

/// A code with so many empty modules on each side (the standard says 4; telephones do with 2). Without
/// colours it is made for light text on a dark ground. `None`: there is too much text for a code.
pub(crate) fn code(text: &str, quiet: usize, colours: bool) -> Option<Code> {
    // The lowest correction: a screen has no scratches, and the code stays small.
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (inner, modules) = (code.width(), code.to_colors());
    let size = inner + 2 * quiet;
    let is_dark = |row: usize, column: usize| {
        let (Some(row), Some(column)) = (row.checked_sub(quiet), column.checked_sub(quiet)) else {
            return false;
        };
        row < inner && column < inner && modules[row * inner + column] == Color::Dark
    };
    let mut lines = Vec::new();
    for row in (0..size).step_by(2) {
        // Ink is what the terminal draws in the colour of text.
        let ink = |row, column| is_dark(row, column) == colours;
        let blocks: String = (0..size)
            .map(|column| match (ink(row, column), ink(row + 1, column)) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            })
            .collect();
        lines.push(if colours { format!("{BLACK_ON_WHITE}{blocks}{PLAIN}") } else { blocks });
    }
    Some(Code { lines, columns: size })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The modules as they are drawn, dark as `true`.
    fn modules(code: &Code, colours: bool) -> Vec<Vec<bool>> {
        let mut rows = Vec::new();
        for line in &code.lines {
            let line = line.replace(BLACK_ON_WHITE, "").replace(PLAIN, "");
            assert_eq!(line.chars().count(), code.columns);
            rows.push(line.chars().map(|block| "█▀".contains(block) == colours).collect());
            rows.push(line.chars().map(|block| "█▄".contains(block) == colours).collect());
        }
        rows
    }

    #[test]
    fn with_and_without_colours_the_same_code_is_seen() {
        let print = hubbub_protocol::Fingerprint::of_key(b"a key");
        let text = &format!("hubbub://192.168.100.100:5000#{print}");
        let with = modules(&code(text, 2, true).unwrap(), true);
        let without = modules(&code(text, 2, false).unwrap(), false);
        assert_eq!(with, without);
        // The quiet zone is light, and the finder in each of three corners begins dark.
        assert!(with[..2].iter().flatten().all(|dark| !dark));
        assert!(with[2][2] && with[2][34] && with[34][2] && !with[1][1]);
        assert_eq!((with.len(), with[0].len()), (38, 37), "a code that fits 24 lines");
    }

    #[test]
    fn too_much_text_has_no_code() {
        assert!(code(&"x".repeat(5_000), 2, true).is_none());
    }
}
