//! `hubbub user`: who may do everything in every room.

use crate::cli::UserCommand;
use crate::end::{self, End};
use crate::operator;
use hubbub_protocol::{UserName, sanitize};
use hubbub_server::admin::{AdminAnswer, AdminRequest};
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
