//! The certificates as they lie in the files, for whoever only looks: nothing is made, renewed or made
//! private.

use super::authority::{CERTIFICATE_FILE, KEY_FILE};
use super::brought::Brought;
use super::facts::{Facts, is_signed_by};
use super::files;
use super::leaf::SERVER_FILE;
use super::{FOLDER, OwnCertificate};
use crate::clock;
use hubbub_protocol::{Fingerprint, WallMs};
use rcgen::{KeyPair, PublicKeyData};
use rustls_pki_types::CertificateDer;
use std::path::{Path, PathBuf};

/// Whose certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Of the server's own authority, whose key clients keep.
    Authority,
    /// The server's own, which its authority makes again by itself.
    Server,
    /// The operator's.
    Brought,
}

/// What was found of one certificate.
#[derive(Clone, Debug)]
pub struct CertificateLook {
    /// Whose.
    pub which: Which,
    /// Its file.
    pub file: PathBuf,
    /// Its last day, for people, if it can be used; `None`: there is no such file.
    pub until: Option<String>,
    /// What an operator should know of its time, for people.
    pub worry: Option<String>,
    /// Why it can't be used, for people.
    pub problem: Option<String>,
    /// Of an authority: by what clients know it.
    pub fingerprint: Option<Fingerprint>,
    /// Whether others on this computer can read the key.
    pub is_key_open: bool,
}

/// Looks at all certificates of a data folder, and at the operator's.
#[must_use]
pub fn certificates(data: &Path, brought: Option<&OwnCertificate>) -> Vec<CertificateLook> {
    let (folder, now) = (data.join(FOLDER), clock::wall());
    let (authority, certificate) = authority(&folder, now);
    let mut all = vec![authority];
    if let Some(certificate) = certificate {
        all.push(server(&folder, &certificate, now));
    }
    if let Some(files) = brought {
        let mut look = CertificateLook::of(Which::Brought, files.chain.clone(), &files.key);
        match Brought::read(files) {
            Ok(brought) => look.is_fine(&brought.facts, now),
            Err(error) => look.problem = Some(error.to_string()),
        }
        all.push(look);
    }
    all
}

impl CertificateLook {
    fn of(which: Which, file: PathBuf, key: &Path) -> Self {
        let is_key_open = is_open(key);
        let (until, worry, problem, fingerprint) = (None, None, None, None);
        Self { which, file, until, worry, problem, fingerprint, is_key_open }
    }

    fn is_fine(&mut self, facts: &Facts, now: WallMs) {
        self.until = Some(facts.until());
        self.worry = facts.worry(now);
    }
}

fn is_open(key: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(key).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = key;
        false
    }
}

fn authority(folder: &Path, now: WallMs) -> (CertificateLook, Option<CertificateDer<'static>>) {
    let (file, key_file) = (folder.join(CERTIFICATE_FILE), folder.join(KEY_FILE));
    let mut look = CertificateLook::of(Which::Authority, file.clone(), &key_file);
    let found = files::read(&key_file).and_then(|key| Ok((key, files::read(&file)?)));
    let (key, pem) = match found {
        Ok((None, None)) => return (look, None),
        Ok(found) => found,
        Err(error) => {
            look.problem = Some(error.to_string());
            return (look, None);
        }
    };
    let key = key.and_then(|pem| files::private_key(&pem));
    let Some(key) = key.and_then(|key| KeyPair::try_from(&*key).ok()) else {
        look.problem = Some(format!("{} is missing or holds no key", key_file.display()));
        return (look, None);
    };
    look.fingerprint = Some(Fingerprint::of_key(&key.subject_public_key_info()));
    let Some(pem) = pem else {
        // It is made again from the key.
        return (look, None);
    };
    let certificate = files::certificates(&pem).into_iter().next();
    let Some((certificate, facts)) = certificate.and_then(|c| Some((c.clone(), Facts::of(&c)?)))
    else {
        look.problem = Some(format!("{} holds no certificate", file.display()));
        return (look, None);
    };
    if facts.key != key.subject_public_key_info() {
        look.problem = Some(format!("{} is not of the key beside it", file.display()));
        return (look, None);
    }
    look.is_fine(&facts, now);
    (look, Some(certificate))
}

fn server(folder: &Path, authority: &CertificateDer<'_>, now: WallMs) -> CertificateLook {
    let file = folder.join(SERVER_FILE);
    let mut look = CertificateLook::of(Which::Server, file.clone(), &file);
    match files::read(&file) {
        Ok(None) => {}
        Ok(Some(pem)) => {
            let certificate = files::certificates(&pem).into_iter().next();
            let facts = certificate.as_ref().and_then(Facts::of);
            match (certificate, facts) {
                (Some(certificate), Some(facts)) if is_signed_by(&certificate, authority) => {
                    look.is_fine(&facts, now);
                }
                _ => look.problem = Some("it is damaged, or of another authority".into()),
            }
        }
        Err(error) => look.problem = Some(error.to_string()),
    }
    look
}
