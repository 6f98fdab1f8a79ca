//! A native client without a library: one question, one answer.

use super::LIMIT;
use super::check::Log;
use hubbub_protocol::{Event, Instance, RoomName};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// One connection, logged in.
pub struct Raw {
    stream: BufReader<TcpStream>,
    id: u64,
    /// What the server said to hello.
    pub welcome: Value,
}

impl Raw {
    /// Connects, and enters these rooms.
    pub fn connect(
        address: SocketAddr,
        name: &str,
        instance: Instance,
        rooms: &[RoomName],
    ) -> Self {
        let stream = TcpStream::connect(address).expect("the server is there");
        stream.set_read_timeout(Some(LIMIT)).expect("a socket has a time-out");
        let mut raw = Self { stream: BufReader::new(stream), id: 0, welcome: Value::Null };
        let hello =
            json!({"cmd": "hello", "versions": [1], "name": name, "instance": instance.to_hex()});
        raw.welcome = raw.ask(hello);
        assert_eq!(raw.welcome["ev"], "welcome", "{}", raw.welcome);
        for room in rooms {
            let joined = raw.ask(json!({"cmd": "join", "room": room.as_str()}));
            assert_eq!(joined["ev"], "joined", "{joined}");
        }
        raw
    }

    /// Ends the connection without a word.
    pub fn hang_up(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }

    /// The answer to a request.
    pub fn ask(&mut self, mut frame: Value) -> Value {
        self.id += 1;
        frame["id"] = self.id.into();
        let line = format!("{frame}\n");
        self.stream.get_mut().write_all(line.as_bytes()).expect("the server reads");
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).expect("the server answers");
            let answer: Value = serde_json::from_str(&line).expect("a frame");
            if answer["id"] == self.id {
                return answer;
            }
        }
    }

    /// Everything that was ever said in a room.
    pub fn history(&mut self, room: &RoomName) -> Vec<Event> {
        let mut all: Vec<Event> = Vec::new();
        loop {
            let after = all.last().map_or(0, |event| event.seq.0);
            let page = json!({"cmd": "history", "room": room.as_str(), "page": {"after": after}});
            let mut page = self.ask(page);
            assert_eq!(page["ev"], "history", "{page}");
            let events = page["events"].take();
            all.extend(serde_json::from_value::<Vec<Event>>(events).expect("events"));
            if page["more"] == false {
                return all;
            }
        }
    }
}

/// The whole log of these rooms, and the server's epoch.
pub fn read_log(address: SocketAddr, rooms: &[RoomName]) -> (Log, u64) {
    let mut raw = Raw::connect(address, "reader", Instance([0xee; 16]), rooms);
    let log = rooms.iter().map(|room| (room.clone(), raw.history(room))).collect();
    (log, raw.welcome["epoch"].as_u64().expect("a number"))
}
