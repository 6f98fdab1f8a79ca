//! Messages that look like talk to an index: few words often, many words seldom.

use crate::random::Random;
use hubbub_protocol::frame::Retention;
use hubbub_protocol::record::{Record, RoomKind, RoomRecord};
use hubbub_protocol::{
    Author, Body, Epoch, Event, RoomId, RoomName, Seq, Text, UserId, UserName, WallMs,
};
use std::collections::HashMap;
use std::sync::Arc;

/// Where nearly all is said.
pub(super) const LARGE_ROOM: RoomId = RoomId((7 << 32) + 1);
/// Messages of each small room.
const SMALL_ROOM: u64 = 100;
const SEED: u64 = 42;
/// Different words.
const WORDS: usize = 50_000;
/// Different Han characters.
const HAN: usize = 3_000;
/// Words that are common: each is in several messages of a hundred.
const COMMON: u64 = 10;
const USERS: u64 = 200;
/// One message in so many is from the rare sender.
const RARE_SENDER: u64 = 5_000;
/// Between two messages.
const PAUSE_MS: u64 = 20_000;
const FIRST_MS: u64 = 1_600_000_000_000;

pub(super) struct Talk {
    random: Random,
    words: Zipf,
    han: Zipf,
    large: u64,
    small_rooms: u64,
    said: u64,
    /// The newest number in each room.
    heads: HashMap<RoomId, u64>,
}

impl Talk {
    pub(super) fn new(large: u64, small_rooms: u64) -> Self {
        Self {
            random: Random::new(SEED),
            words: Zipf::new(WORDS),
            han: Zipf::new(HAN),
            large,
            small_rooms,
            said: 0,
            heads: HashMap::new(),
        }
    }

    /// All messages that the store is filled with.
    pub(super) fn all(&self) -> u64 {
        self.large + self.small_rooms * SMALL_ROOM
    }

    pub(super) fn said(&self) -> u64 {
        self.said
    }

    pub(super) fn rooms(&self) -> Vec<Record> {
        (0..=self.small_rooms).map(|n| room(RoomId(LARGE_ROOM.0 + n))).collect()
    }

    /// The next messages.
    pub(super) fn batch(&mut self, count: u64) -> Vec<Record> {
        (0..count).map(|_| self.message()).collect()
    }

    /// When a message is said, by its place.
    pub(super) fn time(&self, place: u64) -> WallMs {
        WallMs(FIRST_MS + place * PAUSE_MS)
    }

    fn message(&mut self) -> Record {
        let all = self.all();
        let is_small = self.below(all) >= self.large;
        let room = if is_small { self.small_room() } else { LARGE_ROOM };
        let text = match self.below(10) {
            0 => {
                let length = 5 + self.below(30);
                self.han(length)
            }
            _ => {
                let length = 3 + self.below(20);
                (0..length).map(|_| self.word()).collect::<Vec<_>>().join(" ")
            }
        };
        let user = 1 + self.below(USERS);
        let name = match self.below(RARE_SENDER) {
            0 => "rare".to_owned(),
            _ => format!("user{user}"),
        };
        let head = self.heads.entry(room).or_default();
        *head += 1;
        let seq = Seq(*head);
        let time = self.time(self.said);
        self.said += 1;
        let from = Author {
            id: UserId(user),
            name: UserName::known(&name).expect("a word and a number are a name"),
        };
        let text = Text::parse(&text).expect("words are a text");
        let body = Body::text(text);
        let event = Event { room, epoch: Epoch(1), seq, time, from, body };
        Record::Event { event: Arc::new(event), send: None }
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.random.below(end)
    }

    pub(super) fn small_room(&mut self) -> RoomId {
        RoomId(LARGE_ROOM.0 + 1 + self.below(self.small_rooms))
    }

    /// A word as often as it is in the messages.
    pub(super) fn word(&mut self) -> String {
        let share = self.below(1 << 53) as f64 / (1u64 << 53) as f64;
        spell(self.words.at(share))
    }

    pub(super) fn common_word(&mut self) -> String {
        spell(self.below(COMMON) as usize)
    }

    pub(super) fn rare_word(&mut self) -> String {
        let half = WORDS / 2;
        spell(half + self.below(half as u64) as usize)
    }

    /// Han characters as often as they are in the messages.
    pub(super) fn han(&mut self, count: u64) -> String {
        let one = |talk: &mut Self| {
            let share = talk.below(1 << 53) as f64 / (1u64 << 53) as f64;
            char::from_u32(0x4e00 + talk.han.at(share) as u32).unwrap_or('一')
        };
        (0..count).map(|_| one(self)).collect()
    }

    /// The first letters of a word that is at least so long.
    pub(super) fn beginning(&mut self, letters: usize) -> String {
        loop {
            let word = self.word();
            if word.len() >= letters {
                return format!("{}*", &word[..letters]);
            }
        }
    }
}

fn room(id: RoomId) -> Record {
    let name = format!("room{}", id.0 - LARGE_ROOM.0);
    Record::Room(RoomRecord {
        id,
        kind: RoomKind::Named(RoomName::known(&name).expect("a word and a number are a name")),
        retention: Retention::Forever,
        created: WallMs(FIRST_MS),
        settings: hubbub_protocol::RoomSettings::default(),
    })
}

/// The word of a rank. Common words are short, as in languages.
fn spell(rank: usize) -> String {
    const SYLLABLES: [&str; 16] = [
        "ta", "no", "ri", "ke", "lu", "so", "mi", "pa", "en", "or", "du", "shi", "ga", "the", "bo",
        "vel",
    ];
    let mut rest = rank + 16;
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES[rest % SYLLABLES.len()]);
        rest /= SYLLABLES.len();
    }
    word
}

/// Ranks of which each is as often as one divided by it.
struct Zipf {
    /// The share of all ranks up to each.
    sums: Vec<f64>,
}

impl Zipf {
    fn new(count: usize) -> Self {
        let mut sum = 0.0;
        let mut sums: Vec<f64> = (1..=count)
            .map(|rank| {
                sum += 1.0 / rank as f64;
                sum
            })
            .collect();
        sums.iter_mut().for_each(|share| *share /= sum);
        Self { sums }
    }

    fn at(&self, share: f64) -> usize {
        self.sums.partition_point(|sum| *sum < share).min(self.sums.len() - 1)
    }
}
