//! The floor: the least that a chat server can do. It reads lines and writes each to the other members
//! of the room, with one `send` for each member and batch. Edge-triggered epoll, one thread.
//!
//! Deliberately not here: parsing, storing, outboxes, slow readers (a full socket ends it), anything
//! that a real server must have. The difference to it is what our features cost.
//!
//! `join ROOM` is the first line of a connection, answered by `ok`; all later ones are said there. The
//! client sends the very line that Hubbub would make of a message, so that both write the same bytes.

use crate::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, Read, Write};

const LISTENER: Token = Token(usize::MAX);

#[derive(Default)]
struct Floor {
    members: Vec<Member>,
    rooms: Vec<Room>,
    names: HashMap<Vec<u8>, usize>,
    /// Rooms in which something was said since the last batch.
    dirty: Vec<usize>,
    joined: Vec<u8>,
}

struct Member {
    stream: TcpStream,
    room: Option<usize>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    /// Said since the last batch, and by whom; with the line end.
    lines: Vec<(usize, Vec<u8>)>,
}

/// Serves until something goes wrong.
pub(crate) fn run(mut listener: TcpListener) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut floor = Floor::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => floor.accept(&listener, &poll)?,
                Token(number) if event.is_readable() => floor.read(number, &mut buffer)?,
                Token(_) => {}
            }
        }
        floor.write_batch()?;
    }
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            poll.registry().register(&mut stream, Token(self.members.len()), Interest::READABLE)?;
            self.members.push(Member { stream, room: None });
        }
    }

    fn read(&mut self, number: usize, buffer: &mut [u8]) -> Result<()> {
        let bytes = match self.members[number].stream.read(buffer) {
            // This server is for one run, and that is over.
            Ok(0) => return Ok(()),
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if bytes == buffer.len() || buffer[bytes - 1] != b'\n' {
            return Err("a line came in pieces: the load is too much for this server".into());
        }
        buffer[..bytes]
            .split_inclusive(|&byte| byte == b'\n')
            .try_for_each(|line| self.line(number, line))
    }

    fn line(&mut self, number: usize, line: &[u8]) -> Result<()> {
        let Some(room) = self.members[number].room else {
            return self.join(number, line);
        };
        if self.rooms[room].lines.is_empty() {
            self.dirty.push(room);
        }
        self.rooms[room].lines.push((number, line.to_vec()));
        Ok(())
    }

    fn join(&mut self, number: usize, line: &[u8]) -> Result<()> {
        let name = line.strip_prefix(b"join ").ok_or("the first line is no join")?;
        let fresh = self.rooms.len();
        let room = *self.names.entry(name.to_vec()).or_insert(fresh);
        if room == fresh {
            self.rooms.push(Room::default());
        }
        self.rooms[room].members.push(number);
        self.members[number].room = Some(room);
        write_whole(&mut self.members[number].stream, b"ok\n")
    }

    fn write_batch(&mut self) -> Result<()> {
        for room in self.dirty.drain(..) {
            let Room { members, lines } = &mut self.rooms[room];
            for &number in &*members {
                let mut heard = lines.iter().filter(|(from, _)| *from != number);
                let bytes = match (heard.next(), heard.next()) {
                    (None, _) => continue,
                    (Some((_, line)), None) => line,
                    (Some((_, first)), Some((_, second))) => {
                        self.joined.clear();
                        self.joined.extend_from_slice(first);
                        self.joined.extend_from_slice(second);
                        heard.for_each(|(_, line)| self.joined.extend_from_slice(line));
                        &self.joined
                    }
                };
                write_whole(&mut self.members[number].stream, bytes)?;
            }
            lines.clear();
        }
        Ok(())
    }
}

fn write_whole(stream: &mut TcpStream, bytes: &[u8]) -> Result<()> {
    match stream.write(bytes) {
        Ok(written) if written == bytes.len() => Ok(()),
        Ok(_) => Err("a socket is full: the load is too much for this server".into()),
        Err(error) => Err(error.into()),
    }
}
