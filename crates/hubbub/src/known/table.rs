//! What is in the file of known servers. What is no server's line (remarks, empty lines, lines that
//! can't be read) is kept as it is.

use hubbub_client::ServerAddress;
use hubbub_protocol::{Fingerprint, sanitize};
use jiff::Timestamp;
use std::fmt;
use std::net::IpAddr;

/// A server's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Host and port.
    pub(super) address: String,
    pub(super) key: Fingerprint,
    /// Since when, if the line says it.
    pub(super) since: Option<Timestamp>,
}

#[derive(Debug)]
struct Line {
    text: String,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    Server(Entry),
    /// A remark, or nothing.
    Nothing,
    /// What can't be read.
    Broken,
}

/// The lines of the file.
#[derive(Debug, Default)]
pub(super) struct Table {
    lines: Vec<Line>,
}

impl Table {
    pub(super) fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| Line { text: line.to_owned(), holds: parse(line) });
        Self { lines: lines.collect() }
    }

    /// The servers, in the order of the file.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| match &line.holds {
            Holds::Server(entry) => Some(entry),
            Holds::Nothing | Holds::Broken => None,
        })
    }

    /// The numbers of the lines that can't be read, from 1 on.
    pub(super) fn broken(&self) -> impl Iterator<Item = usize> {
        let lines = self.lines.iter().zip(1..);
        lines.filter(|(line, _)| matches!(line.holds, Holds::Broken)).map(|(_, number)| number)
    }

    /// The key of a server.
    ///
    /// # Errors
    /// It is not clear which one, or whether there is one.
    pub(super) fn key_of(&self, address: &ServerAddress) -> Result<Option<Fingerprint>, String> {
        let name = name_of(address);
        let mut keys = self.servers().filter(|entry| entry.address == name).map(|entry| entry.key);
        if let Some(key) = keys.next() {
            return match keys.all(|other| other == key) {
                true => Ok(Some(key)),
                false => Err(format!(
                    "{address} is there with different keys: leave the right line alone, or take all \
                     out with `hubbub known forget {address}`"
                )),
            };
        }
        let hosts = [&address.host, &host_of(address)].map(|host| host.to_lowercase());
        let about = |line: &&Line| {
            // What can't be seen may be within the very name.
            let is_seen = |c: &char| !sanitize::is_invisible(*c) && !c.is_control();
            let seen = || line.text.to_lowercase().chars().filter(is_seen).collect::<String>();
            matches!(line.holds, Holds::Broken)
                && hosts.iter().any(|host| seen().contains(host.as_str()))
        };
        match self.lines.iter().position(|line| about(&line)) {
            Some(at) => Err(format!(
                "line {} can't be read and may be about {address}: put it right, or take it out",
                at + 1
            )),
            None => Ok(None),
        }
    }

    /// Takes out what there is of a server; `false` if there is nothing.
    pub(super) fn forget(&mut self, address: &ServerAddress) -> bool {
        let name = name_of(address);
        let before = self.lines.len();
        self.lines.retain(|line| match &line.holds {
            Holds::Server(entry) => entry.address != name,
            Holds::Nothing => true,
            Holds::Broken => {
                let first = line.text.split_whitespace().next().unwrap_or_default();
                first.parse().ok().is_none_or(|first| name_of(&first) != name)
            }
        });
        self.lines.len() < before
    }

    pub(super) fn add(&mut self, address: &ServerAddress, key: Fingerprint, since: Timestamp) {
        let text = format!("{} {key} {since:.0}", name_of(address));
        let holds = parse(&text);
        self.lines.push(Line { text, holds });
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", line.text))
    }
}

fn parse(line: &str) -> Holds {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        [] => Holds::Nothing,
        [first, ..] if first.starts_with('#') => Holds::Nothing,
        [address, key] => entry(address, key, None),
        [address, key, since] => entry(address, key, since.parse().ok()),
        _ => Holds::Broken,
    }
}

fn entry(address: &str, key: &str, since: Option<Timestamp>) -> Holds {
    let (Ok(address), Ok(key)) = (address.parse(), key.parse()) else { return Holds::Broken };
    Holds::Server(Entry { address: name_of(&address), key, since })
}

/// One way to write an address.
fn name_of(address: &ServerAddress) -> String {
    let (host, port) = (host_of(address), address.port);
    ServerAddress { host, port, fingerprint: None }.to_string()
}

/// One way to write a host: the same in upper and lower case, with and without the dot behind the last
/// part, and in each form that an IP address has.
fn host_of(address: &ServerAddress) -> String {
    let host = address.host.as_str();
    // The zone of an address is the name of an interface, and stays.
    if let Some((ip, zone)) = host.split_once('%') {
        return match ip.parse::<IpAddr>() {
            Ok(ip) => format!("{ip}%{zone}"),
            Err(_) => host.to_owned(),
        };
    }
    let name = host.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(host);
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().to_string(),
        Err(_) => name.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(of: &str) -> Fingerprint {
        Fingerprint::of_key(of.as_bytes())
    }

    fn address(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    #[test]
    fn a_file_is_written_as_it_was_read() {
        let a = key("a");
        let text = format!("# mine\n\nbox:1 {a} 2026-11-21T10:00:00Z\nwhat is this\n[::1]:7 {a}\n");
        let mut table = Table::parse(&text);
        assert_eq!(table.to_string(), text);
        assert_eq!(table.broken().collect::<Vec<_>>(), [4]);
        let shown: Vec<&str> = table.servers().map(|entry| entry.address.as_str()).collect();
        assert_eq!(shown, ["box:1", "[::1]:7"]);
        table.add(&address("Bee"), a, "2026-11-21T10:00:00.5Z".parse().unwrap());
        assert_eq!(table.to_string(), format!("{text}bee:5000 {a} 2026-11-21T10:00:00Z\n"));
        assert_eq!(table.key_of(&address("[0::1]:7")), Ok(Some(a)));
        assert_eq!(table.key_of(&address("BEE:5000")), Ok(Some(a)));
        assert_eq!(table.key_of(&address("bee:5001")), Ok(None));
    }

    #[test]
    fn a_host_is_known_however_it_is_written() {
        let a = key("a");
        for (kept, others) in [
            ("Box.Example", &["box.example.", "BOX.example", "box.example:5000"][..]),
            ("box.", &["box", "BOX."]),
            ("10.0.0.7", &["[::ffff:10.0.0.7]", "::ffff:a00:7"]),
            ("::ffff:10.0.0.7", &["10.0.0.7"]),
            ("[FD00:0:0::1]:7", &["[fd00::1]:7", "[fd00:0000::0001]:7"]),
            ("[FE80:0::1%eth0]", &["[fe80::1%eth0]"]),
        ] {
            let mut table = Table::default();
            table.add(&address(kept), a, Timestamp::UNIX_EPOCH);
            for other in others {
                assert_eq!(table.key_of(&address(other)), Ok(Some(a)), "{kept}, {other}");
            }
            assert!(table.forget(&address(others[0])), "{kept}");
        }
        let table = Table::parse(&format!("[fe80::1%eth0] {a}"));
        assert_eq!(table.key_of(&address("[fe80::1%eth1]")), Ok(None), "on another network");
    }

    #[test]
    fn a_broken_line_never_makes_a_known_server_a_new_one() {
        let (a, cut) = (key("a"), &key("a").to_string()[..40]);
        for broken in [
            format!("box:1 {cut}"),
            "box:1".to_owned(),
            format!("Box:1\u{fffd} {a}"),
            format!("box:1 {a} 2026-11-21 10:00"),
        ] {
            let mut table = Table::parse(&format!("bee {a}\n{broken}\n"));
            let why = table.key_of(&address("box:1")).unwrap_err();
            assert!(why.contains("line 2") && why.contains("box:1"), "{broken}: {why}");
            assert_eq!(table.key_of(&address("bee")), Ok(Some(a)), "others are not concerned");
            assert_eq!(table.key_of(&address("cat")), Ok(None));
            assert_eq!(table.forget(&address("box:1")), !broken.contains('\u{fffd}'));
        }
        for hidden in ["\u{feff}box:1", "b\u{200b}ox:1", "\u{202e}box:1", "box\u{7f}:1"] {
            let table = Table::parse(&format!("bee {a}\n{hidden} {a}\n"));
            assert_eq!(table.servers().count(), 1, "{hidden:?}");
            let why = table.key_of(&address("box:1")).unwrap_err();
            assert!(why.contains("line 2"), "{hidden:?}: {why}");
        }
        let twice = format!("box {a}\nBOX:5000 {}\n", key("b"));
        let mut table = Table::parse(&twice);
        assert!(table.key_of(&address("box")).unwrap_err().contains("different keys"));
        assert!(table.forget(&address("box")));
        assert_eq!(table.to_string(), "");
    }
}
