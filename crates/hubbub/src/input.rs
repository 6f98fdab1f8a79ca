//! The lines of stdin, read by a thread of its own.
//!
//! The thread ends with the program: a read that waits for a person can't be interrupted.

use hubbub_protocol::limits;
use hubbub_protocol::line::{Line, LineBuffer};
use std::io::Read;
use tokio::sync::mpsc;

/// Lines that wait to be said.
const LINES_WAITING_MAX: usize = 64;

/// A line without its end, or what is wrong with it.
pub(crate) type Read1 = Result<String, String>;

/// Begins to read. `None` comes after the end of the input.
pub(crate) fn lines() -> mpsc::Receiver<Read1> {
    let (to, lines) = mpsc::channel(LINES_WAITING_MAX);
    std::thread::spawn(move || {
        read(std::io::stdin().lock(), &mut |line| to.blocking_send(line).is_ok())
    });
    lines
}

/// Reads until the end, an error, or until `take` wants no more.
fn read(mut input: impl Read, take: &mut dyn FnMut(Read1) -> bool) {
    let mut buffer = LineBuffer::default();
    let mut chunk = vec![0; 16 * 1024];
    loop {
        match input.read(&mut chunk) {
            Ok(0) => {
                if let Some(rest) = buffer.rest() {
                    take(utf8(&rest));
                }
                return;
            }
            Ok(bytes) => buffer.push(&chunk[..bytes]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => {
                take(Err(format!("reading stdin failed: {error}")));
                return;
            }
        }
        while let Some(line) = buffer.next_line() {
            let line = match line {
                Line::Whole(line) => utf8(line),
                Line::TooLong => Err(format!("it is longer than {} bytes", limits::FRAME_BYTES)),
            };
            if !take(line) {
                return;
            }
        }
    }
}

fn utf8(line: &[u8]) -> Read1 {
    match std::str::from_utf8(line) {
        Ok(line) => Ok(line.to_owned()),
        Err(_) => Err("it is not UTF-8".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_read_or_named() {
        let mut input = b"one\r\n\n\xff\ntwo\n".to_vec();
        input.extend(vec![b'x'; limits::FRAME_BYTES + 2]);
        input.extend(b"\nlast");
        let mut lines = Vec::new();
        read(&input[..], &mut |line| {
            lines.push(line);
            true
        });
        let ok: Vec<_> = lines.iter().map(|line| line.as_deref().ok()).collect();
        assert_eq!(ok, [Some("one"), Some(""), None, Some("two"), None, Some("last")]);
    }
}
