//! Floods of requests: each answer makes room for the next one.

use super::{Flood, Kind, TURN};
use crate::Result;
use crate::native;
use crate::pool::Happened;
use crate::random::Random;
use hubbub_protocol::frame::{ClientFrame, Page, Request, Target, write_line};
use hubbub_protocol::{Position, Seq};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Requests of one connection that are not answered.
const IN_FLIGHT: u32 = 32;
/// How long a connection that was ended stays away.
const AGAIN: Duration = Duration::from_millis(10);
/// The room of those who send.
const ROOM: &str = "flood";
/// Messages in the room that is searched.
pub(crate) const MESSAGES: u64 = 100_000;
const SEED: u64 = 7;

struct Asker {
    is_open: bool,
    unanswered: u32,
    counter: u64,
}

/// Asks until it is over.
pub(super) fn ask(flood: &mut Flood) -> Result<()> {
    let mut askers: HashMap<usize, Asker> = HashMap::new();
    let mut random = Random::new(SEED);
    let (mut names, mut next_open) = (0u64, Instant::now());
    let in_flight = if flood.kind == Kind::Passwords { 1 } else { IN_FLIGHT };
    let mut out = Vec::new();
    while !flood.is_over() {
        if askers.len() < flood.kind.connections() && next_open <= Instant::now() {
            if let Some(number) = flood.open() {
                names += 1;
                out.clear();
                let unanswered = greet(flood.kind, names, &mut out);
                flood.pool.send(number, &out);
                askers.insert(number, Asker { is_open: false, unanswered, counter: 0 });
            }
            next_open = Instant::now() + AGAIN / u32::try_from(flood.kind.connections())?;
        }
        let mut due = flood.due();
        for (&number, asker) in askers.iter_mut().filter(|(_, asker)| asker.is_open) {
            out.clear();
            while asker.unanswered < in_flight && due > 0 {
                asker.counter += 1;
                asker.unanswered += 1;
                due -= 1;
                flood.done.units += 1;
                next(flood.kind, asker.counter, &mut random, &mut out);
            }
            if !out.is_empty() {
                flood.pool.send(number, &out);
            }
        }
        let done = &mut flood.done;
        flood.pool.turn(TURN, |number, happened| {
            let Some(asker) = askers.get_mut(&number) else { return };
            match happened {
                Happened::Opened => {
                    asker.is_open = true;
                    done.opened += 1;
                }
                Happened::Gone => {
                    done.ended += 1;
                    askers.remove(&number);
                }
                Happened::Line(line) if is_answer(line) => {
                    asker.unanswered = asker.unanswered.saturating_sub(1);
                    done.answered += 1;
                    done.refused += u64::from(line.starts_with(br#"{"ev":"error""#));
                }
                Happened::Line(line) => {
                    done.warned += u64::from(line.starts_with(br#"{"ev":"warning""#));
                }
            }
        })?;
    }
    Ok(())
}

/// Whether a line answers a request: then its number comes first.
fn is_answer(line: &[u8]) -> bool {
    let Some(rest) = line.strip_prefix(br#"{"ev":""#) else { return false };
    let end = rest.iter().position(|byte| *byte == b'"');
    end.is_some_and(|end| rest[end..].starts_with(br#"","id":"#))
}

/// What a connection says first, and how many answers that gets.
fn greet(kind: Kind, number: u64, out: &mut Vec<u8>) -> u32 {
    let room = match kind {
        Kind::Messages => ROOM,
        Kind::Search => "room0",
        Kind::Passwords => return 0,
        _ => "lobby",
    };
    native::write_guest(out, &format!("flooder{number}"), None);
    native::write_join(out, room, None);
    2
}

fn next(kind: Kind, counter: u64, random: &mut Random, out: &mut Vec<u8>) {
    match kind {
        Kind::Rooms => {
            let room = format!("r{}", counter.div_ceil(2));
            if counter % 2 == 1 {
                native::write_join(out, &room, None::<Position>);
            } else {
                write(out, counter, Request::Leave { room });
            }
        }
        Kind::Search if counter % 2 == 1 => {
            let syllables = ["ta", "no", "ri", "ke", "lu", "so", "mi", "pa"];
            let mut one = || syllables[random.below(syllables.len() as u64) as usize];
            // Words that are common, phrases that nobody said, and beginnings of words.
            let query = match counter % 3 {
                0 => format!("{}{}*", one(), one()),
                1 => format!("{0}{1} {1}{0}", one(), one()),
                _ => format!("\"{}ta {}ta {}ta\"", one(), one(), one()),
            };
            let (room, limit) = (Some("room0".to_owned()), Some(100));
            let (user, from, since, until, after) = (None, None, None, None, None);
            let request = Request::Search { query, room, user, from, since, until, after, limit };
            write(out, counter, request);
        }
        Kind::Search => {
            let page = Page::Before(Seq(2 + random.below(MESSAGES)));
            let target = Target::Room("room0".into());
            write(out, counter, Request::History { target, page, limit: Some(100) });
        }
        Kind::Passwords => {
            let name = format!("account{}", random.below(20));
            native::write_numbered_hello(out, counter, &name, "correct horse batterx");
        }
        _ => native::write_send(out, ROOM, counter, &"x".repeat(200)),
    }
}

fn write(out: &mut Vec<u8>, id: u64, request: Request) {
    write_line(&ClientFrame { id: Some(id), request }, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_from_what_comes_by_itself() {
        assert!(is_answer(br#"{"ev":"sent","id":3,"room_id":1}"#));
        assert!(is_answer(br#"{"ev":"done","id":1}"#));
        assert!(!is_answer(br#"{"ev":"message","room":"flood","text":"\"id\":3"}"#));
        assert!(!is_answer(b"-- hello"));
    }
}
