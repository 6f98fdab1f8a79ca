//! Telnet's commands inside the byte stream (RFC 854): taken out, and every offer is declined. The
//! one option of ours is ECHO (RFC 857): while a password is typed the server says that it echoes,
//! and doesn't, so the terminal shows nothing.

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
const SE: u8 = 240;
const ECHO: u8 = 1;

/// A filter that keeps its place between packets.
#[derive(Debug, Default)]
pub struct Telnet {
    state: State,
    crlf: bool,
    after_cr: bool,
    /// It sent a command.
    commanded: bool,
    /// ECHO was offered, and not taken back yet.
    hiding: bool,
    /// Offers of ECHO that no DO has answered yet.
    offers: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Text,
    Command,
    Option(u8),
    Sub,
    SubCommand,
}

impl Telnet {
    /// Whether the peer ends its lines with CR LF, and wants to get them so.
    #[must_use]
    pub fn wants_crlf(&self) -> bool {
        self.crlf
    }

    /// Whether the peer showed itself to be a telnet, by a command or by its line ends.
    #[must_use]
    pub fn is_telnet(&self) -> bool {
        self.commanded || self.crlf
    }

    /// Whether the terminal was told not to show what is typed.
    #[must_use]
    pub fn is_hiding(&self) -> bool {
        self.hiding
    }

    /// From here on the terminal shows nothing of what is typed.
    pub fn hide(&mut self, out: &mut Vec<u8>) {
        self.hiding = true;
        self.offers = self.offers.saturating_add(1);
        out.extend_from_slice(&[IAC, WILL, ECHO]);
    }

    /// From here on it shows it again.
    pub fn show(&mut self, out: &mut Vec<u8>) {
        self.hiding = false;
        out.extend_from_slice(&[IAC, WONT, ECHO]);
    }

    /// Appends the text in `bytes` to `text`, and what telnet wants answered to `answer`.
    pub fn filter(&mut self, bytes: &[u8], text: &mut Vec<u8>, answer: &mut Vec<u8>) {
        for &byte in bytes {
            self.state = match (self.state, byte) {
                (State::Text, IAC) => {
                    self.commanded = true;
                    State::Command
                }
                (State::Text, byte) => {
                    self.crlf |= self.after_cr && byte == b'\n';
                    self.after_cr = byte == b'\r';
                    text.push(byte);
                    State::Text
                }
                (State::Command, WILL | WONT | DO | DONT) => State::Option(byte),
                (State::Command, SB) => State::Sub,
                // IAC IAC is the byte 255 itself: no UTF-8, and reported as such later.
                (State::Command, IAC) => {
                    text.push(IAC);
                    State::Text
                }
                (State::Command, _) => State::Text,
                (State::Option(WILL), option) => {
                    answer.extend_from_slice(&[IAC, DONT, option]);
                    State::Text
                }
                // It agrees to our offer, perhaps after that was taken back. An answer to an answer
                // could go round for ever (RFC 1143).
                (State::Option(DO), ECHO) if self.hiding || self.offers > 0 => {
                    self.offers = self.offers.saturating_sub(1);
                    State::Text
                }
                (State::Option(DO), option) => {
                    answer.extend_from_slice(&[IAC, WONT, option]);
                    State::Text
                }
                (State::Option(_), _) => State::Text,
                (State::Sub, IAC) => State::SubCommand,
                (State::Sub, _) => State::Sub,
                (State::SubCommand, SE) => State::Text,
                (State::SubCommand, _) => State::Sub,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>, bool) {
        let (mut telnet, mut text, mut answer) = (Telnet::default(), Vec::new(), Vec::new());
        for piece in pieces {
            telnet.filter(piece, &mut text, &mut answer);
        }
        (text, answer, telnet.wants_crlf())
    }

    #[test]
    fn negotiation_is_taken_out_and_declined() {
        let (text, answer, crlf) =
            run(&[b"a\xff\xfb\x1f\xff\xfa\x1f\n\xff\xff\xff\xf0\xff\xfd\x01b\r\n"]);
        assert_eq!(text, b"ab\r\n");
        assert_eq!(answer, [IAC, DONT, 0x1f, IAC, WONT, 1]);
        assert!(crlf);
        assert!(!run(&[b"a\n"]).2);
    }

    #[test]
    fn an_agreement_to_our_echo_is_not_answered_and_a_wish_for_it_is_declined() {
        let (mut telnet, mut text, mut answer) = (Telnet::default(), Vec::new(), Vec::new());
        assert!(!telnet.is_telnet());
        let mut hear = |telnet: &mut Telnet, bytes: &[u8]| {
            answer.clear();
            telnet.filter(bytes, &mut text, &mut answer);
            answer.clone()
        };
        assert_eq!(hear(&mut telnet, &[IAC, DO, ECHO]), [IAC, WONT, ECHO]);
        assert!(telnet.is_telnet());
        let (mut out, nothing) = (Vec::new(), [0u8; 0]);
        telnet.hide(&mut out);
        assert!(telnet.is_hiding());
        assert_eq!(hear(&mut telnet, &[IAC, DO, ECHO]), nothing);
        telnet.show(&mut out);
        assert_eq!(hear(&mut telnet, &[IAC, DONT, ECHO]), nothing);
        // The agreement comes after the offer was taken back.
        telnet.hide(&mut out);
        telnet.show(&mut out);
        assert_eq!(hear(&mut telnet, &[IAC, DO, ECHO]), nothing);
        assert_eq!(hear(&mut telnet, &[IAC, DO, ECHO]), [IAC, WONT, ECHO]);
        let (will, wont) = ([IAC, WILL, ECHO], [IAC, WONT, ECHO]);
        assert_eq!(out, [will, wont, will, wont].concat());
    }

    proptest! {
        #[test]
        fn packets_make_no_difference(bytes in any::<Vec<u8>>(), cut in any::<prop::sample::Index>()) {
            let at = if bytes.is_empty() { 0 } else { cut.index(bytes.len()) };
            prop_assert_eq!(run(&[&bytes[..at], &bytes[at..]]), run(&[&bytes]));
        }

        #[test]
        fn text_without_iac_passes_unchanged(bytes in proptest::collection::vec(0u8..255, 0..100)) {
            prop_assert_eq!(run(&[&bytes]).0, bytes);
        }
    }
}
