//! What must be true of a log and of those who talked, whatever happened to the server.

use super::Report;
use hubbub_protocol::{Epoch, Event, Position, RoomName};
use std::collections::{BTreeMap, HashMap};

/// The whole log of each room, as it is read at the end.
pub type Log = BTreeMap<RoomName, Vec<Event>>;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// It was acknowledged, and is not in the log.
    Lost { text: String, position: Position },
    /// It stands elsewhere than it was acknowledged.
    Moved { text: String, acknowledged: Position, found: Position },
    /// It is in the log more than once.
    Doubled { text: String },
    /// Its sender doesn't know that it was said.
    Unacknowledged { text: String },
    /// A number is missing or out of order.
    Gap { room: RoomName, index: usize, seq: u64 },
    /// An epoch is smaller than one before it.
    EpochFell { who: String, from: Epoch, to: Epoch },
    /// A client heard something else than what the log says, or in another order.
    Misheard { who: String, room: RoomName, position: Position },
    /// A client was refused, reset, or found the protocol broken.
    Mistreated { who: String, how: String },
}

/// Everything that is wrong. `log` has to be read after the talkers have finished.
pub fn check(reports: &[Report], log: &Log) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (room, events) in log {
        check_order(room, events, &mut broken);
    }
    let mut found: HashMap<(&str, &RoomName), Position> = HashMap::new();
    for (room, events) in log {
        for event in events {
            let text = event.body.words();
            if found.insert((text, room), event.position()).is_some() {
                broken.push(Broken::Doubled { text: text.into() });
            }
        }
    }
    for report in reports {
        for (text, room, position) in &report.acknowledged {
            match found.remove(&(text.as_str(), room)) {
                None => broken.push(Broken::Lost { text: text.clone(), position: *position }),
                Some(place) if place != *position => {
                    let (acknowledged, found) = (*position, place);
                    broken.push(Broken::Moved { text: text.clone(), acknowledged, found });
                }
                Some(_) => {}
            }
        }
        check_client(report, log, &mut broken);
    }
    let left = found.into_keys().map(|(text, _)| Broken::Unacknowledged { text: text.into() });
    broken.extend(left);
    broken
}

fn check_order(room: &RoomName, events: &[Event], broken: &mut Vec<Broken>) {
    for (index, event) in events.iter().enumerate() {
        if event.seq.0 != index as u64 + 1 {
            broken.push(Broken::Gap { room: room.clone(), index, seq: event.seq.0 });
        }
    }
    let epochs = events.iter().map(|event| event.epoch);
    check_epochs(room.as_str(), epochs, broken);
}

fn check_epochs(who: &str, epochs: impl Iterator<Item = Epoch> + Clone, broken: &mut Vec<Broken>) {
    for (from, to) in epochs.clone().zip(epochs.skip(1)) {
        if to < from {
            broken.push(Broken::EpochFell { who: who.into(), from, to });
        }
    }
}

fn check_client(report: &Report, log: &Log, broken: &mut Vec<Broken>) {
    let who = || report.name.clone();
    check_epochs(&report.name, report.epochs.iter().copied(), broken);
    for (room, heard) in &report.heard {
        let empty = Vec::new();
        let events = log.get(room).unwrap_or(&empty);
        let first = heard.first().map_or(1, |event| event.seq.0) as usize;
        let expected = events.get(first - 1..).unwrap_or_default();
        // What was heard is one piece of the log, each event once. Ids of guests are not kept over
        // a restart, and one's own message is told by its acknowledgement: so no whole comparison.
        for (index, event) in heard.iter().enumerate() {
            let same = expected.get(index).is_some_and(|other| {
                other.position() == event.position() && other.body == event.body
            });
            if !same {
                let position = event.position();
                broken.push(Broken::Misheard { who: who(), room: room.clone(), position });
                break;
            }
        }
    }
    let complaints = [
        (!report.refused.is_empty(), format!("refused: {:?}", report.refused.first())),
        (report.unanswered > 0, format!("{} sends have no answer", report.unanswered)),
        (report.resets > 0, format!("{} resets", report.resets)),
        (report.violations > 0, format!("the protocol was broken {} times", report.violations)),
    ];
    for (_, how) in complaints.into_iter().filter(|(is_so, _)| *is_so) {
        broken.push(Broken::Mistreated { who: who(), how });
    }
}
