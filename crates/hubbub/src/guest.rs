//! What `send` and `tail` have in common: under which name they come, and how they speak to the
//! person in front of them.

use hubbub_client::driver::random_instance;
use hubbub_client::{Client, ClientError, CoreConfig, Events, ServerAddress};
use hubbub_protocol::{RoomAddress, UserName, limits, sanitize};
use std::io::Write;

/// Names that are tried before giving up: others may take the suggested one first.
const NAMES_TRIED: usize = 8;

/// The name to come under.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    name: UserName,
    /// The user asked for this name, so another would be wrong.
    is_given: bool,
}

impl Name {
    /// The given name, or the login name with `suffix` behind it, or `fallback` where the login
    /// name can't be had.
    pub(crate) fn choose(given: Option<UserName>, suffix: &str, fallback: &str) -> Self {
        match given {
            Some(name) => Self { name, is_given: true },
            None => {
                let login = ["USER", "LOGNAME", "USERNAME"];
                let login = login.into_iter().find_map(|key| std::env::var(key).ok());
                let name = login.and_then(|login| made_valid(&login, suffix));
                let fallback = || UserName::parse(fallback).expect("the fallbacks are valid names");
                Self { name: name.unwrap_or_else(fallback), is_given: false }
            }
        }
    }

    /// The name to take instead of a refused one, if there may be another.
    pub(crate) fn instead(&self, suggestion: Option<&str>) -> Option<UserName> {
        if self.is_given {
            return None;
        }
        UserName::parse(suggestion?).ok()
    }
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
    address: &ServerAddress,
    name: &mut Name,
    conversations: Vec<RoomAddress>,
) -> Result<(Client, Events), ClientError> {
    let mut tried = 0;
    loop {
        tried += 1;
        let mut config = CoreConfig::new(name.name.clone(), random_instance()?);
        config.conversations.clone_from(&conversations);
        config.follow = false;
        config.kept_events_max = 0;
        match Client::connect(&address.to_string(), config).await {
            Err(ClientError::NameRefused { text, suggestion }) if tried < NAMES_TRIED => {
                let Some(other) = name.instead(suggestion.as_deref()) else {
                    return Err(ClientError::NameRefused { text, suggestion });
                };
                name.name = other;
            }
            result => return result,
        }
    }
}

/// Tells the person in front something, on stderr. What a server said may be in it.
pub(crate) fn tell(text: &str) {
    // Nobody to tell it to is no reason to fail.
    let text = sanitize::for_terminal_line(text);
    let _ = writeln!(std::io::stderr().lock(), "hubbub: {text}");
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
}
