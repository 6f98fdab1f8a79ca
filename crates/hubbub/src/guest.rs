//! What `send` and `tail` have in common: as whom they come, and how they speak to the person in
//! front of them.

use crate::reach::{Way, explain};
use hubbub_client::driver::random_instance;
use hubbub_client::{Client, ClientError, CoreConfig, Enter, Events, ServerAddress};
use hubbub_protocol::{ErrorCode, Note, Password, RoomAddress, UserName, limits, sanitize};
use std::io::{Read, Write};
use std::path::Path;

/// Names that are tried before giving up: others may take the suggested one first.
const NAMES_TRIED: usize = 8;
/// Where a password may be, if no file is named.
const PASSWORD_VARIABLE: &str = "HUBBUB_PASSWORD";

/// As whom to come.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    name: UserName,
    /// The user asked for this name, so another would be wrong.
    is_given: bool,
    enter: Enter,
}

impl Who {
    /// The given name, as an account if there is a password for it. Else a guest with the login name
    /// and `suffix` behind it, or with `fallback` where the login name can't be had.
    ///
    /// # Errors
    /// There is no password where one should be.
    pub(crate) fn choose(
        given: Option<UserName>,
        password_file: Option<&Path>,
        suffix: &str,
        fallback: &str,
    ) -> Result<Self, String> {
        if let Some(name) = given {
            let password = find_password(password_file)?;
            let enter = password.map_or(Enter::Guest, Enter::Password);
            return Ok(Self { name, is_given: true, enter });
        }
        let login = ["USER", "LOGNAME", "USERNAME"];
        let login = login.into_iter().find_map(|key| std::env::var(key).ok());
        let name = login.and_then(|login| made_valid(&login, suffix));
        let fallback = || UserName::parse(fallback).expect("the fallbacks are valid names");
        let name = name.unwrap_or_else(fallback);
        Ok(Self { name, is_given: false, enter: Enter::Guest })
    }

    /// The name to take instead of a refused one, if there may be another.
    pub(crate) fn instead(&self, suggestion: Option<&str>) -> Option<UserName> {
        if self.is_given {
            return None;
        }
        UserName::parse(suggestion?).ok()
    }

    /// What to tell the person whose login was refused: the server's words, and what helps.
    pub(crate) fn login_refused(&self, code: ErrorCode, text: &str) -> String {
        let name = &self.name;
        match (code, &self.enter) {
            (ErrorCode::LoginNeeded, Enter::Guest) => format!(
                "{text} To log in to an account, give its --name, and its password with \
                 --password-file or {PASSWORD_VARIABLE}."
            ),
            (ErrorCode::TlsNeeded, _) => format!(
                "can't log in as {name}: {text} Leave out --plaintext: then it goes through TLS."
            ),
            (_, Enter::Guest) => text.to_owned(),
            _ => format!("can't log in as {name}: {text}"),
        }
    }
}

/// The password in the file, or else in the environment.
fn find_password(file: Option<&Path>) -> Result<Option<Password>, String> {
    let (text, from) = match file {
        Some(path) => (read_first_line(path)?, path.display().to_string()),
        None => match std::env::var(PASSWORD_VARIABLE) {
            Ok(password) => (password, PASSWORD_VARIABLE.to_owned()),
            Err(std::env::VarError::NotPresent) => return Ok(None),
            Err(error) => return Err(format!("{PASSWORD_VARIABLE} can't be read: {error}")),
        },
    };
    if text.is_empty() {
        return Err(format!("there is no password in {from}"));
    }
    let password = Password::given(&text);
    password.map(Some).map_err(|error| format!("the password in {from} can't be one: {error}"))
}

fn read_first_line(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("can't read {}: {error}", path.display());
    let file = std::fs::File::open(path).map_err(unreadable)?;
    // One byte more than a password and its line end may have: what is too long is found to be.
    let most = limits::PASSWORD_BYTES as u64 + 3;
    let mut start = Vec::new();
    file.take(most).read_to_end(&mut start).map_err(unreadable)?;
    let line = start.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = std::str::from_utf8(line)
        .map_err(|_| format!("the first line of {} is not UTF-8", path.display()))?;
    Ok(line.to_owned())
}

/// The login name as a name of this server, if enough of it is left.
fn made_valid(login: &str, suffix: &str) -> Option<UserName> {
    let allowed = |c: &char| UserName::known(&format!("x{c}")).is_ok();
    let login: String = login.chars().filter(allowed).collect();
    let mut stem = login.trim_start_matches(|c: char| UserName::known(&c.to_string()).is_err());
    while stem.len() + suffix.len() > limits::USER_NAME_BYTES {
        stem = &stem[..stem.char_indices().next_back()?.0];
    }
    // Alone too: `root` is the server's word, and `root-tail` would read like it.
    UserName::parse(stem).ok()?;
    UserName::parse(&format!("{stem}{suffix}")).ok()
}

/// Connects once, under the name or the next free one.
pub(crate) async fn connect(
    way: &mut Way,
    who: &mut Who,
    conversations: Vec<RoomAddress>,
) -> Result<(Client, Events), String> {
    if !way.is_encrypted() && !matches!(who.enter, Enter::Guest) && !is_this_computer(&way.address)
    {
        tell(&format!("the password goes to {} unencrypted: others can read it", way.address));
    }
    let mut tried = 0;
    loop {
        tried += 1;
        let instance = random_instance().map_err(|error| error.to_string())?;
        let mut config = CoreConfig::new(who.name.clone(), instance);
        config.enter = who.enter.clone();
        config.conversations.clone_from(&conversations);
        config.follow = false;
        config.kept_events_max = 0;
        let error = match Client::log_in(way.contact().await?, config).await {
            Ok(connected) => return Ok(connected),
            Err(error) => error,
        };
        let other = match &error {
            ClientError::NameRefused { suggestion, .. } if tried < NAMES_TRIED => {
                who.instead(suggestion.as_deref())
            }
            // The login name is somebody's account; a server without guests says the same again.
            ClientError::LoginRefused { code: ErrorCode::LoginNeeded, suggestion, .. }
                if tried == 1 && !who.is_given =>
            {
                who.instead(suggestion.as_deref()).or_else(|| Some(who.name.numbered(2)))
            }
            _ => None,
        };
        match (other, error) {
            (Some(other), _) => who.name = other,
            (None, ClientError::LoginRefused { code, text, .. }) => {
                return Err(who.login_refused(code, &text));
            }
            (None, error) => return Err(explain(&error)),
        }
    }
}

fn is_this_computer(address: &ServerAddress) -> bool {
    let ip = address.host.parse::<std::net::IpAddr>();
    ip.map_or(address.host.eq_ignore_ascii_case("localhost"), |ip| ip.is_loopback())
}

/// Tells the person in front something, on stderr. What a server said may be in it.
pub(crate) fn tell(text: &str) {
    // Nobody to tell it to is no reason to fail.
    let text = sanitize::for_terminal_line(text);
    let _ = writeln!(std::io::stderr().lock(), "hubbub: {text}");
}

/// What an admin, or whoever runs the server, tells everybody.
pub(crate) fn tell_announcement(text: &Note, by: Option<&UserName>) {
    let by = by.map_or_else(String::new, |by| format!(" from {by}"));
    tell(&format!("announcement{by}: {text}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_name_is_made_valid_or_given_up() {
        let name = |login, suffix| made_valid(login, suffix).map(|name| name.as_str().to_owned());
        assert_eq!(name("ann", ""), Some("ann".into()));
        assert_eq!(name("42-ann b", "-tail"), Some("annb-tail".into()));
        assert_eq!(name("CORP\\ann", ""), Some("CORP\\ann".into()));
        assert_eq!(name("a\u{1b}[2Jnn\u{202e}", ""), Some("a[2Jnn".into()));
        assert_eq!(name("root", "-tail"), None);
        assert_eq!(name("123", ""), None);
        assert_eq!(name("", ""), None);
        let long = name(&"é".repeat(40), "-tail").expect("shortened");
        assert!(long.len() <= 32 && long.ends_with("é-tail"), "{long}");
    }

    #[test]
    fn a_password_is_the_first_line_of_its_file() {
        let file = std::env::temp_dir().join(format!("hubbub-password-{}", std::process::id()));
        std::fs::write(&file, "open sesame\r\nsecond\n").unwrap();
        assert_eq!(find_password(Some(&file)).unwrap().unwrap().expose(), "open sesame");
        for (text, why) in [("\nx", "no password"), (&"x".repeat(300), "can't be one")] {
            std::fs::write(&file, text).unwrap();
            assert!(find_password(Some(&file)).unwrap_err().contains(why), "{text:?}");
        }
        std::fs::remove_file(&file).unwrap();
        assert!(find_password(Some(&file)).unwrap_err().contains("can't read"));
    }

    #[test]
    fn a_refused_login_says_what_helps() {
        let name = UserName::parse("ann").unwrap();
        let mut who = Who { name, is_given: true, enter: Enter::Guest };
        let text = who.login_refused(ErrorCode::LoginNeeded, "ann is an account.");
        assert!(text.starts_with("ann is an account. To log in"), "{text}");
        who.enter = Enter::Password(Password::given("wrong").unwrap());
        let text = who.login_refused(ErrorCode::WrongPassword, "No such account.");
        assert_eq!(text, "can't log in as ann: No such account.");
        let text = who.login_refused(ErrorCode::TlsNeeded, "No passwords here.");
        assert!(text.contains("No passwords here. Leave out --plaintext"), "{text}");
    }
}
