//! What a room's transcript is called: the room's name made safe for every file system. Two rooms never
//! have the same file, also where a file system doesn't tell cases apart.

use hubbub_protocol::RoomName;
use std::fmt::Write as _;

/// The name of a room's file.
pub(super) fn file_name(room: &RoomName) -> String {
    // Case-folded, as rooms are told apart.
    format!("{}.log", encoded(&room.fold()))
}

/// ASCII letters, digits and `-_~.` stay; the rest, and what would be special, is percent-encoded.
fn encoded(name: &str) -> String {
    let stem = name.split('.').next().unwrap_or_default();
    let mut encoded = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let is_plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~' | b'.');
        // A file that begins with a dot is hidden; one that is called like a device is the device.
        let is_special = at == 0 && (byte == b'.' || is_device(stem));
        if is_plain && !is_special {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// What Windows takes for a device, whatever follows behind a dot.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_lowercase();
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") {
        return true;
    }
    let number = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    number.is_some_and(|number| number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_safe_on_every_file_system() {
        for (room, file) in [
            ("lobby", "lobby.log"),
            ("Work~3f2a", "work~3f2a.log"),
            ("v1.2_x-y", "v1.2_x-y.log"),
            ("..", "%2E..log"),
            ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd.log"),
            ("a\\b", "a%5Cb.log"),
            ("büro", "b%C3%BCro.log"),
            ("CON", "%63on.log"),
            ("con.txt", "%63on.txt.log"),
            ("lpt1", "%6Cpt1.log"),
            ("console", "console.log"),
            ("com10", "com10.log"),
            ("a%2e", "a%252e.log"),
        ] {
            assert_eq!(format!("{}.log", encoded(&room.to_lowercase())), file, "{room}");
        }
        let room = RoomName::parse("Büro").expect("a valid name");
        assert_eq!(file_name(&room), "b%C3%BCro.log");
    }

    proptest! {
        #[test]
        fn two_names_never_have_one_file(one in "[a-c%.25oCN/é]{0,6}", other in "[a-c%.25oCN/é]{0,6}") {
            prop_assert_eq!(encoded(&one) == encoded(&other), one == other);
        }

        #[test]
        fn no_name_leaves_the_folder(name in any::<String>()) {
            let encoded = encoded(&name);
            prop_assert!(!encoded.starts_with('.') && encoded.is_ascii());
            prop_assert!(!encoded.contains(['/', '\\', ':', '\0', ' ']));
        }
    }
}
