//! The lines of a file of any size: one at a time, whatever bytes they are.

use super::report::Report;
use std::io::{self, BufRead, BufReader, Read};

/// Longest line. A Mattermost post stands in one with all of its answers.
const LINE_BYTES: u64 = 64 * 1024 * 1024;

/// A line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1 on.
    pub(super) number: u64,
    /// Where it begins in the file.
    pub(super) offset: u64,
    pub(super) text: String,
}

/// Reads lines.
#[derive(Debug)]
pub(super) struct Lines<R> {
    from: BufReader<R>,
    number: u64,
    offset: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from: BufReader::new(from), number: 0, offset: 0 }
    }

    /// How many bytes were read.
    pub(super) fn position(&self) -> u64 {
        self.offset
    }

    /// The next line that is not too long; `None` at the end. What is no UTF-8 in it becomes `\u{fffd}`.
    pub(super) fn next(&mut self, report: &mut Report) -> io::Result<Option<Line>> {
        loop {
            let mut bytes = Vec::new();
            let offset = self.offset;
            let read = (&mut self.from).take(LINE_BYTES).read_until(b'\n', &mut bytes)?;
            if read == 0 {
                return Ok(None);
            }
            self.number += 1;
            self.offset += read as u64;
            if bytes.pop_if(|last| *last == b'\n').is_none() && read as u64 == LINE_BYTES {
                report.not_understood(self.number, "(a line of more than 64 MiB)");
                self.skip()?;
                continue;
            }
            bytes.pop_if(|last| *last == b'\r');
            let text = String::from_utf8(bytes).unwrap_or_else(|error| {
                report.lossy();
                String::from_utf8_lossy(error.as_bytes()).into_owned()
            });
            return Ok(Some(Line { number: self.number, offset, text }));
        }
    }

    /// The rest of a line.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.from.fill_buf()?;
            let end = bytes.iter().position(|&byte| byte == b'\n');
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.from.consume(used);
            self.offset += used as u64;
            if used == 0 || end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whatever_they_are() {
        let mut report = Report::new(false);
        let mut lines = Lines::new(&b"one\r\ntw\xffo\n\nlast"[..]);
        let mut read = Vec::new();
        while let Some(line) = lines.next(&mut report).unwrap() {
            read.push((line.number, line.offset, line.text));
        }
        let texts: Vec<_> = read.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(texts, ["one", "tw\u{fffd}o", "", "last"]);
        assert_eq!((read[3].0, read[3].1), (4, 11));
        assert_eq!(lines.position(), 15);
    }

    #[test]
    fn a_line_without_an_end_takes_no_more_than_its_share() {
        let long = io::repeat(b'x').take(LINE_BYTES + 10).chain(&b"\nnext\n"[..]);
        let mut report = Report::new(false);
        let mut lines = Lines::new(long);
        let line = lines.next(&mut report).unwrap().unwrap();
        assert_eq!((line.number, line.text.as_str()), (2, "next"));
    }
}
