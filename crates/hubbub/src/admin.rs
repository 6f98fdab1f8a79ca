//! `hubbub admin`: the verbs of the console, from another terminal or a script.

use crate::cli::{self, AdminCommand};
use crate::console;
use crate::end::{self, End};
use crate::folder;
use crate::operator;
use crate::serve::terminal::Look;
use hubbub_protocol::sanitize;
use hubbub_server::admin::{self, AdminAnswer, AdminError, AdminRequest, REQUEST_BYTES};
use hubbub_server::verbs::VerbId;
use std::error::Error;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

/// A line is in a request, where each of its bytes may take six.
const LINE_BYTES: usize = REQUEST_BYTES / 6 - 64;
/// A server that was told to stop has stopped by then.
const STOP_MAX: Duration = Duration::from_secs(6);
/// Between two looks whether it has.
const STOP_PAUSE: Duration = Duration::from_millis(10);

pub(crate) fn run(command: AdminCommand) -> Result<ExitCode, Box<dyn Error>> {
    end::code(admin(&command))
}

fn admin(command: &AdminCommand) -> Result<(), End> {
    let AdminCommand { verb, arguments, json, data } = command;
    let folder = folder::of(data.as_deref())?;
    let line = [&[verb.words[0].to_owned()], &arguments[..]].concat().join(" ");
    if line.len() > LINE_BYTES {
        return Err(End::Usage(format!("a line may have {LINE_BYTES} bytes").into()));
    }
    let is_help = verb.id == VerbId::Help && !json;
    let (lines, data) = match admin::ask(&folder, &AdminRequest::Run { line }) {
        Ok(AdminAnswer::Ran { lines, data }) => (lines, data),
        Ok(_) => return Err(operator::wrong_answer()),
        // Help is for whoever does not know how to start a server, too.
        Err(AdminError::NotRunning { .. }) if is_help => {
            write!(io::stdout().lock(), "{}", cli::admin_help(arguments.first()))?;
            return Ok(());
        }
        Err(error) => return Err(operator::refused(error)),
    };
    let mut out = io::stdout().lock();
    if *json {
        operator::json_line(&mut out, &data)?;
    } else {
        let columns = Look::of_stdout().map_or(usize::MAX, |look| look.columns);
        for line in lines {
            for line in console::wrapped(&sanitize::for_terminal_line(&line), columns) {
                writeln!(out, "{line}")?;
            }
        }
    }
    if verb.id == VerbId::Exit {
        out.flush()?;
        return until_stopped(&folder);
    }
    Ok(())
}

/// Whether a server has the folder: its file of that name is locked as long as one does.
fn is_in_use(folder: &Path) -> bool {
    let lock = File::open(folder.join("lock")).map(|lock| lock.try_lock_shared());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// Waits until another server could have the folder.
fn until_stopped(folder: &Path) -> Result<(), End> {
    let until = Instant::now() + STOP_MAX;
    while is_in_use(folder) {
        if Instant::now() >= until {
            let text = "it was told to stop, and has not within some seconds; its log says why";
            return Err(End::Failed(text.into()));
        }
        thread::sleep(STOP_PAUSE);
    }
    Ok(())
}
