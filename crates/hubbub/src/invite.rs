//! `hubbub invite`: codes that let people make an account.

use crate::cli::{InviteCommand, NewInvite};
use crate::end::{self, End};
use crate::folder;
use crate::operator::{ask, json_line, order, wrong_answer};
use crate::when::{self, Lifetime};
use hubbub_protocol::sanitize;
use hubbub_server::admin::{AdminAnswer, AdminRequest, Invite};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

/// The line of `invite new --json`.
#[derive(Serialize)]
struct JsonMade<'a> {
    code: &'a str,
    #[serde(flatten)]
    invite: &'a Invite,
}

pub(crate) fn run(command: InviteCommand) -> Result<ExitCode, Box<dyn Error>> {
    end::code(invite(command))
}

fn invite(command: InviteCommand) -> Result<(), End> {
    let zone = TimeZone::system();
    match command {
        InviteCommand::New(options) => make(options, &zone),
        InviteCommand::List { json, data } => {
            let AdminAnswer::Invites { invites } = ask(data.as_deref(), &AdminRequest::InviteList)?
            else {
                return Err(wrong_answer());
            };
            let mut out = io::stdout().lock();
            if json {
                for invite in &invites {
                    json_line(&mut out, invite)?;
                }
                Ok(())
            } else {
                table(&mut out, &invites, &zone)
            }
        }
        InviteCommand::Revoke { id, data } => {
            order(data.as_deref(), &AdminRequest::InviteRevoke { id })
        }
    }
}

fn make(options: NewInvite, zone: &TimeZone) -> Result<(), End> {
    let for_ms = match options.expires {
        Lifetime::Never => None,
        Lifetime::For(ms) => Some(ms),
    };
    let note = options.note.unwrap_or_default();
    let request = AdminRequest::InviteMake { for_ms, uses: options.uses, note };
    let AdminAnswer::InviteMade { code, invite } = ask(options.data.as_deref(), &request)? else {
        return Err(wrong_answer());
    };
    let mut out = io::stdout().lock();
    if options.json {
        return json_line(&mut out, &JsonMade { code: &code, invite: &invite });
    }
    writeln!(out, "{}", sanitize::for_terminal_line(&code))?;
    // For a person; a program reads the line above.
    if out.is_terminal() {
        let accounts = if invite.uses == 1 { "account" } else { "accounts" };
        let until = match invite.expires {
            Some(end) => format!("until {}", when::local(end, zone, "%Y-%m-%d %H:%M")),
            None => "for ever".into(),
        };
        let folder = folder::of(options.data.as_deref())?;
        writeln!(
            out,
            "It lets {} {accounts} be made, {until}. It is not shown again.",
            invite.uses
        )?;
        writeln!(out, "For the server on {}; its number is {}.", folder.display(), invite.id)?;
    }
    Ok(())
}

fn table(out: &mut impl Write, invites: &[Invite], zone: &TimeZone) -> Result<(), End> {
    if invites.is_empty() {
        return Ok(());
    }
    writeln!(out, "{:<16}  {:<16}  {:<16}  {:>9}  NOTE", "NUMBER", "MADE", "ENDS", "USED")?;
    for invite in invites {
        let moment = |time| when::local(time, zone, "%Y-%m-%d %H:%M");
        let ends = invite.expires.map_or_else(|| "never".into(), moment);
        let used = format!("{} of {}", invite.used, invite.uses);
        let note = sanitize::for_terminal_line(&invite.note);
        let line = format!(
            "{:<16}  {:<16}  {ends:<16}  {used:>9}  {note}",
            invite.id.0,
            moment(invite.created)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::{InviteId, WallMs};

    fn invite(expires: Option<u64>, note: &str) -> Invite {
        Invite {
            id: InviteId(12_884_901_889),
            created: WallMs(1_700_000_000_000),
            expires: expires.map(WallMs),
            uses: 3,
            used: 1,
            note: note.into(),
        }
    }

    #[test]
    fn a_list_is_a_table_for_people() {
        let mut out = Vec::new();
        let invites = [invite(Some(1_700_000_600_000), "for \u{1b}[2Jann"), invite(None, "")];
        table(&mut out, &invites, &TimeZone::UTC).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "NUMBER            MADE              ENDS                   USED  NOTE\n\
             12884901889       2023-11-14 22:13  2023-11-14 22:23     1 of 3  for [2Jann\n\
             12884901889       2023-11-14 22:13  never                1 of 3\n"
        );
        let mut out = Vec::new();
        table(&mut out, &[], &TimeZone::UTC).unwrap();
        assert!(out.is_empty());
    }

    #[test]
    fn programs_get_every_field() {
        let mut out = Vec::new();
        let invite = invite(None, "\u{202e}ann");
        json_line(&mut out, &JsonMade { code: "abcd", invite: &invite }).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"code\":\"abcd\",\"id\":12884901889,\"created\":1700000000000,\"expires\":null,\
             \"uses\":3,\"used\":1,\"note\":\"\\u202eann\"}\n"
        );
    }
}
