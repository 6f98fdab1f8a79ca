//! The sink: a server that takes everything, answers each line with one that says nothing, and forgets
//! it. What a flood against it costs others is what the load itself takes from this computer.

use crate::Result;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use std::io::{self, Read, Write};

const LISTENER: Token = Token(usize::MAX);
/// Looks like the answer to a request.
const ANSWER: &[u8] = b"{\"ev\":\"done\",\"id\":1}\n";
/// Connections that are taken before others are read.
const ACCEPT_TOGETHER: usize = 64;

/// Serves until something goes wrong.
pub(crate) fn run(mut listener: TcpListener) -> Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections: Slab<TcpStream> = Slab::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut has_more = false;
    loop {
        let wait = has_more.then_some(std::time::Duration::ZERO);
        poll.poll(&mut events, wait)?;
        for event in &events {
            match event.token() {
                LISTENER => has_more = true,
                Token(number) => {
                    let Some(stream) = connections.get_mut(number) else { continue };
                    if event.is_readable() && !read(stream, &mut buffer) {
                        connections.remove(number);
                    }
                }
            }
        }
        if has_more {
            has_more = accept(&listener, &poll, &mut connections)?;
        }
    }
}

/// Whether more may wait.
fn accept(
    listener: &TcpListener,
    poll: &Poll,
    connections: &mut Slab<TcpStream>,
) -> io::Result<bool> {
    for _ in 0..ACCEPT_TOGETHER {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            // Gone already, or too many: the load's affair.
            Err(_) => continue,
        };
        let entry = connections.vacant_entry();
        poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
        entry.insert(stream);
    }
    Ok(true)
}

/// Whether it goes on.
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> bool {
    loop {
        match stream.read(buffer) {
            Ok(0) => return false,
            Ok(bytes) => {
                for _ in buffer[..bytes].iter().filter(|byte| **byte == b'\n') {
                    // One who does not read gets no answer.
                    let _ = stream.write(ANSWER);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
    }
}
