//! The JSONL file in Mattermost's bulk export (docs.mattermost.com: "Bulk export data", "Data format").
//!
//! Mattermost writes posts in the order of their random ids, with their answers inside. So the file is
//! read twice: once to see where the posts are and when they were written, then in that order. Answers
//! and reactions wait until their time has come.

use super::lines::Lines;
use super::report::Report;
use super::{Item, Source, What, emoji};
use crate::end::End;
use hubbub_protocol::{WallMs, sanitize};
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Posts of one channel; their times and places are in memory.
const POSTS: usize = 20_000_000;
/// Channels that are named to who has to choose.
const CHANNELS_SHOWN: usize = 20;
/// Channels of one file.
const CHANNELS: usize = 100_000;
/// Text of answers that may wait for their time; beyond it the oldest comes too early.
const WAITING_BYTES: usize = 64 * 1024 * 1024;
/// The same for their number.
const WAITING: usize = 500_000;
/// Longest line that is read a second time; see [`Lines`].
const LINE_BYTES: u64 = 64 * 1024 * 1024;

/// One line.
#[derive(Deserialize)]
struct Entry<P> {
    #[serde(rename = "type")]
    sort: String,
    post: Option<P>,
}

/// As much of a post as says where and when it was written.
#[derive(Deserialize)]
struct Place {
    #[serde(default)]
    team: String,
    channel: String,
    create_at: u64,
}

/// A post or an answer.
#[derive(Deserialize)]
struct Post {
    user: String,
    #[serde(default)]
    message: Option<String>,
    create_at: u64,
    #[serde(default, rename = "type")]
    sort: Option<String>,
    #[serde(default)]
    reactions: Option<Vec<Reacted>>,
    #[serde(default)]
    replies: Option<Vec<Post>>,
}

#[derive(Deserialize)]
struct Reacted {
    user: String,
    emoji_name: String,
    create_at: u64,
}

/// Where a post stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    time: u64,
    offset: u64,
    line: u64,
}

/// The posts of one channel, the oldest first.
#[derive(Debug)]
pub(super) struct Posts<R> {
    from: BufReader<R>,
    found: std::vec::IntoIter<Found>,
    waiting: BinaryHeap<Waiting>,
    waiting_bytes: usize,
    /// Items that have come into [`Posts::waiting`].
    keys: u64,
    /// Bytes of the second reading.
    read: u64,
    first: Option<Report>,
}

/// What waits for its time. The heap gives the newest first, so this is turned around.
#[derive(Debug, PartialEq, Eq)]
struct Waiting {
    order: u64,
    item: Item,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.item.time, other.order).cmp(&(self.item.time, self.order))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

fn wrong(text: impl Into<String>) -> End {
    End::Usage(text.into().into())
}

impl<R: Read + Seek> Posts<R> {
    /// Looks for the posts of this channel.
    ///
    /// # Errors
    /// [`End::Usage`]: it is no such export, or the channel must be chosen.
    pub(super) fn begin(mut from: R, wanted: Option<&str>) -> Result<Self, End> {
        let unusable = |error: io::Error| wrong(format!("can't read it: {error}"));
        let mut report = Report::new(false);
        let (mut found, mut channels) = (Vec::new(), BTreeMap::<String, u64>::new());
        let mut lines = Lines::new(&mut from);
        while let Some(line) = lines.next(&mut report).map_err(unusable)? {
            let (number, offset) = (line.number, line.offset);
            let Ok(entry) = serde_json::from_str::<Entry<Place>>(&line.text) else {
                report.not_understood(number, &line.text);
                continue;
            };
            let Some(Place { team, channel, create_at }) =
                entry.post.filter(|_| entry.sort == "post")
            else {
                continue;
            };
            let full = format!("{team}/{channel}");
            let is_wanted = wanted.is_none_or(|wanted| wanted == channel || wanted == full);
            if channels.len() < CHANNELS || channels.contains_key(&full) {
                *channels.entry(full).or_default() += 1;
            }
            if !is_wanted {
                report.elsewhere();
            } else if found.len() == POSTS {
                return Err(wrong(format!("it has more than {POSTS} posts: cut it in two")));
            } else {
                found.push(Found { time: create_at, offset, line: number });
            }
        }
        chosen(&channels, wanted)?;
        found.sort_unstable();
        Ok(Self {
            from: BufReader::new(from),
            found: found.into_iter(),
            waiting: BinaryHeap::new(),
            waiting_bytes: 0,
            keys: 0,
            read: 0,
            first: Some(report),
        })
    }

    /// Reads a post, and has it wait with its answers and reactions.
    fn load(&mut self, place: Found, report: &mut Report) -> io::Result<()> {
        self.from.seek(SeekFrom::Start(place.offset))?;
        let mut bytes = Vec::new();
        self.read += (&mut self.from).take(LINE_BYTES).read_until(b'\n', &mut bytes)? as u64;
        let text = String::from_utf8_lossy(&bytes);
        let post = serde_json::from_str::<Entry<Post>>(&text).ok().and_then(|entry| entry.post);
        match post {
            Some(post) => self.thread(post, report),
            None => report.not_understood(place.line, &text),
        }
        Ok(())
    }

    fn thread(&mut self, mut post: Post, report: &mut Report) {
        let replies = post.replies.take().unwrap_or_default();
        let root = self.post(post, None, report);
        for reply in replies {
            self.post(reply, root.as_ref(), report);
        }
    }

    /// Has one post wait with its reactions. Returns its key and time; `None` if it is no message.
    fn post(
        &mut self,
        post: Post,
        root: Option<&(u64, WallMs)>,
        report: &mut Report,
    ) -> Option<(u64, WallMs)> {
        let Post { user, message, create_at, sort, reactions, replies: _ } = post;
        let sort = sort.unwrap_or_default();
        if sort.starts_with("system_") {
            report.notice();
            return None;
        }
        let text = message.unwrap_or_default();
        let what = if sort == "me" {
            let words = text.strip_prefix('*').and_then(|text| text.strip_suffix('*'));
            What::Action(words.unwrap_or(&text).to_owned())
        } else {
            What::Text(text)
        };
        // Nothing is before what it answers, whatever the clocks said.
        let after =
            |time: u64, of: Option<WallMs>| of.map_or(WallMs(time), |of| of.max(WallMs(time)));
        let time = after(create_at, root.map(|root| root.1));
        let key = self.wait(time, user, what, root.map(|root| root.0));
        for reacted in reactions.unwrap_or_default() {
            let reaction = emoji::of(&reacted.emoji_name).to_owned();
            let what = What::React { reaction, on: true };
            self.wait(after(reacted.create_at, Some(time)), reacted.user, what, Some(key));
        }
        Some((key, time))
    }

    fn wait(&mut self, time: WallMs, from: String, what: What, refers: Option<u64>) -> u64 {
        let key = self.keys;
        self.keys += 1;
        let item = Item { key: Some(key), time, from, what, refers };
        self.waiting_bytes += weight(&item);
        self.waiting.push(Waiting { order: key, item });
        key
    }
}

fn weight(item: &Item) -> usize {
    let words = match &item.what {
        What::Text(text) | What::Action(text) => text.len(),
        What::React { reaction, .. } => reaction.len(),
    };
    words + item.from.len()
}

/// That exactly one channel is meant.
fn chosen(channels: &BTreeMap<String, u64>, wanted: Option<&str>) -> Result<(), End> {
    let fits = |full: &&String| match wanted {
        Some(wanted) => *full == wanted || full.split_once('/').is_some_and(|(_, c)| c == wanted),
        None => true,
    };
    let fitting = channels.keys().filter(fits).count();
    if channels.is_empty() {
        return Err(wrong(
            "that is no bulk export of Mattermost with posts in it; if it is a .zip file, take the .jsonl file out first",
        ));
    }
    if fitting == 1 {
        return Ok(());
    }
    let names = channels
        .iter()
        .take(CHANNELS_SHOWN)
        .map(|(name, posts)| format!("  {} ({posts} posts)", sanitize::for_terminal_line(name)));
    let names = names.collect::<Vec<_>>().join("\n");
    let why = match (wanted, fitting) {
        (Some(_), 0) => "there is no such channel in it",
        (Some(_), _) => "several teams have that channel: write TEAM/CHANNEL",
        (None, _) => "there are several channels in it: choose one with --channel",
    };
    let more = channels.len().saturating_sub(CHANNELS_SHOWN);
    let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    Err(wrong(format!("{why}:\n{names}{more}")))
}

impl<R: Read + Seek> Source for Posts<R> {
    fn next(&mut self, report: &mut Report) -> io::Result<Option<Item>> {
        if let Some(first) = self.first.take() {
            report.read_before(first);
        }
        loop {
            let next = self.found.as_slice().first().copied();
            let is_full = self.waiting.len() >= WAITING || self.waiting_bytes >= WAITING_BYTES;
            let is_due =
                |waiting: &Waiting| next.is_none_or(|post| waiting.item.time.0 < post.time);
            if self.waiting.peek().is_some_and(|waiting| is_full || is_due(waiting)) {
                let item = self.waiting.pop().map(|waiting| waiting.item);
                self.waiting_bytes -= item.as_ref().map_or(0, weight);
                return Ok(item);
            }
            match self.found.next() {
                Some(post) => self.load(post, report)?,
                None => return Ok(None),
            }
        }
    }

    fn position(&self) -> u64 {
        self.read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// In the order of random ids, as Mattermost writes it.
    const EXPORT: &str = r#"{"type":"version","version":1}
{"type":"team","team":{"name":"crew","display_name":"Crew"}}
{"type":"channel","channel":{"team":"crew","name":"town","type":"O"}}
{"type":"user","user":{"username":"ann"}}
{"type":"post","post":{"team":"crew","channel":"town","user":"bob","type":"","message":"second","props":{},"create_at":2000,"edit_at":0,"reactions":null,"replies":[]}}
{"type":"post","post":{"team":"crew","channel":"off","user":"bob","message":"elsewhere","create_at":1500}}
{"type":"post","post":{"team":"crew","channel":"town","user":"ann","message":"first","create_at":1000,"reactions":[{"user":"bob","emoji_name":"tada","create_at":2500}],"replies":[{"user":"eve","message":"late answer","create_at":3000,"reactions":[{"user":"ann","emoji_name":"custom_cat","create_at":2900}]},{"user":"bob","message":"early answer","create_at":900}]}}
{"type":"post","post":{"team":"crew","channel":"town","user":"eve","type":"system_join_channel","message":"eve joined","create_at":500}}
{"type":"post","post":{"team":"crew","channel":"town","user":"eve","type":"me","message":"*waves*","create_at":600}}
{"type":"direct_post","direct_post":{"channel_members":["ann","bob"],"user":"ann","message":"a secret","create_at":1}}
not json
{"type":"post","post":{"team":"crew","channel":"town","user":7,"message":"damaged","create_at":4000}}
"#;

    fn text(words: &str) -> What {
        What::Text(words.into())
    }

    fn react(reaction: &str) -> What {
        What::React { reaction: reaction.into(), on: true }
    }

    #[test]
    fn posts_come_in_the_order_of_time_with_what_belongs_to_them() {
        let mut posts = Posts::begin(Cursor::new(EXPORT), Some("town")).unwrap();
        let (mut report, mut found) = (Report::new(false), Vec::new());
        while let Some(Item { key, time, from, what, refers }) = posts.next(&mut report).unwrap() {
            found.push((time.0, from, what, key, refers));
        }
        let keys: Vec<_> = found.iter().map(|item| item.3).collect();
        let plain: Vec<_> =
            found.iter().map(|(time, from, what, _, _)| (*time, from.as_str(), what)).collect();
        assert_eq!(
            plain,
            [
                (600, "eve", &What::Action("waves".into())),
                (1000, "ann", &text("first")),
                (1000, "bob", &text("early answer")),
                (2000, "bob", &text("second")),
                (2500, "bob", &react("🎉")),
                (3000, "eve", &text("late answer")),
                (3000, "ann", &react("custom_cat")),
            ]
        );
        let refers: Vec<_> = found.iter().map(|item| item.4).collect();
        assert_eq!(refers, [None, None, keys[1], None, keys[1], keys[1], keys[5]]);
        let shown = report.shown();
        for wanted in ["1 notice", "1 post of other", "2 lines", "line 11: not json", "line 12"] {
            assert!(shown.contains(wanted), "{wanted}: {shown}");
        }
        assert!(!shown.contains("secret"), "{shown}");
    }

    #[test]
    fn the_channel_is_chosen_where_there_are_several() {
        let begin = |export: &str, channel| {
            let export = export.replace("CREW", "crew");
            match Posts::begin(Cursor::new(export), channel) {
                Ok(_) => String::new(),
                Err(End::Usage(error)) => error.to_string(),
                Err(other) => panic!("{other:?}"),
            }
        };
        assert_eq!(begin(EXPORT, Some("crew/town")), "");
        let several = begin(EXPORT, None);
        assert!(
            several.contains("crew/town (5 posts)") && several.contains("crew/off"),
            "{several}"
        );
        assert!(begin(EXPORT, Some("nowhere")).contains("no such channel"));
        let teams = EXPORT.replacen(
            "\"team\":\"crew\",\"channel\":\"town\"",
            "\"team\":\"b\",\"channel\":\"town\"",
            1,
        );
        assert!(begin(&teams, Some("town")).contains("TEAM/CHANNEL"));
        assert!(begin("PK\u{3}\u{4}", None).contains(".zip"));
        assert!(begin("", None).contains("no bulk export"));
        let one = EXPORT.lines().filter(|line| !line.contains("elsewhere"));
        assert_eq!(begin(&one.collect::<Vec<_>>().join("\n"), None), "");
    }
}
