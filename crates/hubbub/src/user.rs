//! `hubbub user`: the accounts, and who may do everything in every room.

use crate::cli::UserCommand;
use crate::end::{self, End};
use crate::operator;
use crate::when;
use hubbub_protocol::{UserName, sanitize};
use hubbub_server::admin::{Account, AdminAnswer, AdminRequest};
use jiff::tz::TimeZone;
use serde::Serialize;
use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

/// The line of `user admins --json`.
#[derive(Serialize)]
struct JsonAdmin<'a> {
    name: &'a UserName,
}

pub(crate) fn run(command: UserCommand) -> Result<ExitCode, Box<dyn Error>> {
    end::code(user(command))
}

fn user(command: UserCommand) -> Result<(), End> {
    match command {
        UserCommand::Admin { name, off, data } => {
            operator::order(data.as_deref(), &AdminRequest::AdminSet { name, on: !off })
        }
        UserCommand::List { json, data } => {
            let answer = operator::ask(data.as_deref(), &AdminRequest::AccountList)?;
            let AdminAnswer::Accounts { accounts } = answer else {
                return Err(operator::wrong_answer());
            };
            let mut out = io::stdout().lock();
            for account in &accounts {
                if json {
                    operator::json_line(&mut out, account)?;
                } else {
                    writeln!(out, "{}", human(account, &TimeZone::system()))?;
                }
            }
            Ok(())
        }
        UserCommand::Password { name, data } => {
            let request = AdminRequest::PasswordReset { name };
            let answer = operator::ask(data.as_deref(), &request)?;
            let AdminAnswer::PasswordMade { password } = answer else {
                return Err(operator::wrong_answer());
            };
            Ok(writeln!(io::stdout().lock(), "{password}")?)
        }
        UserCommand::Admins { json, data } => {
            let answer = operator::ask(data.as_deref(), &AdminRequest::AdminList)?;
            let AdminAnswer::Admins { admins } = answer else {
                return Err(operator::wrong_answer());
            };
            let mut out = io::stdout().lock();
            for name in &admins {
                if json {
                    operator::json_line(&mut out, &JsonAdmin { name })?;
                } else {
                    writeln!(out, "{}", sanitize::for_terminal_line(name.as_str()))?;
                }
            }
            Ok(())
        }
    }
}

/// One line. The name comes last, where its width does not matter.
fn human(account: &Account, zone: &TimeZone) -> String {
    let day = |time| when::local(time, zone, "%Y-%m-%d");
    let seen = if account.online { "online".into() } else { day(account.seen) };
    let what = if account.admin { "admin" } else { "" };
    let name = sanitize::for_terminal_line(account.name.as_str());
    format!("{seen:<10}  {}  {what:<5}  {name}", day(account.created))
}
