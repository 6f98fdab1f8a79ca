//! Clients, a server and the network between them, driven by a seed; and what must hold.

use super::*;
use hubbub_client::{ClientEvent, ConnectionState, Core, CoreConfig, LocalId, SendState};

/// What a program that listens to one conversation has.
#[derive(Default)]
pub struct Heard {
    pub events: Vec<Event>,
    /// Where it began, if a `joined` or `reset` said so.
    pub began: Option<(RoomId, u64)>,
}

pub struct Person {
    pub name: String,
    pub core: Core,
    pub heard: BTreeMap<RoomAddress, Heard>,
    pub states: BTreeMap<LocalId, SendState>,
    pub texts: BTreeMap<LocalId, (RoomAddress, String)>,
    /// Who asked for a private chat and was not answered.
    asked: Vec<UserName>,
    link: Option<u64>,
    up: VecDeque<ClientFrame>,
    due: MonoMs,
}

pub struct World {
    pub server: Server,
    pub people: Vec<Person>,
    now: MonoMs,
    links: u64,
    said: u64,
}

impl World {
    pub fn new(seed: u64, names: &[&str], kept_events_max: usize) -> Self {
        let people = names.iter().enumerate().map(|(at, name)| {
            let instance = Instance([at as u8 + 1; 16]);
            let mut config = CoreConfig::new(UserName::parse(name).unwrap(), instance);
            config.conversations = vec![room("lobby")];
            config.kept_events_max = kept_events_max;
            Person {
                name: (*name).into(),
                core: Core::new(config),
                heard: BTreeMap::new(),
                states: BTreeMap::new(),
                texts: BTreeMap::new(),
                asked: Vec::new(),
                link: None,
                up: VecDeque::new(),
                due: MonoMs(0),
            }
        });
        let people = people.collect();
        Self { server: Server::new(seed), people, now: MonoMs(0), links: 0, said: 0 }
    }

    /// One random thing, of those that happen in networks.
    pub fn step(&mut self, cuts: u8, restarts: u8) {
        let at = self.server.random.usize(0..self.people.len());
        let per_mille = self.server.random.u16(0..1000);
        if per_mille < u16::from(restarts) {
            self.server.restart();
            (0..self.people.len()).for_each(|at| self.cut(at));
        } else if per_mille < u16::from(restarts) + u16::from(cuts) {
            self.cut(at);
        } else {
            match self.server.random.u8(0..13) {
                0..=2 => self.say(at),
                3..=5 => drop(self.up(at)),
                6..=8 => drop(self.down(at)),
                9 => {
                    if let Some(link) = self.people[at].link {
                        self.server.page(link);
                    }
                }
                10 => self.pass(at, 200),
                11 => self.answer(at),
                _ => self.connect(at),
            }
        }
        self.people[at].listen();
    }

    fn say(&mut self, at: usize) {
        self.said += 1;
        let text = format!("word {}", self.said);
        let to = match self.server.random.u8(0..4) {
            0 => {
                let other = (at + 1) % self.people.len();
                user(&self.people[other].name)
            }
            _ => room("lobby"),
        };
        let person = &mut self.people[at];
        if let Ok(local) = person.core.send(&to, &text, MessageKind::Text) {
            person.texts.insert(local, (to, text));
        }
    }

    /// Says yes or no to somebody who asked, or ends a private chat.
    fn answer(&mut self, at: usize) {
        let random = self.server.random.u8(0..10);
        let person = &mut self.people[at];
        match (person.asked.pop(), random) {
            (Some(user), 0..8) => _ = person.core.accept(&user),
            (Some(user), _) => _ = person.core.reject(&user),
            (None, 0) => {
                let other = person.states.len() % self.people.len();
                let name = UserName::parse(&self.people[other].name).unwrap();
                let _ = self.people[at].core.end(&name);
            }
            (None, _) => {}
        }
    }

    fn connect(&mut self, at: usize) {
        let random = self.server.random.u64(..);
        let person = &mut self.people[at];
        if person.link.is_some() || self.now.0 < person.due.0 {
            return;
        }
        assert!(person.core.reconnect_delay_ms(random).is_some(), "{} gave up", person.name);
        self.links += 1;
        person.link = Some(self.links);
        self.server.sessions.insert(self.links, Session::default());
        person.core.connected(self.now);
    }

    /// The connection breaks; what was on its way is lost, what had arrived was done.
    pub fn cut(&mut self, at: usize) {
        let random = self.server.random.u64(..);
        let person = &mut self.people[at];
        let Some(link) = person.link.take() else { return };
        self.server.sessions.remove(&link);
        person.up.clear();
        person.core.disconnected(self.now);
        person.due = self.now.plus(person.core.reconnect_delay_ms(random).unwrap());
    }

    fn up(&mut self, at: usize) -> bool {
        let person = &mut self.people[at];
        let Some(link) = person.link else { return false };
        while let Some(frame) = person.core.poll_transmit() {
            person.up.push_back(frame);
        }
        let Some(frame) = person.up.pop_front() else { return false };
        self.server.handle(link, frame);
        true
    }

    fn down(&mut self, at: usize) -> bool {
        let person = &mut self.people[at];
        let Some(session) = person.link.and_then(|link| self.server.sessions.get_mut(&link)) else {
            return false;
        };
        let Some(frame) = session.out.pop_front() else { return false };
        person.core.received(self.now, frame);
        true
    }

    fn pass(&mut self, at: usize, ms: u64) {
        self.now = self.now.plus(ms);
        self.server.now = self.now;
        let core = &mut self.people[at].core;
        core.handle_timeout(self.now);
        if core.connection() == ConnectionState::Dead {
            self.cut(at);
        }
    }

    /// The network heals: everything that is under way arrives.
    pub fn settle(&mut self) {
        let slow_ms = self.server.faults.slow_ms;
        self.server.faults = Faults { slow_ms, ..Faults::default() };
        for _ in 0..200 {
            let mut moved = true;
            while std::mem::take(&mut moved) {
                for at in 0..self.people.len() {
                    self.connect(at);
                    moved |= self.up(at) | self.down(at);
                    moved |= self.people[at].link.is_some_and(|link| self.server.page(link));
                    self.people[at].listen();
                }
            }
            (0..self.people.len()).for_each(|at| self.pass(at, 1000));
            // Everybody agrees to everything, also to what they heard of in a lost connection.
            for (asked, asker) in self.server.unanswered() {
                let person = self.people.iter_mut().find(|person| person.name == asked.as_str());
                let _ = person.unwrap().core.accept(&asker);
            }
        }
    }

    /// Complete, in order, each once, the same for everyone.
    pub fn check(&self) {
        let mut places: BTreeMap<&str, Vec<Position>> = BTreeMap::new();
        for event in self.server.rooms.iter().flat_map(|room| &room.events) {
            places.entry(event.body.words()).or_default().push(event.position());
        }
        for person in &self.people {
            assert_eq!(person.core.violations(), 0, "{}", person.name);
            assert_eq!(person.core.pending_sends().len(), 0, "{}", person.name);
            for (local, (_, text)) in &person.texts {
                let found = places.get(text.as_str()).cloned().unwrap_or_default();
                match &person.states[local] {
                    SendState::Sent { position, .. } => assert_eq!(found, [*position], "{text}"),
                    SendState::Failed { code, .. } => {
                        assert!(found.is_empty(), "{text} failed and arrived");
                        let known = [ErrorCode::NoSuchUser, ErrorCode::NotAccepted];
                        assert!(known.contains(code), "{text}: {code:?}");
                    }
                    state => panic!("{text} is still {state:?}"),
                }
            }
            person.check_order();
            for (address, heard) in &person.heard {
                self.check_conversation(person, address, heard);
            }
        }
    }

    fn check_conversation(&self, person: &Person, address: &RoomAddress, heard: &Heard) {
        let core = person.core.conversation(address).unwrap();
        let Some(position) = core.timeline().position() else { return };
        let room = self.server.room(position.room);
        let first = heard.events.first().map_or(position.seq.0, |event| event.seq.0 - 1);
        let (began_in, began) = heard.began.unwrap_or((room.id, first));
        assert_eq!((began_in, began), (room.id, first), "{address} of {}", person.name);
        let until = position.seq.0 as usize;
        assert_eq!(
            heard.events,
            room.events[first as usize..until],
            "{address} of {}",
            person.name
        );
        let reachable = match room.key {
            RoomKey::Named(_) => true,
            RoomKey::Private(a, b) => {
                self.server.is_open(a, b)
                    && [a, b]
                        .iter()
                        .all(|id| self.server.users.values().any(|(user, _)| user.id == *id))
            }
        };
        if reachable {
            assert_eq!(until, room.events.len(), "{address} of {} is complete", person.name);
            assert!(core.is_live(), "{address} of {} is live", person.name);
        }
        let kept = core.timeline().events();
        let end = heard.events.len();
        assert!(
            kept.len() <= end && kept.eq(&heard.events[end - core.timeline().events().len()..])
        );
    }
}

impl Person {
    /// What was said to one user has its place in the order in which it was said.
    fn check_order(&self) {
        let mut last: BTreeMap<&RoomAddress, (WallMs, &str)> = BTreeMap::new();
        for (local, (to, text)) in &self.texts {
            if let (RoomAddress::User(_), SendState::Sent { time, .. }) = (to, &self.states[local])
                && let Some((before, earlier)) = last.insert(to, (*time, text))
            {
                assert!(before < *time, "{earlier} and {text} of {} to {to}", self.name);
            }
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.core.poll_event() {
            match event {
                ClientEvent::NewEvent { conversation, event, .. } => {
                    self.heard.entry(conversation).or_default().events.push(event);
                }
                ClientEvent::Reset { conversation } => {
                    self.heard.insert(conversation, Heard::default());
                }
                ClientEvent::Joined { conversation, room, head, catch_up, .. } => {
                    let heard = self.heard.entry(conversation).or_default();
                    if catch_up != CatchUp::Pages && heard.events.is_empty() {
                        heard.began = Some((room, head.0));
                    }
                }
                ClientEvent::Send { local, state } => {
                    let before = self.states.insert(local, state.clone());
                    let is_right = match (&before, &state) {
                        (None, SendState::Pending | SendState::Held) => true,
                        (Some(SendState::Pending), SendState::Pending) => false,
                        (Some(SendState::Held), SendState::Held) => false,
                        (Some(SendState::Pending | SendState::Held), _) => true,
                        _ => false,
                    };
                    assert!(is_right, "a send was {before:?} and is {state:?}");
                }
                ClientEvent::Link { user, state: LinkState::Asked } => self.asked.push(user.name),
                _ => {}
            }
        }
    }
}
