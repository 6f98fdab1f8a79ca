//! Connections that log in: one by one to see what it costs, and many at once with a wrong password.

use crate::Result;
use crate::load::Swarm;
use crate::native::{self, Heard};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const RIGHT: &str = "correct horse battery";
const WRONG: &str = "correct horse batterx";

/// Makes an account and returns how long that took.
pub(super) fn register(server: SocketAddr, name: &str) -> Result<Duration> {
    enter(server, name, true)
}

/// Logs in to an account and returns how long that took.
pub(super) fn log_in(server: SocketAddr, name: &str) -> Result<Duration> {
    enter(server, name, false)
}

fn enter(server: SocketAddr, name: &str, register: bool) -> Result<Duration> {
    let mut swarm = Swarm::new()?;
    let number = swarm.connect(server)?;
    let mut hello = Vec::new();
    native::write_hello(&mut hello, name, RIGHT, register);
    let began = Instant::now();
    swarm.send(number, &hello)?;
    let mut took = None;
    while took.is_none() {
        swarm.expect(|_, line| {
            // Whatever is no welcome is an error here.
            if native::heard(line)? == Heard::Other {
                took.get_or_insert_with(|| began.elapsed());
            }
            Ok(())
        })?;
    }
    Ok(took.unwrap_or_default())
}

/// Connections that have said all of their hello but its end, so that the server waits for it.
pub(super) struct Storm {
    swarm: Swarm,
    connections: usize,
    end: Vec<u8>,
}

impl Storm {
    pub(super) fn gather(server: SocketAddr, name: &str, connections: usize) -> Result<Self> {
        let mut hello = Vec::new();
        native::write_hello(&mut hello, name, WRONG, false);
        let end = hello.split_off(hello.len() - 1);
        let mut swarm = Swarm::new()?;
        for _ in 0..connections {
            let number = swarm.connect(server)?;
            swarm.send(number, &hello)?;
        }
        Ok(Self { swarm, connections, end })
    }

    /// All log in at once. Returns how long it took until the last was refused.
    pub(super) fn break_loose(&mut self) -> Result<Duration> {
        let began = Instant::now();
        for number in 0..self.connections {
            self.swarm.send(number, &self.end)?;
        }
        let mut missing = self.connections;
        while missing > 0 {
            self.swarm.expect(|_, line| {
                if !native::is_wrong_password(line) {
                    let line = String::from_utf8_lossy(line);
                    return Err(format!("no refusal, but {line}").into());
                }
                missing -= 1;
                Ok(())
            })?;
        }
        Ok(began.elapsed())
    }
}
