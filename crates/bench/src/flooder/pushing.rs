//! Floods that wait for no answer.

use super::{Flood, TURN};
use crate::Result;
use crate::native;
use crate::pool::Happened;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Connections that are opened before what happened is looked at.
const TOGETHER: u64 = 200;
/// Packets on one connection before the next one's turn.
const PACKETS_TOGETHER: usize = 64;
/// Bytes that may wait for a socket before its connection is left alone.
const UNSENT_MAX: usize = 128 * 1024;
const FRAME_BYTES: usize = 64 * 1024;
/// Where a connection that was ended is tried again.
const AGAIN: Duration = Duration::from_millis(10);

/// What a connection has become, as far as floods that push want to know.
enum News {
    Opened(usize),
    Gone(usize),
}

/// Waits, counts, and says whose state changed.
fn turn(flood: &mut Flood, limit: Duration) -> Result<Vec<News>> {
    let (mut news, done) = (Vec::new(), &mut flood.done);
    flood.pool.turn(limit, |number, happened| match happened {
        Happened::Opened => {
            done.opened += 1;
            news.push(News::Opened(number));
        }
        Happened::Gone => {
            done.ended += 1;
            news.push(News::Gone(number));
        }
        Happened::Line(line) => {
            done.answered += 1;
            done.refused += u64::from(line.starts_with(br#"{"ev":"error""#));
            done.warned += u64::from(line.starts_with(br#"{"ev":"warning""#));
        }
    })?;
    Ok(news)
}

/// Connects and closes.
pub(super) fn connects(flood: &mut Flood) -> Result<()> {
    while !flood.is_over() {
        let due = flood.due().min(TOGETHER);
        let opened: Vec<usize> = (0..due).filter_map(|_| flood.open()).collect();
        flood.done.units += due;
        for number in opened {
            let stood = flood.pool.cut(number);
            flood.done.opened += u64::from(stood);
            flood.done.failed += u64::from(!stood);
        }
        turn(flood, if due == TOGETHER { Duration::ZERO } else { TURN })?;
    }
    Ok(())
}

/// Connects and stays.
pub(super) fn hold(flood: &mut Flood) -> Result<()> {
    let most = flood.kind.connections();
    while !flood.is_over() {
        let room = most.saturating_sub(flood.pool.count()) as u64;
        let due = flood.due().min(TOGETHER).min(room);
        for _ in 0..due {
            flood.open();
        }
        flood.done.units += due;
        turn(flood, if due == TOGETHER { Duration::ZERO } else { TURN })?;
    }
    Ok(())
}

/// What each of a few connections pushes, over and over.
struct Pusher {
    number: Option<usize>,
    is_open: bool,
    /// Said once, when it stands.
    greeting: Vec<u8>,
    /// What is said then, from the beginning again when it is over.
    text: Vec<u8>,
    at: usize,
    again: Instant,
}

/// Keeps so many connections up and lets `push` do what is due, until the flood is over.
fn keep_pushing(
    flood: &mut Flood,
    mut make: impl FnMut(usize, u64) -> (Vec<u8>, Vec<u8>),
    mut push: impl FnMut(&mut Flood, &mut Pusher) -> bool,
) -> Result<()> {
    let mut attempts = 0;
    let begin = |place: usize, attempts: &mut u64| {
        *attempts += 1;
        make(place, *attempts)
    };
    let mut begin = begin;
    let mut pushers: Vec<Pusher> = (0..flood.kind.connections())
        .map(|place| {
            let (greeting, text) = begin(place, &mut attempts);
            let (number, is_open, at) = (None, false, 0);
            Pusher { number, is_open, greeting, text, at, again: Instant::now() }
        })
        .collect();
    while !flood.is_over() {
        let now = Instant::now();
        let mut did = false;
        for (place, pusher) in pushers.iter_mut().enumerate() {
            if pusher.number.is_none() && pusher.again <= now {
                (pusher.greeting, pusher.text) = begin(place, &mut attempts);
                pusher.number = flood.open();
                pusher.at = 0;
                pusher.again = now + AGAIN;
            }
            if pusher.is_open {
                did |= push(flood, pusher);
            }
        }
        for news in turn(flood, if did { Duration::ZERO } else { TURN })? {
            let (News::Opened(number) | News::Gone(number)) = news;
            let pusher = pushers.iter_mut().find(|pusher| pusher.number == Some(number));
            let Some(pusher) = pusher else { continue };
            match news {
                News::Opened(_) => {
                    pusher.is_open = true;
                    flood.pool.send(number, &pusher.greeting);
                }
                News::Gone(_) => {
                    (pusher.is_open, pusher.number) = (false, None);
                    pusher.again = Instant::now() + AGAIN;
                }
            }
        }
    }
    Ok(())
}

/// One byte a packet. Half of the connections have a name and talk in the lobby, half never end a name.
pub(super) fn tiny(flood: &mut Flood) -> Result<()> {
    let make = |place: usize, attempt: u64| {
        let named = place.is_multiple_of(2);
        let greeting = if named { format!("tiny{attempt}\n") } else { String::new() };
        // Names are short, so this one is refused.
        let line = format!("{}\n", "x".repeat(if named { 60 } else { 200 }));
        (greeting.into_bytes(), line.into_bytes())
    };
    keep_pushing(flood, make, |flood, pusher| {
        let Some(number) = pusher.number else { return false };
        let most = PACKETS_TOGETHER.min(usize::try_from(flood.due()).unwrap_or(usize::MAX));
        for _ in 0..most {
            let byte = pusher.text[pusher.at];
            if flood.pool.offer(number, &[byte]) == 0 {
                return false;
            }
            flood.done.units += 1;
            pusher.at = (pusher.at + 1) % pusher.text.len();
        }
        most > 0
    })
}

/// Whole frames of the greatest size, of which nothing is of use.
pub(super) fn nested(flood: &mut Flood) -> Result<()> {
    let make = |place: usize, attempt: u64| {
        let mut greeting = Vec::new();
        if place.is_multiple_of(2) {
            native::write_guest(&mut greeting, &format!("nested{attempt}"), None);
        }
        (greeting, nest(attempt))
    };
    keep_pushing(flood, make, |flood, pusher| {
        let Some(number) = pusher.number else { return false };
        if flood.due() == 0 || flood.pool.unsent(number) > UNSENT_MAX {
            return false;
        }
        pusher.text = nest(flood.done.units);
        flood.pool.send(number, &pusher.text);
        flood.done.units += 1;
        true
    })
}

/// A frame of nested JSON, of several sorts.
fn nest(sort: u64) -> Vec<u8> {
    let fill = |begin: &str, part: &str, end: &str| {
        let times = (FRAME_BYTES - begin.len() - end.len()) / part.len();
        format!("{begin}{}{end}\n", part.repeat(times)).into_bytes()
    };
    // As deep as the parser goes, and in order otherwise.
    let deep = format!(r#","x":{}{}"#, "[".repeat(100), "]".repeat(100));
    let objects = format!(r#","x":{}1{}"#, r#"{"cmd":"#.repeat(100), "}".repeat(100));
    match sort % 6 {
        0 => fill(r#"{"cmd":"ping","x":"#, "[", ""),
        1 => fill("", r#"{"cmd":"#, ""),
        2 => fill(r#"{"cmd":"ping""#, &deep, "}"),
        3 => fill(r#"{"cmd":"ping""#, &objects, "}"),
        4 => fill(r#"{"cmd":"join","room":["#, "[],", "[]]}"),
        _ => fill(r#"{"cmd":"send","room":"lobby","text":""#, "\\u0041", r#""}"#),
    }
}

/// Very many connections that begin something and go on a byte a second.
pub(super) fn slowloris(flood: &mut Flood) -> Result<()> {
    trickle(flood, |number| {
        let hello = br#"{"cmd":"hello","versions":[1],"name":"slow"#.to_vec();
        match number % 6 {
            0 => hello,
            1 => b"a-name-that-takes-a-long-time-to-be".to_vec(),
            2 => b"GET /index.html HTTP/1.1\r\nHost: example\r\nX-Slow: 1\r\nX-Slower: 2\r\n"
                .to_vec(),
            // A record of a TLS hello: its length says more than comes.
            3 => [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[7; 60]].concat(),
            4 => b"NICK slow\r\nUSER slow 0 * :someone who is slow".to_vec(),
            _ => Vec::new(),
        }
    })
}

fn trickle(flood: &mut Flood, says: impl Fn(usize) -> Vec<u8>) -> Result<()> {
    const STEP: Duration = Duration::from_secs(1);
    let most = flood.kind.connections();
    // When each goes on, in order; its number, how far it is, and what it says.
    let mut due: VecDeque<(Instant, usize, usize, Vec<u8>)> = VecDeque::new();
    let mut opened = 0;
    while !flood.is_over() {
        let now = Instant::now();
        for _ in 0..most.saturating_sub(flood.pool.count()).min(20) {
            if let Some(number) = flood.open() {
                opened += 1;
                due.push_back((now + STEP, number, 0, says(opened)));
            }
        }
        while due.front().is_some_and(|(at, ..)| *at <= now) {
            let Some((at, number, place, text)) = due.pop_front() else { break };
            if let Some(byte) = text.get(place) {
                flood.done.units += flood.pool.offer(number, &[*byte]) as u64;
                due.push_back((at + STEP, number, place + 1, text));
            }
        }
        turn(flood, TURN)?;
    }
    Ok(())
}

/// Very many connections that each leave most of a frame behind.
pub(super) fn halves(flood: &mut Flood) -> Result<()> {
    const HALF: usize = 60_000;
    let mut text = br#"{"cmd":"send","room":"lobby","text":""#.to_vec();
    text.resize(HALF, b'x');
    let most = flood.kind.connections();
    while !flood.is_over() {
        let room = most.saturating_sub(flood.pool.count()).min(20);
        for _ in 0..room.min(usize::try_from(flood.due()).unwrap_or(usize::MAX)) {
            if let Some(number) = flood.open() {
                flood.pool.send(number, &text);
                flood.done.units += 1;
            }
        }
        turn(flood, TURN)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_frames_are_as_large_as_a_frame_may_be() {
        for sort in 0..6 {
            let frame = nest(sort);
            assert!((FRAME_BYTES - 300..=FRAME_BYTES + 1).contains(&frame.len()), "{sort}");
            let is_json = serde_json::from_slice::<serde_json::Value>(&frame).is_ok();
            assert_eq!(is_json, sort >= 2, "{sort}");
        }
    }
}
