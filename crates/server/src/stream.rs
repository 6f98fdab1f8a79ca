//! The bytes of one connection: as they are, or inside TLS.
//!
//! Nothing here waits: the lane asks when the socket is ready. The lane also decides what to do with
//! a connection whose TLS failed; here it is only known that it did ([`Stream::has_failed`]).

mod tls;

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tls::Session;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// What one look at the socket brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Read {
    /// Bytes that came over the wire.
    pub(crate) wire: usize,
    /// Bytes that the peer said: fewer, or none, where they came inside TLS.
    pub(crate) bytes: usize,
    /// The peer's side has ended. No bytes come with it.
    pub(crate) is_end: bool,
}

impl Read {
    const END: Self = Self { wire: 0, bytes: 0, is_end: true };

    fn clear(bytes: usize) -> Self {
        Self { wire: bytes, bytes, is_end: bytes == 0 }
    }
}

/// A connection's way to its peer.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: TcpStream,
    /// Boxed: most of a plain connection's memory would be this otherwise.
    tls: Option<Box<Session>>,
}

impl Stream {
    /// A connection whose bytes go as they are, so far.
    pub(crate) fn clear(socket: TcpStream) -> Self {
        Self { socket, tls: None }
    }

    /// From here on it is TLS. `first` is what came of it already; `before` is what is to go out
    /// in the clear before anything else.
    ///
    /// # Errors
    /// If the configuration can't be used.
    pub(crate) fn begin_tls(
        &mut self,
        config: Arc<rustls::ServerConfig>,
        first: Vec<u8>,
        before: Vec<u8>,
    ) -> io::Result<()> {
        self.tls = Some(Box::new(Session::new(config, first, before)?));
        Ok(())
    }

    /// Whether what is sent is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether TLS has begun and the two have not yet agreed: nothing can be said so long.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.is_handshaking())
    }

    /// Whether TLS has failed. What is written then goes nowhere, but for the alert that says why, and
    /// what comes is not decrypted.
    pub(crate) fn has_failed(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_failed())
    }

    /// Whether the peer's side ended without TLS saying so: then somebody on the way may have cut it,
    /// and a line without an end is not what the peer wrote.
    pub(crate) fn was_cut(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.was_cut())
    }

    /// Reads the socket once. Nothing that could be given out waits here afterwards, so that the socket
    /// alone says when there is more. It may be that something is to be sent then: see
    /// [`Stream::has_unsent`].
    ///
    /// # Errors
    /// Of the socket; [`io::ErrorKind::InvalidData`] if TLS failed (see [`Stream::has_failed`]).
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<Read>> {
        match &mut self.tls {
            None => poll_socket(&mut self.socket, context, into).map_ok(Read::clear),
            Some(tls) => tls.poll_read(&mut self.socket, context, into),
        }
    }

    /// Takes as many of these bytes as go now, or says `WouldBlock`, which is always the socket's word.
    pub(crate) fn try_write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.try_write(bytes),
            Some(tls) => tls.try_write(&self.socket, bytes),
        }
    }

    /// Sends what was taken and is not with the system yet. `Ok(false)`: it takes no more now.
    pub(crate) fn try_flush(&mut self) -> io::Result<bool> {
        match &mut self.tls {
            None => Ok(true),
            Some(tls) => tls.push(&self.socket),
        }
    }

    /// Whether something was taken, or is to be said by TLS itself, that is not with the system yet.
    pub(crate) fn has_unsent(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.has_unsent())
    }

    /// Until the system takes more.
    pub(crate) fn poll_write_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_write_ready(context)
    }

    /// Puts TLS's own goodbye behind all that was taken. To be called before the last flush.
    ///
    /// # Errors
    /// If TLS can't send any more.
    pub(crate) fn say_goodbye(&mut self) -> io::Result<()> {
        self.tls.as_mut().map_or(Ok(()), |tls| tls.say_goodbye())
    }

    /// Says that nothing more comes from here.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        socket2::SockRef::from(&self.socket).shutdown(Shutdown::Write)
    }

    /// The peer is cut off when this is dropped, and what it did not take is thrown away: else the system
    /// would keep that for minutes, where nobody counts it, and the peer would wait for more.
    pub(crate) fn cut_off(&self) {
        // Where it fails, the socket is broken already.
        let _ = socket2::SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
    }

    /// Whether something of the peer waits to be read.
    pub(crate) fn has_unread_bytes(&self) -> bool {
        let mut byte = [std::mem::MaybeUninit::uninit()];
        socket2::SockRef::from(&self.socket).peek(&mut byte).is_ok_and(|bytes| bytes > 0)
    }
}

fn poll_socket(
    socket: &mut TcpStream,
    context: &mut Context<'_>,
    into: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(into);
    ready!(Pin::new(socket).poll_read(context, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}
