//! The world: virtual time, who does what next, and what goes wrong.

use crate::{Options, Outcome};
mod clock;
mod links;
mod operator;
mod trouble;

use crate::acts::Log;
use crate::check::{Kind, Ledger};
use crate::client::{Client, Identity};
use crate::link::Link;
use crate::plain::PlainClient;
use crate::server::{LIMITS, Server, Want};
use hubbub_client::ConnectionState;
use hubbub_hub::Ticket;
use hubbub_protocol::frame::Page;
use hubbub_protocol::record::RoomKind;
use hubbub_protocol::{Event, MonoMs, Now, ResumeToken, Role, SessionId, UserId, limits};
use hubbub_simdisk::SimDisk;
use hubbub_store::sqlite::{SqliteConfig, SqliteStore};
use hubbub_store::{Store, StoreError};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// How long the world may take to settle when nothing goes wrong any more, in virtual milliseconds.
const SETTLE_MS: u64 = 300_000;

/// After this time everything has gone that is more than a room keeps, in virtual milliseconds.
const EXPIRY_MS: u64 = 70_000;

#[derive(Clone, Copy, Debug)]
enum Step {
    Act(usize),
    ActPlain(usize),
    Connect(usize),
    ConnectPlain(usize),
    PumpUp(u64),
    PumpDown(u64),
    Server(u32, ServerStep),
    Operate,
    StartAgain(usize),
    Trouble,
    Heal,
    Tick,
    Restart,
}

/// Steps of one run of the server; void after a crash.
#[derive(Clone, Copy, Debug)]
enum ServerStep {
    Drain(usize),
    Commit,
    Persisted(Ticket),
    Recover,
    Read,
    Password,
    Noticed(SessionId),
}

struct World {
    rng: fastrand::Rng,
    now: u64,
    wall: clock::WallClock,
    operator: operator::Operator,
    order: u64,
    queue: BinaryHeap<Reverse<(u64, u64, usize)>>,
    steps: Vec<Option<Step>>,
    free: Vec<usize>,
    disk: SimDisk,
    server: Option<Server>,
    /// Which run of the server this is.
    life: u32,
    /// The power goes in the middle of a commit.
    dying: bool,
    /// The power goes between the next commit and the moment when the hub hears of it.
    dies_unheard: bool,
    clients: Vec<Client>,
    netcats: Vec<PlainClient>,
    links: BTreeMap<u64, Link>,
    link_of: BTreeMap<usize, u64>,
    links_made: u64,
    calm: bool,
    ledger: Ledger,
    outcome: Outcome,
    options: Options,
}

/// Runs one world from a seed to its end.
#[must_use]
pub fn run(seed: u64, options: &Options) -> Outcome {
    let mut world = World::new(seed, options.clone());
    world.live();
    world.settle();
    world.judge();
    world.outcome.said = world.ledger.said.len();
    world.outcome.violations = world.ledger.violations;
    world.outcome
}

/// The clients of the world: guests, accounts with two native sessions each, and netcats, of which
/// the last are sessions of the accounts.
fn people(options: &Options, rng: &mut fastrand::Rng) -> (Vec<Client>, Vec<PlainClient>) {
    let accounts: Vec<String> = (0..options.accounts).map(|n| format!("keeper{n}")).collect();
    let mut clients: Vec<Client> = (0..options.clients - 2 * options.accounts)
        .map(|index| format!("user{index}"))
        .map(|name| Client::new(name.clone(), name, Identity::Guest, rng))
        .collect();
    for name in &accounts {
        for (letter, speaks) in [("a", true), ("b", false)] {
            let tag = format!("{name}{letter}");
            clients.push(Client::new(name.clone(), tag, Identity::Account { speaks }, rng));
        }
    }
    let names: BTreeSet<String> = clients.iter().map(|client| client.name.clone()).collect();
    for client in &mut clients {
        let others = names.iter().filter(|name| **name != client.name);
        client.others = others.cloned().collect();
    }
    let plain_accounts = options.netcats.saturating_sub(options.accounts);
    let netcats = (0..options.netcats)
        .map(|index| {
            let account = index.checked_sub(plain_accounts).and_then(|n| accounts.get(n));
            PlainClient::new(index, account.cloned(), names.iter().cloned().collect())
        })
        .collect();
    (clients, netcats)
}

impl World {
    fn new(seed: u64, options: Options) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = SimDisk::new(rng.u64(..));
        disk.skip_sleeps(true);
        let (clients, netcats) = people(&options, &mut rng);
        Self {
            rng,
            now: 1_000,
            wall: clock::WallClock::new(seed),
            operator: operator::Operator::new(seed),
            order: 0,
            queue: BinaryHeap::new(),
            steps: Vec::new(),
            free: Vec::new(),
            disk,
            server: None,
            life: 0,
            dying: false,
            dies_unheard: false,
            clients,
            netcats,
            links: BTreeMap::new(),
            link_of: BTreeMap::new(),
            links_made: 0,
            calm: false,
            ledger: Ledger::default(),
            outcome: Outcome::default(),
            options,
        }
    }

    fn clock(&self) -> Now {
        Now { wall: self.wall.at(self.now), mono: MonoMs(self.now) }
    }

    fn after(&mut self, from: u64, to: u64, step: Step) {
        let at = self.now + self.rng.u64(from..=to);
        self.plan(at, step);
    }

    fn plan(&mut self, at: u64, step: Step) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.steps.push(None);
            self.steps.len() - 1
        });
        self.steps[place] = Some(step);
        self.order += 1;
        self.queue.push(Reverse((at, self.order, place)));
    }

    fn next(&mut self, until: u64) -> Option<Step> {
        let Reverse((at, _, place)) = *self.queue.peek()?;
        if at > until {
            return None;
        }
        self.queue.pop();
        self.free.push(place);
        self.now = at;
        self.steps[place].take()
    }

    // ---- the course of things

    fn live(&mut self) {
        self.start_server();
        for index in 0..self.clients.len() {
            self.after(0, 500, Step::Connect(index));
            self.after(500, 1_500, Step::Act(index));
        }
        for index in 0..self.netcats.len() {
            self.after(0, 500, Step::ConnectPlain(index));
            self.after(500, 1_500, Step::ActPlain(index));
        }
        self.after(500, 2_000, Step::Trouble);
        self.after(100, 100, Step::Tick);
        self.operator_comes();
        let end = self.now + self.options.duration_ms;
        while let Some(step) = self.next(end) {
            self.step(step);
        }
    }

    /// Nothing goes wrong any more: everything that waits must come to its end.
    fn settle(&mut self) {
        self.calm = true;
        self.disk.set_capacity(None);
        self.disk.fail_syncs(0);
        if self.dying {
            self.crash();
        }
        self.dies_unheard = false;
        for link in self.links.values_mut() {
            link.stalled_until = 0;
        }
        let links: Vec<u64> = self.links.keys().copied().collect();
        links.into_iter().for_each(|link| self.pump_soon(link));
        let end = self.now + SETTLE_MS;
        while let Some(step) = self.next(end) {
            self.step(step);
            let served = self.server.as_ref().is_some_and(Server::is_idle);
            if served && self.clients.iter().all(Client::is_settled) {
                self.expire();
                return;
            }
        }
        let waiting: Vec<String> = self
            .clients
            .iter()
            .filter(|client| !client.is_settled())
            .map(Client::describe)
            .collect();
        self.ledger.report(Kind::Stuck, format!("after {SETTLE_MS} ms of calm: {waiting:?}"));
    }

    /// So much time passes that all goes that is too old.
    fn expire(&mut self) {
        let end = self.now + EXPIRY_MS;
        while let Some(step) = self.next(end) {
            self.step(step);
        }
    }

    /// A last power cut, and then the store is compared with everything that was seen.
    fn judge(&mut self) {
        for netcat in &mut self.netcats {
            netcat.disconnected(&mut self.ledger);
        }
        self.server = None;
        self.disk.crash_torn();
        if let Err(error) = self.compare() {
            self.ledger.report(Kind::Store, format!("at the end: {error}"));
        }
    }

    fn compare(&mut self) -> Result<(), StoreError> {
        let mut config = SqliteConfig::new("hubbub.db");
        config.vfs = Some(self.disk.vfs_name().to_owned());
        let mut store = SqliteStore::open(config)?;
        let mut reader = store.reader()?;
        let mut rooms_kept = BTreeSet::new();
        let snapshot = store.load()?.snapshot;
        let accounts: BTreeMap<UserId, String> =
            snapshot.accounts.iter().map(|(a, _)| (a.id, a.name.to_string())).collect();
        self.ledger.compare_accounts(&accounts);
        for (room, user, role) in snapshot.roles {
            if role >= Role::Operator {
                self.ledger.ranks.may_keep_order(room, user);
            }
        }
        for room in snapshot.rooms {
            let names = match &room.record.kind {
                RoomKind::Named(name)
                | RoomKind::Group { name, .. }
                | RoomKind::Pin { name, .. } => vec![name.to_string()],
                RoomKind::Private { sides, .. } => {
                    let name = |side| accounts.get(side).map(|name| format!("@{name}"));
                    sides.iter().filter_map(name).collect()
                }
            };
            if names.len() < 2 && matches!(room.record.kind, RoomKind::Private { .. }) {
                continue; // With a guest: it goes at the next start.
            }
            let mut events: Vec<Event> = Vec::new();
            loop {
                let last = events.last().map_or(room.floor, |event| event.seq);
                let page = reader.page(room.record.id, Page::After(last), limits::PAGE)?;
                events.extend(page.events);
                if !page.more {
                    break;
                }
            }
            rooms_kept.insert(room.record.id);
            self.outcome.kept += events.len();
            let log = Log {
                name: &names.join(" and "),
                room: room.record.id,
                floor: room.floor,
                events: &events,
            };
            self.ledger.compare(&names, &log);
            let kept = room.record.retention;
            if clock::breaks_retention(kept, events.len(), room.floor) {
                let what =
                    format!("{names:?} keeps {kept:?}: {} after {}", events.len(), room.floor);
                self.ledger.report(Kind::Expiry, what);
            }
        }
        self.ledger.rooms_gone(&rooms_kept);
        Ok(())
    }

    fn step(&mut self, step: Step) {
        self.outcome.trace =
            self.outcome.trace.wrapping_mul(31).wrapping_add(self.now ^ self.order);
        let now = self.clock();
        if let Some(server) = &mut self.server {
            server.now = now;
        }
        match step {
            Step::Act(index) => self.act(index),
            Step::ActPlain(index) => self.act_plain(index),
            Step::Connect(index) => self.connect(index),
            Step::ConnectPlain(index) => self.connect_plain(index),
            Step::PumpUp(link) => self.pump_up(link),
            Step::PumpDown(link) => self.pump_down(link),
            Step::Server(life, step) if life == self.life => self.server_step(step),
            Step::Server(..) => {}
            Step::Operate => self.operate(),
            Step::StartAgain(index) => self.start_again(index),
            Step::Trouble => self.trouble(),
            Step::Heal => self.disk.set_capacity(None),
            Step::Tick => self.tick(),
            Step::Restart => self.start_server(),
        }
        self.serve_wants();
        if let Some(server) = &mut self.server {
            for (room, user) in std::mem::take(&mut server.made) {
                self.ledger.ranks.may_keep_order(room, user);
            }
        }
    }

    fn tick(&mut self) {
        let now = self.clock().mono;
        for index in 0..self.clients.len() {
            let client = &mut self.clients[index];
            client.come_in_otherwise(self.now);
            if client.core.poll_timeout().is_some_and(|due| due <= now) {
                client.core.handle_timeout(now);
                client.watch(&mut self.ledger);
            }
            self.transmit(index);
            let client = &self.clients[index];
            if client.core.connection() == ConnectionState::Dead || client.is_sent_away() {
                self.drop_link_of(index);
            }
        }
        if let Some(server) = &mut self.server {
            server.tick();
            if let Some(what) = server.inconsistency() {
                self.ledger.report(Kind::Store, format!("the hub: {what}"));
            }
            let (bytes, frames) = server.largest_outbox();
            // The closing frame may go over the caps.
            if bytes > LIMITS.bytes + 256 || frames > LIMITS.frames + 1 {
                let what = format!("an outbox of {bytes} bytes in {frames} frames");
                self.ledger.report(Kind::Cap, what);
            }
        }
        self.after(100, 100, Step::Tick);
    }

    // ---- clients

    fn act(&mut self, index: usize) {
        if self.calm {
            return;
        }
        self.clients[index].act(&mut self.rng, &mut self.ledger);
        self.transmit(index);
        self.after(20, 700, Step::Act(index));
    }

    fn act_plain(&mut self, index: usize) {
        if self.calm {
            return;
        }
        if self.netcats[index].connected {
            let bytes = self.netcats[index].act(&mut self.rng, &mut self.ledger);
            self.send_up(self.options.clients + index, &bytes);
        }
        self.after(100, 1_500, Step::ActPlain(index));
    }

    fn transmit(&mut self, index: usize) {
        let bytes = self.clients[index].transmit(&mut self.ledger);
        self.send_up(index, &bytes);
    }

    fn send_up(&mut self, who: usize, bytes: &[u8]) {
        let Some(&id) = self.link_of.get(&who) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        link.up.extend(bytes);
        self.pump_soon(id);
    }

    fn connect(&mut self, index: usize) {
        if self.link_of.contains_key(&index) || self.clients[index].stopped {
            return;
        }
        if self.open_link(index) {
            let now = self.clock().mono;
            self.clients[index].connected(now);
            self.transmit(index);
        } else {
            self.disconnected(index);
        }
    }

    fn connect_plain(&mut self, index: usize) {
        let who = self.options.clients + index;
        if self.calm || self.link_of.contains_key(&who) {
            return;
        }
        if self.open_link(who) {
            let bytes = self.netcats[index].connected();
            self.send_up(who, &bytes);
        } else {
            self.after(300, 1_000, Step::ConnectPlain(index));
        }
    }

    fn open_link(&mut self, who: usize) -> bool {
        let Some(server) = &mut self.server else { return false };
        self.links_made += 1;
        let id = self.links_made;
        let mut fresh = [0; 16];
        self.rng.fill(&mut fresh);
        let mut link = Link::new(who);
        let mut spare = [0; 16];
        self.rng.fill(&mut spare);
        link.session = Some(server.accept(id, [ResumeToken(fresh), ResumeToken(spare)]));
        self.links.insert(id, link);
        self.link_of.insert(who, id);
        true
    }

    /// The client's side of a connection is gone, or there never was one.
    fn disconnected(&mut self, who: usize) {
        if let Some(index) = who.checked_sub(self.options.clients) {
            self.netcats[index].disconnected(&mut self.ledger);
            self.after(300, 1_000, Step::ConnectPlain(index));
            return;
        }
        let now = self.clock().mono;
        let client = &mut self.clients[who];
        client.core.disconnected(now);
        client.watch(&mut self.ledger);
        let random = self.rng.u64(..);
        if self.clients[who].is_sent_away() {
            return self.start_again_later(who);
        }
        if self.clients[who].core.reconnect_delay_ms(random).is_none() {
            // After too many wrong passwords it does not come back by itself.
            self.clients[who].try_the_other_way();
        }
        if let Some(delay) = self.clients[who].core.reconnect_delay_ms(random) {
            self.after(delay, delay, Step::Connect(who));
        }
    }

    // ---- the server

    fn start_server(&mut self) {
        if self.server.is_some() {
            return;
        }
        self.life += 1;
        match Server::start(self.clock(), self.disk.vfs_name(), &self.options) {
            Ok(server) => self.server = Some(server),
            Err(_) => {
                if self.dying {
                    self.crash();
                }
                self.after(200, 2_000, Step::Restart);
            }
        }
    }

    fn server_step(&mut self, step: ServerStep) {
        let life = self.life;
        let Some(server) = &mut self.server else { return };
        match step {
            ServerStep::Drain(lane) => {
                server.drain(lane);
                self.flush();
            }
            ServerStep::Commit => {
                match server.commit(if self.rng.bool() { 1 } else { self.rng.usize(1..60) }) {
                    Ok(None) => {}
                    Ok(Some(_)) if self.dies_unheard => self.crash(),
                    Ok(Some(upto)) => {
                        self.after(0, 5, Step::Server(life, ServerStep::Persisted(upto)));
                    }
                    Err(_) if self.dying => self.crash(),
                    Err(_) => {
                        self.outcome.failures += 1;
                        server.commit_failed();
                        self.after(50, 1_000, Step::Server(life, ServerStep::Recover));
                    }
                }
            }
            ServerStep::Persisted(upto) => server.persisted(upto),
            ServerStep::Recover => {
                if server.recover().is_err() {
                    if self.dying {
                        return self.crash();
                    }
                    self.after(200, 2_000, Step::Server(life, ServerStep::Recover));
                }
            }
            ServerStep::Read => {
                if let Err(error) = server.read() {
                    if self.dying {
                        return self.crash();
                    }
                    self.ledger.report(Kind::Store, format!("reading: {error}"));
                }
            }
            ServerStep::Password => server.work_on_password(),
            ServerStep::Noticed(session) => server.broken(session),
        }
    }

    fn serve_wants(&mut self) {
        let Some(server) = &mut self.server else { return };
        let mut wants = std::mem::take(&mut server.wants);
        wants.dedup();
        for want in wants {
            let life = self.life;
            match want {
                Want::Drain(lane) => self.after(0, 4, Step::Server(life, ServerStep::Drain(lane))),
                Want::Commit => self.after(0, 15, Step::Server(life, ServerStep::Commit)),
                Want::Password => {
                    self.after(20, 400, Step::Server(life, ServerStep::Password));
                }
                Want::Read => self.after(0, 30, Step::Server(life, ServerStep::Read)),
            }
        }
    }

    /// The power goes. The disk keeps what was synced, and some of the rest.
    fn crash(&mut self) {
        self.dying = false;
        self.dies_unheard = false;
        let was_up = self.server.take().is_some();
        self.disk.crash_torn();
        if !was_up {
            return;
        }
        self.outcome.crashes += 1;
        let links: Vec<usize> = self.links.values().map(|link| link.client).collect();
        self.links.clear();
        self.link_of.clear();
        links.into_iter().for_each(|who| self.disconnected(who));
        self.after(100, 2_000, Step::Restart);
    }
}
