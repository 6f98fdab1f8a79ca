//! Cuts a stream of bytes into lines, whatever packets it came in, within a bound.

use crate::limits;

/// One step of [`LineBuffer::next_line`].
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line without its end (LF or CRLF).
    Whole(&'a [u8]),
    /// A line was longer than the limit. Its beginning was thrown away; what follows up to the next
    /// line end is skipped. Reported once for each such line.
    TooLong,
}

/// Collects bytes and gives out lines. Holds at most one line of [`limits::FRAME_BYTES`] and the
/// bytes of one read beside it; an empty buffer holds no memory.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
    /// Bytes before this index were given out already.
    taken: usize,
    /// Bytes before this index hold no line end.
    searched: usize,
    skipping: bool,
}

impl LineBuffer {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.taken > 0 {
            self.bytes.drain(..self.taken);
            self.searched -= self.taken;
            self.taken = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line, or `None` until more bytes come.
    pub fn next_line(&mut self) -> Option<Line<'_>> {
        self.next_line_within(limits::FRAME_BYTES)
    }

    /// The same where a line may have at most so many bytes.
    pub fn next_line_within(&mut self, most: usize) -> Option<Line<'_>> {
        loop {
            let from = self.searched;
            let Some(end) = self.bytes[from..].iter().position(|&b| b == b'\n') else {
                return self.unfinished(most);
            };
            let (start, end) = (self.taken, from + end);
            self.taken = end + 1;
            self.searched = self.taken;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let line = &self.bytes[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.len() > most {
                return Some(Line::TooLong);
            }
            return Some(Line::Whole(line));
        }
    }

    fn unfinished(&mut self, most: usize) -> Option<Line<'_>> {
        self.searched = self.bytes.len();
        let waiting = self.bytes.len() - self.taken;
        if waiting == 0 || self.skipping {
            self.clear();
            return None;
        }
        // One more for the CR of a line that is exactly as long as allowed.
        if waiting > most + 1 {
            self.clear();
            self.skipping = true;
            return Some(Line::TooLong);
        }
        None
    }

    /// What came after the last line end, when no more will come.
    pub fn rest(&mut self) -> Option<Vec<u8>> {
        let rest = self.bytes.split_off(self.taken.min(self.bytes.len()));
        let skipping = std::mem::take(&mut self.skipping);
        self.clear();
        (!rest.is_empty() && !skipping).then_some(rest)
    }

    /// The bytes that were not given out yet.
    #[must_use]
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    fn clear(&mut self) {
        // A new vector, not `clear()`: an idle connection gives its memory back.
        self.bytes = Vec::new();
        self.taken = 0;
        self.searched = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(buffer: &mut LineBuffer) -> Vec<Option<Vec<u8>>> {
        let mut found = Vec::new();
        while let Some(line) = buffer.next_line() {
            found.push(match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong => None,
            });
        }
        found
    }

    #[test]
    fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
        for end in ["\n", "\r\n"] {
            let mut buffer = LineBuffer::default();
            buffer.push(&vec![b'x'; limits::FRAME_BYTES]);
            buffer.push(end.as_bytes());
            assert_eq!(lines(&mut buffer), [Some(vec![b'x'; limits::FRAME_BYTES])]);
        }
        let mut buffer = LineBuffer::default();
        for _ in 0..40 {
            buffer.push(&[b'x'; 4096]);
            let found = lines(&mut buffer);
            assert!(found.len() <= 1);
            assert!(buffer.waiting().len() <= limits::FRAME_BYTES + 4096);
        }
        buffer.push(b"tail\nnext\n");
        assert_eq!(lines(&mut buffer), [Some(b"next".to_vec())], "reported once, then skipped");
    }

    #[test]
    fn an_idle_buffer_holds_no_memory() {
        let mut buffer = LineBuffer::default();
        buffer.push(b"one\ntwo\n");
        assert_eq!(lines(&mut buffer).len(), 2);
        assert_eq!(buffer.bytes.capacity(), 0);
    }

    proptest! {
        #[test]
        fn packets_make_no_difference(
            stream in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), any::<u8>()], 0..400),
            cuts in proptest::collection::vec(1usize..20, 1..80),
        ) {
            let mut whole = LineBuffer::default();
            whole.push(&stream);
            let expected = lines(&mut whole);
            let mut pieces = LineBuffer::default();
            let (mut found, mut rest) = (Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                found.extend(lines(&mut pieces));
                rest = after;
            }
            prop_assert_eq!(found, expected);
            prop_assert_eq!(pieces.rest(), whole.rest());
        }
    }
}
