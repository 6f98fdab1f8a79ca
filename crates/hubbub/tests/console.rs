//! The console as whoever started a server sees it, on a pseudo terminal.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;
#[path = "reach/terminal.rs"]
mod terminal;

use std::path::Path;
use support::{on, send};
use terminal::Terminal;

const PROMPT: &str = "hubbub> ";
/// What a terminal is told when the console has it: pasted text comes in marks.
const PASTE_OFF: &str = "\x1b[?2004l";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";
const UP: &str = "\x1b[A";

/// A server with its console open.
fn console(data: &Path) -> Terminal {
    sized(data, (80, 24), &[])
}

fn sized(data: &Path, size: (u16, u16), environment: &[(&str, &str)]) -> Terminal {
    let mut terminal = Terminal::sized(data, &["--local", "--port", "0"], size, environment);
    let shown = terminal.until(PROMPT);
    assert!(shown.contains("Type help"), "{shown}");
    terminal
}

/// What is shown, as it is seen when it has come to its end: rows without styles.
fn rows(shown: &str) -> Vec<String> {
    let mut rows = vec![Vec::new()];
    let mut column = 0;
    let mut chars = shown.chars();
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match c {
            '\r' => column = 0,
            '\n' => {
                column = 0;
                rows.push(Vec::new());
            }
            '\x1b' => {
                let sequence: String = chars
                    .by_ref()
                    .take_while_inclusive(|c| !matches!(c, '@'..='Z' | 'a'..='~'))
                    .collect();
                match sequence.as_bytes() {
                    b"[K" => row.truncate(column),
                    [b'[', digits @ .., b'C'] => {
                        column += std::str::from_utf8(digits).unwrap().parse::<usize>().unwrap();
                    }
                    [b'[', .., b'm' | b'h' | b'l'] => {}
                    _ => panic!("{sequence:?}"),
                }
            }
            c => {
                row.resize(row.len().max(column + 1), ' ');
                row[column] = c;
                column += 1;
            }
        }
    }
    rows.into_iter().map(|row| row.into_iter().collect()).collect()
}

/// The end of a sequence belongs to it.
trait TakeWhileInclusive: Iterator<Item = char> {
    fn take_while_inclusive(self, go_on: impl Fn(char) -> bool) -> impl Iterator<Item = char>;
}

impl<I: Iterator<Item = char>> TakeWhileInclusive for I {
    fn take_while_inclusive(mut self, go_on: impl Fn(char) -> bool) -> impl Iterator<Item = char> {
        let mut is_over = false;
        std::iter::from_fn(move || {
            let c = (!is_over).then(|| self.next()).flatten()?;
            is_over = c != '[' && !go_on(c);
            Some(c)
        })
    }
}

#[test]
fn a_verb_is_answered_with_a_slash_and_without() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = console(data.path());
    for line in ["help\r", "/help\r"] {
        terminal.type_in(line);
        terminal.until("stop the server");
        terminal.until(PROMPT);
    }
    terminal.type_in("stast\r");
    terminal.until("Did you mean stats?");
    terminal.type_in("hello everybody out there\r");
    terminal.until("There is no hello here.");
    terminal.until(PROMPT);
    terminal.type_in("exit\r");
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn a_line_of_the_log_leaves_what_is_being_typed_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = sized(data.path(), (80, 24), &[("HUBBUB_LOG", "info"), ("NO_COLOR", "1")]);
    terminal.type_in("help us");
    let mut shown = terminal.until("hubbub> help us");
    terminal.signal("HUP");
    shown += &terminal.until("SIGHUP: ");
    shown += &terminal.until("hubbub> help us");
    terminal.type_in("ers\r");
    shown += &terminal.until("Also: list");
    let rows = rows(&shown);
    let log = rows.iter().position(|row| row.contains("SIGHUP: ")).unwrap();
    assert!(!rows[log].contains("hubbub>"), "{rows:#?}");
    assert_eq!(rows[log + 1].trim_end(), "hubbub> help users", "{rows:#?}");
    assert_eq!(terminal.stop(), Some(0));
}

#[test]
fn tab_completes_from_the_table() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = sized(data.path(), (80, 24), &[("NO_COLOR", "1")]);
    terminal.type_in("he\tst\t");
    terminal.until("hubbub> help stats ");
    terminal.type_in("\u{15}un\t");
    let shown = terminal.until("unmute");
    assert!(shown.contains("unban"), "{shown}");
    assert_eq!(terminal.stop(), Some(0));
}

#[test]
fn what_was_typed_comes_back_after_a_restart_and_secrets_do_not() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = sized(data.path(), (80, 24), &[("NO_COLOR", "1")]);
    terminal.type_in("help stats\r");
    terminal.until("how the server does");
    terminal.until(PROMPT);
    terminal.type_in("/setup K7QF-2M4D\r");
    terminal.until("in the chat");
    terminal.until(PROMPT);
    terminal.type_in("stast hunter2\r");
    terminal.until("Did you mean");
    terminal.until(PROMPT);
    terminal.type_in("exit\r");
    assert_eq!(terminal.wait(), Some(0));
    let kept = std::fs::read_to_string(data.path().join("console_history")).unwrap();
    assert_eq!(kept, "help stats\nexit\n");

    let mut terminal = sized(data.path(), (80, 24), &[("NO_COLOR", "1")]);
    terminal.type_in(UP);
    terminal.until("hubbub> exit");
    terminal.type_in(UP);
    terminal.until("hubbub> help stats");
    assert_eq!(terminal.stop(), Some(0));
}

#[test]
fn ctrl_c_drops_the_line_then_asks_and_then_stops_the_server() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = console(data.path());
    terminal.type_in("exi");
    terminal.type_in(CTRL_C);
    terminal.until("exi^C");
    terminal.until(PROMPT);
    terminal.type_in(CTRL_C);
    terminal.until("Ctrl-C again stops the server");
    terminal.until(PROMPT);
    // Something else between them, and it is no second one.
    terminal.type_in("x\u{7f}");
    terminal.type_in(CTRL_C);
    terminal.until("Ctrl-C again stops the server");
    terminal.type_in(CTRL_D);
    terminal.until("The server goes on");
    terminal.until(PROMPT);
    terminal.type_in(CTRL_C);
    terminal.until("Ctrl-C again stops the server");
    terminal.type_in(CTRL_C);
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn ctrl_c_stops_the_server_also_while_a_verb_never_ends() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = console(data.path());
    // Whoever reads these settings waits for somebody who writes them.
    let settings = data.path().join("hubbub.toml");
    assert!(std::process::Command::new("mkfifo").arg(settings).status().unwrap().success());
    terminal.type_in("reload\r");
    terminal.until("reload");
    terminal.until("\n");
    terminal.type_in(CTRL_C);
    terminal.until("Ctrl-C again stops the server");
    terminal.type_in(CTRL_C);
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn the_terminal_is_given_back_however_it_ends() {
    for end in ["exit", "exit from elsewhere", "TERM", "INT", "ctrl-c"] {
        let data = tempfile::tempdir().unwrap();
        let mut terminal =
            Terminal::serve(data.path(), &["--local", "--port", "0", "--no-console"]);
        terminal.until("Ctrl-C stops it");
        let before = terminal.settings();
        assert!(before.1, "without a console nothing is changed");
        assert_eq!(terminal.stop(), Some(0));
        assert_eq!(terminal.settings(), before);

        let mut terminal = console(data.path());
        let during = terminal.settings();
        assert!(!during.1, "keys come as they are typed");
        match end {
            "exit" => terminal.type_in("exit\r"),
            "exit from elsewhere" => {
                terminal.type_in("users half ty");
                assert_eq!(on(data.path(), &["admin", "exit"]).status.code(), Some(0));
            }
            "ctrl-c" => {
                terminal.type_in(CTRL_C);
                terminal.until("again");
                terminal.type_in(CTRL_C);
            }
            signal => {
                terminal.type_in("users half ty");
                terminal.signal(signal);
            }
        }
        terminal.until(PASTE_OFF);
        assert_eq!(terminal.wait(), Some(0), "{end}");
        assert_eq!(terminal.settings(), before, "{end}");
    }
}

#[test]
fn answers_fit_small_and_large_terminals() {
    for (columns, rows_of_it) in [(80, 24), (200, 60)] {
        let data = tempfile::tempdir().unwrap();
        let size = (columns, rows_of_it);
        let mut terminal = sized(data.path(), size, &[("NO_COLOR", "1")]);
        terminal.type_in("help\r");
        let mut shown = terminal.until("stop the server");
        terminal.until(PROMPT);
        terminal.type_in("help ban\r");
        shown += &terminal.until("Admins are not kept out.");
        let rows = rows(&shown);
        let wide = rows.iter().find(|row| row.chars().count() > usize::from(columns));
        assert_eq!(wide, None);
        let longest = rows.iter().map(|row| row.chars().count()).max().unwrap();
        assert_eq!(longest > 80, columns == 200, "{rows:#?}");
        // More than a row has.
        terminal.until(PROMPT);
        terminal.type_in(&format!("help {}end", "x".repeat(usize::from(columns))));
        let shown = terminal.until("end\r");
        assert!(!shown.rsplit('\r').nth(1).unwrap().contains("help"), "it has moved sideways");
        assert_eq!(terminal.stop(), Some(0));
    }
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let data = tempfile::tempdir().unwrap();
    let styled = |environment: &[(&str, &str)]| {
        let mut terminal = sized(data.path(), (80, 24), environment);
        terminal.type_in("kick");
        let mut shown = terminal.until("kick");
        shown += &terminal.until("\x1b[12C");
        assert_eq!(terminal.stop(), Some(0));
        (shown.contains("\x1b[2m"), shown.contains("[#ROOM]"))
    };
    assert_eq!(styled(&[]), (true, true), "a hint in grey");
    assert_eq!(styled(&[("NO_COLOR", "1")]), (false, false), "no hint would look typed");
}

#[test]
fn a_terminal_that_can_do_little_has_a_plain_prompt() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = sized(data.path(), (80, 24), &[("TERM", "dumb")]);
    assert!(terminal.settings().1, "nothing is changed");
    terminal.type_in("help\n");
    let shown = terminal.until("stop the server");
    assert!(!shown.contains('\x1b'), "{shown}");
    terminal.until(PROMPT);
    terminal.type_in(CTRL_D);
    terminal.until("The server goes on");
    assert_eq!(terminal.stop(), Some(0), "a signal stops it at once");
}

#[test]
fn a_terminal_that_stands_still_holds_nobody_up() {
    let data = tempfile::tempdir().unwrap();
    let arguments = ["--local", "--port", "0"];
    let mut terminal =
        Terminal::sized(data.path(), &arguments, (80, 24), &[("HUBBUB_LOG", "info")]);
    let shown = terminal.until(PROMPT);
    let address = shown.split("hubbub tail ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    terminal.stand_still();
    // Far more than a terminal keeps.
    terminal.type_in(&"help\r".repeat(200));
    for _ in 0..10 {
        terminal.signal("HUP");
        send(&address, "lobby", "it goes on");
    }
    terminal.signal("TERM");
    assert_eq!(terminal.wait(), Some(0));
}

#[test]
fn a_window_that_is_closed_ends_it_in_good_order() {
    let data = tempfile::tempdir().unwrap();
    let mut terminal = console(data.path());
    terminal.type_in("half a li");
    assert_eq!(terminal.close(), Some(0));
}
