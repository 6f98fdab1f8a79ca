//! What the plain door asks for when a command needs a password, and what the answers make of it.
//! Pure: nothing is said or sent here. An answer is taken as it was typed: it is never a command, a
//! name or a message.

use hubbub_hub::{Command, Entry};
use hubbub_protocol::{InviteCode, Password, PasswordError, ResumeToken, UserName};

/// A question that the next line answers.
#[derive(Debug)]
pub(super) enum Prompt {
    /// The password of an account.
    Password {
        /// Whose.
        name: UserName,
        /// It was wished as a name only; nobody said yet that there is an account.
        wished: bool,
    },
    /// The present password, to change it.
    Old,
    /// A new password.
    New(Use),
    /// The new password once more.
    Again(Use, Password),
    /// What lets somebody register.
    Invite {
        /// As whom; `None`: as the guest that the session is.
        name: Option<UserName>,
        /// The new password.
        password: Password,
    },
}

/// What a new password is for.
#[derive(Debug)]
pub(super) enum Use {
    /// A new account.
    Account {
        /// Its name; `None`: that of the guest that the session is.
        name: Option<UserName>,
        /// What lets it, if that was said already.
        invite: Option<InviteCode>,
    },
    /// The account that the session is.
    Change {
        /// Its present password.
        old: Password,
    },
}

/// What comes of an answer.
#[derive(Debug)]
pub(super) enum Step {
    /// A question follows, after a word about what was wrong.
    Ask(Option<String>, Prompt),
    /// Nothing is wanted any more.
    Cancelled,
    /// Everything is known.
    Try(Attempt),
}

/// What the answers are for.
#[derive(Debug)]
pub(super) enum Attempt {
    /// To become an account.
    Login {
        /// Which.
        name: UserName,
        /// Its password.
        password: Password,
        /// It was wished as a name only.
        wished: bool,
    },
    /// To make one.
    Register {
        /// Its name; `None`: that of the guest that the session is.
        name: Option<UserName>,
        /// Its password.
        password: Password,
        /// What lets it.
        invite: Option<InviteCode>,
    },
    /// To change the password.
    Change {
        /// The present one.
        old: Password,
        /// The new one.
        new: Password,
    },
}

const WRONG_INVITE: &str = "An invite code has 16 letters and digits, like abcd-efgh-jkmn-pqrs.";

impl Prompt {
    /// The question. `visible`: the terminal will show what is typed.
    pub(super) fn text(&self, visible: bool) -> String {
        let seen = if visible { "it will be visible as you type; " } else { "" };
        match self {
            Prompt::Password { name, wished: true } => {
                let or = if visible { "it will be visible as you type, or" } else { "or" };
                format!(
                    "{name} is registered. Password ({or} an empty line to take another name):\n"
                )
            }
            Prompt::Password { name, wished: false } => {
                format!("Password for {name} ({seen}an empty line cancels):\n")
            }
            Prompt::Old => format!("Your present password ({seen}an empty line cancels):\n"),
            Prompt::New(Use::Account { name: Some(name), .. }) => {
                format!("A new password for {name} ({seen}an empty line cancels):\n")
            }
            Prompt::New(_) => format!("A new password ({seen}an empty line cancels):\n"),
            Prompt::Again(..) => "Again:\n".into(),
            Prompt::Invite { .. } => "Invite code (an empty line cancels):\n".into(),
        }
    }

    /// Whether nobody should see the answer. An invite code is used up by it, and long to type.
    pub(super) fn is_secret(&self) -> bool {
        !matches!(self, Prompt::Invite { .. })
    }

    /// Takes the answer: a line without its end.
    pub(super) fn answer(self, line: &str) -> Step {
        if line.is_empty() {
            return Step::Cancelled;
        }
        match self {
            Prompt::Password { name, wished } => match given(line) {
                Ok(password) => Step::Try(Attempt::Login { name, password, wished }),
                Err(error) => Step::Ask(Some(error), Prompt::Password { name, wished }),
            },
            Prompt::Old => match given(line) {
                Ok(old) => Step::Ask(None, Prompt::New(Use::Change { old })),
                Err(error) => Step::Ask(Some(error), Prompt::Old),
            },
            Prompt::New(purpose) => match chosen(line) {
                Ok(password) => Step::Ask(None, Prompt::Again(purpose, password)),
                Err(error) => Step::Ask(Some(error), Prompt::New(purpose)),
            },
            Prompt::Again(purpose, password) if password.expose() == line => {
                Step::Try(match purpose {
                    Use::Account { name, invite } => Attempt::Register { name, password, invite },
                    Use::Change { old } => Attempt::Change { old, new: password },
                })
            }
            Prompt::Again(purpose, _) => {
                let text = "Those two were not the same. Once more.";
                Step::Ask(Some(text.into()), Prompt::New(purpose))
            }
            Prompt::Invite { name, password } => match InviteCode::parse(line) {
                Some(code) => Step::Try(Attempt::Register { name, password, invite: Some(code) }),
                None => Step::Ask(Some(WRONG_INVITE.into()), Prompt::Invite { name, password }),
            },
        }
    }
}

impl Step {
    /// To log in, with the password if it was on the line.
    pub(super) fn login(name: UserName, password: Option<&str>) -> Self {
        let prompt = Prompt::Password { name, wished: false };
        match password {
            Some(password) => prompt.answer(password),
            None => Step::Ask(None, prompt),
        }
    }

    /// To register, with the password and an invite if they were on the line: what is read there
    /// needs no repetition.
    pub(super) fn register(
        name: Option<UserName>,
        password: Option<&str>,
        invite: Option<&str>,
    ) -> Self {
        let Some(password) = password else {
            return Step::Ask(None, Prompt::New(Use::Account { name, invite: None }));
        };
        let code = invite.map(InviteCode::parse);
        let known = code.as_ref().and_then(Clone::clone);
        match (chosen(password), code) {
            (Err(error), _) => {
                Step::Ask(Some(error), Prompt::New(Use::Account { name, invite: known }))
            }
            (Ok(password), Some(None)) => {
                Step::Ask(Some(WRONG_INVITE.into()), Prompt::Invite { name, password })
            }
            (Ok(password), _) => Step::Try(Attempt::Register { name, password, invite: known }),
        }
    }
}

impl Attempt {
    /// What is asked of the hub: by a session with a name, or by one that has none yet.
    pub(super) fn command(&self, named: bool, fresh: &[ResumeToken; 2]) -> Command {
        let hello = |name: Option<&UserName>, entry| Command::Hello {
            name: name.cloned(),
            instance: None,
            resume: None,
            fresh: fresh[0],
            entry: Some(entry),
        };
        match self {
            Attempt::Login { name, password, .. } if named => {
                Command::Login { name: name.clone(), password: password.clone(), fresh: fresh[1] }
            }
            Attempt::Login { name, password, .. } => {
                hello(Some(name), Entry::Password(password.clone()))
            }
            Attempt::Register { password, invite, .. } if named => {
                Command::Register { password: password.clone(), invite: invite.clone() }
            }
            Attempt::Register { name, password, invite } => {
                let (password, invite) = (password.clone(), invite.clone());
                hello(name.as_ref(), Entry::Register { password, invite })
            }
            Attempt::Change { old, new } => {
                Command::Password { old: old.clone(), new: new.clone() }
            }
        }
    }
}

fn given(line: &str) -> Result<Password, String> {
    // No password has one; this is an arrow key, or a line that was pasted wrong.
    if line.chars().any(char::is_control) {
        return Err(sentence(&PasswordError::Control.to_string()));
    }
    Password::given(line).map_err(|error| sentence(&error.to_string()))
}

fn chosen(line: &str) -> Result<Password, String> {
    Password::chosen(line).map_err(|error| sentence(&error.to_string()))
}

/// An error's text as a sentence.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars).chain(['.']).collect()
}
