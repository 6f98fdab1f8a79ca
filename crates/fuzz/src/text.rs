//! Texts, names, and what a terminal may see.

use crate::assert_harmless;
use hubbub_protocol::{RoomName, Text, UserName, limits, sanitize as clean};

/// Bytes as a text and as names: what is accepted is within its limits, stays accepted, and holds
/// nothing that its rules forbid.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn text_and_names(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    if let Ok(text) = Text::parse(&input) {
        assert_eq!(Text::parse(text.as_str()).as_ref(), Ok(&text), "not stable");
        assert!(text.as_str().len() <= limits::TEXT_BYTES);
        assert!(text.as_str().lines().count() <= limits::TEXT_LINES);
        assert!(!text.as_str().chars().any(clean::is_forbidden_in_text));
        let json = serde_json::to_string(&text).expect("a text is JSON");
        assert_eq!(serde_json::from_str::<Text>(&json).expect("and back"), text);
    }
    if let Ok(name) = UserName::parse(&input) {
        assert_eq!(UserName::parse(name.as_str()).as_ref(), Ok(&name), "not stable");
        assert_eq!(UserName::known(name.as_str()).as_ref(), Ok(&name), "accepted is known");
        check_name(name.as_str(), limits::USER_NAME_BYTES);
        assert_eq!(name.keys(), name.keys());
        for number in [1, 42, u32::MAX] {
            let numbered = name.numbered(number);
            assert!(UserName::known(numbered.as_str()).is_ok(), "{numbered}");
        }
    }
    if let Ok(name) = RoomName::parse(&input) {
        assert_eq!(RoomName::parse(name.as_str()).as_ref(), Ok(&name), "not stable");
        check_name(name.as_str(), limits::ROOM_NAME_BYTES);
    }
}

fn check_name(name: &str, limit: usize) {
    assert!((1..=limit).contains(&name.len()));
    assert!(!name.contains(|c: char| c.is_whitespace() || clean::is_invisible(c)));
    assert!(!name.contains([',', '*', '?', '!', '@']), "IRC would take it apart");
    assert_harmless(name.as_bytes(), "a name");
}

/// Bytes as what somebody typed and what is printed: nothing that a terminal would obey is left,
/// cleaning twice is cleaning once, and harmless text passes as it is.
///
/// # Panics
/// When a property does not hold, as every target.
pub fn sanitize(bytes: &[u8]) {
    let input = String::from_utf8_lossy(bytes);
    let shown = clean::for_terminal(&input);
    assert_harmless(shown.replace('\t', " ").as_bytes(), "printed text");
    assert_eq!(clean::for_terminal(&shown), shown, "not stable");
    let line = clean::for_terminal_line(&input);
    assert_harmless(line.as_bytes(), "a printed line");
    assert!(!line.contains('\n'));
    let visible = |c: &char| !c.is_control() && !clean::is_invisible(*c);
    let kept = |text: &str| text.chars().filter(visible).collect::<String>();
    assert_eq!(kept(&shown), kept(&input), "visible characters are lost");
    let typed = clean::typed(&input);
    assert!(!typed.chars().any(clean::is_forbidden_in_text));
    assert_eq!(clean::typed(&typed), typed, "not stable");
    if !input.chars().any(clean::is_forbidden_in_text) {
        assert_eq!(typed, input, "an ordinary text was changed");
    }
}
