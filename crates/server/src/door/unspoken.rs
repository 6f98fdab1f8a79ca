//! What a connection is told that wants a door which this version doesn't have.

use crate::sniff::Spoken;

/// The last bytes for such a connection, in its own protocol; empty for those that are served.
pub(crate) fn goodbye(spoken: Spoken) -> &'static [u8] {
    match spoken {
        Spoken::Native | Spoken::Plain => b"",
        Spoken::Irc => {
            b"ERROR :This Hubbub has no IRC door yet. Connect with: nc HOST PORT, or hubbub tail HOST:PORT --room lobby\r\n"
        }
        Spoken::Http => {
            b"HTTP/1.1 501 Not Implemented\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 120\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\nThis is a Hubbub chat server. It has no web page yet.\nConnect with: nc HOST PORT, or hubbub tail HOST:PORT --room lobby\n"
        }
        // TLS record: alert, fatal, handshake_failure (RFC 8446, section 6).
        Spoken::Tls => &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_http_answer_is_as_long_as_it_says() {
        let answer = std::str::from_utf8(goodbye(Spoken::Http)).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}\r\n", body.len())), "{}", body.len());
    }
}
