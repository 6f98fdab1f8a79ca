//! The console of a server: the verbs of [`hubbub_server::verbs`], typed where the server was started.
//!
//! On a terminal that can it is a line that is edited below the log (`live`), elsewhere a plain line
//! (`plain`). It runs in a thread of its own and waits for nobody: a server without its console, or with
//! a terminal that stands still, goes on. What the verbs mean is not here.
//!
//! The line is edited by code of ours. rustyline waits with `select`, and so can't be used in a process
//! that has more than 1,024 files open; what is built on crossterm (reedline) never ends once the
//! terminal is closed. Neither can be told to give the terminal back.

#[cfg(unix)]
mod live;
mod plain;
mod wrap;

pub(crate) use wrap::wrapped;

use hubbub_server::verbs::{self, Manager, VerbError};
use std::io::{self, IsTerminal};
use std::path::Path;
use tokio::sync::watch;

/// What stands before the line.
const PROMPT: &str = "hubbub> ";

/// A console that is open.
#[derive(Debug)]
pub(crate) struct Console {
    /// True when somebody asked twice for the end.
    stop: watch::Receiver<bool>,
    #[cfg(unix)]
    live: Option<live::Live>,
}

/// Whether there is somebody to show a console to, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A line that is edited below the log.
    Live,
    /// Lines as the terminal gives them.
    Plain,
}

impl Kind {
    /// `None` where there is no terminal all around.
    pub(crate) fn of_this_terminal() -> Option<Self> {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        if !is_terminal || !io::stderr().is_terminal() {
            return None;
        }
        #[cfg(unix)]
        {
            live::tty::kind()
        }
        #[cfg(not(unix))]
        {
            Some(Self::Plain)
        }
    }
}

impl Console {
    /// Shows the prompt. Within a runtime, since it listens for signals.
    ///
    /// # Errors
    /// Of the system: no thread, no pipe.
    pub(crate) fn open(kind: Kind, folder: &Path, manager: Manager) -> io::Result<Self> {
        let (wish, stop) = watch::channel(false);
        #[cfg(unix)]
        if kind == Kind::Live {
            let live = live::Live::open(folder, manager, wish)?;
            return Ok(Self { stop, live: Some(live) });
        }
        let _ = (kind, folder);
        plain::open(manager, wish)?;
        Ok(Self {
            stop,
            #[cfg(unix)]
            live: None,
        })
    }

    /// Waits until Ctrl-C was typed twice. Safe to cancel.
    pub(crate) async fn stop_wished(&mut self) -> &'static str {
        loop {
            #[cfg(unix)]
            let outside = async {
                match &mut self.live {
                    Some(live) => live.hear_signals().await,
                    None => std::future::pending().await,
                }
            };
            #[cfg(not(unix))]
            let outside = std::future::pending::<()>();
            tokio::select! {
                changed = self.stop.wait_for(|is_wished| *is_wished) => match changed {
                    Ok(_) => return "Ctrl-C on the console",
                    // The console is over, and the server goes on.
                    Err(_) => std::future::pending().await,
                },
                () = outside => {}
            }
        }
    }

    /// Gives the terminal back. From here on the log goes to stderr again.
    pub(crate) fn close(&mut self) {
        #[cfg(unix)]
        if let Some(live) = &mut self.live {
            live.close();
        }
    }
}

/// What is said of a line that is no verb. `None`: it is one, and the server knows the rest.
fn objection(line: &str) -> Option<String> {
    let word = word_of(line);
    if verbs::find(&word).is_some() {
        return None;
    }
    if word.is_empty() {
        return Some("help lists all verbs.".into());
    }
    // It would be taken for `stop`.
    if word == "setup" {
        return Some("/setup is said in the chat, by whoever is to be the first admin.".into());
    }
    let word = hubbub_protocol::sanitize::for_terminal_line(&word).into_owned();
    Some(match verbs::nearest(&word) {
        Some(near) => {
            format!("There is no {word} here. Did you mean {near}? help lists all verbs.")
        }
        None => format!("There is no {word} here. help lists all verbs."),
    })
}

/// The word of the verb, in lower case and without a slash.
fn word_of(line: &str) -> String {
    let line = line.trim_start();
    let line = line.strip_prefix('/').unwrap_or(line);
    line.split_whitespace().next().unwrap_or_default().to_lowercase()
}

/// Does it, and returns what there is to show.
fn done(manager: &Manager, line: &str) -> Vec<String> {
    if let Some(objection) = objection(line) {
        return vec![objection];
    }
    match manager.run(line) {
        Ok(answer) => answer.lines,
        Err(VerbError::Usage(text) | VerbError::Refused(text)) => {
            text.lines().map(str::to_owned).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_verb_is_an_error_with_a_suggestion() {
        for verb in ["stats", "/stats", " /STATS  ", "ban #lobby bob", "?"] {
            assert_eq!(objection(verb), None, "{verb}");
        }
        assert!(objection("stast").unwrap().contains("Did you mean stats?"));
        assert!(objection("/anounce hello").unwrap().contains("Did you mean announce?"));
        let talk = objection("good morning").unwrap();
        assert!(talk.contains("no good here") && !talk.contains("Did you"), "{talk}");
        assert_eq!(objection("/").unwrap(), "help lists all verbs.");
        assert!(!objection("\u{202e}x\x1b[2J").unwrap().contains(['\x1b', '\u{202e}']));
    }

    #[test]
    fn setup_is_never_taken_for_stop() {
        let text = objection("/setup K7QF-2M4D").unwrap();
        assert!(text.contains("in the chat") && !text.contains("K7QF"), "{text}");
    }
}
