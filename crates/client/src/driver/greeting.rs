//! Throws away what comes before the first TLS record.
//!
//! A server speaks first, in plain text, to who has said nothing for a second (netcat). On a slow
//! link that greeting may be on its way before the client's TLS hello has arrived. These bytes prove
//! nothing and may be anybody's: they are neither shown nor interpreted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that a server may say before its first TLS record. A greeting is much shorter.
const GREETING_BYTES_MAX: usize = 4096;
/// Bytes that are looked at in one go.
const CHUNK_BYTES: usize = 512;

/// The content types with which a server can begin (RFC 8446, section 5.1).
const ALERT: u8 = 0x15;
const HANDSHAKE: u8 = 0x16;

/// What was said so far that is not TLS. It is asked when the stream itself is no longer there.
#[derive(Clone, Debug, Default)]
pub(super) struct Skipped(Arc<AtomicUsize>);

impl Skipped {
    pub(super) fn is_some(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

/// A stream that begins with its first TLS record.
#[derive(Debug)]
pub(super) struct AfterGreeting<S> {
    stream: S,
    skipped: Skipped,
    /// What was read and is no greeting, or may be none. Empty once all of it was handed on.
    held: Vec<u8>,
    has_begun: bool,
}

impl<S> AfterGreeting<S> {
    pub(super) fn new(stream: S, skipped: Skipped) -> Self {
        Self { stream, skipped, held: Vec::new(), has_begun: false }
    }

    /// Looks for the beginning in what is held, and forgets what is before it.
    fn look(&mut self) -> io::Result<()> {
        let held = &self.held;
        let start = (0..held.len()).find(|&at| may_be_a_record(&held[at..])).unwrap_or(held.len());
        self.held.drain(..start);
        // A type, a version's two bytes.
        self.has_begun = self.held.len() >= 3;
        let skipped = self.skipped.0.fetch_add(start, Ordering::Relaxed) + start;
        if skipped > GREETING_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "too much before TLS"));
        }
        Ok(())
    }
}

/// Whether a record of TLS begins so, as far as it is there.
fn may_be_a_record(bytes: &[u8]) -> bool {
    matches!(bytes.first(), Some(&(ALERT | HANDSHAKE)))
        && matches!(bytes.get(1), None | Some(3))
        && matches!(bytes.get(2), None | Some(0..=4))
}

impl<S: AsyncRead + Unpin> AsyncRead for AfterGreeting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.has_begun {
            let mut chunk = [0; CHUNK_BYTES];
            let mut buffer = ReadBuf::new(&mut chunk);
            ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer))?;
            let read = buffer.filled();
            if read.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.held.extend_from_slice(read);
            self.look()?;
        }
        if self.held.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, into);
        }
        let bytes = self.held.len().min(into.remaining());
        into.put_slice(&self.held[..bytes]);
        self.held.drain(..bytes);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AfterGreeting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What is read of these bytes, when they come in pieces of this size.
    fn read(bytes: &[u8], piece: usize) -> (io::Result<Vec<u8>>, bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut from, to) = tokio::io::duplex(piece);
            let skipped = Skipped::default();
            let mut after = AfterGreeting::new(to, skipped.clone());
            let write = async {
                // Who has read enough hangs up.
                let _ = from.write_all(bytes).await;
                drop(from);
            };
            let read = async {
                let mut all = Vec::new();
                let result = after.read_to_end(&mut all).await.map(|_| all);
                drop(after);
                result
            };
            let (result, ()) = tokio::join!(read, write);
            (result, skipped.is_some())
        })
    }

    #[test]
    fn a_greeting_is_thrown_away_and_tls_is_whole() {
        let tls = [&[0x16, 3, 3, 0, 5][..], b"\x16\x03hello\n"].concat();
        // The mark of reversed text (IRC) is a byte that TLS begins with, too.
        for greeting in ["", "What is your name?\n", "a\u{16}b\u{15}", "\u{16}\u{3}9"] {
            for piece in 1..20 {
                let bytes = [greeting.as_bytes(), &tls].concat();
                let (result, skipped) = read(&bytes, piece);
                assert_eq!(result.unwrap(), tls, "{greeting:?} in pieces of {piece}");
                assert_eq!(skipped, !greeting.is_empty());
            }
        }
    }

    #[test]
    fn a_greeting_without_an_end_is_an_error() {
        let (result, skipped) = read(&[b'x'; GREETING_BYTES_MAX + CHUNK_BYTES], 4096);
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert!(skipped);
        assert_eq!(read(b"SSH-2.0-server\r\n", 7).0.unwrap(), b"");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(
            bytes in prop::collection::vec(prop_oneof![Just(0x16), Just(3), Just(3), any::<u8>()], 0..200),
            piece in 1usize..64,
        ) {
            let start = (0..bytes.len()).find(|&at| {
                bytes.len() >= at + 3 && may_be_a_record(&bytes[at..])
            });
            let expected = start.map_or(&[][..], |start| &bytes[start..]);
            let (result, _) = read(&bytes, piece);
            prop_assert_eq!(result.unwrap(), expected);
        }
    }
}
