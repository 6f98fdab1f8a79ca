//! The writer on real files: rotation, files that others move away, a disk that takes nothing.

use super::*;
use hubbub_protocol::frame::MemberChange;
use hubbub_protocol::{Author, UserId, UserName};
use std::fs;
use tempfile::TempDir;

fn room(name: &str) -> RoomName {
    RoomName::parse(name).expect("a valid name")
}

/// A writer in a folder of its own, and entries by number: somebody of that number comes.
struct Desk {
    folder: TempDir,
    writer: Writer,
}

impl Desk {
    fn new(rotate_bytes: u64, keep: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TranscriptFiles { folder: "logs".into(), rotate_bytes, keep };
        let writer = Writer::new(folder.path().join("logs"), files);
        Self { folder, writer }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("logs").join(file)
    }

    /// The lines of a file without their times.
    fn read(&self, file: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(file)).expect("a file");
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        let line = |line: &str| {
            let (time, rest) = line.split_at("[2026-11-21 10:00:00] ".len());
            assert!(time.starts_with("[2") && time.ends_with("] "), "{line}");
            rest.to_owned()
        };
        text.lines().map(line).collect()
    }

    fn write(&mut self, place: &str, numbers: std::ops::Range<u32>) {
        let entry = |number| {
            let name = UserName::parse(&format!("u{number}")).expect("a valid name");
            let user = Author { id: UserId(1), name };
            let (room, change) = (room(place), MemberChange::Joined);
            let what = Delivery::Member { room: room.clone(), user, change, members: 1 };
            Entry { room, time: WallMs(1_700_000_000_000), what }
        };
        let batch = Batch { entries: numbers.map(entry).collect(), ..Batch::default() };
        self.writer.write(batch);
    }
}

fn came(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| format!("-- u{number} joined")).collect()
}

#[test]
fn a_file_is_set_aside_between_two_lines_and_the_oldest_go() {
    // Each line has 36 bytes, and the first one 44.
    let mut desk = Desk::new(155, 2);
    desk.write("lobby", 10..13);
    assert_eq!(desk.read("lobby.log")[1..], came(10..13));
    desk.write("Lobby", 13..24);
    assert_eq!(desk.read("lobby.log"), came(21..24));
    assert_eq!(desk.read("lobby.log.1"), came(17..21));
    assert_eq!(desk.read("lobby.log.2"), came(13..17));
    assert!(!desk.path("lobby.log.3").exists());

    let mut desk = Desk::new(40, 0);
    desk.write("lobby", 10..30);
    assert_eq!(desk.read("lobby.log.20"), ["-- the server started"]);
    assert_eq!(desk.read("lobby.log"), came(29..30));
    let mut desk = Desk::new(0, 1);
    desk.write("lobby", 10..500);
    assert_eq!(desk.read("lobby.log").len(), 491);
}

#[test]
fn a_file_that_somebody_moved_or_emptied_is_followed() {
    let mut desk = Desk::new(0, 0);
    desk.write("lobby", 10..11);
    fs::rename(desk.path("lobby.log"), desk.path("lobby.old")).expect("moved");
    desk.write("lobby", 11..12);
    assert_eq!(desk.read("lobby.old")[1..], came(10..11));
    assert_eq!(desk.read("lobby.log"), came(11..12));
    fs::write(desk.path("lobby.log"), "").expect("emptied");
    desk.write("lobby", 12..13);
    assert_eq!(desk.read("lobby.log"), came(12..13));
    fs::remove_dir_all(desk.path("")).expect("removed");
    desk.write("lobby", 13..14);
    assert_eq!(desk.read("lobby.log"), came(13..14));
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let mut desk = Desk::new(0, 0);
    desk.write("lobby", 10..11);
    let rights =
        |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((rights(desk.path("")), rights(desk.path("lobby.log"))), (0o700, 0o600));
}

#[test]
fn what_a_disk_did_not_take_is_counted_where_it_is_missing() {
    let mut desk = Desk::new(0, 0);
    desk.write("lobby", 10..11);
    // Something else stands in its place.
    fs::rename(desk.path("lobby.log"), desk.path("before")).expect("moved");
    fs::create_dir(desk.path("lobby.log")).expect("a folder");
    desk.write("lobby", 11..13);
    desk.write("lobby", 13..14);
    desk.write("work", 14..15);
    assert!(desk.writer.is_failing);
    assert_eq!(desk.read("work.log")[1..], came(14..15), "others are not concerned");
    fs::remove_dir(desk.path("lobby.log")).expect("removed");
    fs::rename(desk.path("before"), desk.path("lobby.log")).expect("moved back");
    desk.writer.write(Batch::default());
    assert!(!desk.writer.is_failing);
    desk.write("lobby", 15..16);
    assert_eq!(
        desk.read("lobby.log")[1..],
        ["-- u10 joined", "-- 3 lines were left out: the disk did not take them", "-- u15 joined"]
    );
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_out_of_the_folder() {
    let mut desk = Desk::new(0, 0);
    let outside = desk.folder.path().join("outside");
    fs::write(&outside, "").expect("a file");
    std::os::unix::fs::symlink(&outside, desk.path("lobby.log")).expect("a link");
    desk.write("lobby", 10..11);
    assert_eq!(fs::read_to_string(outside).expect("a file"), "");
}

#[test]
fn half_a_line_of_before_a_power_cut_is_not_gone_on_with() {
    let mut desk = Desk::new(0, 0);
    fs::write(desk.path("lobby.log"), "[2026-11-21 10:00:00] <ann> hal").expect("a file");
    desk.write("lobby", 10..11);
    let first = ["<ann> hal", "-- the server started", "-- u10 joined"];
    assert_eq!(desk.read("lobby.log"), first);
}

#[test]
fn what_was_left_out_is_said_behind_what_was_not() {
    let mut desk = Desk::new(0, 0);
    let left_out = BTreeMap::from([("lobby".into(), (room("lobby"), 37))]);
    desk.writer.write(Batch { left_out, ..Batch::default() });
    desk.writer.stop();
    let end = ["-- 37 lines were left out: the disk was too slow", "-- the server stopped"];
    assert_eq!(desk.read("lobby.log")[1..], end);
}

#[test]
fn many_rooms_need_few_open_files() {
    let mut desk = Desk::new(0, 0);
    for number in 10..10 + 2 * u32::try_from(OPEN_MAX).expect("few") {
        desk.write(&format!("room{number}"), number..number + 1);
        assert!(desk.writer.rooms.values().filter(|file| file.is_open()).count() <= OPEN_MAX);
    }
    // Nor does one batch for many.
    for number in 0..3 * OPEN_MAX {
        let name = format!("many{number}");
        desk.writer.append(name.clone(), room(&name), "-- a line\n").expect("it is written");
        assert!(desk.writer.rooms.values().filter(|file| file.is_open()).count() <= OPEN_MAX);
    }
    desk.write("room10", 500..501);
    assert_eq!(desk.read("room10.log")[1..], ["-- u10 joined", "-- u500 joined"]);
}
