//! TLS on one connection, driven by the lane: it waits for nothing and owns no task.
//!
//! It stands on rustls's connection without buffers: ciphertext is read into the lane's scratch and
//! decrypted from there, so an idle connection holds its keys and no buffer (rustls's other
//! connection keeps 4 KiB for each). All records that are whole are decrypted when they come; kept is
//! only the beginning of one that is not.

use super::{Read, poll_socket};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus,
};
use rustls::{Error, ServerConfig};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;

/// The most that a record holds (RFC 8446, section 5.1), and so the most that is taken of an outbox
/// before the system has it: what waits is to be counted there.
const RECORD_BYTES: usize = 16 * 1024;
/// More than a record needs beside what it holds, with a key update before it.
const OVERHEAD_BYTES: usize = 256;
/// What a record begins with: its kind, a version, and how long what follows is.
const HEADER_BYTES: usize = 5;
/// The most that follows (RFC 5246, section 6.2.3).
const CONTENT_BYTES_MAX: usize = 16 * 1024 + 2048;
/// The most that is kept of what is not whole: a record of the longest kind has 18,437 bytes.
const PARTIAL_BYTES_MAX: usize = 24 * 1024;
/// What TLS itself may have to say while the peer takes nothing (answers, alerts).
const UNSENT_BYTES_MAX: usize = 64 * 1024;

/// One connection's TLS.
pub(super) struct Session {
    tls: UnbufferedServerConnection,
    /// The beginning of a record that is not whole, or of a message that takes several.
    partial: Vec<u8>,
    /// Where in `partial` the record begins that is not whole. What is before was looked at.
    begun: usize,
    /// `partial` is what came before this was made, and nobody has looked at it.
    is_fresh: bool,
    /// Bytes for the socket, and how many of them have gone. Empty, it holds no memory.
    unsent: Vec<u8>,
    sent: usize,
    has_ended: bool,
    was_cut: bool,
    has_failed: bool,
    said_goodbye: bool,
}

impl fmt::Debug for Session {
    /// Without the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("partial", &self.partial.len())
            .field("unsent", &(self.unsent.len() - self.sent))
            .field("has_ended", &self.has_ended)
            .field("has_failed", &self.has_failed)
            .finish_non_exhaustive()
    }
}

impl Session {
    pub(super) fn new(
        config: Arc<ServerConfig>,
        first: Vec<u8>,
        before: Vec<u8>,
    ) -> io::Result<Self> {
        let tls = UnbufferedServerConnection::new(config).map_err(broken)?;
        Ok(Self {
            tls,
            is_fresh: !first.is_empty(),
            partial: first,
            begun: 0,
            unsent: before,
            sent: 0,
            has_ended: false,
            was_cut: false,
            has_failed: false,
            said_goodbye: false,
        })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    pub(super) fn was_cut(&self) -> bool {
        self.was_cut
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// See [`super::Stream::poll_read`]. Half of `into` is where ciphertext is read to.
    ///
    /// The socket is read once at most, whether that makes a record whole or not: the lane counts what
    /// comes, and lets others have their turn.
    pub(super) fn poll_read(
        &mut self,
        socket: &mut TcpStream,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<Read>> {
        if self.has_failed {
            return poll_socket(socket, context, into).map_ok(Read::clear);
        }
        if self.has_ended {
            return Poll::Ready(Ok(Read::END));
        }
        let mut wire = 0;
        let opened = if std::mem::take(&mut self.is_fresh) && self.is_worth_a_look() {
            self.open_partial(into)
        } else {
            let (plain, cipher) = into.split_at_mut(into.len() / 2);
            // As much as can be opened at once, with what is here already.
            let room = cipher.len() - self.partial.len();
            wire = ready!(poll_socket(socket, context, &mut cipher[..room]))?;
            if wire == 0 {
                (self.has_ended, self.was_cut) = (true, true);
                (self.partial, self.begun) = (Vec::new(), 0);
                return Poll::Ready(Ok(Read::END));
            }
            self.take(&mut cipher[..wire], plain)
        };
        let bytes = opened.map_err(|error| self.fail(socket, error))?;
        self.push(socket)?;
        if self.unsent.len() - self.sent > UNSENT_BYTES_MAX {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        Poll::Ready(Ok(Read { wire, bytes, is_end: bytes == 0 && self.has_ended }))
    }

    /// Takes what came. Without a beginning before it, it is opened where it stands.
    fn take(&mut self, came: &mut [u8], plain: &mut [u8]) -> Result<usize, Error> {
        if self.partial.is_empty() {
            return self.open(came, plain);
        }
        self.partial.extend_from_slice(came);
        match self.partial.len() {
            _ if self.is_worth_a_look() => self.open_partial(plain),
            ..=PARTIAL_BYTES_MAX => Ok(0),
            _ => Err(Error::PeerSentOversizedRecord),
        }
    }

    /// Whether a record has become whole, or can be none.
    fn is_worth_a_look(&self) -> bool {
        end_of_record(&self.partial[self.begun..]).is_some()
    }

    fn open_partial(&mut self, plain: &mut [u8]) -> Result<usize, Error> {
        let mut partial = std::mem::take(&mut self.partial);
        self.open(&mut partial, plain)
    }

    /// Decrypts every whole record of `cipher`, and keeps what is left. Returns how much it put into
    /// `plain`, which is at least as long: what a record holds is shorter than the record.
    fn open(&mut self, cipher: &mut [u8], plain: &mut [u8]) -> Result<usize, Error> {
        let (mut done, mut filled) = (0, 0);
        // Before it is decrypted: that changes what is there, up to the record that is not whole.
        let mut begun = self.begun.min(cipher.len());
        while let Some(end) = end_of_record(&cipher[begun..]) {
            begun = cipher.len().min(begun + end);
        }
        loop {
            let UnbufferedStatus { mut discard, state, .. } =
                self.tls.process_tls_records(&mut cipher[done..]);
            let mut is_over = false;
            match state? {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        discard += record.discard;
                        let end = filled + record.payload.len();
                        let room =
                            plain.get_mut(filled..end).ok_or(Error::PeerSentOversizedRecord)?;
                        room.copy_from_slice(record.payload);
                        filled = end;
                    }
                }
                ConnectionState::EncodeTlsData(mut said) => encode(&mut said, &mut self.unsent)?,
                // It goes out in order, which is all that "transmitted" means here.
                ConnectionState::TransmitTlsData(said) => said.done(),
                ConnectionState::PeerClosed => self.has_ended = true,
                ConnectionState::BlockedHandshake
                | ConnectionState::WriteTraffic(_)
                | ConnectionState::Closed => is_over = true,
                // Early data are never asked for: they could be played again by anybody.
                _ => return Err(Error::General("an unforeseen state".into())),
            }
            done += discard;
            if is_over {
                break;
            }
        }
        // What comes after the peer's goodbye is nothing (RFC 8446, section 6.1).
        self.partial = if self.has_ended { Vec::new() } else { cipher[done..].to_vec() };
        self.begun = begun.saturating_sub(done).min(self.partial.len());
        match self.partial.len() > PARTIAL_BYTES_MAX {
            true => Err(Error::PeerSentOversizedRecord),
            false => Ok(filled),
        }
    }

    /// The alert that says what failed is the last that goes out. Only while there is one may rustls be
    /// asked anything: it would look at what failed again.
    fn fail(&mut self, socket: &TcpStream, error: Error) -> io::Error {
        self.has_failed = true;
        (self.partial, self.begun) = (Vec::new(), 0);
        while self.tls.wants_write() {
            let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut []);
            let Ok(ConnectionState::EncodeTlsData(mut alert)) = state else { break };
            if encode(&mut alert, &mut self.unsent).is_err() {
                break;
            }
        }
        // The lane hears of an error here at its own flush.
        let _ = self.push(socket);
        broken(error)
    }

    /// See [`super::Stream::try_write`].
    pub(super) fn try_write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        if self.has_failed {
            // Nobody can read it.
            return Ok(bytes.len());
        }
        if !self.push(socket)? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let taken = &bytes[..bytes.len().min(RECORD_BYTES)];
        self.seal(Say::Bytes(taken))?;
        self.push(socket)?;
        Ok(taken.len())
    }

    /// See [`super::Stream::say_goodbye`].
    pub(super) fn say_goodbye(&mut self) -> io::Result<()> {
        if self.has_failed
            || self.is_handshaking()
            || std::mem::replace(&mut self.said_goodbye, true)
        {
            return Ok(());
        }
        self.seal(Say::Goodbye)
    }

    /// Encrypts behind what is unsent.
    fn seal(&mut self, say: Say<'_>) -> io::Result<()> {
        let mut room = OVERHEAD_BYTES + if let Say::Bytes(bytes) = say { bytes.len() } else { 0 };
        loop {
            let begin = self.unsent.len();
            // With what is kept, because rustls remembers how far it has looked at that.
            let UnbufferedStatus { state, .. } = self.tls.process_tls_records(&mut self.partial);
            match state.map_err(broken)? {
                ConnectionState::WriteTraffic(mut traffic) => {
                    self.unsent.resize(begin + room, 0);
                    let sealed = match say {
                        Say::Bytes(bytes) => traffic.encrypt(bytes, &mut self.unsent[begin..]),
                        Say::Goodbye => traffic.queue_close_notify(&mut self.unsent[begin..]),
                    };
                    self.unsent.truncate(begin + *sealed.as_ref().unwrap_or(&0));
                    match sealed {
                        Ok(_) => return Ok(()),
                        Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                            room = size.required_size;
                        }
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                ConnectionState::EncodeTlsData(mut said) => {
                    encode(&mut said, &mut self.unsent).map_err(broken)?;
                }
                ConnectionState::TransmitTlsData(said) => said.done(),
                // The peer's goodbye was seen when it came; it is no end of ours.
                ConnectionState::PeerClosed => {}
                _ => return Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    /// Sends what was sealed. `Ok(false)`: the socket takes no more now.
    pub(super) fn push(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.sent < self.unsent.len() {
            match socket.try_write(&self.unsent[self.sent..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => self.sent += bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // Not `clear`: an idle connection holds no buffer.
        self.unsent = Vec::new();
        self.sent = 0;
        Ok(true)
    }
}

/// What is to be encrypted.
#[derive(Clone, Copy)]
enum Say<'a> {
    Bytes(&'a [u8]),
    Goodbye,
}

/// How long the record is that begins here, if it is whole (RFC 8446, section 5.1); that of what can be none
/// is all that there is.
fn end_of_record(bytes: &[u8]) -> Option<usize> {
    let (header, _) = bytes.split_at_checked(HEADER_BYTES)?;
    let content = usize::from(u16::from_be_bytes([header[3], header[4]]));
    let is_sound =
        matches!(header[0], 0x14..=0x18) && header[1] == 0x03 && content <= CONTENT_BYTES_MAX;
    let end = if is_sound { HEADER_BYTES + content } else { bytes.len() };
    (end <= bytes.len()).then_some(end)
}

fn encode<Data>(said: &mut EncodeTlsData<'_, Data>, into: &mut Vec<u8>) -> Result<(), Error> {
    let begin = into.len();
    // Only so it tells how long it is.
    let Err(EncodeError::InsufficientSize(size)) = said.encode(&mut []) else { return Ok(()) };
    into.resize(begin + size.required_size, 0);
    let encoded = said.encode(&mut into[begin..]);
    into.truncate(begin + *encoded.as_ref().unwrap_or(&0));
    encoded.map(drop).map_err(|error| Error::General(error.to_string()))
}

fn broken(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_whole_with_its_last_byte_and_what_is_none_at_once() {
        let record = [0x17, 3, 3, 0, 2, 7, 7];
        assert!((0..7).all(|cut| end_of_record(&record[..cut]).is_none()));
        assert_eq!(end_of_record(&record), Some(7));
        assert_eq!(end_of_record(&[&record[..], &record[..3]].concat()), Some(7));
        for none in [[0x16, 3, 1, 0xff, 0xff], [0x47, 0x45, 0x54, 0x20, 0x2f], [0x17, 9, 3, 0, 9]] {
            assert_eq!(end_of_record(&none), Some(5), "{none:?}");
        }
    }

    /// Each read is told, so that the lane can count it, and nothing is decrypted before there is a record.
    #[tokio::test]
    async fn a_record_that_comes_byte_by_byte_is_told_byte_by_byte() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        peer.set_nodelay(true).unwrap();
        let (mut socket, _) = listener.accept().await.unwrap();
        let config = crate::tls::Tls::open(None, &crate::config::TlsConfig::default()).unwrap();
        let mut session = Session::new(config.config(), vec![0x16], Vec::new()).unwrap();
        let mut scratch = vec![0; 64 * 1024];
        let mut record = vec![0x16, 3, 1, 0x40, 0];
        record.resize(5 + 0x4000, 0);
        for (at, byte) in record.iter().enumerate().skip(1) {
            peer.writable().await.unwrap();
            assert_eq!(peer.try_write(&[*byte]).unwrap(), 1);
            let read = std::future::poll_fn(|context| {
                session.poll_read(&mut socket, context, &mut scratch)
            });
            let read = read.await;
            if at + 1 < record.len() {
                assert_eq!(read.unwrap(), Read { wire: 1, bytes: 0, is_end: false }, "{at}");
                assert_eq!((session.partial.len(), session.begun), (at + 1, 0));
            } else {
                assert_eq!(read.unwrap_err().kind(), io::ErrorKind::InvalidData);
                assert!(session.has_failed());
            }
        }
    }
}
