//! Connections of a load that expects to be refused, closed and made to wait: one thread, one epoll. It
//! knows lines, not what they mean. (`load.rs` is for loads in which each of these is an error.)

use crate::Result;
use crate::load::lines;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const READ_BYTES: usize = 64 * 1024;

/// Connections from one address to one server, by number. Numbers are used again.
pub(crate) struct Pool {
    source: IpAddr,
    server: SocketAddr,
    poll: Poll,
    events: Events,
    connections: Slab<Connection>,
    buffer: Box<[u8]>,
}

/// What happened to a connection.
#[derive(Debug)]
pub(crate) enum Happened<'a> {
    /// It stands.
    Opened,
    /// A line came, here without its end.
    Line(&'a [u8]),
    /// It was closed, or could not be made. The number counts no more.
    Gone,
}

struct Connection {
    stream: TcpStream,
    is_open: bool,
    /// Nothing is read from it.
    is_mute: bool,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

impl Pool {
    pub(crate) fn new(source: IpAddr, server: SocketAddr) -> Result<Self> {
        Ok(Self {
            source,
            server,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Slab::new(),
            buffer: vec![0; READ_BYTES].into(),
        })
    }

    /// Begins to connect.
    pub(crate) fn open(&mut self) -> io::Result<usize> {
        let domain = Domain::for_address(self.server);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::new(self.source, 0).into())?;
        match socket.connect(&self.server.into()) {
            Err(error) if !is_under_way(&error) => return Err(error),
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        let entry = self.connections.vacant_entry();
        let number = entry.key();
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both)?;
        let (partial, unsent) = (Vec::new(), Vec::new());
        entry.insert(Connection { stream, is_open: false, is_mute: false, partial, unsent });
        Ok(number)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.connections.len()
    }

    /// Sends bytes, later if the socket is full. What goes wrong is heard by the next [`Pool::turn`].
    pub(crate) fn send(&mut self, number: usize, bytes: &[u8]) {
        if let Some(connection) = self.connections.get_mut(number) {
            connection.unsent.extend_from_slice(bytes);
            let _ = connection.flush();
        }
    }

    /// Sends bytes if the socket takes them now; the number of those that it took.
    pub(crate) fn offer(&mut self, number: usize, bytes: &[u8]) -> usize {
        match self.connections.get_mut(number) {
            Some(connection) if connection.is_open => connection.stream.write(bytes).unwrap_or(0),
            _ => 0,
        }
    }

    /// Bytes that the socket has not taken.
    pub(crate) fn unsent(&self, number: usize) -> usize {
        self.connections.get(number).map_or(0, |connection| connection.unsent.len())
    }

    /// Closes a connection at once, so that none of its port stays behind. Says whether it stood.
    pub(crate) fn cut(&mut self, number: usize) -> bool {
        let Some(connection) = self.connections.try_remove(number) else { return false };
        let _ = SockRef::from(&connection.stream).set_linger(Some(Duration::ZERO));
        connection.is_open || connection.stream.peer_addr().is_ok()
    }

    /// Reads nothing any more from a connection.
    pub(crate) fn mute(&mut self, number: usize) {
        if let Some(connection) = self.connections.get_mut(number) {
            connection.is_mute = true;
        }
    }

    /// Reads from a connection again.
    pub(crate) fn unmute(&mut self, number: usize) -> Result<()> {
        if let Some(connection) = self.connections.get_mut(number) {
            connection.is_mute = false;
            // Only a change is told of, and what came meanwhile is none.
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().reregister(&mut connection.stream, Token(number), both)?;
        }
        Ok(())
    }

    /// Waits until something happens, at most for `limit`, and tells it.
    pub(crate) fn turn(
        &mut self,
        limit: Duration,
        mut on: impl FnMut(usize, Happened<'_>),
    ) -> Result<()> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            result => result?,
        }
        for event in &self.events {
            let number = event.token().0;
            let Some(connection) = self.connections.get_mut(number) else { continue };
            let mut lives = Ok(true);
            if !connection.is_open && (event.is_writable() || event.is_error()) {
                lives = connection.stream.take_error().and_then(|error| match error {
                    Some(error) => Err(error),
                    None => connection.stream.peer_addr().map(|_| true),
                });
                if lives.is_ok() {
                    connection.is_open = true;
                    on(number, Happened::Opened);
                }
            }
            if lives.is_ok() && event.is_writable() {
                lives = connection.flush().map(|()| true);
            }
            if lives.is_ok() && !connection.is_mute && (event.is_readable() || event.is_error()) {
                lives = connection.read(&mut self.buffer, |line| on(number, Happened::Line(line)));
            }
            if !matches!(lives, Ok(true)) {
                self.connections.remove(number);
                on(number, Happened::Gone);
            }
        }
        Ok(())
    }
}

/// EINPROGRESS of Linux, macOS and the BSDs, which has no kind of its own.
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || matches!(error.raw_os_error(), Some(115 | 36))
}

impl Connection {
    fn flush(&mut self) -> io::Result<()> {
        while self.is_open && !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(bytes) => drop(self.unsent.drain(..bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Hands out what came. False: the peer has ended.
    fn read(&mut self, buffer: &mut [u8], mut on_line: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut on_line = |line: &[u8]| -> Result<()> {
            on_line(line);
            Ok(())
        };
        loop {
            let bytes = match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(bytes) => &buffer[..bytes],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            if self.partial.is_empty() {
                let rest = lines(bytes, &mut on_line).map_err(io::Error::other)?;
                self.partial.extend_from_slice(rest);
            } else {
                self.partial.extend_from_slice(bytes);
                if bytes.contains(&b'\n') {
                    let partial = std::mem::take(&mut self.partial);
                    self.partial =
                        lines(&partial, &mut on_line).map_err(io::Error::other)?.to_vec();
                }
            }
        }
    }
}
