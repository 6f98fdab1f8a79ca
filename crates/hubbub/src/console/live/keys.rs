//! From the bytes of a terminal to keys. Whatever comes, it comes to an end: nothing grows without a
//! limit, and what is no key is left out.

/// Longest text that is taken from one paste, in bytes.
const PASTE_BYTES: usize = super::line::LINE_BYTES;
/// Parameters of an escape sequence are no longer.
const PARAMETERS_BYTES: usize = 16;
/// How a terminal ends what was pasted.
const PASTE_END: &[u8] = b"\x1b[201~";

/// What somebody does at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// Text that came at once, as it is.
    Paste(String),
    Enter,
    Tab,
    Left,
    Right,
    WordLeft,
    WordRight,
    Home,
    End,
    Up,
    Down,
    Backspace,
    Delete,
    /// Ctrl-W.
    DeleteWordLeft,
    DeleteWordRight,
    /// Ctrl-U.
    DeleteToStart,
    /// Ctrl-K.
    DeleteToEnd,
    /// Ctrl-Y: what was deleted last.
    Undelete,
    /// Ctrl-L.
    ClearScreen,
    /// Ctrl-C.
    Interrupt,
    /// Ctrl-D.
    EndOfInput,
    /// Ctrl-Z.
    Suspend,
}

/// What has come in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Key,
    Paste,
}

/// Knows the part of a key that has come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    /// The beginning of a character of several bytes.
    character: Vec<u8>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    /// `ESC O`.
    Single,
    /// `ESC [`, and its parameters.
    Sequence(Vec<u8>),
    /// Pasted text, and how much of its end has come.
    Paste(Vec<u8>, usize),
}

impl Decoder {
    /// Whether more must come, or a moment pass, until it is clear what this is.
    pub(super) fn within(&self) -> Option<Within> {
        match self.state {
            State::Ground => None,
            State::Paste(..) => Some(Within::Paste),
            State::Escape | State::Single | State::Sequence(_) => Some(Within::Key),
        }
    }

    /// Nothing more came for a while. A paste without an end is one all the same.
    pub(super) fn give_up(&mut self) -> Option<Key> {
        match std::mem::take(&mut self.state) {
            State::Paste(text, _) => Some(pasted(&text)),
            _ => None,
        }
    }

    pub(super) fn take(&mut self, byte: u8) -> Option<Key> {
        match std::mem::take(&mut self.state) {
            State::Ground => self.ground(byte),
            State::Escape => self.escape(byte),
            State::Single => sequence(b"", byte),
            State::Sequence(parameters) => self.sequence(parameters, byte),
            State::Paste(text, ended) => self.paste(text, ended, byte),
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        if byte >= 0x80 {
            return self.multibyte(byte);
        }
        self.character.clear();
        Some(match byte {
            0x01 => Key::Home,
            0x02 => Key::Left,
            0x03 => Key::Interrupt,
            0x04 => Key::EndOfInput,
            0x05 => Key::End,
            0x06 => Key::Right,
            0x08 | 0x7f => Key::Backspace,
            b'\t' => Key::Tab,
            b'\r' | b'\n' => Key::Enter,
            0x0b => Key::DeleteToEnd,
            0x0c => Key::ClearScreen,
            0x0e => Key::Down,
            0x10 => Key::Up,
            0x15 => Key::DeleteToStart,
            0x17 => Key::DeleteWordLeft,
            0x19 => Key::Undelete,
            0x1a => Key::Suspend,
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            b' '..=b'~' => Key::Char(char::from(byte)),
            _ => return None,
        })
    }

    fn multibyte(&mut self, byte: u8) -> Option<Key> {
        if byte >= 0xc0 {
            self.character.clear();
        }
        self.character.push(byte);
        match std::str::from_utf8(&self.character) {
            Ok(text) => {
                let key = text.chars().next().filter(|c| !c.is_control()).map(Key::Char);
                self.character.clear();
                key
            }
            // Not whole yet.
            Err(error) if error.error_len().is_none() => None,
            Err(_) => {
                self.character.clear();
                None
            }
        }
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => self.state = State::Sequence(Vec::new()),
            b'O' => self.state = State::Single,
            0x1b => self.state = State::Escape,
            b'b' => return Some(Key::WordLeft),
            b'f' => return Some(Key::WordRight),
            b'd' => return Some(Key::DeleteWordRight),
            0x08 | 0x7f => return Some(Key::DeleteWordLeft),
            // These are wanted at once, whatever came before.
            0x03 | 0x04 | b'\r' => return self.ground(byte),
            _ => {}
        }
        None
    }

    fn sequence(&mut self, mut parameters: Vec<u8>, byte: u8) -> Option<Key> {
        match byte {
            b'~' if parameters == b"200" => {
                self.state = State::Paste(Vec::new(), 0);
                None
            }
            0x20..=0x3f => {
                if parameters.len() < PARAMETERS_BYTES {
                    parameters.push(byte);
                }
                self.state = State::Sequence(parameters);
                None
            }
            0x40..=0x7e => sequence(&parameters, byte),
            _ => self.ground(byte),
        }
    }

    fn paste(&mut self, mut text: Vec<u8>, ended: usize, byte: u8) -> Option<Key> {
        let room = |text: &[u8]| PASTE_BYTES.saturating_sub(text.len());
        if PASTE_END.get(ended) == Some(&byte) {
            if ended + 1 == PASTE_END.len() {
                return Some(pasted(&text));
            }
            self.state = State::Paste(text, ended + 1);
            return None;
        }
        let kept = ended.min(room(&text));
        text.extend_from_slice(&PASTE_END[..kept]);
        if byte == PASTE_END[0] {
            self.state = State::Paste(text, 1);
            return None;
        }
        if room(&text) > 0 {
            text.push(byte);
        }
        self.state = State::Paste(text, 0);
        None
    }
}

fn pasted(text: &[u8]) -> Key {
    Key::Paste(String::from_utf8_lossy(text).into_owned())
}

fn sequence(parameters: &[u8], last: u8) -> Option<Key> {
    // `1;5` and the like: with Ctrl, Alt or both.
    let has_modifier = matches!(parameters, [.., b';', b'3' | b'5' | b'7']);
    Some(match (last, parameters) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) if has_modifier => Key::WordRight,
        (b'C', _) => Key::Right,
        (b'D', _) if has_modifier => Key::WordLeft,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"3") => Key::Delete,
        (b'~', b"3;5" | b"3;3") => Key::DeleteWordRight,
        (b'M', b"") => Key::Enter,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        let mut keys: Vec<_> = bytes.iter().filter_map(|byte| decoder.take(*byte)).collect();
        keys.extend(decoder.give_up());
        keys
    }

    #[test]
    fn keys_are_what_terminals_send() {
        for (bytes, key) in [
            (&b"a"[..], Key::Char('a')),
            ("é".as_bytes(), Key::Char('é')),
            ("😀".as_bytes(), Key::Char('😀')),
            (b"\r", Key::Enter),
            (b"\x1b[A", Key::Up),
            (b"\x1bOA", Key::Up),
            (b"\x1b[1;5C", Key::WordRight),
            (b"\x1b[3~", Key::Delete),
            (b"\x1bb", Key::WordLeft),
            (b"\x03", Key::Interrupt),
            (b"\x1b\x03", Key::Interrupt),
            (b"\x1b[200~two\nlines \x1b[1m\x1b[201~", Key::Paste("two\nlines \x1b[1m".into())),
            (b"\x1b[200~without an end", Key::Paste("without an end".into())),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_left_out() {
        for bytes in [&b"\x1b"[..], b"\x1b[", b"\x1b[99z", b"\x00", b"\x1b[?62;4c", b"\xff\xfe\x80"]
        {
            assert_eq!(keys(bytes), [], "{bytes:?}");
        }
        assert_eq!(keys(b"\xc3a"), [Key::Char('a')]);
        assert_eq!(keys(b"\x1b[?1;2cb"), [Key::Char('b')]);
    }

    #[test]
    fn nothing_grows_without_a_limit() {
        let mut decoder = Decoder::default();
        for _ in 0..100_000 {
            decoder.take(b';');
        }
        b"\x1b[".iter().for_each(|byte| assert_eq!(decoder.take(*byte), None));
        (0..100_000).for_each(|_| assert_eq!(decoder.take(b';'), None));
        assert_eq!(decoder.take(b'C'), Some(Key::Right), "a very long sequence is one key");
        b"\x1b[200~".iter().for_each(|byte| assert_eq!(decoder.take(*byte), None));
        (0..1_000_000).for_each(|_| assert_eq!(decoder.take(b'x'), None));
        let text = PASTE_END.iter().find_map(|byte| decoder.take(*byte));
        assert!(matches!(text, Some(Key::Paste(text)) if text.len() == PASTE_BYTES));
    }

    #[test]
    fn any_bytes_are_taken() {
        let seed = fastrand::u64(..);
        eprintln!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut decoder = Decoder::default();
        for _ in 0..200_000 {
            let common = [0x1b, b'[', b'2', b'0', b'1', b'~', b';', 0xc3, 0xa9];
            let byte = if random.bool() { random.u8(..) } else { common[random.usize(..9)] };
            if let Some(Key::Char(c)) = decoder.take(byte) {
                assert!(!c.is_control(), "{c:?}");
            }
        }
        decoder.give_up();
        assert_eq!(decoder.take(b'x'), Some(Key::Char('x')), "and then it is as before");
    }
}
