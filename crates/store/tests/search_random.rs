//! The same random talk and the same random queries on both backends.
#![allow(clippy::unwrap_used)]

mod searching;

use hubbub_protocol::record::Record;
use hubbub_protocol::search::Query;
use hubbub_protocol::{Body, RoomId, Seq, UserName, WallMs};
use hubbub_store::Store;
use hubbub_store::conformance::splitmix64;
use hubbub_store::memory::{MemoryDisk, MemoryStore};
use searching::{Site, event, record, room, text};

const ROOMS: u64 = 4;
/// Few words of many scripts, so that queries meet texts.
const WORDS: [&str; 24] = [
    "tea",
    "Tea",
    "teapot",
    "fox",
    "red",
    "the",
    "Straße",
    "STRASSE",
    "café",
    "cafe\u{301}",
    "мир",
    "Мир",
    "日本",
    "本日",
    "東京都",
    "ガギ",
    "서울",
    "กิน",
    "שָׁלוֹם",
    "שלום",
    "👍🏽",
    "👍",
    "example.com",
    "नमस्ते",
];
const NAMES: [&str; 3] = ["Ann", "ann_2", "Zoë"];
const HOUR_MS: u64 = 3_600_000;

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        splitmix64(&mut self.0) % end
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }

    fn words(&mut self, most: u64) -> String {
        let count = 1 + self.below(most);
        let separators = [" ", " ", " ", "", "-", "\n", ", "];
        (0..count).map(|_| self.one(&WORDS).to_owned() + self.one(&separators)).collect()
    }

    /// From a part of a word to a whole query.
    fn query(&mut self) -> Query {
        let mut words = self.words(3);
        match self.below(6) {
            0 => words = format!("\"{}\"", words.trim()),
            1 => words = format!("{} \"{}\"", self.one(&WORDS), words.trim()),
            2 => {
                let most = words.trim().chars().count() as u64;
                let kept = 1 + self.below(most) as usize;
                words = words.chars().take(kept).collect::<String>() + "*";
            }
            _ => {}
        }
        let time = |random: &mut Self| {
            (random.below(4) == 0).then(|| WallMs(random.below(60) * HOUR_MS / 2))
        };
        Query {
            words,
            rooms: (0..ROOMS + 1).filter(|_| self.below(3) > 0).map(RoomId).collect(),
            from: (self.below(4) == 0).then(|| UserName::known(self.one(&NAMES)).unwrap()),
            since: time(self),
            until: time(self),
            before: None,
            limit: 1 + self.below(8) as u32,
        }
    }
}

struct Model {
    heads: [u64; ROOMS as usize],
    /// The time of the last event.
    clock: u64,
}

impl Model {
    fn batch(&mut self, random: &mut Random, changes: bool) -> Vec<Record> {
        (0..1 + random.below(12)).map(|_| self.record(random, changes)).collect()
    }

    fn record(&mut self, random: &mut Random, changes: bool) -> Record {
        let id = random.below(ROOMS);
        let head = self.heads[id as usize];
        let of = Seq(random.below(head + 1));
        let body = match random.below(30) {
            0 => return Record::RoomGone(RoomId(id)),
            1 if changes => return Record::Trim { room: RoomId(id), upto: Seq(of.0 / 2) },
            2..6 if changes => Body::Edit { of, text: Some(text(&random.words(6))) },
            6..9 if changes => Body::Delete { of },
            9..12 => Body::action(text(&random.words(6))),
            _ => Body::text(text(&random.words(6))),
        };
        self.heads[id as usize] += 1;
        let mut event = event(id, head + 1, body);
        event.from.name = UserName::known(random.one(&NAMES)).unwrap();
        // The clock goes on, and sometimes back.
        self.clock = (self.clock + random.below(HOUR_MS)).saturating_sub(random.below(HOUR_MS / 2));
        event.time = WallMs(self.clock);
        record(event)
    }
}

struct SeedOnPanic(u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("two backends find different things with the seed {}", self.0);
        }
    }
}

fn compare(seed: u64, steps: u32, changes: bool) {
    let _seed = SeedOnPanic(seed);
    let mut random = Random(seed);
    let mut model = Model { heads: [0; ROOMS as usize], clock: 0 };
    let rooms: Vec<u64> = (0..ROOMS).collect();
    let mut site = Site::with_rooms(&rooms);
    let disk = MemoryDisk::default();
    let mut memory = MemoryStore::open(&disk);
    memory.commit(&rooms.iter().map(|&id| room(id)).collect::<Vec<_>>()).unwrap();
    let mut twin = memory.reader().unwrap();
    let mut hits = 0;
    for step in 0..steps {
        if random.below(20) == 0 {
            site.reopen();
        }
        let batch = model.batch(&mut random, changes);
        let rooms_again: Vec<Record> = rooms.iter().map(|&id| room(id)).collect();
        for batch in [batch, rooms_again] {
            site.commit(&batch);
            memory.commit(&batch).unwrap();
        }
        if random.below(3) == 0 {
            // Late, so that it meets several changes at once.
            continue;
        }
        site.index_all();
        for _ in 0..4 {
            // Each backend goes on from its own place.
            let query = random.query();
            let mut asked = [query.clone(), query];
            loop {
                let found = [site.search(&asked[0]), twin.search(&asked[1]).unwrap()];
                let [left, right] = found.each_ref().map(|found| {
                    let events: Vec<_> = found.events.iter().map(|(_, event)| event).collect();
                    (events, found.next.is_some(), found.behind)
                });
                assert_eq!(left, right, "seed {seed}, step {step}: {:?}", asked[0]);
                hits += left.0.len();
                if found[0].next.is_none() {
                    break;
                }
                (asked[0].before, asked[1].before) = (found[0].next, found[1].next);
            }
        }
    }
    assert!(hits > steps as usize / 4, "seed {seed}: only {hits} hits: nothing was compared");
}

fn seeds() -> [u64; 3] {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    [1, 2, now.as_nanos() as u64]
}

#[test]
fn both_backends_find_the_same() {
    for seed in seeds() {
        compare(seed, 150, false);
    }
}

#[test]
fn both_backends_find_the_same_after_edits_deletions_and_trims() {
    for seed in seeds() {
        compare(seed, 150, true);
    }
}
