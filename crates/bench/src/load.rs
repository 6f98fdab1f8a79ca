//! The load client: many connections, one thread, one epoll. It knows lines, not what they mean.

use crate::Result;
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Connections from one source address: far below the number of its ports.
const PER_SOURCE: usize = 5_000;
const READ_BYTES: usize = 64 * 1024;
/// Longest silence of a server that should say something.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Connections to one server, by number.
pub(crate) struct Swarm {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    /// Bytes that came on all connections.
    pub(crate) received: u64,
}

struct Connection {
    stream: TcpStream,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// What the socket did not take.
    unsent: Vec<u8>,
}

impl Swarm {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            connections: Vec::new(),
            buffer: vec![0; READ_BYTES].into(),
            received: 0,
        })
    }

    /// Opens one more connection and returns its number.
    pub(crate) fn connect(&mut self, server: SocketAddr) -> Result<usize> {
        let number = self.connections.len();
        let failed = |error| format!("connection {number} to {server}: {error}");
        let stream = open(server, number).map_err(failed)?;
        let mut stream = TcpStream::from_std(stream);
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both)?;
        self.connections.push(Connection { stream, partial: Vec::new(), unsent: Vec::new() });
        Ok(number)
    }

    /// Sends bytes, later if the socket is full.
    pub(crate) fn send(&mut self, number: usize, bytes: &[u8]) -> Result<()> {
        let connection = &mut self.connections[number];
        connection.unsent.extend_from_slice(bytes);
        connection.flush()
    }

    /// Waits for what comes, at most for `limit`, and hands out each whole line with the number of
    /// its connection. Returns how many there were.
    pub(crate) fn receive(
        &mut self,
        limit: Duration,
        mut on_line: impl FnMut(usize, &[u8]) -> Result<()>,
    ) -> Result<usize> {
        match self.poll.poll(&mut self.events, Some(limit)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(0),
            result => result?,
        }
        let mut lines = 0;
        for event in &self.events {
            let number = event.token().0;
            let connection = &mut self.connections[number];
            if event.is_writable() {
                connection.flush()?;
            }
            if event.is_readable() {
                let on_line = |line: &[u8]| {
                    lines += 1;
                    on_line(number, line)
                };
                self.received += connection.read(event, &mut self.buffer, on_line)?;
            }
        }
        Ok(lines)
    }

    /// As [`Swarm::receive`], but it is an error if nothing comes for a long time.
    pub(crate) fn expect(&mut self, on_line: impl FnMut(usize, &[u8]) -> Result<()>) -> Result<()> {
        if self.receive(PATIENCE, on_line)? == 0 && self.events.is_empty() {
            return Err(
                format!("the server said nothing for {PATIENCE:?}: something is lost").into()
            );
        }
        Ok(())
    }
}

fn open(server: SocketAddr, number: usize) -> io::Result<std::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    // The ports of one source address run short, also those of earlier runs, which the system holds
    // for a minute. All of 127/8 is ours: each server, having another port, gets its own sources.
    let [high, low] = server.port().to_be_bytes();
    let last = u8::try_from(1 + number / PER_SOURCE).map_err(io::Error::other)?;
    socket.bind(&SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, high, low, last)), 0).into())?;
    socket.connect(&server.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl Connection {
    fn flush(&mut self) -> Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(bytes) => drop(self.unsent.drain(..bytes)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read(
        &mut self,
        event: &Event,
        buffer: &mut [u8],
        mut on_line: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let mut received = 0;
        loop {
            let bytes = match self.stream.read(buffer) {
                Ok(0) => return Err("the server closed a connection".into()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(received),
                Err(error) => return Err(error.into()),
            };
            received += bytes as u64;
            if self.partial.is_empty() {
                let rest = lines(&buffer[..bytes], &mut on_line)?;
                self.partial.extend_from_slice(rest);
            } else {
                self.partial.extend_from_slice(&buffer[..bytes]);
                let partial = std::mem::take(&mut self.partial);
                self.partial = lines(&partial, &mut on_line)?.to_vec();
            }
            // Less than the buffer holds: the socket is empty, and more is a new event.
            if bytes < buffer.len() && !event.is_read_closed() {
                return Ok(received);
            }
        }
    }
}

/// Hands out the whole lines, without their ends, and returns the rest.
pub(crate) fn lines<'a>(
    mut bytes: &'a [u8],
    on_line: &mut impl FnMut(&[u8]) -> Result<()>,
) -> Result<&'a [u8]> {
    while let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
        on_line(&bytes[..end])?;
        bytes = &bytes[end + 1..];
    }
    Ok(bytes)
}
