//! `hubbub audit`: who came in, who was refused, and what was done with accounts.

use crate::cli::AuditOptions;
use crate::end::{self, End};
use crate::printer::escape_invisible;
use crate::{operator, when};
use hubbub_protocol::audit::{AuditAct, AuditEntry};
use hubbub_protocol::{DoorKind, UserName, WallMs, sanitize};
use jiff::tz::TimeZone;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

/// Entries that are read at once.
const PAGE: u32 = 1_000;

pub(crate) fn run(options: &AuditOptions) -> Result<ExitCode, Box<dyn Error>> {
    end::code(audit(options))
}

fn audit(options: &AuditOptions) -> Result<(), End> {
    let mut reader = operator::reader(options.data.as_deref())?;
    let since = options.since.unwrap_or(WallMs(0));
    let mut page = |after| {
        let page = reader.audit(since, after, PAGE);
        page.map_err(|error| End::Failed(format!("can't read the audit log: {error}")))
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let filter = Filter { user: options.user.clone(), acts: options.act.clone() };
    show(&mut out, &mut page, &filter, options.json, &TimeZone::system())?;
    Ok(out.flush()?)
}

/// Which entries are wanted.
struct Filter {
    user: Option<UserName>,
    acts: Vec<AuditAct>,
}

impl Filter {
    fn wants(&self, entry: &AuditEntry) -> bool {
        let is_act = self.acts.is_empty() || self.acts.contains(&entry.act);
        is_act && self.user.as_ref().is_none_or(|user| is_of(user, entry))
    }
}

/// Whether an entry is about this name: in any case, and under the name before it was changed.
fn is_of(user: &UserName, entry: &AuditEntry) -> bool {
    let fold = user.keys().fold;
    let is_same = |name: &str| UserName::known(name).is_ok_and(|name| name.keys().fold == fold);
    is_same(&entry.name) || (entry.act == AuditAct::Renamed && is_same(&entry.reason))
}

/// Prints all pages, as they are read.
fn show(
    out: &mut impl Write,
    page: &mut dyn FnMut(u64) -> Result<Vec<AuditEntry>, End>,
    filter: &Filter,
    json: bool,
    zone: &TimeZone,
) -> Result<(), End> {
    let mut after = 0;
    loop {
        let entries = page(after)?;
        let Some(last) = entries.last() else { return Ok(()) };
        after = last.id;
        for entry in entries.iter().filter(|entry| filter.wants(entry)) {
            let line = if json {
                escape_invisible(&serde_json::to_string(entry).map_err(io::Error::from)?)
            } else {
                human(entry, zone)
            };
            writeln!(out, "{line}")?;
        }
    }
}

/// One line. The columns are as wide as their usual content, so that pages need not be compared.
fn human(entry: &AuditEntry, zone: &TimeZone) -> String {
    let time = when::local(entry.time, zone, "%Y-%m-%d %H:%M:%S");
    let act = entry.act.word();
    let name = one_word(&entry.name);
    let peer = entry.peer.map_or_else(|| "-".into(), |peer| peer.to_string());
    let door = entry.door.map_or("-", DoorKind::word);
    let reason = sanitize::for_terminal_line(&entry.reason);
    let line = format!("{time}  {act:<16}  {name:<16}  {peer:<21}  {door:<6}  {reason}");
    line.trim_end().to_owned()
}

/// A name in its column. What somebody merely wished to be called may have spaces, and must not look
/// like the columns after it.
fn one_word(name: &str) -> String {
    if name.is_empty() {
        return "-".into();
    }
    let name = sanitize::for_terminal_line(name);
    name.replace(|c: char| c.is_whitespace() || sanitize::is_invisible(c), "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::UserId;

    fn entry(id: u64, act: AuditAct, name: &str, reason: &str) -> AuditEntry {
        AuditEntry {
            id,
            time: WallMs(1_700_000_000_000 + id),
            act,
            user: (act == AuditAct::Login).then_some(UserId(5)),
            name: name.into(),
            peer: Some("192.0.2.7:40000".parse().unwrap()),
            door: Some(DoorKind::Plain),
            reason: reason.into(),
        }
    }

    fn log() -> Vec<AuditEntry> {
        let mut made = entry(3, AuditAct::InviteMade, "", "7");
        (made.peer, made.door) = (None, None);
        vec![
            entry(1, AuditAct::Login, "ann", ""),
            entry(2, AuditAct::Refused, "ANN", "wrong_password"),
            made,
            entry(4, AuditAct::Renamed, "bob", "ann"),
            entry(5, AuditAct::Refused, "\u{1b}[2J\nbob", "name_invalid"),
        ]
    }

    /// What is shown, with two entries on a page.
    fn shown(user: Option<&str>, acts: &[AuditAct], json: bool) -> String {
        let log = log();
        let mut page =
            |after| Ok(log.iter().filter(|entry| entry.id > after).take(2).cloned().collect());
        let user = user.map(|user| UserName::known(user).unwrap());
        let filter = Filter { user, acts: acts.to_vec() };
        let mut out = Vec::new();
        show(&mut out, &mut page, &filter, json, &TimeZone::UTC).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_pages_are_shown_a_line_for_each_entry() {
        assert_eq!(
            shown(None, &[], false),
            "2023-11-14 22:13:20  login             ann               192.0.2.7:40000        plain\n\
             2023-11-14 22:13:20  refused           ANN               192.0.2.7:40000        plain   wrong_password\n\
             2023-11-14 22:13:20  invite_made       -                 -                      -       7\n\
             2023-11-14 22:13:20  renamed           bob               192.0.2.7:40000        plain   ann\n\
             2023-11-14 22:13:20  refused           [2J_bob           192.0.2.7:40000        plain   name_invalid\n"
        );
    }

    #[test]
    fn a_name_is_found_in_any_case_and_under_its_old_form() {
        let acts = |text: &str| {
            let acts = text.lines().map(|line| line.split_whitespace().nth(2).unwrap().to_owned());
            acts.collect::<Vec<_>>()
        };
        assert_eq!(acts(&shown(Some("Ann"), &[], false)), ["login", "refused", "renamed"]);
        assert_eq!(acts(&shown(Some("bob"), &[], false)), ["renamed"]);
        assert_eq!(acts(&shown(Some("zed"), &[], false)), [""; 0]);
        assert_eq!(acts(&shown(Some("ann"), &[AuditAct::Refused], false)), ["refused"]);
        let two = [AuditAct::Login, AuditAct::InviteMade];
        assert_eq!(acts(&shown(None, &two, false)), ["login", "invite_made"]);
    }

    #[test]
    fn programs_get_the_entries_themselves_in_visible_characters() {
        let shown = shown(None, &[], true);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        let read: Vec<AuditEntry> =
            shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, log());
    }
}
