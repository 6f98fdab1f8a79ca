//! The way over loopback sockets, through a whole server in this process.

use super::timed_store::{TimedStore, Times};
use super::{Way, room_name};
use crate::Result;
use crate::load::Swarm;
use crate::native::{self, Crowd, Heard};
use hubbub_protocol::frame::Retention;
use hubbub_server::{Handle, Server, ServerConfig};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Native sessions of one server.
pub(super) struct Sockets {
    swarm: Swarm,
    times: Times,
    rooms: Vec<String>,
    /// Per session, what it has to say at the next exchange.
    said: Vec<Vec<u8>>,
    /// Sessions that have something to say.
    speaking: Vec<usize>,
    _server: Handle,
}

impl Sockets {
    pub(super) fn start(data: &Path, sessions: u32, members: u32) -> Result<Self> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = ServerConfig::new(vec![any], data.to_owned());
        config.hub.limits = hubbub_hub::Limits::free();
        let times = Times::default();
        let store = TimedStore::open(data, times.clone())?;
        let server = Server::start_on(config, Box::new(store))?;
        let rooms: Vec<String> = (0..sessions).map(|session| room_name(session, members)).collect();
        let room = |session: usize| rooms[session].clone();
        let crowd =
            Crowd { sessions: sessions as usize, room: &room, retention: Retention::Forever };
        let swarm = native::enter(server.addresses()[0], &crowd)?;
        let said = vec![Vec::new(); sessions as usize];
        Ok(Self { swarm, times, rooms, said, speaking: Vec::new(), _server: server })
    }
}

impl Way for Sockets {
    fn send(&mut self, session: usize, counter: u64, text: &str) -> Result<()> {
        let said = &mut self.said[session];
        if said.is_empty() {
            self.speaking.push(session);
        }
        native::write_send(said, &self.rooms[session], counter, text);
        Ok(())
    }

    fn exchange(&mut self, limit: Duration, answered: &mut Vec<usize>) -> Result<()> {
        for session in self.speaking.drain(..) {
            self.swarm.send(session, &self.said[session])?;
            self.said[session].clear();
        }
        self.swarm.receive(limit, |session, line| {
            if let Heard::Sent(_) = native::heard(line)? {
                answered.push(session);
            }
            Ok(())
        })?;
        Ok(())
    }

    fn commits(&mut self) -> (Vec<Duration>, usize) {
        self.times.take()
    }
}
