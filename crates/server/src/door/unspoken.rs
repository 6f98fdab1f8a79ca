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
        // Inside TLS. A TLS record: alert, fatal, handshake_failure (RFC 8446, section 6).
        Spoken::Tls => &[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28],
    }
}

/// The last bytes for a connection that wants to speak in the clear where only TLS is spoken.
pub(crate) fn tls_only(spoken: Spoken) -> &'static [u8] {
    match spoken {
        Spoken::Http => {
            b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 38\r\nConnection: close\r\nX-Content-Type-Options: nosniff\r\n\r\nThis port speaks TLS: ask with https.\n"
        }
        Spoken::Irc => b"ERROR :This port speaks TLS. Switch TLS on in your client\r\n",
        Spoken::Native => {
            b"{\"ev\":\"error\",\"code\":\"tls_needed\",\"next\":\"correct\",\"text\":\"This port speaks TLS.\"}\n"
        }
        Spoken::Plain | Spoken::Tls => {
            b"! This port speaks TLS. Connect with: openssl s_client -quiet -connect HOST:PORT\r\n"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::ErrorCode;
    use hubbub_protocol::frame::ServerFrame;

    #[test]
    fn the_http_answers_are_as_long_as_they_say() {
        for answer in [goodbye(Spoken::Http), tls_only(Spoken::Http)] {
            let answer = std::str::from_utf8(answer).unwrap();
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains(&format!("Content-Length: {}\r\n", body.len())),
                "{}",
                body.len()
            );
        }
    }

    #[test]
    fn the_native_answer_is_a_frame() {
        let frame = serde_json::from_slice(tls_only(Spoken::Native)).unwrap();
        assert!(
            matches!(frame, ServerFrame::Error { code: ErrorCode::TlsNeeded, .. }),
            "{frame:?}"
        );
    }
}
