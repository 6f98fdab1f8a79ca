//! The console of a terminal that can't move its cursor, or whose system edits lines by itself: a
//! prompt, a line, an answer. Ctrl-C stops the server at once there.

use super::{PROMPT, done};
use hubbub_server::verbs::Manager;
use std::io::{self, BufRead, Read, Write};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Longest line, in bytes.
const LINE_BYTES: u64 = 8 * 1024;
/// Ctrl-D is an end of input that does not last. One that comes back at once does.
const LASTING_ENDS: u32 = 3;
const AT_ONCE: Duration = Duration::from_millis(100);

/// Reads in a thread that ends with the process. The terminal is as it always is, so nothing has to be
/// given back.
pub(super) fn open(manager: Manager, wish: watch::Sender<bool>) -> io::Result<()> {
    let run = move || {
        // What is open while the thread runs says that there is a console.
        let _wish = wish;
        let answer = |line: &str| done(&manager, line);
        // Without its terminal there is nobody left to tell.
        let _ = run(&mut io::stdin().lock(), &mut io::stdout(), answer);
    };
    thread::Builder::new().name("console".into()).spawn(run)?;
    Ok(())
}

fn run(
    input: &mut impl BufRead,
    out: &mut impl Write,
    answer: impl Fn(&str) -> Vec<String>,
) -> io::Result<()> {
    let mut ends = 0;
    loop {
        write!(out, "{PROMPT}")?;
        out.flush()?;
        let (mut line, since) = (Vec::new(), Instant::now());
        input.by_ref().take(LINE_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            ends = if since.elapsed() < AT_ONCE { ends + 1 } else { 1 };
            if ends == LASTING_ENDS {
                return Ok(());
            }
            writeln!(out, "\nThe server goes on; exit stops it.")?;
            continue;
        }
        ends = 0;
        let line = String::from_utf8_lossy(&line);
        if !line.trim().is_empty() {
            answer(line.trim()).iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_answered_until_the_input_ends_for_good() {
        let mut out = Vec::new();
        let answer = |line: &str| vec![format!("[{line}]")];
        run(&mut &b"stats\n\n  help kick\r\nlast"[..], &mut out, answer).unwrap();
        let out = String::from_utf8(out).unwrap();
        for answer in ["[stats]\n", "[help kick]\n", "[last]\n"] {
            assert!(out.contains(answer), "{out}");
        }
        assert!(out.contains("The server goes on") && !out.contains("[]"), "{out}");
    }
}
