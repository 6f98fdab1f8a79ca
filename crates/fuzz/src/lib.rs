//! Fuzz targets for everything that takes bytes from strangers, as plain functions: each takes any
//! bytes and panics when a property does not hold.
//!
//! `cargo test -p hubbub-fuzz` runs them over a corpus with a seeded mutator; with a nightly
//! toolchain cargo-fuzz runs them with coverage (`fuzz/README.md`). Deliberately not here: sockets.

mod doors;
mod events;
mod text;
mod wire;

pub use doors::{plain_line, proxy_header, sniff};
pub use events::door_encode;
pub use text::{sanitize, text_and_names};
pub use wire::{client_frame, line_buffer, server_frame};

/// A target: its name, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. Each has a program in `fuzz/fuzz_targets`.
pub const TARGETS: &[Target] = &[
    ("line_buffer", line_buffer),
    ("client_frame", client_frame),
    ("server_frame", server_frame),
    ("sniff", sniff),
    ("proxy_header", proxy_header),
    ("plain_line", plain_line),
    ("text_and_names", text_and_names),
    ("sanitize", sanitize),
    ("door_encode", door_encode),
];

/// The first byte as a number, and the rest: how a target gets a parameter beside its bytes.
fn split(bytes: &[u8]) -> (usize, &[u8]) {
    match bytes.split_first() {
        Some((first, rest)) => (usize::from(*first), rest),
        None => (0, bytes),
    }
}

/// Bytes that a terminal without a single escape may see: printable text and line ends.
fn assert_harmless(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{what} is not UTF-8"));
    let bad = text.chars().find(|&c| {
        c != '\n' && (c.is_control() || hubbub_protocol::sanitize::is_bidi_control(c))
            || matches!(c, '\u{2028}' | '\u{2029}')
    });
    assert_eq!(bad, None, "{what} has a control character: {text:?}");
}
