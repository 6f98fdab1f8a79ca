//! An account on a native connection, without a library: it comes back whatever happens to the
//! server, asks again what was not answered, and expects everything that was acknowledged.

use crate::load::{LIMIT, becomes};
use hubbub_protocol::Instance;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

const PASSWORD: &str = "correct horse";

/// What somebody said to whom, with the numbers that it got.
pub(crate) type Said = BTreeMap<String, Vec<(u64, String)>>;

/// One account, and what the server has acknowledged to it.
pub(crate) struct Account {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
    id: u64,
    pub(crate) name: String,
    instance: Instance,
    counter: u64,
    /// Its id and token, from when it was made.
    made: Option<(u64, String)>,
    rooms: Vec<String>,
    links: Vec<String>,
    said: Said,
}

impl Account {
    /// Makes it: ends when that is acknowledged.
    pub(crate) fn register(address: SocketAddr, name: String, instance: Instance) -> Self {
        let mut account = Self {
            address,
            stream: None,
            id: 0,
            name,
            instance,
            counter: 0,
            made: None,
            rooms: Vec::new(),
            links: Vec::new(),
            said: BTreeMap::new(),
        };
        account.enter();
        account
    }

    pub(crate) fn join(&mut self, room: String) {
        let joined = self.ask(&json!({"cmd": "join", "room": room}));
        assert_eq!(joined["ev"], "joined", "{}: {joined}", self.name);
        self.rooms.push(room);
    }

    /// Asks for a private chat, and the other one agrees.
    pub(crate) fn link(&mut self, other: &mut Self) {
        let asked = self.ask(&json!({"cmd": "ask", "user": other.name}));
        // A repetition of what was done is refused.
        let known = [&asked["ev"], &asked["code"]];
        assert!(known.contains(&&"done".into()) || known.contains(&&"already_asked".into()));
        let accepted = other.ask(&json!({"cmd": "accept", "user": self.name}));
        if accepted["ev"] != "done" {
            assert!(other.has_link(&self.name), "an acknowledged question is lost: {accepted}");
        }
        self.links.push(other.name.clone());
        other.links.push(self.name.clone());
    }

    /// Says something privately: ends when it is acknowledged.
    pub(crate) fn say(&mut self, to: &str) {
        self.counter += 1;
        let text = format!("{} {}", self.name, self.counter);
        let sent =
            self.ask(&json!({"cmd": "send", "user": to, "text": text, "counter": self.counter}));
        assert_eq!(sent["ev"], "sent", "{} to {to}: {sent}", self.name);
        let seq = sent["seq"].as_u64().expect("a number");
        self.said.entry(to.to_owned()).or_default().push((seq, text));
    }

    /// The server, which was started anew, still has all that it acknowledged. `others`: what all
    /// accounts have said.
    pub(crate) fn check(&mut self, others: &BTreeMap<String, Said>) {
        // With the token, and what belongs to it.
        self.stream = None;
        self.enter();
        for other in self.links.clone() {
            assert!(self.has_link(&other), "{} and {other} had a private chat", self.name);
            let mut wanted = self.said.get(&other).cloned().unwrap_or_default();
            wanted.extend(others[&other].get(&self.name).cloned().unwrap_or_default());
            wanted.sort_unstable();
            assert_eq!(self.history(&other), wanted, "of {} and {other}", self.name);
            let numbers = wanted.iter().map(|(seq, _)| *seq);
            assert!(numbers.eq(1..=wanted.len() as u64), "a number is missing or doubled");
        }
        // With the password alone.
        self.stream = None;
        let (user, token) = self.made.clone().expect("it was made");
        self.connect();
        let mut hello = self.hello();
        hello["instance"] = Value::Null;
        let welcome = self.exchange(&hello).expect("the server goes on");
        assert_eq!((&welcome["ev"], &welcome["resumed"]), (&"welcome".into(), &false.into()));
        assert_eq!(welcome["user"]["id"], user, "{welcome}");
        assert_ne!(welcome["resume"], token, "another login");
    }

    /// What was acknowledged of what it said.
    pub(crate) fn said(&self) -> Said {
        self.said.clone()
    }

    fn history(&mut self, user: &str) -> Vec<(u64, String)> {
        let mut all: Vec<(u64, String)> = Vec::new();
        loop {
            let after = all.last().map_or(0, |(seq, _)| *seq);
            let page = json!({"cmd": "history", "user": user, "page": {"after": after}});
            let page = self.ask(&page);
            let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
            all.extend(events.iter().map(|event| {
                let text = event["text"].as_str().expect("a text").to_owned();
                (event["seq"].as_u64().expect("a number"), text)
            }));
            if page["more"] == false {
                return all;
            }
        }
    }

    fn has_link(&mut self, other: &str) -> bool {
        let links = self.ask(&json!({"cmd": "links"}));
        let mut links = links["links"].as_array().into_iter().flatten();
        links.any(|link| link["user"]["name"] == other && link["state"] == "open")
    }

    /// The answer to a request, which is repeated as often as it takes.
    fn ask(&mut self, frame: &Value) -> Value {
        let until = Instant::now() + LIMIT;
        loop {
            assert!(Instant::now() < until, "{} hangs", self.name);
            if self.stream.is_none() {
                self.enter();
            }
            match self.exchange(frame) {
                Some(answer) if answer["next"] == "retry" => {}
                Some(answer) => return answer,
                None => self.stream = None,
            }
        }
    }

    /// Connects as this account, and expects to find what was acknowledged.
    fn enter(&mut self) {
        let until = Instant::now() + LIMIT;
        let welcome = loop {
            assert!(Instant::now() < until, "{} can't come in", self.name);
            self.connect();
            let mut hello = self.hello();
            match &self.made {
                Some((_, token)) => hello["resume"] = token.as_str().into(),
                None => hello["register"] = true.into(),
            }
            let mut answer = self.exchange(&hello);
            let code =
                |answer: &Option<Value>| answer.as_ref().map(|answer| answer["code"].clone());
            if self.made.is_none() && code(&answer) == Some("name_taken".into()) {
                // It was made, and the answer was lost.
                hello["register"] = false.into();
                answer = self.exchange(&hello);
            }
            match answer {
                Some(answer) if answer["next"] != "retry" => break answer,
                _ => {}
            }
        };
        let name = &self.name;
        assert_eq!(welcome["ev"], "welcome", "{name}: {welcome}");
        assert_eq!(welcome["account"], true, "{name}: {welcome}");
        let user = welcome["user"]["id"].as_u64().expect("a number");
        let token = welcome["resume"].as_str().expect("a token").to_owned();
        if let Some(made) = &self.made {
            assert_eq!((user, &token), (made.0, &made.1), "{name}: {welcome}");
            assert_eq!(welcome["resumed"], true, "{name}: {welcome}");
        }
        for (kind, kept) in [("rooms", &self.rooms), ("privates", &self.links)] {
            let listed = welcome[kind].as_array().expect("a list");
            let lost: Vec<_> =
                kept.iter().filter(|one| !listed.contains(&(**one).as_str().into())).collect();
            assert!(lost.is_empty(), "{name} lost {lost:?} of its {kind}: {welcome}");
        }
        self.made = Some((user, token));
    }

    fn hello(&self) -> Value {
        json!({"cmd": "hello", "versions": [1], "name": self.name, "password": PASSWORD,
               "instance": self.instance.to_hex()})
    }

    fn connect(&mut self) {
        let stream = std::cell::Cell::new(None);
        let is_there = becomes(LIMIT, || match TcpStream::connect(self.address) {
            Ok(connected) => {
                stream.set(Some(connected));
                true
            }
            Err(_) => false,
        });
        assert!(is_there, "the server does not come back");
        let stream = stream.take().expect("just connected");
        stream.set_read_timeout(Some(LIMIT)).expect("a socket has a time-out");
        self.stream = Some(BufReader::new(stream));
    }

    /// A request and its answer; `None`: the connection was lost before that.
    fn exchange(&mut self, frame: &Value) -> Option<Value> {
        self.id += 1;
        let mut frame = frame.clone();
        frame["id"] = self.id.into();
        let stream = self.stream.as_mut()?;
        stream.get_mut().write_all(format!("{frame}\n").as_bytes()).ok()?;
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let answer: Value = serde_json::from_str(line.strip_suffix('\n')?).expect("a frame");
            if answer["id"] == self.id {
                return Some(answer);
            }
        }
    }
}
