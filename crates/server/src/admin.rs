//! The operator's door: a Unix socket in the data folder, for whoever may use that folder.
//!
//! One line of JSON in, one line out, and the connection ends. [`ask`] asks the server that runs on
//! a folder; where none runs it opens the folder itself and lets a hub of its own answer. So an
//! answer is the same either way, and decided by the same code. [`Asker`] is for many questions: it
//! opens a folder once.
//!
//! What an operator may want more is added as an [`AdminRequest`], and in `Question`, which knows
//! what the hub is asked for it. The programs' side is `hubbub invite` and its like.

mod import;
mod offline;
#[cfg(unix)]
mod socket;
#[cfg(not(unix))]
#[path = "admin/no_socket.rs"]
mod socket;

pub use import::{ImportMessage, ImportRefers, ImportWhat};
pub(crate) use socket::Door;

/// What the door asks besides the hub.
#[derive(Clone, Debug)]
#[cfg_attr(not(unix), allow(dead_code, reason = "there is no door to ask at"))]
pub(crate) struct Parts {
    pub(crate) manager: Manager,
    pub(crate) health: Arc<Health>,
}

use crate::config::StartError;
use crate::credentials::Hasher;
use crate::data::{self, DataFolder};
use crate::health::{Health, HealthReport};
use crate::random;
use crate::verbs::Manager;
use hubbub_hub::{AccountOverview, AdminCommand, AdminReply};
use hubbub_protocol::account::InviteRecord;
use hubbub_protocol::{InviteCode, InviteId, Password, Role, RoomName, Seq, UserName, WallMs};
use serde::{Deserialize, Deserializer, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The socket's name in the data folder.
pub const SOCKET: &str = "admin.sock";
/// Longest request, in bytes without its line end.
pub const REQUEST_BYTES: usize = 64 * 1024;
/// Longest answer: all invites that a server may have, with the longest notes.
#[cfg(unix)]
const ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// Longest note on an invite, in bytes.
const NOTE_BYTES: usize = 256;
/// Longest time of an invite that ends, in milliseconds: 100 years.
const LIFETIME_MS: u64 = 100 * 365 * 24 * 60 * 60 * 1000;

/// What the operator may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cmd", rename_all = "snake_case", deny_unknown_fields)]
pub enum AdminRequest {
    /// Make an invite.
    InviteMake {
        /// For how long it counts, in milliseconds; `None`: for ever.
        #[serde(default)]
        for_ms: Option<u64>,
        /// How many accounts may be made with it.
        #[serde(default = "once")]
        uses: u32,
        /// Whom it is for, for the operator to remember.
        #[serde(default)]
        note: String,
    },
    /// List the invites.
    InviteList,
    /// Take an invite back.
    InviteRevoke {
        /// Which.
        id: InviteId,
    },
    /// Make an account an admin, who may do everything in every room; or no longer.
    AdminSet {
        /// Whom.
        name: UserName,
        /// Whether.
        on: bool,
    },
    /// List the admins.
    AdminList,
    /// List the accounts.
    AccountList,
    /// Give an account another password, which is answered, and end all its logins.
    PasswordReset {
        /// Whose.
        name: UserName,
    },
    /// Give a user a role in a room, or take it.
    RoleSet {
        /// Where.
        room: RoomName,
        /// Whom.
        name: UserName,
        /// `null`: none any more. It can't be left out: that would take a role by mistake.
        #[serde(deserialize_with = "given")]
        role: Option<Role>,
    },
    /// Add messages of elsewhere to a room in which nobody is: all of them, or none.
    Import {
        /// Which; it is made if there is none.
        room: RoomName,
        /// Oldest first; 1 to `limits::PAGE` of them.
        messages: Vec<ImportMessage>,
    },
    /// How a server is that runs.
    Health,
    /// A verb of [`crate::verbs`], to a server that runs.
    Run {
        /// The line, of at most [`REQUEST_BYTES`].
        line: String,
    },
}

fn once() -> u32 {
    1
}

/// A value that may be null, and must be there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

/// What the operator is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum AdminAnswer {
    /// To `InviteMake`.
    InviteMade {
        /// The code. Nobody can show it again.
        code: String,
        /// The invite.
        invite: Invite,
    },
    /// To `InviteList`.
    Invites {
        /// The oldest first.
        invites: Vec<Invite>,
    },
    /// To `AdminList`.
    Admins {
        /// By name.
        admins: Vec<UserName>,
    },
    /// To `AccountList`.
    Accounts {
        /// By name.
        accounts: Vec<Account>,
    },
    /// To `PasswordReset`.
    PasswordMade {
        /// The password. Nobody can show it again.
        password: String,
    },
    /// To `Import`: kept.
    Imported {
        /// The number of the first; the others follow without a gap.
        first: Seq,
    },
    /// To `Health`.
    Health(HealthReport),
    /// To `Run`.
    Ran {
        /// For people.
        lines: Vec<String>,
        /// For programs.
        data: serde_json::Value,
    },
    /// It is done, and kept.
    Done,
}

/// An account as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Who.
    pub name: UserName,
    /// Whether it is an admin.
    pub admin: bool,
    /// Whether it is here now.
    pub online: bool,
    /// When it was made.
    pub created: WallMs,
    /// When it was here last.
    pub seen: WallMs,
}

impl From<AccountOverview> for Account {
    fn from(account: AccountOverview) -> Self {
        let AccountOverview { name, admin, online, created, seen } = account;
        Self { name, admin, online, created, seen }
    }
}

/// An invite as its operator sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// Its identity.
    pub id: InviteId,
    /// When it was made.
    pub created: WallMs,
    /// When it ends; `None`: not by itself.
    pub expires: Option<WallMs>,
    /// How many accounts may be made with it.
    pub uses: u32,
    /// How many were.
    pub used: u32,
    /// Whom it is for.
    pub note: String,
}

impl From<InviteRecord> for Invite {
    fn from(record: InviteRecord) -> Self {
        let InviteRecord { id, code: _, created, expires, uses, used, note } = record;
        Self { id, created, expires, uses, used, note }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The answer is no.
    #[error("{0}")]
    Refused(String),
    /// There is no such verb, or it goes otherwise.
    #[error("{0}")]
    Usage(String),
    /// A server has the folder, and its door does not open.
    #[error(
        "a hubbub server uses the data folder {}, and can't be asked at its {SOCKET}: {error}. Its log says why; or stop it and ask again", folder.display()
    )]
    NoDoor {
        /// Which folder.
        folder: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The server went away, or what answered is none.
    #[error("the server on {} gave no answer: {error}", folder.display())]
    Broken {
        /// Which folder.
        folder: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// It can be asked of a running server alone.
    #[error("no hubbub server runs on the data folder {}. Choose another with --data DIR, or start one", folder.display())]
    NotRunning {
        /// Which folder.
        folder: PathBuf,
    },
    /// No server runs, and the folder can't be used without one.
    #[error(transparent)]
    Folder(#[from] StartError),
}

/// The line that answers a request.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok(AdminAnswer),
    Error(String),
    /// A verb that there is not, or that goes otherwise.
    Usage(String),
}

/// Asks the server that runs on this folder, or the folder itself if none does.
///
/// # Errors
/// [`AdminError`].
pub fn ask(folder: &Path, request: &AdminRequest) -> Result<AdminAnswer, AdminError> {
    Asker::new(folder).ask(request)
}

/// Asks several times. Where no server runs it has the folder for itself from the first question on,
/// until it is dropped.
#[derive(Debug)]
pub struct Asker {
    folder: PathBuf,
    own: Option<offline::Hub>,
}

impl Asker {
    /// Of this folder. Nothing is opened yet.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), own: None }
    }

    /// Asks. Takes 15 seconds at most where a server runs.
    ///
    /// # Errors
    /// [`AdminError`]. After [`AdminError::Broken`] nobody knows whether it was done.
    pub fn ask(&mut self, request: &AdminRequest) -> Result<AdminAnswer, AdminError> {
        let folder = &self.folder;
        if let Some(own) = &mut self.own {
            let answer = own.ask(Question::new(request)?);
            if matches!(answer, Err(AdminError::Folder(_))) {
                self.own = None;
            }
            return answer;
        }
        let no_door = match socket::connect(&folder.join(SOCKET)) {
            Ok(connection) => {
                let broken = |error| AdminError::Broken { folder: folder.clone(), error };
                let mut line = serde_json::to_vec(request).map_err(|error| broken(error.into()))?;
                line.push(b'\n');
                let answer = socket::exchange(connection, &line).map_err(broken)?;
                let outcome =
                    serde_json::from_slice(&answer).map_err(|error| broken(error.into()))?;
                return match outcome {
                    Outcome::Ok(answer) => Ok(answer),
                    Outcome::Error(text) => Err(AdminError::Refused(text)),
                    Outcome::Usage(text) => Err(AdminError::Usage(text)),
                };
            }
            Err(error) => error,
        };
        if matches!(request, AdminRequest::Run { .. } | AdminRequest::Health) {
            let folder = folder.clone();
            return match no_door.kind() {
                // What a server that was killed has left refuses; one that is busy does not.
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    Err(AdminError::NotRunning { folder })
                }
                _ => Err(AdminError::NoDoor { folder, error: no_door }),
            };
        }
        // An invite may come before the first start. Else a folder without data is the wrong one.
        if !matches!(request, AdminRequest::InviteMake { .. }) {
            data::must_hold_data(folder)?;
        }
        let question = Question::new(request)?;
        match DataFolder::open(folder) {
            Ok(folder) => self.own.insert(offline::Hub::open(folder)?).ask(question),
            Err(StartError::FolderInUse { folder }) => {
                Err(AdminError::NoDoor { folder, error: no_door })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// A request in the hub's words, and what the hub must not know of it.
#[derive(Debug)]
struct Question {
    command: AdminCommand,
    code: Option<InviteCode>,
}

impl Question {
    fn new(request: &AdminRequest) -> Result<Self, AdminError> {
        let refused = |text: String| Err(AdminError::Refused(text));
        Ok(match request {
            AdminRequest::InviteMake { for_ms, uses, note } => {
                if *uses == 0 {
                    return refused("an invite is for one account at least".into());
                }
                if for_ms.is_some_and(|ms| ms == 0 || ms > LIFETIME_MS) {
                    return refused("an invite counts for ever, or for up to 100 years".into());
                }
                if note.len() > NOTE_BYTES || note.chars().any(char::is_control) {
                    let text = format!("a note is one line of at most {NOTE_BYTES} bytes");
                    return refused(text);
                }
                let code = random::invite_code();
                let command = AdminCommand::InviteMake {
                    code: code.digest(),
                    for_ms: *for_ms,
                    uses: *uses,
                    note: note.clone(),
                };
                Self { command, code: Some(code) }
            }
            AdminRequest::InviteList => Self { command: AdminCommand::InviteList, code: None },
            AdminRequest::InviteRevoke { id } => {
                Self { command: AdminCommand::InviteRevoke { id: *id }, code: None }
            }
            AdminRequest::AdminSet { name, on } => {
                let command = AdminCommand::AdminSet { name: name.clone(), on: *on };
                Self { command, code: None }
            }
            AdminRequest::AdminList => Self { command: AdminCommand::AdminList, code: None },
            AdminRequest::AccountList => Self { command: AdminCommand::Accounts, code: None },
            AdminRequest::PasswordReset { name } => {
                let code = random::invite_code();
                let password = Password::chosen(&code.expose())
                    .map_err(|error| AdminError::Refused(error.to_string()))?;
                let credentials = Hasher::default().make(&password, &random::salts());
                let command = AdminCommand::PasswordSet { name: name.clone(), credentials };
                Self { command, code: Some(code) }
            }
            AdminRequest::RoleSet { room, name, role } => {
                let (room, name) = (room.clone(), name.clone());
                let command = AdminCommand::RoleSet { room, name, role: *role };
                Self { command, code: None }
            }
            AdminRequest::Run { .. } | AdminRequest::Health => {
                return refused("only a running server does that".into());
            }
            AdminRequest::Import { room, messages } => {
                let messages = import::checked(messages).map_err(AdminError::Refused)?;
                let command = AdminCommand::Import { room: room.clone(), messages };
                Self { command, code: None }
            }
        })
    }

    /// The hub's answer in the operator's words.
    fn answer(code: Option<&InviteCode>, reply: AdminReply) -> AdminAnswer {
        match reply {
            AdminReply::InviteMade(record) => AdminAnswer::InviteMade {
                code: code.map(InviteCode::expose).unwrap_or_default(),
                invite: record.into(),
            },
            AdminReply::Invites(records) => {
                AdminAnswer::Invites { invites: records.into_iter().map(Invite::from).collect() }
            }
            AdminReply::Admins(admins) => AdminAnswer::Admins { admins },
            AdminReply::Imported { first } => AdminAnswer::Imported { first },
            AdminReply::Accounts(accounts) => {
                let mut accounts: Vec<_> = accounts.into_iter().map(Account::from).collect();
                accounts.sort_by_cached_key(|account| account.name.fold());
                AdminAnswer::Accounts { accounts }
            }
            // A code that nothing was made of is a password.
            AdminReply::Done => match code {
                Some(code) => AdminAnswer::PasswordMade { password: code.expose() },
                None => AdminAnswer::Done,
            },
            // To what verbs ask, in `verbs/run.rs`.
            AdminReply::Rooms { .. }
            | AdminReply::Users { .. }
            | AdminReply::SessionIds(_)
            | AdminReply::Sessions(_)
            | AdminReply::Announced { .. }
            | AdminReply::Ended(_)
            | AdminReply::Restrictions(_) => AdminAnswer::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hubbub_protocol::SecretDigest;
    use serde_json::json;

    fn make(for_ms: Option<u64>, uses: u32, note: &str) -> AdminRequest {
        AdminRequest::InviteMake { for_ms, uses, note: note.into() }
    }

    #[test]
    fn requests_are_read_as_written_and_nothing_else() {
        let read = |value: serde_json::Value| serde_json::from_value::<AdminRequest>(value);
        let full = json!({"cmd": "invite_make", "for_ms": 5, "uses": 2, "note": "ann"});
        assert_eq!(read(full.clone()).unwrap(), make(Some(5), 2, "ann"));
        assert_eq!(serde_json::to_value(make(Some(5), 2, "ann")).unwrap(), full);
        assert_eq!(read(json!({"cmd": "invite_make"})).unwrap(), make(None, 1, ""));
        assert_eq!(read(json!({"cmd": "invite_list"})).unwrap(), AdminRequest::InviteList);
        let revoke = AdminRequest::InviteRevoke { id: InviteId(7) };
        assert_eq!(read(json!({"cmd": "invite_revoke", "id": 7})).unwrap(), revoke);
        let ann = || UserName::parse("ann").unwrap();
        let set = AdminRequest::AdminSet { name: ann(), on: true };
        assert_eq!(read(json!({"cmd": "admin_set", "name": "ann", "on": true})).unwrap(), set);
        assert_eq!(read(json!({"cmd": "admin_list"})).unwrap(), AdminRequest::AdminList);
        for role in [Some(Role::Operator), None] {
            let room = RoomName::parse("lobby").unwrap();
            let set = AdminRequest::RoleSet { room, name: ann(), role };
            let line = json!({"cmd": "role_set", "room": "lobby", "name": "ann", "role": role});
            assert_eq!(serde_json::to_value(&set).unwrap(), line);
            assert_eq!(read(line).unwrap(), set);
        }
        // A misspelt limit must not make an invite without one.
        for wrong in [
            json!({"cmd": "invite_make", "for": 5}),
            json!({"cmd": "invite_make", "uses": -1}),
            json!({"cmd": "invite_revoke"}),
            json!({"cmd": "admin_set", "name": "ann"}),
            json!({"cmd": "admin_set", "name": "two words", "on": true}),
            json!({"cmd": "role_set", "room": "lobby", "name": "ann"}),
            json!({"cmd": "role_set", "room": "lobby", "name": "ann", "role": "king"}),
            json!({"cmd": "role_set", "room": "lobby", "name": "ann", "role": null, "of": 1}),
            json!({"cmd": "import", "room": "lobby"}),
            json!({"cmd": "stop"}),
            json!({}),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_the_hub_should_not_see_is_refused_before() {
        for wrong in [
            make(None, 0, ""),
            make(Some(0), 1, ""),
            make(Some(u64::MAX), 1, ""),
            make(None, 1, &"x".repeat(NOTE_BYTES + 1)),
            make(None, 1, "two\nlines"),
        ] {
            let refused = Question::new(&wrong).expect_err("it is wrong");
            assert!(matches!(refused, AdminError::Refused(_)), "{wrong:?}: {refused:?}");
        }
    }

    #[test]
    fn the_hub_gets_a_digest_and_the_operator_the_code() {
        let digest_of = |question: &Question| match question.command {
            AdminCommand::InviteMake { code, .. } => code,
            _ => panic!("{question:?}"),
        };
        let question = Question::new(&make(Some(1000), 3, "for ann")).unwrap();
        let other = Question::new(&make(None, 1, "")).unwrap();
        assert_ne!(digest_of(&question), digest_of(&other), "each code is a new one");
        let record = InviteRecord {
            id: InviteId(7),
            code: digest_of(&question),
            created: WallMs(1),
            expires: Some(WallMs(1001)),
            uses: 3,
            used: 0,
            note: "for ann".into(),
        };
        let answer = Question::answer(question.code.as_ref(), AdminReply::InviteMade(record));
        let AdminAnswer::InviteMade { code, invite } = &answer else { panic!("{answer:?}") };
        assert_eq!(InviteCode::parse(code).map(|code| code.digest()), Some(digest_of(&question)));
        let shown = json!({
            "id": 7, "created": 1, "expires": 1001, "uses": 3, "used": 0, "note": "for ann",
        });
        assert_eq!(serde_json::to_value(invite).unwrap(), shown);
        let line = serde_json::to_string(&Outcome::Ok(answer)).unwrap();
        assert!(line.starts_with(r#"{"ok":{"answer":"invite_made","code":""#), "{line}");
    }

    #[test]
    fn the_hub_is_asked_what_the_operator_asked() {
        let (room, name) = (RoomName::parse("lobby").unwrap(), UserName::parse("ann").unwrap());
        let command = |request: AdminRequest| Question::new(&request).unwrap().command;
        let set = command(AdminRequest::AdminSet { name: name.clone(), on: false });
        assert!(matches!(set, AdminCommand::AdminSet { name: of, on: false } if of == name));
        assert!(matches!(command(AdminRequest::AdminList), AdminCommand::AdminList));
        let role = Some(Role::Voice);
        let set = command(AdminRequest::RoleSet { room: room.clone(), name: name.clone(), role });
        let AdminCommand::RoleSet { room: at, name: of, role: given } = set else {
            panic!("{set:?}")
        };
        assert_eq!((at, of, given), (room, name.clone(), role));
        let answer = Question::answer(None, AdminReply::Admins(vec![name]));
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({"answer": "admins", "admins": ["ann"]})
        );
        let answer = Question::answer(None, AdminReply::Imported { first: Seq(7) });
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({"answer": "imported", "first": 7})
        );
    }

    #[test]
    fn accounts_are_listed_by_name() {
        let account = |name: &str| AccountOverview {
            name: UserName::parse(name).unwrap(),
            admin: false,
            online: false,
            created: WallMs(1),
            seen: WallMs(1),
        };
        let found = AdminReply::Accounts(["cat", "Bob", "ann"].map(account).to_vec());
        let answer = Question::answer(None, found);
        let AdminAnswer::Accounts { accounts } = answer else { panic!("{answer:?}") };
        assert!(accounts.iter().map(|account| account.name.as_str()).eq(["ann", "Bob", "cat"]));
    }

    #[test]
    fn a_list_never_tells_what_is_kept_of_the_codes() {
        let record = InviteRecord {
            id: InviteId(7),
            code: SecretDigest([0xab; 32]),
            created: WallMs(1),
            expires: None,
            uses: 1,
            used: 1,
            note: String::new(),
        };
        let answer = Question::answer(None, AdminReply::Invites(vec![record]));
        assert_eq!(
            serde_json::to_value(answer).unwrap(),
            json!({"answer": "invites", "invites": [
                {"id": 7, "created": 1, "expires": null, "uses": 1, "used": 1, "note": ""},
            ]})
        );
    }
}
