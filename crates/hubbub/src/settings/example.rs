//! The example of a settings file, as `hubbub config default` prints it and `docs/operating.md` shows it:
//! it is made here from the defaults, so that it tells the truth.

use super::limits::OF_ROOMS;
use hubbub_server::{Limited, Rate, Rates, ServerConfig};
use std::path::PathBuf;

fn defaults() -> ServerConfig {
    ServerConfig::new(Vec::new(), PathBuf::new())
}

/// A settings file with every setting at its default. Those that have none, or one that depends on who may
/// reach the server, are comments.
pub(crate) fn example() -> String {
    let server = defaults();
    let (hub, limits) = (&server.hub, &server.hub.limits);
    let exempt: Vec<String> = limits.exempt.iter().map(|net| format!("\"{net}\"")).collect();
    let mut text = format!(
        r#"# Who may reach the server: "local" (this computer only), "lan" or "internet".
reach = "local"
port = 5000
# Where to listen instead of at `port`; `reach` still says who is let in:
# listen = ["192.168.1.5:5000", "[::1]:5000"]

# Whether people may come in without an account. With "internet": false.
# guests = {guests}
# Who may make an account: "open", "invite" or "closed". With "internet": "invite".
# registration = "open"
# Whether passwords are taken over connections that others can read along. With "lan" and
# "internet": false. Connections from this computer may always send them.
# plaintext_passwords = {plaintext}
# Who may begin a private chat with somebody who doesn't say otherwise: "ask", "open" or "closed".
private = "ask"
# What a new room keeps, if its maker doesn't say: "forever" or "none".
history = "forever"
# For how many days the audit log is kept.
audit_days = {audit_days}

[tls]
# A certificate that programs trust, as PEM; from the folder of this file.
# certificate = "chat.example.pem"
# key = "chat.example.key"
# Further names for the server's own certificate.
names = []
# Where to listen for TLS alone; the addresses above take it too.
listen = []

[limits]
# `burst` at once, then `per_minute`; per_minute = 0 is no limit. An IPv6 address counts with its /64.
connects = {connects}
connections_per_address = {per_address}
# In all; 0: as many as the system lets this process have.
connections = {connections}
# Addresses and networks that are not counted as such; their users are.
exempt = [{exempt}]
# Time to say a name or log in, in seconds.
login_s = {login_s}
# Silence after which the system asks whether the other side still lives, in seconds.
idle_probe_s = {probe_s}
# From where the PROXY protocol (version 2) is taken, and needed.
proxies = []
"#,
        guests = hub.guests,
        plaintext = hub.plaintext_passwords,
        audit_days = hub.audit_ms / (24 * 60 * 60 * 1000),
        connects = rate(limits.connects),
        per_address = limits.connections_per_address,
        connections = limits.connections,
        exempt = exempt.join(", "),
        login_s = server.login_ms / 1000,
        probe_s = server.probe_ms / 1000,
    );
    let all = Limited::ALL;
    for (name, of, kinds, rates) in [
        ("user", "Of each user: of an account with all its sessions together.", all, &limits.user),
        ("address", "Of all users from one address together.", all, &limits.address),
        ("room", "Of all users of a room together.", OF_ROOMS, &limits.room),
    ] {
        section(&mut text, name, of, kinds, rates);
    }
    let intake = &limits.intake;
    text += &format!(
        "
# What is read of one connection, and of all of an address: how often, and bytes.
[limits.intake]
reads = {}
bytes = {}
address_reads = {}
address_bytes = {}
",
        rate(intake.reads),
        rate(intake.bytes),
        rate(intake.address_reads),
        rate(intake.address_bytes)
    );
    let outbox = &server.outbox;
    text += &format!(
        "
# What may wait for a connection that is slow to read, before it is closed.
[outbox]
bytes = {}
frames = {}
age_s = {}
# All of them together. Past three quarters nobody is read until it falls.
all_bytes = {}

# Where to tell how the server is, over HTTP: /healthz/live, /healthz/ready and /metrics. Without it: nowhere.
[health]
# listen = \"127.0.0.1:9464\"

# Log lines: \"human\", \"json\", or \"auto\": for people on a terminal, else JSON. HUBBUB_LOG_FORMAT and
# HUBBUB_LOG go before these.
[log]
format = \"auto\"
level = \"info\"
",
        outbox.bytes,
        outbox.frames,
        outbox.age_ms / 1000,
        server.outboxes_bytes
    );
    let files = &server.transcripts;
    text += &format!(
        r#"
# Rooms that are also written to files, one for each. Who joins one is told.
[transcripts]
# Their names; one that is found by a PIN with its `~` and digits.
rooms = []
# All those besides that everybody may know of: no groups, rooms with a PIN or secret rooms.
all = false
# Where the files are, from the data folder.
folder = "{}"
# A file that would have more bytes is set aside; 0: never.
rotate_bytes = {}
# How many of those are kept for each room; 0: all.
keep = {}
"#,
        files.folder.display(),
        files.rotate_bytes,
        files.keep
    );
    text
}

fn section(text: &mut String, name: &str, of: &str, kinds: &[Limited], rates: &Rates) {
    *text += &format!("\n# {of}\n[limits.{name}]\n");
    for &kind in kinds {
        *text += &format!("{} = {}\n", kind.word(), rate(rates[kind]));
    }
}

fn rate(rate: Rate) -> String {
    format!("{{ burst = {}, per_minute = {} }}", rate.burst, rate.per_minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Place, Plan, Settings};

    /// Between these two stands the example.
    const BEGIN: &str = "```toml\n";
    const END: &str = "```\n";

    fn planned(text: &str) -> Plan {
        let settings: Settings = toml::from_str(text).unwrap();
        Plan::new(settings, PathBuf::new())
    }

    #[test]
    fn the_page_for_operators_shows_every_setting_with_its_default() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operating.md");
        let page = std::fs::read_to_string(file).unwrap();
        let from = page.find(BEGIN).map_or(0, |at| at + BEGIN.len());
        let shown = page[from..].split_once(END).map_or("", |(shown, _)| shown);
        let wanted = example();
        assert!(shown == wanted, "docs/operating.md should have this in its block toml:\n{wanted}");
    }

    #[test]
    fn the_example_means_what_no_settings_mean() {
        let nothing = planned("");
        let everything = planned(&example());
        assert_eq!(format!("{:?}", everything.server), format!("{:?}", nothing.server));
        assert_eq!((everything.reach, everything.place), (nothing.reach, nothing.place));
        let default = format!("{:?}", defaults());
        assert_eq!(format!("{:?}", nothing.server), default);
    }

    #[test]
    fn what_the_example_has_as_a_comment_can_be_set() {
        let example = example();
        let set = |text: &str, line: &str| text.replace(&format!("# {line}"), line);
        let text = set(
            &example.replace("reach = ", "# reach = ").replace("port = ", "# port = "),
            "listen",
        );
        let others = ["certificate", "key", "guests", "registration", "plaintext_passwords"];
        let plan = planned(&others.iter().fold(text, |text, line| set(&text, line)));
        assert_eq!(
            plan.place,
            Place::At(vec!["192.168.1.5:5000".parse().unwrap(), "[::1]:5000".parse().unwrap()])
        );
        assert!(plan.server.tls.certificate.is_some());
        let hub = plan.server.hub;
        assert!(hub.guests && hub.plaintext_passwords, "what the example has as their defaults");
    }

    #[test]
    fn each_rate_of_the_file_is_the_one_that_it_names() {
        for (section, get) in [
            ("user", (|limits| limits.user) as fn(&hubbub_server::Limits) -> Rates),
            ("address", |limits| limits.address),
            ("room", |limits| limits.room),
        ] {
            for &kind in if section == "room" { OF_ROOMS } else { Limited::ALL } {
                let word = kind.word();
                let set =
                    format!("[limits.{section}]\n{word} = {{ burst = 4097, per_minute = 77 }}");
                let limits = planned(&set).server.hub.limits;
                assert_eq!(get(&limits)[kind], Rate::new(4097, 77), "{set}");
                let mut back = limits;
                let default = defaults().hub.limits;
                match section {
                    "user" => back.user[kind] = default.user[kind],
                    "address" => back.address[kind] = default.address[kind],
                    _ => back.room[kind] = default.room[kind],
                }
                assert_eq!(back, default, "nothing else changes: {set}");
            }
        }
    }
}
