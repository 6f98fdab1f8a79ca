//! The question of the first start: who may reach the server.

use super::terminal::{Look, wrap};
use crate::settings::Reach;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

/// What somebody types is no longer than that.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Asks until there is an answer. `None`: whoever is asked has gone away (Ctrl-D).
pub(crate) fn ask(
    input: &mut impl BufRead,
    out: &mut impl Write,
    look: &Look,
    file: &Path,
) -> io::Result<Option<Reach>> {
    writeln!(out, "\n  {}\n", look.bold("Who may reach this server?"))?;
    for (number, who, means) in [
        ("1", "This computer only", "to try it out, or for whoever works here"),
        ("2", "The local network", "everybody at home or in the office"),
        ("3", "The internet", "whoever knows the address and has an invite"),
    ] {
        writeln!(out, "    {}  {who:<20}{}", look.bold(number), look.dim(means))?;
    }
    writeln!(out)?;
    let later = format!(
        "The answer is kept in {}. The options --local, --lan and --internet go before it.",
        file.display()
    );
    for line in wrap(&later, look.columns.saturating_sub(4)) {
        writeln!(out, "  {}", look.dim(&line))?;
    }
    writeln!(out)?;
    loop {
        write!(out, "  1, 2 or 3 [1]: ")?;
        out.flush()?;
        let mut line = Vec::new();
        input.by_ref().take(ANSWER_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            writeln!(out)?;
            return Ok(None);
        }
        let answer = String::from_utf8_lossy(&line).trim().to_lowercase();
        match answer.as_str() {
            "" | "1" | "local" => return Ok(Some(Reach::Local)),
            "2" | "lan" => return Ok(Some(Reach::Lan)),
            "3" | "internet" => return Ok(Some(Reach::Internet)),
            _ => writeln!(out, "  Please type 1, 2 or 3; Enter alone means 1, Ctrl-C leaves.")?,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(typed: &str) -> (Option<Reach>, String) {
        let look = Look { columns: 80, rows: 24, styles: false, blocks: true };
        let mut out = Vec::new();
        let file = Path::new("/home/ann/.local/share/hubbub/hubbub.toml");
        let answer = ask(&mut typed.as_bytes(), &mut out, &look, file).unwrap();
        (answer, String::from_utf8(out).unwrap())
    }

    #[test]
    fn each_answer_means_what_the_screen_says() {
        for (typed, reach) in [
            ("\n", Some(Reach::Local)),
            ("1\n", Some(Reach::Local)),
            (" 2 \r\n", Some(Reach::Lan)),
            ("3\n", Some(Reach::Internet)),
            ("LAN\n", Some(Reach::Lan)),
            ("3", Some(Reach::Internet)),
            ("", None),
        ] {
            assert_eq!(asked(typed).0, reach, "{typed:?}");
        }
    }

    #[test]
    fn a_wrong_answer_asks_again() {
        let long = "x".repeat(3_000);
        let (answer, shown) = asked(&format!("4\nyes\n{long}\n2\n"));
        assert_eq!(answer, Some(Reach::Lan));
        assert!(shown.matches("Please type").count() >= 3, "{shown}");
        assert_eq!(asked("4\n").0, None, "and then nothing more");
    }

    #[test]
    fn it_fits_a_small_terminal() {
        let (_, shown) = asked("\n");
        assert!(
            shown.lines().count() < 20 && shown.lines().all(|line| line.len() <= 80),
            "{shown}"
        );
    }
}
