//! Whole imports, from a source that a test makes up to a room that a test looks into.

use super::*;
use hubbub_protocol::{Reaction, limits};
use hubbub_server::admin::{ImportRefers, REQUEST_BYTES};

/// Items, one after the other.
struct Items(std::vec::IntoIter<Item>);

impl Source for Items {
    fn next(&mut self, _report: &mut Report) -> io::Result<Option<Item>> {
        Ok(self.0.next())
    }

    fn position(&self) -> u64 {
        0
    }
}

/// A room that remembers its batches, and refuses after some.
#[derive(Default)]
struct Room {
    batches: Vec<Vec<ImportMessage>>,
    /// Batches that it takes.
    most: Option<usize>,
    /// Whether it took the batch that it gave no answer to.
    silent: bool,
}

impl Room {
    fn count(&self) -> u64 {
        self.batches.iter().map(|batch| batch.len() as u64).sum()
    }
}

/// Numbers that were there before.
const BEFORE: u64 = 1000;

impl Receiver for Room {
    fn take(&mut self, messages: Vec<ImportMessage>) -> Result<Seq, Ended> {
        if self.most.is_some_and(|most| self.batches.len() >= most) {
            return Err(match self.silent {
                true => Ended::Unknown("no answer".into()),
                false => Ended::Refused(End::Failed("somebody is in the room".into())),
            });
        }
        let first = Seq(BEFORE + 1 + self.count());
        let room = RoomName::parse(&"r".repeat(limits::ROOM_NAME_BYTES)).unwrap();
        let request = AdminRequest::Import { room, messages };
        assert!(serde_json::to_vec(&request).unwrap().len() <= REQUEST_BYTES);
        let AdminRequest::Import { messages, .. } = request else { unreachable!() };
        for (at, message) in messages.iter().enumerate() {
            match message.refers {
                Some(ImportRefers::Seq(seq)) => assert!(seq < first, "in the room already"),
                Some(ImportRefers::Batch(of)) => assert!(of < at, "before it"),
                None => {}
            }
        }
        self.batches.push(messages);
        Ok(first)
    }
}

fn item(key: u64, what: What, refers: Option<u64>) -> Item {
    Item { key: Some(key), time: WallMs(key), from: "ann".into(), what, refers }
}

fn text(key: u64, words: &str) -> Item {
    item(key, What::Text(words.into()), None)
}

fn reaction(key: u64, of: u64) -> Item {
    item(key, What::React { reaction: "+1".into(), on: true }, Some(of))
}

const ALL: Part = Part { skip: 0, limit: None };

fn copied(items: Vec<Item>, part: &Part, room: &mut Room) -> (Result<(), Ended>, Report) {
    let mut report = Report::new(false);
    let mut source = Items(items.into_iter());
    let ended = copy(&mut source, part, room, &mut report, &mut |_| false);
    (ended, report)
}

fn options() -> ImportOptions {
    use clap::Parser as _;
    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: ImportOptions,
    }
    Line::parse_from(["import", "file", "--room", "lobby"]).options
}

#[test]
fn batches_are_cut_by_number() {
    let mut room = Room::default();
    let items = (1..=250).map(|key| text(key, "hello")).collect();
    let (ended, report) = copied(items, &ALL, &mut room);
    ended.unwrap();
    let sizes: Vec<_> = room.batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [100, 100, 50]);
    let mut out = Vec::new();
    report.print(&mut out, &RoomName::parse("lobby").unwrap()).unwrap();
    let shown = String::from_utf8(out).unwrap();
    assert!(shown.starts_with("Imported into lobby: 250 messages, from 1970-01-01"), "{shown}");
    assert!(shown.contains("events 1001 to 1250 of the room"), "{shown}");
}

/// The room checks each request's length.
#[test]
fn batches_are_cut_by_bytes() {
    let mut room = Room::default();
    // Each byte becomes six in JSON.
    let long = "\u{2}".repeat(limits::TEXT_BYTES - 1) + "x";
    let items = (1..=20).map(|key| item(key, What::Text(long.clone()), (key > 1).then_some(1)));
    copied(items.collect(), &ALL, &mut room).0.unwrap();
    assert_eq!(room.count(), 20);
    assert!(room.batches.len() >= 10, "{}", room.batches.len());
}

#[test]
fn what_refers_finds_its_message_in_the_batch_and_before_it() {
    let mut room = Room::default();
    let mut items: Vec<_> = (1..=150).map(|key| text(key, "hello")).collect();
    items.insert(1, item(200, What::Text("an answer".into()), Some(1)));
    items.push(reaction(300, 1));
    items.push(reaction(301, 149));
    items.push(reaction(302, 999));
    items.push(item(303, What::Text("to nothing".into()), Some(999)));
    let (ended, report) = copied(items, &ALL, &mut room);
    ended.unwrap();
    assert_eq!(room.batches[0][1].refers, Some(ImportRefers::Batch(0)));
    let last = &room.batches[1][51..];
    assert_eq!(last[0].refers, Some(ImportRefers::Seq(Seq(BEFORE + 1))));
    let plus = ImportWhat::React { reaction: Reaction::parse("+1").unwrap(), on: true };
    assert_eq!(last[0].what, plus);
    assert_eq!(last[1].refers, Some(ImportRefers::Batch(49)));
    assert_eq!((last.len(), last[2].refers), (3, None), "a reaction to nothing is none");
    let shown = report.shown();
    assert!(shown.contains("1 answer to what") && shown.contains("1 reaction to what"), "{shown}");
}

/// Whatever the cut: what refers to the last of a full batch must not mean one of the next.
#[test]
fn a_reference_survives_the_end_of_its_batch() {
    for words in [1, 4000] {
        let mut room = Room::default();
        let items = (1..=130)
            .flat_map(|key| [text(2 * key, &"x".repeat(words)), reaction(2 * key + 1, 2 * key)]);
        copied(items.collect(), &ALL, &mut room).0.unwrap();
        let mut number = BEFORE;
        for batch in &room.batches {
            for (at, message) in batch.iter().enumerate() {
                number += 1;
                let before = match message.refers {
                    Some(ImportRefers::Seq(seq)) => seq.0,
                    Some(ImportRefers::Batch(of)) => number - (at - of) as u64,
                    None => continue,
                };
                assert_eq!(before, number - 1, "each is a reaction to the one before it");
            }
        }
        assert_eq!(room.count(), 260);
    }
}

#[test]
fn a_long_text_becomes_several_and_only_the_first_is_referred_to() {
    let mut room = Room::default();
    let long = item(2, What::Text("word ".repeat(2000)), Some(1));
    let items = vec![text(1, "hello"), long, reaction(3, 2)];
    let (ended, report) = copied(items, &ALL, &mut room);
    ended.unwrap();
    let refers: Vec<_> = room.batches[0].iter().map(|message| message.refers).collect();
    let batch = |of| Some(ImportRefers::Batch(of));
    assert_eq!(refers, [None, batch(0), None, None, batch(1)]);
    assert!(report.shown().contains("1 text cut"), "{}", report.shown());
}

#[test]
fn part_of_a_file_is_imported_and_the_rest_later() {
    let items = || (1..=30).map(|key| text(key, &format!("n{key}"))).collect::<Vec<_>>();
    let mut room = Room::default();
    copied(items(), &Part { skip: 0, limit: Some(10) }, &mut room).0.unwrap();
    assert_eq!(room.count(), 10);
    copied(items(), &Part { skip: 10, limit: Some(5) }, &mut room).0.unwrap();
    copied(items(), &Part { skip: 15, limit: None }, &mut room).0.unwrap();
    let texts = room.batches.concat().into_iter().map(|message| match message.what {
        ImportWhat::Text { text } => text.as_str().to_owned(),
        other => panic!("{other:?}"),
    });
    assert!(texts.eq((1..=30).map(|key| format!("n{key}"))));
}

#[test]
fn a_refusal_says_how_much_is_in_the_room_and_how_to_go_on() {
    let items = || (1..=250).map(|key| text(key, "hello")).collect();
    let mut room = Room { most: Some(2), ..Room::default() };
    let (ended, report) = copied(items(), &ALL, &mut room);
    let End::Failed(said) = ended.unwrap_err().into_end(&report, &options()) else { panic!() };
    assert!(said.contains("somebody is in the room") && said.contains("--skip 200"), "{said}");

    let mut room = Room { most: Some(0), ..Room::default() };
    let (ended, report) = copied(items(), &ALL, &mut room);
    let End::Failed(said) = ended.unwrap_err().into_end(&report, &options()) else { panic!() };
    assert!(said.contains("nothing was imported"), "{said}");

    let mut room = Room { most: Some(1), silent: true, ..Room::default() };
    let (ended, report) = copied(items(), &ALL, &mut room);
    let End::Failed(said) = ended.unwrap_err().into_end(&report, &options()) else { panic!() };
    assert!(said.contains("--skip 100") && said.contains("--skip 200"), "{said}");
}

#[test]
fn whoever_stops_it_leaves_whole_batches() {
    let mut room = Room::default();
    let mut report = Report::new(false);
    let items: Vec<_> = (1..=250).map(|key| text(key, "hello")).collect();
    let mut steps = 0;
    let mut third = |_| {
        steps += 1;
        steps == 3
    };
    let ended = copy(&mut Items(items.into_iter()), &ALL, &mut room, &mut report, &mut third);
    let End::Failed(said) = ended.unwrap_err().into_end(&report, &options()) else { panic!() };
    assert!(said.contains("stopped") && said.contains("--skip 100"), "{said}");
    assert_eq!(room.count(), 100);
}

#[test]
fn our_own_export_is_read_and_nothing_else() {
    let header = r#"{"hubbub_export":1,"room":"lobby","sort":"room","retention":"forever","created":5,"exported":9,"from":1,"to":8}"#;
    let event = |seq: u64, rest: &str| {
        format!(
            r#"{{"room_id":9,"epoch":2,"seq":{seq},"time":{seq},"from":{{"id":5,"name":"ann"}},{rest}}}"#
        )
    };
    let export = [
        header.to_owned(),
        event(1, r#""kind":"text","text":"hello","edited":3,"reactions":[{"reaction":"+1","count":1,"users":[]}]"#),
        event(2, r#""kind":"deleted","by":4"#),
        event(3, r#""kind":"edit","of":1,"text":"hello""#),
        event(4, r#""kind":"delete","of":2"#),
        event(5, r#""kind":"action","text":"waves","reply":1"#),
        event(6, r#""kind":"react","of":5,"reaction":"+1","on":true"#),
        event(7, r#""kind":"changed","setting":"topic","topic":"tea""#),
        event(7, r#""kind":"text","text":"twice the same number""#),
        event(8, r#""kind":"sneeze""#),
        "{".to_owned(),
    ]
    .join("\n");
    let mut report = Report::new(false);
    let mut events = own::Events::begin(export.as_bytes(), &mut report).unwrap();
    let mut found = Vec::new();
    while let Some(item) = events.next(&mut report).unwrap() {
        found.push(item);
    }
    let mut plus = reaction(6, 5);
    plus.key = None;
    let waves = item(5, What::Action("waves".into()), Some(1));
    assert_eq!(found, [text(1, "hello"), waves, plus]);
    let shown = report.shown();
    for wanted in ["1 deleted message", "1 change of the room", "3 lines not understood"] {
        assert!(shown.contains(wanted), "{wanted}: {shown}");
    }
    let newer = header.replace("\"hubbub_export\":1", "\"hubbub_export\":2");
    for (wrong, why) in [("", "--from"), ("{}", "--from"), (&newer, "newer hubbub")] {
        let End::Usage(error) = own::Events::begin(wrong.as_bytes(), &mut report).unwrap_err()
        else {
            panic!()
        };
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// Files of all formats, with something wrong in them. The room checks what comes out.
#[test]
fn no_file_is_too_strange() {
    const FILES: [&str; 4] = [
        "2026-11-20 14:03:00\tann\thello\n2026-11-20 14:04:00\t *\tann waves\n\
         2026-11-20 14:05:00\t-->\teve has joined\n",
        "--- Log opened Fri Nov 20 14:00:00 2026\n14:03 <@ann> hello\n14:04  * ann waves\n\
         --- Day changed Sat Nov 21 2026\n00:01 -!- eve has joined\n00:02 < bob> hi\n",
        r#"{"hubbub_export":1,"room":"lobby","sort":"room","retention":"forever","created":5,"exported":9,"from":1,"to":8}
{"room_id":9,"epoch":2,"seq":1,"time":1,"from":{"id":5,"name":"ann"},"kind":"text","text":"hello"}
{"room_id":9,"epoch":2,"seq":2,"time":2,"from":{"id":5,"name":"bob"},"kind":"text","text":"hi","reply":1}
{"room_id":9,"epoch":2,"seq":3,"time":3,"from":{"id":5,"name":"eve"},"kind":"react","of":2,"reaction":"+1","on":true}
"#,
        r#"{"type":"post","post":{"team":"crew","channel":"town","user":"bob","message":"second","create_at":2000}}
{"type":"post","post":{"team":"crew","channel":"town","user":"ann","message":"first","create_at":1000,"reactions":[{"user":"bob","emoji_name":"tada","create_at":2500}],"replies":[{"user":"eve","message":"answer","create_at":3000}]}}
"#,
    ];
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut all = 0;
    for round in 0..2_000 {
        let which = round % FILES.len();
        let mut bytes = FILES[which].repeat(rng.usize(1..3)).into_bytes();
        for _ in 0..rng.usize(0..4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.usize(0..bytes.len());
            match rng.u8(0..4) {
                0 => bytes[at] = rng.u8(..),
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, *rng.choice(b"\t\n\"<>:{}9-\x1b\xff").unwrap()),
                _ => bytes.truncate(at.max(1)),
            }
        }
        let mut report = Report::new(false);
        let from = io::Cursor::new(bytes);
        let source: Result<Box<dyn Source>, End> = match which {
            0 => Ok(Box::new(irc::Log::weechat(from, TimeZone::UTC))),
            1 => Ok(Box::new(irc::Log::irssi(from, TimeZone::UTC))),
            2 => own::Events::begin(from, &mut report).map(|source| Box::new(source) as _),
            _ => mattermost::Posts::begin(from, None).map(|source| Box::new(source) as _),
        };
        let Ok(mut source) = source else { continue };
        let mut room = Room::default();
        copy(source.as_mut(), &ALL, &mut room, &mut report, &mut |_| false).unwrap();
        assert!(!report.shown().contains('\u{1b}'));
        all += room.count();
    }
    assert!(all > 2_000, "most of them are understood: {all}");
}
