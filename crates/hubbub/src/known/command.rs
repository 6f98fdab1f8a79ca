//! `hubbub known`: which servers are known, and to forget one.

use super::{KnownServers, table::Table};
use crate::cli::KnownCommand;
use crate::end::{self, End};
use crate::guest::tell;
use crate::operator::json_line;
use crate::when;
use hubbub_protocol::{WallMs, sanitize};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// The line of `known list --json`. Documented in its help: fields are added, never changed.
#[derive(Serialize)]
struct JsonServer<'a> {
    address: &'a str,
    fingerprint: String,
    words: String,
    since: Option<WallMs>,
}

pub(crate) fn run(command: KnownCommand) -> Result<ExitCode, Box<dyn Error>> {
    end::code(known(command))
}

fn known(command: KnownCommand) -> Result<(), End> {
    match command {
        KnownCommand::List { json, file } => {
            let known = KnownServers::at(file.known_servers.as_deref()).map_err(usage)?;
            let table = known.read().map_err(End::Failed)?;
            for number in table.broken() {
                tell(&known.says(&format!("line {number} can't be read and is passed over")));
            }
            list(&mut io::stdout().lock(), &table, json, &TimeZone::system())
        }
        KnownCommand::Forget { address, file } => {
            let known = KnownServers::at(file.known_servers.as_deref()).map_err(usage)?;
            match known.forget(&address).map_err(End::Failed)? {
                true => Ok(()),
                false => Err(End::Failed(known.says(&format!("{address} is not there")))),
            }
        }
    }
}

fn usage(text: String) -> End {
    End::Usage(text.into())
}

fn list(out: &mut impl Write, table: &Table, json: bool, zone: &TimeZone) -> Result<(), End> {
    let ms = |since: jiff::Timestamp| u64::try_from(since.as_millisecond()).ok().map(WallMs);
    let width = table.servers().map(|entry| entry.address.chars().count()).max().unwrap_or(0);
    for entry in table.servers() {
        let since = entry.since.and_then(ms);
        let words = entry.key.words().join(" ");
        if json {
            let (address, fingerprint) = (entry.address.as_str(), entry.key.to_string());
            json_line(out, &JsonServer { address, fingerprint, words, since })?;
        } else {
            let address = sanitize::for_terminal_line(&entry.address);
            let since = since.map_or("-".into(), |since| when::local(since, zone, "%Y-%m-%d"));
            writeln!(out, "{address:width$}  {since:10}  {}  {words}", entry.key)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::Fingerprint;

    #[test]
    fn servers_are_listed_for_people_and_for_programs() {
        let key = Fingerprint::of_key(b"a key");
        let text = format!("box:1 {key} 2026-11-21T10:00:00Z\n# mine\n[fe80::1]:5000 {key}\n");
        let table = Table::parse(&text);
        let shown = |json| {
            let mut out = Vec::new();
            list(&mut out, &table, json, &TimeZone::UTC).unwrap();
            String::from_utf8(out).unwrap()
        };
        let words = key.words().join(" ");
        let expected = format!(
            "box:1           2026-11-21  {key}  {words}\n[fe80::1]:5000  -           {key}  {words}\n"
        );
        assert_eq!(shown(false), expected);
        let first = format!(
            "{{\"address\":\"box:1\",\"fingerprint\":\"{key}\",\"words\":\"{words}\",\"since\":1795255200000}}"
        );
        assert_eq!(shown(true).lines().next(), Some(first.as_str()));
    }
}
