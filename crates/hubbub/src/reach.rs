//! Reaching a server for `send` and `tail`: with TLS and the key by which it is known, and what the
//! person in front is told about that.

use crate::cli::ServerOptions;
use crate::guest::tell;
use crate::known::{Kept, KnownServers};
use hubbub_client::{ChangedKey, ClientError, Contact, Security, ServerAddress, Trust};
use hubbub_protocol::Fingerprint;

/// The way to a server.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) address: ServerAddress,
    /// `None`: without TLS.
    known: Option<KnownServers>,
    /// Of an earlier contact of this run.
    key: Option<Fingerprint>,
}

impl Way {
    /// # Errors
    /// What the user can put right.
    pub(crate) fn choose(options: &ServerOptions) -> Result<Self, String> {
        let address = options.address.clone();
        let known = match (options.plaintext, address.fingerprint) {
            (false, _) => Some(KnownServers::at(options.file.known_servers.as_deref())?),
            (true, None) => None,
            (true, Some(_)) => {
                return Err("a server without TLS has no key: leave out --plaintext, or the \
                            fingerprint in the address"
                    .into());
            }
        };
        Ok(Self { address, known, key: None })
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.known.is_some()
    }

    /// Connects, lets the server prove its key, and keeps that before anything is said.
    ///
    /// # Errors
    /// For people: the server can't be reached, is not the one that it was, or can't be kept.
    pub(crate) async fn contact(&mut self) -> Result<Contact, String> {
        let address = &self.address;
        let Some(known) = &self.known else {
            let contact = Contact::make(address, Security::Plaintext).await;
            return contact.map_err(|error| explain(&error));
        };
        let (key, is_new) = match self.key {
            Some(key) => (Some(key), false),
            None => find(known, address)?,
        };
        let trust = key.map_or(Trust::FirstUse, Trust::Key);
        let contact = Contact::make(address, Security::Tls(trust)).await;
        let contact = contact.map_err(|error| explain(&error))?;
        if let (None, Some(key)) = (self.key, contact.fingerprint()) {
            if is_new {
                keep(known, address, key)?;
            }
            self.key = Some(key);
        }
        Ok(contact)
    }
}

/// The key of a server, if there is one, and whether it has to be kept. An address with a fingerprint
/// makes the first meeting safe, but changes nothing afterwards: anybody can have sent it.
fn find(
    known: &KnownServers,
    address: &ServerAddress,
) -> Result<(Option<Fingerprint>, bool), String> {
    match (known.key_of(address)?, address.fingerprint) {
        (Some(known), Some(given)) if known != given => {
            tell(&format!("{address} is known by ANOTHER KEY than the one in the address given."));
            tell("Either the server was set up anew, or somebody wants to be taken for it.");
            tell(&format!("  Known: {}", ChangedKey::in_words(&known)));
            tell(&format!("  Given: {}", ChangedKey::in_words(&given)));
            tell(&format!(
                "Ask whoever runs it which is right. Only if it is the given one: `hubbub known \
                 forget {address}`, and then this again"
            ));
            Err(format!("{address} has another key or is another server; nothing was said to it"))
        }
        (Some(known), _) => Ok((Some(known), false)),
        (None, given) => Ok((given, true)),
    }
}

fn keep(known: &KnownServers, address: &ServerAddress, key: Fingerprint) -> Result<(), String> {
    let kept = match (known.keep(address, key), address.fingerprint) {
        (Ok(kept), None) => kept,
        (Ok(_), Some(_)) => return Ok(()),
        // The address says the key again the next time, unless somebody else has met another one.
        (Err(why), Some(_)) if matches!(find(known, address), Ok((Some(_), true))) => {
            tell(&why);
            return Ok(());
        }
        // A key that can't be kept would be taken from anybody the next time.
        (Err(why), None) => {
            return Err(format!(
                "{why}; nothing was said to it. Choose another file with --known-servers, or give \
                 the address with the fingerprint that the server showed at its start"
            ));
        }
        (Err(why), Some(_)) => return Err(format!("{why}; nothing was said to it")),
    };
    let file = known.path().display();
    if kept == Kept::New {
        tell(&format!(
            "{address} is new here. Its key: {}. Compare it with what the server shows at its start. It \
             is kept in {file}; if the server ever has another one, you are warned.",
            ChangedKey::in_words(&key)
        ));
    }
    Ok(())
}

/// The error for people; of a changed key they are told at length.
pub(crate) fn explain(error: &ClientError) -> String {
    match error {
        ClientError::KeyChanged(changed) => warn(changed),
        error => error.to_string(),
    }
}

/// Warns of a changed key, and tells how to accept it. Returns why it is over.
pub(crate) fn warn(changed: &ChangedKey) -> String {
    let ChangedKey { address, expected, shown } = changed;
    tell(&format!("THE KEY OF {address} HAS CHANGED."));
    tell("Either the server was set up anew, or somebody sits between you and it to read along.");
    tell(&format!("  Expected: {}", ChangedKey::in_words(expected)));
    tell(&format!("  Shown:    {}", ChangedKey::in_words(shown)));
    // No link with the key that was shown: what is easy to paste is not compared.
    let accept = match address.fingerprint {
        Some(_) => format!(
            "`hubbub known forget {address}`, if it is known, and the address that they give you"
        ),
        None => format!("`hubbub known forget {address}`"),
    };
    tell(&format!("Ask whoever runs it which is right. Only if it is the one shown: {accept}"));
    format!("{address} has another key; nothing was said to it")
}
