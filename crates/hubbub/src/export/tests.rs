//! Exports of a room that a test makes up.

use super::*;
use hubbub_protocol::audit::AuditEntry;
use hubbub_protocol::record::{RoomKind, RoomRecord, SendRecord};
use hubbub_protocol::search::{Found, Query};
use hubbub_protocol::{
    Author, Body, Epoch, Instance, Note, Reaction, RestrictionKind, Role, RoomChange, RoomId,
    RoomSettings, Said, SecretDigest, Text, UserName,
};
use hubbub_store::{HistoryPage, Message};

const ROOM: RoomId = RoomId(9);
/// 2023-11-14 22:13:20 in UTC.
const TIME: u64 = 1_700_000_000_000;

/// A room in memory, as a store would show it.
#[derive(Default)]
struct Room {
    name: String,
    settings: RoomSettings,
    events: Vec<Event>,
    reactions: Vec<ReactionEntry>,
    floor: u64,
    /// Whether another event comes with every page that is read.
    grows: bool,
}

impl Room {
    fn new(bodies: Vec<Body>) -> Self {
        let mut room = Self { name: "lobby".into(), ..Self::default() };
        bodies.into_iter().for_each(|body| room.add("ann", body));
        room
    }

    fn add(&mut self, name: &str, body: Body) {
        let seq = self.events.len() as u64 + 1;
        let from = author(5, name);
        let time = WallMs(TIME + seq * 60_000);
        self.events.push(Event { room: ROOM, epoch: Epoch(2), seq: Seq(seq), time, from, body });
    }

    fn stored(&self) -> StoredRoom {
        let record = RoomRecord {
            id: ROOM,
            kind: RoomKind::Named(RoomName::known(&self.name).unwrap()),
            retention: hubbub_protocol::frame::Retention::Forever,
            created: WallMs(TIME),
            settings: self.settings.clone(),
        };
        let head_seq = Seq(self.events.len() as u64);
        StoredRoom { record, head_epoch: Epoch(2), head_seq, floor: Seq(self.floor) }
    }
}

fn unasked<T>() -> Result<T, StoreError> {
    Err(StoreError::Backend("an export has no use for this".into()))
}

impl Reader for Room {
    fn page(&mut self, room: RoomId, page: Page, limit: u32) -> Result<HistoryPage, StoreError> {
        let Page::After(after) = page else { panic!("{page:?}") };
        assert_eq!(room, ROOM);
        let all = self.events.iter().filter(|e| e.seq > after && e.seq.0 > self.floor);
        let events: Vec<_> = all.take(limit as usize).cloned().collect();
        if self.grows {
            self.add("eve", text("while it is written"));
        }
        Ok(HistoryPage { events, ..HistoryPage::default() })
    }

    fn reactions(
        &mut self,
        _room: RoomId,
        first: Seq,
        last: Seq,
        _me: UserId,
    ) -> Result<Vec<ReactionEntry>, StoreError> {
        let all = self.reactions.iter().filter(|entry| (first..=last).contains(&entry.seq));
        Ok(all.cloned().collect())
    }

    fn rooms(&mut self) -> Result<Vec<StoredRoom>, StoreError> {
        let mut private = self.stored();
        private.record.kind = RoomKind::Private { sides: [UserId(1), UserId(2)], open: true };
        Ok(vec![private, self.stored()])
    }

    fn epoch_at(&mut self, _room: RoomId, _seq: Seq) -> Result<Option<Epoch>, StoreError> {
        unasked()
    }

    fn message(
        &mut self,
        _room: RoomId,
        _seq: Seq,
        _reacted: Option<(UserId, &Reaction)>,
    ) -> Result<Option<Message>, StoreError> {
        unasked()
    }

    fn expired(&mut self, _room: RoomId, _before: WallMs) -> Result<Option<Seq>, StoreError> {
        unasked()
    }

    fn search(&mut self, _query: &Query) -> Result<Found, StoreError> {
        unasked()
    }

    fn sends(&mut self, _instance: Instance) -> Result<Vec<SendRecord>, StoreError> {
        unasked()
    }

    fn audit(&mut self, _: WallMs, _: u64, _: u32) -> Result<Vec<AuditEntry>, StoreError> {
        unasked()
    }
}

fn author(id: u64, name: &str) -> Author {
    Author { id: UserId(id), name: UserName::known(name).unwrap() }
}

fn text(words: &str) -> Body {
    Body::text(Text::parse(words).unwrap())
}

fn note(words: &str) -> Option<Note> {
    Some(Note::parse(words).unwrap())
}

fn reacted(seq: u64, reaction: &str, count: u32, users: &[&str]) -> ReactionEntry {
    let users = users.iter().map(|name| author(6, name)).collect();
    let reaction = Reaction::parse(reaction).unwrap();
    ReactionEntry { seq: Seq(seq), reaction, count, users, mine: false }
}

/// A bit of everything.
fn lively() -> Room {
    let reply = |of, words: &str| {
        Body::Text(Said { reply: Some(Seq(of)), ..Said::from(Text::parse(words).unwrap()) })
    };
    let mut edited = Said::from(Text::parse("right").unwrap());
    edited.edited = Some(Seq(4));
    let mut room = Room::new(vec![
        text("hello\n\tall"),
        Body::Text(edited),
        Body::Deleted { by: Seq(5) },
        Body::Edit { of: Seq(2), text: Some(Text::parse("right").unwrap()) },
        Body::Delete { of: Seq(3) },
        reply(1, "hi"),
        Body::action(Text::parse("waves").unwrap()),
        Body::React { of: Seq(1), reaction: Reaction::parse("+1").unwrap(), on: true },
        Body::Pin { of: Seq(1), on: true },
        Body::Changed(RoomChange::Topic { topic: note("tea") }),
        Body::Role { user: author(6, "bob"), role: Some(Role::Operator) },
        Body::Kicked { user: author(6, "bob"), reason: note("enough") },
        Body::Restricted {
            what: RestrictionKind::Mute,
            whom: "bob".into(),
            user: None,
            reason: None,
            until: Some(WallMs(TIME)),
        },
        Body::Lifted { what: RestrictionKind::Mute, whom: "bob".into() },
        reply(99, "lost"),
    ]);
    room.reactions = vec![reacted(1, "+1", 7, &["bob", "eve"]), reacted(6, "👍", 1, &["bob"])];
    room.settings.topic = note("tea");
    room.settings.key = Some(SecretDigest([0xab; 32]));
    room
}

fn plan(room: &Room) -> Plan {
    Plan { room: room.stored(), since: None, until: None, now: WallMs(TIME) }
}

fn exported(room: &mut Room, plan: &Plan, format: ExportFormat) -> String {
    let mut form: Box<dyn Form> = match format {
        ExportFormat::Jsonl => Box::new(jsonl::Lines),
        ExportFormat::Text => Box::new(text::Lines::new(TimeZone::UTC)),
        ExportFormat::Html => Box::new(html::Page::new(TimeZone::UTC)),
    };
    let mut out = Vec::new();
    write(room, plan, form.as_mut(), &mut out, &mut |_, _| false).unwrap();
    String::from_utf8(out).unwrap()
}

fn whole(room: &mut Room, format: ExportFormat) -> String {
    let plan = plan(room);
    exported(room, &plan, format)
}

#[test]
fn a_text_shows_how_things_are_now() {
    assert_eq!(
        whole(&mut lively(), ExportFormat::Text),
        "-- lobby, exported 2023-11-14 22:13 (UTC)\n\
         -- topic: tea\n\
         [2023-11-14 22:14] <ann> hello\n\
         [2023-11-14 22:14] <ann>     all\n\
         \u{20}   +1 7 (bob, eve and 5 more)\n\
         [2023-11-14 22:15] <ann> right (edited)\n\
         [2023-11-14 22:16] <ann> (deleted)\n\
         [2023-11-14 22:19] <ann> (to ann) hi\n\
         \u{20}   👍 1 (bob)\n\
         [2023-11-14 22:20] * ann waves\n\
         [2023-11-14 22:22] -- ann pinned a message of ann\n\
         [2023-11-14 22:23] -- ann set the topic: tea\n\
         [2023-11-14 22:24] -- ann made bob an operator\n\
         [2023-11-14 22:25] -- ann sent bob out: enough\n\
         [2023-11-14 22:26] -- ann muted bob until 2023-11-14 22:13\n\
         [2023-11-14 22:27] -- ann lifted the mute of bob\n\
         [2023-11-14 22:28] <ann> (to a message that is gone) lost\n"
    );
}

#[test]
fn programs_get_a_header_and_the_log_as_it_is_on_the_wire() {
    let shown = whole(&mut lively(), ExportFormat::Jsonl);
    assert!(!shown.contains("abab") && !shown.contains("171"), "no secret: {shown}");
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(
        lines[0],
        r#"{"hubbub_export":1,"room":"lobby","sort":"room","retention":"forever","topic":"tea","key":true,"created":1700000000000,"exported":1700000000000,"from":1,"to":15}"#
    );
    assert_eq!(
        lines[1],
        r#"{"room_id":9,"epoch":2,"seq":1,"time":1700000060000,"from":{"id":5,"name":"ann"},"kind":"text","text":"hello\n\tall","reactions":[{"reaction":"+1","count":7,"users":[{"id":6,"name":"bob"},{"id":6,"name":"eve"}]}]}"#
    );
    assert_eq!(
        lines[3],
        r#"{"room_id":9,"epoch":2,"seq":3,"time":1700000180000,"from":{"id":5,"name":"ann"},"kind":"deleted","by":5}"#
    );
    // Every event is there, and reads back as what it was.
    let events: Vec<Event> =
        lines[1..].iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events, lively().events);
    let header: Header = serde_json::from_str(lines[0]).unwrap();
    assert_eq!((header.hubbub_export, header.to, header.info.key), (1, Seq(15), true));
}

#[test]
fn a_page_has_days_links_and_reactions() {
    let page = whole(&mut lively(), ExportFormat::Html);
    for wanted in [
        "<title>lobby</title>",
        "<h2>Tuesday, 14 November 2023</h2>",
        "<div class=\"text\" dir=\"auto\">hello\n\tall</div>",
        "<span title=\"bob, eve and 5 more\">+1 7</span>",
        "<a class=\"reply\" href=\"#e1\">↪ <b>ann</b> <bdi>hello  all</bdi></a>",
        "↪ a message that is gone",
        "(edited)",
        "(deleted)",
        "<bdi>ann made bob an operator</bdi>",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(wanted), "{wanted}: {page}");
    }
    assert_eq!(page.matches("<h2>").count(), 1, "one day, one heading");
    for refused in ["<script", "http://", "https://", "url(", "@import", "src="] {
        assert!(!page.contains(refused), "{refused}: {page}");
    }
}

/// The tags of a page, without the values of attributes that carry words.
fn tags(page: &str) -> Vec<String> {
    let body = page.split_once("</style>").unwrap().1;
    let mut tags = Vec::new();
    for part in body.split('<').skip(1) {
        let tag = part.split_once('>').unwrap_or_else(|| panic!("a tag without an end: {part}")).0;
        let tag = tag.split(" title=").next().unwrap();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        tags.push(tag.to_owned());
    }
    tags
}

/// A room of these words wherever people may write any.
fn of_words(name: &str, words: &str, reaction: &str) -> Room {
    let said = || Said::from(Text::parse(words).unwrap());
    let words = &words.replace('\n', " ");
    let mut room = Room { name: name.into(), ..Room::default() };
    room.add(name, Body::Text(said()));
    room.add(name, Body::Action(Said { reply: Some(Seq(1)), edited: Some(Seq(9)), ..said() }));
    room.add(name, Body::Changed(RoomChange::Topic { topic: note(words) }));
    room.add(name, Body::Changed(RoomChange::Description { description: note(words) }));
    room.add(name, Body::Kicked { user: author(6, name), reason: note(words) });
    room.add(name, Body::Lifted { what: RestrictionKind::Ban, whom: words.clone() });
    room.add(name, Body::Deleted { by: Seq(1) });
    room.reactions = vec![reacted(1, reaction, 2, &[name]), reacted(2, reaction, 1, &[name])];
    room.settings.topic = note(words);
    room.settings.description = note(words);
    room
}

#[test]
fn no_words_become_markup() {
    let plain = tags(&whole(&mut of_words("ann", "hello", "+1"), ExportFormat::Html));
    assert!(plain.iter().any(|tag| tag.starts_with("article")), "{plain:?}");
    for words in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</title></style></article><h1>",
        "&lt;b&gt; & <!-- ]]>",
        "\u{202e}<b>\u{2066}",
        "javascript:alert(1)",
    ] {
        // A name can't have < or >, but what else markup needs.
        let mut room = of_words("a\"'&b", words, "<i>\"'&");
        let page = whole(&mut room, ExportFormat::Html);
        assert_eq!(tags(&page), plain, "{words:?}: {page}");
        assert!(!page.contains('\u{202e}') && !page.contains('\u{2066}'), "{page}");
    }
}

#[test]
fn no_words_become_a_command_to_a_terminal() {
    for words in ["a\u{2}b\u{3}4c", "x\u{202e}y", "[2023-11-14 22:14] <eve> hello\nline"] {
        let mut room = of_words("ann", words, "+1");
        // What a store of another version might hold.
        room.add("ann", Body::Lifted { what: RestrictionKind::Ban, whom: "\u{1b}[2J\n".into() });
        for format in [ExportFormat::Text, ExportFormat::Jsonl, ExportFormat::Html] {
            let shown = whole(&mut room, format);
            let bad = |c: char| {
                (c.is_control() && c != '\n') || hubbub_protocol::sanitize::is_bidi_control(c)
            };
            assert!(!shown.contains(bad), "{shown:?}");
        }
        let shown = whole(&mut room, ExportFormat::Text);
        let outer = |line: &str| line.starts_with(['[', '-', ' ']);
        assert!(shown.lines().all(outer), "each line says whose it is: {shown}");
    }
}

#[test]
fn all_pages_are_written_up_to_where_it_began() {
    let many = 2 * PAGE as usize + 7;
    let mut room = Room::new((0..many).map(|n| text(&format!("n{n}"))).collect());
    room.grows = true;
    let mut plan = plan(&room);
    let shown = exported(&mut room, &plan, ExportFormat::Text);
    assert_eq!(shown.lines().count(), 1 + many, "what came meanwhile is for the next export");
    assert!(shown.ends_with(&format!("n{}\n", many - 1)), "{shown}");
    // From the fourth to the sixth minute.
    plan.since = Some(WallMs(TIME + 4 * 60_000));
    plan.until = Some(WallMs(TIME + 6 * 60_000));
    let shown = exported(&mut room, &plan, ExportFormat::Text);
    let texts: Vec<_> =
        shown.lines().skip(1).filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(texts, ["n3", "n4"]);
    room.floor = 1000;
    let shown = whole(&mut room, ExportFormat::Jsonl);
    assert!(shown.lines().next().unwrap().contains("\"from\":1001"), "{shown}");
}

#[test]
fn whoever_wants_it_to_stop_gets_no_half_export() {
    let mut room = Room::new(vec![text("hello")]);
    let (plan, mut out) = (plan(&room), Vec::new());
    let ended = write(&mut room, &plan, &mut jsonl::Lines, &mut out, &mut |_, _| true);
    assert!(matches!(ended, Err(Broken::Stopped)));
}

#[test]
fn a_room_is_found_in_any_case_and_a_private_chat_never() {
    let mut room = Room::new(vec![]);
    let found = find(&mut room, &RoomName::known("LOBBY").unwrap()).unwrap();
    assert!(matches!(found.record.kind, RoomKind::Named(_)));
    let missing = find(&mut room, &RoomName::known("lobbby").unwrap()).unwrap_err();
    assert!(matches!(&missing, End::Failed(text) if text.contains("room list")), "{missing:?}");
}
