//! Lines and frames.

use crate::split;
use hubbub_client::{ClientEvent, Core, CoreConfig, SendState};
use hubbub_protocol::frame::{ClientFrame, MessageKind, ServerFrame, write_line};
use hubbub_protocol::line::{Line, LineBuffer};
use hubbub_protocol::{Instance, MonoMs, ResumeToken, RoomAddress, RoomName, UserName, limits};
use hubbub_protocol::{Position, sanitize};
use hubbub_server::admit::Asked;
use hubbub_server::door::{Door, native::Native};
use std::collections::{HashMap, HashSet};

fn collect(buffer: &mut LineBuffer, found: &mut Vec<Option<Vec<u8>>>) {
    while let Some(line) = buffer.next_line() {
        found.push(match line {
            Line::Whole(line) => Some(line.to_vec()),
            Line::TooLong => None,
        });
    }
}

/// The first byte is the length of the packets. Lines are the same whatever packets they came in,
/// within the bound of memory.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn line_buffer(bytes: &[u8]) {
    let (length, stream) = split(bytes);
    // Long lines too, without making the input long.
    let repeat = if length % 16 == 15 { 1 + limits::FRAME_BYTES / stream.len().max(64) } else { 1 };
    let stream = stream.repeat(repeat);
    let (mut whole, mut pieces) = (LineBuffer::default(), LineBuffer::default());
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    whole.push(&stream);
    collect(&mut whole, &mut expected);
    let size = if repeat > 1 { 4096 + length } else { 1 + length };
    for piece in stream.chunks(size) {
        pieces.push(piece);
        collect(&mut pieces, &mut found);
        assert!(pieces.waiting().len() <= limits::FRAME_BYTES + 1, "unbounded");
    }
    assert_eq!(found, expected, "packets make a difference");
    assert_eq!(pieces.rest(), whole.rest(), "packets make a difference at the end");
    for line in found.into_iter().flatten() {
        assert!(!line.contains(&b'\n') && line.len() <= limits::FRAME_BYTES);
    }
}

/// A line as the native door decodes it: what is understood is written and understood the same,
/// and a refusal is short and harmless.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn client_frame(bytes: &[u8]) {
    let mut door = Door::Native(Native::new([ResumeToken([0; 16]); 2]));
    let asked = door.decode(bytes);
    let frame = std::str::from_utf8(bytes).ok().and_then(|line| serde_json::from_str(line).ok());
    if let Some(frame) = &frame {
        let mut line = Vec::new();
        write_line::<ClientFrame>(frame, &mut line);
        let again: ClientFrame = serde_json::from_slice(&line).expect("our own line is a frame");
        assert_eq!(again, *frame);
    }
    match asked {
        None => assert!(bytes.iter().all(u8::is_ascii_whitespace), "a line without an answer"),
        Some(Asked::Command(tag, _)) => {
            assert_eq!(tag, frame.expect("only a frame is a command").id);
        }
        Some(Asked::Refused(tag, refusal)) => {
            assert!(refusal.text.chars().count() <= 400, "{}", refusal.text);
            assert_eq!(sanitize::for_terminal_line(&refusal.text), refusal.text.as_str());
            if let Some(frame) = frame {
                assert_eq!(tag, frame.id, "the id is kept");
            }
        }
        Some(Asked::Answer(_)) => panic!("the native door answers nothing itself"),
    }
}

/// Lines as a client's core hears them, after a welcome: whatever a server says, each room's events
/// come in order and once between resets, what is kept is bounded, and every send is answered once.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn server_frame(bytes: &[u8]) {
    let mut config =
        CoreConfig::new(UserName::parse("ann").expect("a valid name"), Instance([7; 16]));
    let lobby = RoomAddress::Room(RoomName::parse("lobby").expect("a valid name"));
    config.conversations = vec![lobby.clone()];
    config.kept_events_max = 4;
    config.sends_max = 8;
    let mut core = Core::new(config);
    core.connected(MonoMs(0));
    core.received_line(MonoMs(0), WELCOME.as_bytes());
    let mut judge = Judge::default();
    for (at, line) in bytes.split(|&b| b == b'\n').enumerate() {
        let now = MonoMs(at as u64 * 1000);
        if let Ok(frame) = serde_json::from_slice::<ServerFrame>(line) {
            let mut again = Vec::new();
            write_line(&frame, &mut again);
            assert_eq!(serde_json::from_slice::<ServerFrame>(&again).expect("our own"), frame);
        }
        // The core has sends and requests under way that answers can meet.
        let _ = core.send(&lobby, "hi", MessageKind::Text);
        core.received_line(now, line);
        core.handle_timeout(now);
        judge.look(&mut core);
        assert!(core.pending_sends().len() <= 8);
        for conversation in core.conversations() {
            assert!(conversation.timeline().events().len() <= 4);
        }
    }
    core.disconnected(MonoMs(1 << 40));
    judge.look(&mut core);
}

/// The answer to the first frame of a core.
const WELCOME: &str = r#"{"ev":"welcome","id":1,"version":1,"server":"x","user":{"id":1,"name":"ann"},"resume":"01010101010101010101010101010101","resumed":false,"epoch":1,"lobby":"lobby","rooms":[],"privates":[],"limits":{"frame_bytes":65536,"text_bytes":4096,"text_lines":100,"sends_in_flight":32,"page":100},"time":1}"#;

/// Remembers what the core has told.
#[derive(Default)]
struct Judge {
    last: HashMap<RoomAddress, Position>,
    answered: HashSet<u64>,
}

impl Judge {
    fn look(&mut self, core: &mut Core) {
        while core.poll_transmit().is_some() {}
        while let Some(event) = core.poll_event() {
            match event {
                ClientEvent::Reset { conversation } => drop(self.last.remove(&conversation)),
                ClientEvent::Left { room } => drop(self.last.remove(&RoomAddress::Room(room))),
                ClientEvent::NewEvent { conversation, event, .. } => {
                    let place = event.position();
                    if let Some(last) = self.last.insert(conversation, place) {
                        assert_eq!(last.room, place.room, "another room without a reset");
                        assert_eq!(last.seq.0 + 1, place.seq.0, "a gap or a double");
                    }
                }
                ClientEvent::Send { local, state } if state != SendState::Pending => {
                    assert!(self.answered.insert(local.0), "answered twice");
                }
                _ => {}
            }
        }
    }
}
