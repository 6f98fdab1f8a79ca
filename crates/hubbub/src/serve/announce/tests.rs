//! What is said on which terminal.

use super::*;

const SHARED: &[&str] =
    &["192.168.100.105:5000", "[2001:db8:1234:5678:abcd:ef01:2345:6789]:5000", "172.17.0.1:5000"];

fn reached(address: &str, is_tls_only: bool) -> Reached {
    Reached { address: address.parse().unwrap(), is_tls_only }
}

fn look(columns: usize, rows: usize) -> Look {
    Look { columns, rows, styles: false, blocks: true }
}

/// The screen of a server as [`SHARED`] is reached, after this has changed it.
fn screen<'a>(look: &Look, change: impl FnOnce(&mut Facts<'a>)) -> Vec<String> {
    screen_of(look, &[], change)
}

fn screen_of<'a>(
    look: &Look,
    names: &'a [String],
    change: impl FnOnce(&mut Facts<'a>),
) -> Vec<String> {
    let listening = ["0.0.0.0:5000", "[::]:5000"].map(|text| text.parse().unwrap());
    // For as long as what `change` may put in their place.
    let listening = listening.to_vec().leak();
    let shared: Vec<_> = SHARED.iter().map(|text| reached(text, false)).collect();
    let shared = shared.leak();
    let mut facts = Facts {
        reach: Reach::Lan,
        listening,
        listening_tls: &[],
        shared,
        names,
        fingerprint: Fingerprint::of_key(b"a key"),
        guests: true,
        plaintext_passwords: false,
        registration: Registration::Open,
        has_certificate: false,
        wants_code: true,
        has_console: false,
        setup: None,
    };
    change(&mut facts);
    let mut out = Vec::new();
    to_person(&facts, look, &mut out).unwrap();
    String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
}

fn has(screen: &[String], text: &str) -> bool {
    screen.iter().any(|line| line.contains(text))
}

fn has_code(screen: &[String]) -> bool {
    has(screen, "▀")
}

#[test]
fn nothing_wraps_on_any_terminal() {
    let names = ["chat.example".to_owned(), "a-much-longer-name.of.some.example".to_owned()];
    for columns in [60, 80, 100, 200] {
        for reach in [Reach::Local, Reach::Lan, Reach::Internet] {
            for (names, rows) in [(&names[..], 24), (&names[1..], 60), (&[], 24), (&[], 60)] {
                let screen = screen_of(&look(columns, rows), names, |facts| facts.reach = reach);
                let wide = screen.iter().find(|line| line.chars().count() > columns);
                assert_eq!(wide, None, "{columns} {reach:?} {names:?}");
            }
        }
    }
}

#[test]
fn code_words_and_address_are_seen_together_on_24_lines() {
    for reach in [Reach::Lan, Reach::Internet] {
        let chat = ["chat.example".to_owned()];
        let names = if reach == Reach::Lan { &[] } else { &chat[..] };
        let screen = screen_of(&look(80, 24), names, |facts| facts.reach = reach);
        // The cursor has a line, too.
        let seen = &screen[screen.len() - 23..];
        let words = Fingerprint::of_key(b"a key").words();
        assert!(has(seen, &words[..3].join(" ")) && has(seen, &words[3..].join(" ")));
        let codes = |lines: &[String]| lines.iter().filter(|line| line.contains('█')).count();
        assert!(codes(seen) >= 19 && codes(seen) == codes(&screen), "{screen:#?}");
        let host = if reach == Reach::Lan { "192.168.100.105" } else { "chat.example" };
        let print = Fingerprint::of_key(b"a key");
        assert!(has(seen, &format!("hubbub://{host}:5000#{print}")), "{screen:#?}");
    }
}

#[test]
fn every_address_is_there_in_both_forms() {
    for columns in [80, 200] {
        let screen = screen(&look(columns, 40), |_| {});
        for address in SHARED {
            assert!(has(&screen, &format!("hubbub://{address}")), "{address}: {screen:#?}");
            let host = address.trim_end_matches(":5000").trim_matches(['[', ']']);
            assert!(has(&screen, &format!("nc {host} 5000")), "{address}: {screen:#?}");
        }
    }
}

#[test]
fn there_is_no_code_where_it_has_no_room_or_is_not_wanted() {
    assert!(has_code(&screen(&look(80, 24), |_| {})));
    assert!(!has_code(&screen(&look(70, 24), |_| {})), "too narrow");
    assert!(!has_code(&screen(&look(80, 23), |_| {})), "too low");
    assert!(!has_code(&screen(&look(80, 24), |facts| facts.wants_code = false)));
    assert!(!has_code(&screen(&Look { blocks: false, ..look(80, 24) }, |_| {})), "dumb");
    assert!(!has_code(&screen(&look(80, 24), |facts| facts.reach = Reach::Local)));
}

#[test]
fn the_first_admin_is_told_how_and_everything_else_is_still_seen() {
    let print = Fingerprint::of_key(b"a key");
    for reach in [Reach::Local, Reach::Lan, Reach::Internet] {
        for (columns, rows) in [(60, 24), (80, 24), (200, 60)] {
            let screen = screen(&look(columns, rows), |facts| {
                facts.reach = reach;
                facts.has_console = true;
                facts.setup = Some("K7QF-2M4D-9XRT-4WPZ");
            });
            let wide = screen.iter().find(|line| line.chars().count() > columns);
            assert_eq!(wide, None, "{columns} {reach:?}");
            let seen = &screen[screen.len().saturating_sub(rows - 1)..];
            let words = print.words();
            for part in ["/setup K7QF-2M4D-9XRT-4WPZ", "No admin yet", "Type help", words[5]] {
                assert!(has(seen, part), "{columns} {reach:?} {part}: {screen:#?}");
            }
            let share = ["Scan the code", "Share this"].iter().any(|part| has(seen, part));
            assert!(share || reach == Reach::Local, "{columns} {reach:?}: {screen:#?}");
            assert_eq!(
                has_code(&screen),
                columns > 60 && reach == Reach::Lan,
                "{columns} {reach:?}"
            );
        }
    }
    assert!(!has(&screen(&look(80, 24), |_| {}), "admin"), "there is one");
}

#[test]
fn how_to_stop_it_is_said_with_a_console_and_without() {
    for reach in [Reach::Local, Reach::Lan] {
        let said = |has_console| {
            let change =
                |facts: &mut Facts<'_>| (facts.reach, facts.has_console) = (reach, has_console);
            let screen = screen(&look(80, 24), change).join(" ");
            let text = screen.split_whitespace().collect::<Vec<_>>().join(" ");
            (text.contains("Ctrl-C stops"), text.contains("Type help"))
        };
        assert_eq!((said(false), said(true)), ((true, false), (false, true)), "{reach:?}");
    }
}

#[test]
fn without_styles_there_are_no_escapes() {
    let plain = screen(&look(80, 24), |_| {}).join("\n");
    assert!(!plain.contains('\x1b'));
    let styled = screen(&Look { styles: true, ..look(80, 24) }, |_| {}).join("\n");
    assert!(styled.contains('\x1b'));
}

#[test]
fn the_internet_is_told_what_only_people_can_do() {
    let text = |change: fn(&mut Facts<'_>)| {
        let change = |facts: &mut Facts<'_>| {
            (facts.reach, facts.guests, facts.registration) =
                (Reach::Internet, false, Registration::Invite);
            change(facts);
        };
        let lines = screen(&look(80, 24), change);
        lines.iter().flat_map(|line| line.split_whitespace()).collect::<Vec<_>>().join(" ")
    };
    let usual = text(|_| {});
    for part in [
        "Forward TCP port 5000 on your router to 192.168.100.105",
        "A firewall here must let TCP port 5000 in",
        "--certificate FILE --key FILE",
        "Guests are refused (--guests yes",
        "`hubbub invite new`",
        "hubbub://ADDRESS:5000#",
    ] {
        assert!(usual.contains(part), "{part}: {usual}");
    }
    assert!(!usual.contains("nc 192"), "netcat is of no use there");
    let open = text(|facts| (facts.guests, facts.registration) = (true, Registration::Open));
    assert!(open.contains("Guests may come in") && open.contains("Everybody may register"));
    let alone = text(|facts| facts.shared = &[]);
    assert!(alone.contains("has no network now"), "{alone}");
}

#[test]
fn without_a_network_there_is_nothing_to_share() {
    let screen = screen(&look(80, 24), |facts| facts.shared = &[]);
    assert!(has(&screen, "no address to share") && !has(&screen, "Share this"), "{screen:#?}");
}

#[test]
fn a_port_for_tls_alone_is_shared_without_netcat() {
    let listening = ["127.0.0.1:5000".parse().unwrap()];
    let tls = ["0.0.0.0:5443".parse().unwrap()];
    let shared = [reached("192.168.1.5:5443", true)];
    let names = ["chat.example".to_owned()];
    for reach in [Reach::Lan, Reach::Internet] {
        let screen = screen_of(&look(100, 40), &names, |facts| {
            facts.reach = reach;
            (facts.listening, facts.listening_tls) = (&listening, &tls);
            facts.shared = &shared;
        });
        for part in ["hubbub://chat.example:5443#", "hubbub://192.168.1.5:5443#"] {
            assert!(has(&screen, part), "{part}: {screen:#?}");
        }
        for part in ["nc ", "127.0.0.1", ":5000"] {
            assert!(!has(&screen, part), "{part}: {screen:#?}");
        }
        assert!(has(&screen, "TCP port 5443") == (reach == Reach::Internet), "{screen:#?}");
    }
}

#[test]
fn what_listens_behind_something_else_shares_no_address_of_its_own() {
    let listening = ["127.0.0.1:5000".parse().unwrap()];
    let shared = [reached("127.0.0.1:5000", false)];
    for (reach, text) in
        [(Reach::Lan, "for this computer alone"), (Reach::Internet, "What stands before it")]
    {
        let screen = screen(&look(100, 40), |facts| {
            (facts.reach, facts.listening, facts.shared) = (reach, &listening, &shared);
        });
        assert!(has(&screen, text) && !has(&screen, "127.0.0.1"), "{screen:#?}");
    }
}

#[test]
fn programs_get_the_promised_lines() {
    let listening = ["127.0.0.1:5000", "[::1]:5000"].map(|text| text.parse().unwrap());
    let fingerprint = Fingerprint::of_key(b"a key");
    let facts = Facts {
        reach: Reach::Local,
        listening: &listening,
        listening_tls: &["127.0.0.1:5001".parse().unwrap()],
        shared: &[],
        names: &[],
        fingerprint,
        guests: true,
        plaintext_passwords: true,
        registration: Registration::Open,
        has_certificate: false,
        wants_code: true,
        has_console: false,
        setup: None,
    };
    let mut out = Vec::new();
    to_program(&facts, &mut out).unwrap();
    let wanted = format!(
        "listening on 127.0.0.1:5000 (native, plain, tls)\n\
         listening on [::1]:5000 (native, plain, tls)\n\
         listening on 127.0.0.1:5001 (tls)\n\
         fingerprint {fingerprint}\n\
         words {}\n",
        fingerprint.words().join(" ")
    );
    assert_eq!(String::from_utf8(out).unwrap(), wanted);
}
