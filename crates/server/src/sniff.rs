//! Which door a connection wants, from its first line: whole and with valid arguments, not a prefix
//! (people say "pass the salt").

use hubbub_protocol::limits;

/// What a connection turned out to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// JSON lines.
    Native,
    /// People and netcat.
    Plain,
    /// An IRC client.
    Irc,
    /// An HTTP request. Never falls back to another door: a browser must not be able to talk there.
    Http,
    /// A TLS hello.
    Tls,
}

/// A first line longer than this is plain; IRC lines are shorter.
const FIRST_LINE_MAX: usize = limits::HELLO_BYTES;
/// A first line that begins like HTTP and is longer than this is a browser with a long address.
const REQUEST_LINE_MAX: usize = 16 * 1024;

/// Decides by what has come so far; `None` until more comes.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<Spoken> {
    match bytes.first()? {
        0x16 => return Some(Spoken::Tls),
        b'{' => return Some(Spoken::Native),
        // Telnet's IAC (RFC 854).
        0xff => return Some(Spoken::Plain),
        _ => {}
    }
    let Some(end) = bytes.iter().position(|&b| b == b'\n') else {
        let (spoken, most) = match begins_like_http(bytes) {
            true => (Spoken::Http, REQUEST_LINE_MAX),
            false => (Spoken::Plain, FIRST_LINE_MAX),
        };
        return (bytes.len() > most).then_some(spoken);
    };
    let line = bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]);
    let Ok(line) = std::str::from_utf8(line) else { return Some(Spoken::Plain) };
    Some(if is_http(line) {
        Spoken::Http
    } else if is_irc(line) {
        Spoken::Irc
    } else {
        Spoken::Plain
    })
}

/// RFC 9112, section 3: method SP target SP version. An absent version is HTTP/0.9, which no
/// browser speaks.
fn is_http(line: &str) -> bool {
    let mut parts = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    !method.is_empty()
        && method.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
        && !target.is_empty()
        && version.starts_with("HTTP/")
}

/// Whether an unfinished first line may become an HTTP request: then neither its length nor its
/// slowness makes it plain, or a web page could choose them to talk here.
#[must_use]
pub fn begins_like_http(bytes: &[u8]) -> bool {
    let method = bytes.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'-').count();
    method > 0 && bytes.get(method) == Some(&b' ')
}

/// What a client sends first (modern.ircdocs.horse, "Connection Registration").
fn is_irc(line: &str) -> bool {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    match words[..] {
        ["CAP", "LS" | "LIST" | "REQ" | "END", ..] => true,
        ["NICK", nick] => !nick.is_empty(),
        ["PASS", _] => true,
        ["USER", _, _, _, real, ..] => !real.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn first_lines_find_their_door() {
        for (line, spoken) in [
            ("{\"cmd\":\"hello\"}", Spoken::Native),
            ("zed", Spoken::Plain),
            ("pass the salt", Spoken::Plain),
            ("PASS the salt", Spoken::Plain),
            ("PASS secret", Spoken::Irc),
            ("NICK bob", Spoken::Irc),
            ("NICK", Spoken::Plain),
            ("USER a 0 * :A B", Spoken::Irc),
            ("USER a", Spoken::Plain),
            ("CAP LS 302", Spoken::Irc),
            ("CAP and gown", Spoken::Plain),
            ("GET / HTTP/1.1", Spoken::Http),
            ("GET /", Spoken::Plain),
            ("OPTIONS * HTTP/1.0", Spoken::Http),
        ] {
            for end in ["\n", "\r\n"] {
                assert_eq!(sniff(format!("{line}{end}").as_bytes()), Some(spoken), "{line}");
            }
        }
        assert_eq!(sniff(b""), None);
        assert_eq!(sniff(b"GE"), None, "half a line decides nothing");
        assert_eq!(sniff(&[0x16]), Some(Spoken::Tls));
        assert_eq!(sniff(&[0xff, 0xfb]), Some(Spoken::Plain));
        assert_eq!(sniff(&[b'x'; FIRST_LINE_MAX + 1]), Some(Spoken::Plain));
        let address = format!("POST /{}", "x".repeat(FIRST_LINE_MAX));
        assert_eq!(sniff(address.as_bytes()), None);
        let address = format!("POST /{}", "x".repeat(REQUEST_LINE_MAX));
        assert_eq!(sniff(address.as_bytes()), Some(Spoken::Http));
    }

    proptest! {
        #[test]
        fn a_decision_never_changes_with_more_bytes(bytes in any::<Vec<u8>>(), cut in 0usize..64) {
            let part = sniff(&bytes[..cut.min(bytes.len())]);
            if part.is_some() {
                prop_assert_eq!(sniff(&bytes), part);
            }
        }
    }
}
