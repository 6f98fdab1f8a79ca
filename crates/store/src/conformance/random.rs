//! The same random things on two backends.

use super::Place;
use super::make::{
    account, block, credential, did, entry, invite, login, notice, ok, place, reaction, request,
    restriction, role, room, said, sent, settings, text,
};
use crate::{Reader, Store};
use hubbub_protocol::account::{CredentialKind, Credentials};
use hubbub_protocol::frame::{Page, Retention};
use hubbub_protocol::record::{Record, RoomKind};
use hubbub_protocol::{
    Body, Instance, InviteId, LoginId, RoomId, Said, SecretDigest, Seq, UserId, WallMs,
};

/// Rooms, instances and people are few, so that they meet.
const ROOMS: u64 = 5;
const PEOPLE: u64 = 6;
const INSTANCES: u64 = 4;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        super::splitmix64(&mut self.0) % end
    }

    fn instance(&mut self) -> Instance {
        Instance([self.below(INSTANCES) as u8; 16])
    }

    /// A room of any kind.
    fn room(&mut self) -> Record {
        let mut room = room(self.below(ROOMS));
        let (one, other) = (UserId(self.below(PEOPLE)), UserId(self.below(PEOPLE)));
        room.kind = match (self.below(4), room.kind) {
            (0, RoomKind::Named(name)) => RoomKind::Group { name, owner: one },
            (1, _) => RoomKind::Private { sides: [one, other], open: self.below(2) == 0 },
            (2, RoomKind::Named(name)) => {
                RoomKind::Pin { name, pin: SecretDigest([self.below(256) as u8; 32]) }
            }
            (_, kind) => kind,
        };
        let count = 1 + self.below(1000) as u32;
        room.retention = [
            Retention::Forever,
            Retention::None,
            Retention::Days(count),
            Retention::Messages(count),
        ][self.below(4) as usize];
        room.settings = settings(self.below(1000));
        room.created = WallMs(self.below(1000));
        Record::Room(room)
    }

    fn credentials(&mut self) -> Credentials {
        let kinds = [CredentialKind::Argon2id, CredentialKind::ScramSha256];
        let count = self.below(4);
        (0..count).map(|_| credential(kinds[self.below(2) as usize], self.below(1000))).collect()
    }

    /// What happens in a room whose newest event is `head`, mostly about one of the newest few, so
    /// that they meet.
    fn body(&mut self, head: u64) -> Body {
        let back = if self.below(4) == 0 { 200 } else { 12 };
        let of = Seq((head + 2).saturating_sub(self.below(back)));
        let new = text(&format!("new {}", self.below(1000)));
        match self.below(8) {
            0 => Body::Edit { of, text: (self.below(9) > 0).then_some(new) },
            1 => Body::Delete { of },
            2 | 3 => {
                let reaction = reaction(["+1", "ok", "👍", "a"][self.below(4) as usize]);
                Body::React { of, reaction, on: self.below(3) > 0 }
            }
            4 => notice(self.below(1000)),
            5 => Body::Deleted { by: of },
            _ => {
                let reply = (self.below(2) == 0).then_some(of);
                // Also one that says that it was edited, as an import may do.
                let edited = (self.below(9) == 0).then_some(of);
                Body::Text(Said { text: new, reply, edited, everyone: self.below(2) == 0 })
            }
        }
    }

    fn page(&mut self, heads: &[u64]) -> (RoomId, Page, u32) {
        let room = self.below(ROOMS);
        let seq = Seq(self.below(heads[room as usize] + 3));
        let page = match self.below(4) {
            0 => Page::Latest,
            1 => Page::Before(seq),
            2 => Page::After(seq),
            _ => Page::Around(seq),
        };
        (RoomId(room), page, self.below(120) as u32)
    }
}

/// What the random batches must know to be mostly good.
struct Model {
    heads: [u64; ROOMS as usize],
    made: [bool; ROOMS as usize],
    counters: [u64; INSTANCES as usize],
    /// The highest id in the audit log.
    audit: u64,
}

impl Model {
    fn batch(&mut self, random: &mut Random) -> Vec<Record> {
        (0..random.below(60)).map(|_| self.record(random)).collect()
    }

    fn record(&mut self, random: &mut Random) -> Record {
        if random.below(3) == 0 {
            return self.other(random);
        }
        let id = random.below(ROOMS);
        let at = id as usize;
        if !self.made[at] {
            self.made[at] = true;
            return Record::Room(room(id));
        }
        if random.below(200) == 0 {
            self.made[at] = false;
            return Record::RoomGone(RoomId(id));
        }
        // Seldom a number that is there already: then the batch must fail on both sides.
        self.heads[at] += u64::from(random.below(2000) > 0);
        let instance = random.instance();
        let counter = &mut self.counters[instance.0[0] as usize];
        *counter += random.below(3);
        match random.below(6) {
            0 | 1 => said(id, self.heads[at]),
            2 | 3 => did(id, self.heads[at], random.below(PEOPLE), random.body(self.heads[at])),
            _ => {
                *counter += 1;
                sent(id, self.heads[at], instance, *counter)
            }
        }
    }
}

impl Model {
    /// All that is no event. Nothing of this can fail, so nothing has to be known.
    fn other(&mut self, random: &mut Random) -> Record {
        let (user, other) = (random.below(PEOPLE), random.below(PEOPLE));
        let (room, n) = (random.below(ROOMS), random.below(1000));
        let group = (random.below(2) == 0).then_some(room);
        match random.below(20) {
            16 | 17 => role(room, user, n),
            18 => Record::Restriction(restriction(user, room, n)),
            19 => match random.below(8) {
                0 => {
                    let upto = Seq(self.heads[room as usize].saturating_sub(random.below(60)));
                    Record::Trim { room: RoomId(room), upto }
                }
                _ => Record::RestrictionGone(user),
            },
            0 => random.room(),
            1 | 2 => Record::Account(account(user, n)),
            3 => Record::Credentials { user: UserId(user), credentials: random.credentials() },
            4 => Record::Login(login(user, n)),
            5 => Record::LoginGone(LoginId(user)),
            6 | 7 => Record::Place(place(user, room, n)),
            8 => Record::PlaceGone { user: UserId(user), room: RoomId(room) },
            9 => Record::Request(request(user, other, group, n)),
            10 => Record::RequestGone(request(user, other, group, n)),
            11 => block(user, other, random.below(2) == 0),
            12 => Record::Invite(invite(user, n)),
            13 => Record::InviteGone(InviteId(user)),
            14 => {
                // Now and then one that was said before. Times are not quite in order.
                self.audit += random.below(4);
                Record::Audit(entry(self.audit, self.audit + random.below(20), n))
            }
            _ => Record::AuditTrim { before: WallMs(random.below(self.audit + 1) / 2) },
        }
    }
}

struct SeedOnPanic(u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("two backends differ with the seed {}", self.0);
        }
    }
}

struct Side<'p> {
    place: &'p mut dyn Place,
    /// `None` only while it is reopened.
    open: Option<(Box<dyn Store>, Box<dyn Reader>)>,
}

impl<'p> Side<'p> {
    fn new(place: &'p mut dyn Place) -> Self {
        let mut side = Self { place, open: None };
        side.reopen();
        side
    }

    fn reopen(&mut self) {
        self.open = None;
        let store = self.place.open();
        let reader = ok(store.reader());
        self.open = Some((store, reader));
    }

    fn store(&mut self) -> &mut dyn Store {
        &mut *self.open.as_mut().expect("opened in `new`").0
    }

    fn reader(&mut self) -> &mut dyn Reader {
        &mut *self.open.as_mut().expect("opened in `new`").1
    }
}

pub(super) fn compare(left: &mut dyn Place, right: &mut dyn Place, seed: u64, steps: u32) {
    let _seed = SeedOnPanic(seed);
    let mut random = Random(seed);
    let mut model = Model { heads: [0; 5], made: [false; 5], counters: [0; 4], audit: 0 };
    let (mut left, mut right) = (Side::new(left), Side::new(right));
    for step in 0..steps {
        let here = format!("seed {seed}, step {step}");
        match random.below(21) {
            0 => {
                left.reopen();
                right.reopen();
            }
            1 => assert_eq!(ok(left.store().raise_epoch()), ok(right.store().raise_epoch())),
            2 => {
                // All or nothing: SQLite may keep a few sends more than memory does, behind the window,
                // and they would show when newer ones are forgotten before them.
                let before = WallMs(random.below(2) << 40);
                ok(left.store().tidy(before));
                ok(right.store().tidy(before));
            }
            3..10 => {
                let batch = model.batch(&mut random);
                let results = [left.store().commit(&batch), right.store().commit(&batch)];
                assert_eq!(results[0].is_ok(), results[1].is_ok(), "{here}: {results:?}");
                if results[0].is_err() {
                    ok(left.store().recover());
                    ok(right.store().recover());
                    let there = ok(left.store().load()).snapshot.rooms;
                    for (id, made) in (0..).zip(&mut model.made) {
                        *made = there.iter().any(|room| room.record.id == RoomId(id));
                    }
                }
            }
            10..17 => {
                let (room, page, limit) = random.page(&model.heads);
                let pages = [
                    ok(left.reader().page(room, page, limit)),
                    ok(right.reader().page(room, page, limit)),
                ];
                assert_eq!(pages[0], pages[1], "{here}: {room} {page:?} {limit}");
            }
            17 => {
                let (since, after) = (random.below(model.audit + 2), random.below(model.audit + 2));
                let after = if random.below(2) == 0 { 0 } else { after };
                let limit = random.below(120) as u32;
                let entries = [
                    ok(left.reader().audit(WallMs(since), after, limit)),
                    ok(right.reader().audit(WallMs(since), after, limit)),
                ];
                assert_eq!(entries[0], entries[1], "{here}: {since} {after} {limit}");
                let instance = random.instance();
                let sends = [ok(left.reader().sends(instance)), ok(right.reader().sends(instance))];
                assert_eq!(sends[0], sends[1], "{here}");
            }
            18 => {
                let room = RoomId(random.below(ROOMS));
                let head = model.heads[room.0 as usize];
                let first = Seq(random.below(head + 3));
                let last = Seq(first.0 + random.below(100));
                let (me, before) =
                    (UserId(random.below(PEOPLE)), WallMs(10_000 + random.below(head + 3)));
                let what = reaction(["+1", "ok"][random.below(2) as usize]);
                let ask = |reader: &mut dyn Reader| {
                    let reacted = Some((me, &what));
                    (
                        ok(reader.reactions(room, first, last, me)),
                        ok(reader.message(room, first, reacted)),
                        ok(reader.expired(room, before)),
                        ok(reader.rooms()),
                    )
                };
                assert_eq!(ask(left.reader()), ask(right.reader()), "{here}: {room} {first}");
            }
            _ => {
                let (room, _, _) = random.page(&model.heads);
                let seq = Seq(random.below(model.heads[room.0 as usize] + 3));
                let (one, other) =
                    (left.reader().epoch_at(room, seq), right.reader().epoch_at(room, seq));
                assert_eq!(ok(one), ok(other), "{here}");
                let (one, other) = (ok(left.store().load()), ok(right.store().load()));
                assert_eq!(one, other, "{here}");
            }
        }
    }
}
