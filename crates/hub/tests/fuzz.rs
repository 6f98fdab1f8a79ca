//! Random lives of guests and accounts, with a store that fails and a server that is cut off. What
//! must hold whatever happens: every command has one answer, nothing is said to who is gone or was
//! not welcomed, no private text reaches who did not agree, the hub's state fits together (looked at
//! after every input), and when all have left nothing is kept that should be gone.

mod support;

use hubbub_hub::*;
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::Record;
use hubbub_protocol::*;
use std::collections::{HashMap, HashSet};
use support::{World, credentials, password, room, to, token, user};

/// SplitMix64: small, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.roll(all.len() as u64) as usize]
    }
}

#[derive(Default)]
struct Client {
    user: Option<UserId>,
    is_welcomed: bool,
    unanswered: u32,
    /// All that is unanswered are sends.
    sends: bool,
    hears: HashSet<RoomId>,
}

enum Work {
    Password(SessionId, PasswordWork),
    Sends(SessionId, Instance),
    Read(SessionId, Position),
    Page(SessionId, RoomId),
}

fn some_name(dice: &mut Dice) -> UserName {
    if dice.one_in(4) { user(dice.of(&OTHER_NAMES)) } else { user(dice.of(&NAMES)) }
}

struct Life {
    world: World,
    dice: Dice,
    clients: HashMap<SessionId, Client>,
    /// In the order in which they came, for the dice.
    here: Vec<SessionId>,
    work: Vec<Work>,
    survivors: Option<Vec<Survivor>>,
    connected: u32,
    names: HashMap<String, UserId>,
    /// Who agreed to hear whom.
    agreed: HashSet<(UserId, UserId)>,
    /// Of whom it can't be said.
    open_to_all: HashSet<UserId>,
    /// Nobody has to agree.
    is_open: bool,
}

const NAMES: [&str; 5] = ["ann", "bob", "cat", "dan", "eve"];
/// A case and a look-alike of one of them, and names that are mostly free.
const OTHER_NAMES: [&str; 6] = ["ANN", "\u{430}nn", "flo", "gus", "hal", "ida"];
const ROOMS: [&str; 5] = ["lobby", "chat", "club", "den", "LOBBY"];

impl Life {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let config = HubConfig {
            guests: !dice.one_in(8),
            registration: if dice.one_in(4) { Registration::Invite } else { Registration::Open },
            private: dice.of(&[
                PrivatePolicy::Ask,
                PrivatePolicy::Ask,
                PrivatePolicy::Open,
                PrivatePolicy::Closed,
            ]),
            presence_members: dice.of(&[2, 200]),
            ..HubConfig::default()
        };
        let is_open = config.private == PrivatePolicy::Open;
        Self {
            world: World::with(config),
            dice,
            clients: HashMap::new(),
            here: Vec::new(),
            work: Vec::new(),
            survivors: None,
            connected: 0,
            names: HashMap::new(),
            agreed: HashSet::new(),
            open_to_all: HashSet::new(),
            is_open,
        }
    }

    /// Looks at what came out.
    fn look(&mut self) {
        for effect in std::mem::take(&mut self.world.effects) {
            match effect {
                Effect::Persist { record, .. } => {
                    assert!(self.survivors.is_none(), "the store takes nothing now");
                    if let Record::Account(account) = record {
                        self.name_is(account.id, &account.name);
                    }
                }
                Effect::Reply { session, reply, .. } => {
                    match reply {
                        Reply::Welcome { user, .. } => {
                            self.name_is(user.id, &user.name);
                            let client = self.client(session, "a welcome");
                            client.user = Some(user.id);
                            client.is_welcomed = true;
                        }
                        Reply::You { user, .. } => self.name_is(user.id, &user.name),
                        _ => {}
                    }
                    self.answered(session);
                }
                Effect::ReadHistory { session, .. } => self.answered(session),
                Effect::Deliver { room, delivery, except } => {
                    self.delivered(room, &delivery, except);
                }
                Effect::Subscribe { session, room } => {
                    let client = self.client(session, "a subscription");
                    assert!(client.is_welcomed, "{session:?} hears before its welcome");
                    assert!(client.hears.insert(room), "{session:?} subscribed twice");
                }
                Effect::Unsubscribe { session, room } => {
                    assert!(self.client(session, "its end").hears.remove(&room));
                }
                Effect::Read { session, after } => self.work.push(Work::Read(session, after)),
                Effect::Page { session, room, events, paced } => {
                    assert!(self.client(session, "a page").is_welcomed);
                    if let Some(event) = events.first() {
                        self.heard(session, event.from.id, room);
                    }
                    if paced {
                        self.work.push(Work::Page(session, room));
                    }
                }
                Effect::Live { session, .. } => drop(self.client(session, "live")),
                Effect::LoadSends { session, instance } => {
                    self.work.push(Work::Sends(session, instance));
                }
                Effect::Passwords { session, work } => {
                    self.work.push(Work::Password(session, work));
                }
                Effect::Tell { session, notice } => {
                    let client = self.client(session, "a notice");
                    assert!(client.is_welcomed, "{session:?} is told {notice:?} too early");
                }
                Effect::AdminReply { .. } => {}
                Effect::Close { session, .. } => {
                    assert!(self.clients.remove(&session).is_some(), "closed twice");
                    self.here.retain(|id| *id != session);
                }
            }
        }
    }

    fn client(&mut self, session: SessionId, what: &str) -> &mut Client {
        self.clients
            .get_mut(&session)
            .unwrap_or_else(|| panic!("{what} for {session:?}, who is gone"))
    }

    fn answered(&mut self, session: SessionId) {
        let client = self.client(session, "an answer");
        assert!(client.unanswered > 0, "{session:?} is answered twice");
        client.unanswered -= 1;
    }

    fn name_is(&mut self, id: UserId, name: &UserName) {
        self.names.retain(|_, known| *known != id);
        self.names.insert(name.fold(), id);
    }

    fn delivered(&mut self, room: RoomId, delivery: &Delivery, except: Option<SessionId>) {
        let Delivery::Message { address: RoomAddress::User(_), event } = delivery else { return };
        for session in self.here.clone() {
            if self.clients[&session].hears.contains(&room) && Some(session) != except {
                self.heard(session, event.from.id, room);
            }
        }
    }

    /// Somebody was given what another said in a room; whether it is private shows by who agreed.
    fn heard(&mut self, session: SessionId, from: UserId, room: RoomId) {
        let is_private = |record: &Record| match record {
            Record::Room(record) if record.id == room => {
                matches!(record.kind, record::RoomKind::Private { .. })
            }
            _ => false,
        };
        if !self.world.records.iter().any(is_private) {
            return;
        }
        let me = self.clients[&session].user.expect("who hears is somebody");
        let agrees = me == from || self.agreed.contains(&(me, from));
        let is_asked = !self.is_open && !self.open_to_all.contains(&me);
        assert!(agrees || !is_asked, "{me} did not agree to hear {from}");
    }

    fn command(&mut self, session: SessionId, command: Command) {
        let me = self.clients[&session].user;
        let other = |life: &Self, name: &UserName| life.names.get(&name.fold()).copied();
        if let Command::Hello { name: Some(name), .. } = &command {
            // It may be somebody else's from now on.
            self.names.remove(&name.fold());
        }
        let (agrees, ends) = match &command {
            Command::Ask { name } | Command::Accept { name } => (Some(other(self, name)), None),
            Command::Send { address: RoomAddress::User(name), .. } => {
                (Some(other(self, name)), None)
            }
            Command::End { name } | Command::Block { name, on: true } => (None, other(self, name)),
            Command::Policy { policy: Some(PrivatePolicy::Open) } => {
                self.open_to_all.extend(me);
                (None, None)
            }
            _ => (None, None),
        };
        match (me, agrees) {
            (Some(me), Some(Some(other))) => drop(self.agreed.insert((me, other))),
            // A name that the test does not know.
            (Some(me), Some(None)) => drop(self.open_to_all.insert(me)),
            _ => {}
        }
        let client = self.client(session, "a command");
        client.sends = matches!(command, Command::Send { .. });
        client.unanswered += 1;
        self.world.tell(session, command);
        let is_refused = |effect: &Effect| match effect {
            Effect::Reply { session: to, reply: Reply::Refused(_), .. } => *to == session,
            _ => false,
        };
        let is_refused = self.world.effects.iter().any(is_refused);
        if let (Some(me), Some(other), false) = (me, ends, is_refused) {
            self.agreed.remove(&(me, other));
            self.agreed.remove(&(other, me));
        }
        self.look();
    }

    fn hello(&mut self, session: SessionId) {
        let dice = &mut self.dice;
        let invite = Some(InviteCode::from_random(u128::from(dice.roll(2))));
        let entry = match dice.roll(4) {
            0 => None,
            1 => Some(Entry::Register { password: password(), invite }),
            _ => Some(Entry::Password(password())),
        };
        let resume = dice.one_in(3).then(|| token(dice.roll(u64::from(self.connected)) as u32 + 1));
        let instance = dice.one_in(2).then(|| Instance([dice.roll(5) as u8; 16]));
        let name = (!dice.one_in(10)).then(|| some_name(dice));
        let fresh = token(session.slot());
        self.command(session, Command::Hello { name, instance, resume, fresh, entry });
    }

    fn random_command(&mut self) -> Command {
        let dice = &mut self.dice;
        let name = user(dice.of(&NAMES));
        let place = room(dice.of(&ROOMS));
        let address = if dice.one_in(2) {
            RoomAddress::Room(place.clone())
        } else {
            RoomAddress::User(name.clone())
        };
        let retention = dice.one_in(3).then_some(Retention::None);
        match dice.roll(32) {
            0..3 => Command::Join { address, after: None, retention },
            3 => {
                let after = Position {
                    room: RoomId(dice.roll(9)),
                    epoch: Epoch(7),
                    seq: Seq(dice.roll(4)),
                };
                Command::Join { address, after: Some(after), retention }
            }
            4 => Command::Leave { room: place },
            5 => Command::History { address, page: Page::Latest, limit: 10 },
            6 => Command::Rooms { after: None },
            7 => Command::Members { room: place, after: None },
            8 => Command::Register {
                password: password(),
                invite: Some(InviteCode::from_random(u128::from(dice.roll(2)))),
            },
            9 => Command::Login {
                name,
                password: password(),
                fresh: token(900 + dice.roll(1_000_000) as u32),
            },
            10 if dice.one_in(2) => Command::Logout,
            10 => Command::Quit,
            11 => Command::Password { old: password(), new: password() },
            12 => Command::Logins,
            13 => Command::Revoke { login: LoginId((7 << 32) + dice.roll(200)) },
            14 => Command::Nick { name: some_name(dice) },
            15 => Command::NameInvalid { error: NameError::Empty, near: Some(name) },
            16..19 => Command::Ask { name },
            19..22 => Command::Accept { name },
            22 => Command::Reject { name },
            23 => Command::End { name },
            24 => Command::Links { after: None },
            25 => Command::Block { name, on: dice.one_in(2) },
            26 => Command::Policy {
                policy: dice.of(&[None, Some(PrivatePolicy::Open), Some(PrivatePolicy::Closed)]),
            },
            27 => Command::Group { room: room(dice.of(&["club", "den"])), retention },
            28 => Command::Invite { room: room(dice.of(&["club", "den"])), name },
            29 => Command::Decline { room: place },
            30 => Command::Mark { address, seq: Seq(dice.roll(5)) },
            _ => Command::Draft { address, text: Text::parse("so far").ok() },
        }
    }

    fn speak(&mut self, session: SessionId) {
        let dice = &mut self.dice;
        let address = if dice.one_in(3) {
            to(dice.of(&ROOMS))
        } else {
            RoomAddress::User(user(dice.of(&NAMES)))
        };
        let body = Body::Text { text: Text::parse("psst").expect("a text") };
        let counter = dice.one_in(4).then(|| Counter(dice.roll(9)));
        let hold = dice.one_in(2);
        self.command(session, Command::Send { address, body, counter, hold });
    }

    /// One client does something that its gate lets through.
    fn act(&mut self) {
        if self.here.is_empty() || self.here.len() < 8 && self.dice.one_in(6) {
            self.connected += 1;
            let resumable = !self.dice.one_in(3);
            let session = self.world.connect(resumable);
            self.clients.insert(session, Client::default());
            self.here.push(session);
            return self.hello(session);
        }
        let session = self.dice.of(&self.here.clone());
        let client = &self.clients[&session];
        let (is_idle, may_send) = (client.unanswered == 0, client.sends && client.unanswered < 32);
        if self.dice.one_in(30) {
            self.clients.remove(&session);
            self.here.retain(|id| *id != session);
            let departure = self.dice.of(&[Departure::Quit, Departure::Lost, Departure::Lost]);
            self.world.input(Input::Disconnected { session, departure });
            // Its unsubscriptions, and the answer to a join that was being read, reach nobody.
            let is_its = |effect: &Effect| match effect {
                Effect::Unsubscribe { session: gone, .. } | Effect::Reply { session: gone, .. } => {
                    *gone == session
                }
                _ => false,
            };
            self.world.effects.retain(|effect| !is_its(effect));
            return self.look();
        }
        if !client.is_welcomed {
            if is_idle && self.dice.one_in(3) {
                self.hello(session);
            }
        } else if is_idle && !self.dice.one_in(3) {
            let command = self.random_command();
            self.command(session, command);
        } else if is_idle || may_send {
            self.speak(session);
        }
    }

    /// Some slow work is done.
    fn do_work(&mut self) {
        if self.work.is_empty() {
            return;
        }
        let at = self.dice.roll(self.work.len() as u64) as usize;
        let input = match self.work.swap_remove(at) {
            Work::Password(session, work) => {
                let made = || credentials("made");
                let outcome = match work {
                    _ if self.dice.one_in(8) => PasswordOutcome::Busy,
                    PasswordWork::Check { .. } => PasswordOutcome::Checked(!self.dice.one_in(5)),
                    PasswordWork::Make { .. } => PasswordOutcome::Made(made()),
                    PasswordWork::Change { .. } => {
                        PasswordOutcome::Changed((!self.dice.one_in(3)).then(made))
                    }
                };
                Input::PasswordsDone { session, outcome }
            }
            Work::Sends(session, instance) => {
                let sends = (!self.dice.one_in(20)).then(Vec::new);
                Input::SendsLoaded { session, instance, sends }
            }
            Work::Read(session, after) => {
                let page = self.page(after);
                Input::PageRead { session, after, page }
            }
            Work::Page(session, room) => Input::PageTaken { session, room },
        };
        self.world.input(input);
        self.look();
    }

    fn page(&mut self, after: Position) -> PageRead {
        if self.dice.one_in(10) {
            return PageRead::Failed;
        }
        let durable = &self.world.records[..self.world.durable];
        let event = |record: &Record| match record {
            Record::Event { event, .. } if event.room == after.room => Some((**event).clone()),
            _ => None,
        };
        let events: Vec<Event> = durable.iter().filter_map(event).collect();
        if after.seq > Seq(0) && !events.iter().any(|event| event.position() == after) {
            return PageRead::Diverged;
        }
        PageRead::Events(events.into_iter().filter(|e| e.seq > after.seq).take(3).collect())
    }

    fn step(&mut self) {
        match self.dice.roll(100) {
            0..55 => self.act(),
            55..75 => self.do_work(),
            75..88 if self.survivors.is_none() => {
                let waiting = self.world.records.len() - self.world.durable;
                let count = self.dice.roll(waiting as u64 + 2) as usize;
                self.world.persist_some(count);
            }
            88 if self.survivors.is_none() => {
                let waiting = self.world.records.len() - self.world.durable;
                let kept = self.dice.roll(waiting as u64 + 1) as usize;
                self.survivors = Some(self.world.fail_with(kept));
            }
            75..90 => self.recover(),
            90..96 => {
                let ms = self.dice.of(&[1_000, 1_000, 1_000, 61_000, 95_000, limits::REQUEST_MS]);
                self.world.wait(ms);
            }
            96 => {
                let code = InviteCode::from_random(u128::from(self.dice.roll(2))).digest();
                let uses = self.dice.roll(3) as u32;
                let command =
                    AdminCommand::InviteMake { code, for_ms: None, uses, note: String::new() };
                self.world.input(Input::Admin { request: 1, command });
            }
            97 if self.dice.one_in(3) => self.restart(),
            _ => {}
        }
        self.look();
    }

    fn recover(&mut self) {
        if let Some(survivors) = self.survivors.take() {
            self.world.recover_with(survivors);
            self.look();
        }
    }

    fn restart(&mut self) {
        self.recover();
        if self.dice.one_in(2) {
            self.world.input(Input::Shutdown);
            self.look();
            self.world.persist();
            self.look();
        }
        self.clients.clear();
        self.here.clear();
        self.work.clear();
        self.world.restart();
        self.look();
    }

    /// All is answered, everybody goes, and nothing stays that should not.
    fn end(&mut self) {
        self.recover();
        for _ in 0..3 {
            self.world.persist();
            self.look();
            while !self.work.is_empty() {
                self.do_work();
            }
        }
        self.world.persist();
        self.look();
        for session in self.here.clone() {
            assert_eq!(self.clients[&session].unanswered, 0, "{session:?} waits for ever");
            self.world.quit(session);
            self.look();
        }
        assert!(self.clients.is_empty(), "who quits is told goodbye");
        for _ in 0..3 {
            self.world.wait(100_000);
            self.world.persist();
            self.look();
        }
        let Figures { sessions, users, pending, .. } = self.world.hub.figures();
        assert_eq!((sessions, users, pending), (0, 0, 0));
        let rooms = self.world.hub.figures().rooms;
        self.world.input(Input::Shutdown);
        self.world.persist();
        self.look();
        // What a new hub finds means something to it, all of it.
        self.world.restart();
        assert_eq!(self.world.take(), Vec::<String>::new());
        assert_eq!(self.world.hub.figures().rooms, rooms);
    }
}

fn live(seed: u64) {
    let mut life = Life::new(seed);
    for _ in 0..1_500 {
        life.step();
    }
    life.end();
}

#[test]
fn nothing_breaks_whatever_happens() {
    let only = std::env::var("HUB_SEED").ok().and_then(|seed| seed.parse().ok());
    let count = std::env::var("HUB_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(60);
    let seeds = only.map_or(0..count, |seed: u64| seed..seed + 1);
    for seed in seeds {
        let outcome = std::panic::catch_unwind(|| live(seed));
        assert!(outcome.is_ok(), "repeat it with HUB_SEED={seed}");
    }
}
