//! The server's own certificate authority. Native clients keep its key, so it is made once and never
//! silently replaced; it is also what a browser can be told to trust.

use super::facts::Facts;
use super::files::{self, not_made, problem};
use super::leaf::SERVER_FILE;
use super::names::{self, Surroundings};
use crate::config::StartError;
use crate::platform;
use hubbub_protocol::Fingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    PublicKeyData, SerialNumber, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use std::path::Path;

/// Its private key.
pub(super) const KEY_FILE: &str = "authority.key";
/// Its certificate, which may be given to everybody.
pub(super) const CERTIFICATE_FILE: &str = "authority.pem";
/// The longest common name (RFC 5280, appendix A.1) less "Hubbub on ".
const HOST_CHARS_MAX: usize = 54;

/// What signs the certificates of this server.
pub(super) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Opens the one that the folder keeps, or makes one where there never was one. Without a folder it
    /// is kept in memory alone.
    pub(super) fn open(folder: Option<&Path>, here: &Surroundings) -> Result<Self, StartError> {
        let Some(folder) = folder else {
            let key = generate()?;
            let certificate = certify_itself(&key, here)?;
            return Self::of(certificate.der().clone(), key);
        };
        let key = read_or_make_key(folder)?;
        let file = folder.join(CERTIFICATE_FILE);
        let Some(pem) = files::read(&file)? else {
            // The first start; or the second after a crash in between, or the file was lost. Nobody
            // sees a difference: what clients keep is the key.
            let made = certify_itself(&key, here)?;
            keep(folder, &file, made.pem().as_bytes())?;
            tracing::info!(file = %file.display(), "made a certificate for this server's authority");
            return Self::of(made.der().clone(), key);
        };
        let certificate = files::certificates(&pem).into_iter().next();
        let facts = certificate.as_ref().and_then(Facts::of);
        let (Some(certificate), Some(facts)) = (certificate, facts) else {
            let text = format!(
                "it holds no certificate, or half of one. Restore it from a backup, or remove this one file: it is made again from {KEY_FILE}"
            );
            return Err(problem(&file, text));
        };
        if facts.key != key.subject_public_key_info() || !facts.is_authority {
            let text = format!(
                "it is not the certificate of the key in {KEY_FILE} beside it. Restore the two of them from one backup. If {KEY_FILE} is the right one, remove this file: it is made again"
            );
            return Err(problem(&file, text));
        }
        Self::of(certificate, key)
    }

    fn of(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, StartError> {
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| problem(Path::new(CERTIFICATE_FILE), error.to_string()))?;
        Ok(Self { certificate, issuer })
    }

    pub(super) fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    pub(super) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_key(&self.issuer.key().subject_public_key_info())
    }
}

/// A fresh key: ECDSA with P-256, which every client of TLS knows.
pub(super) fn generate() -> Result<KeyPair, StartError> {
    KeyPair::generate().map_err(|_| StartError::NoRandomness)
}

/// A number that no other certificate has (RFC 5280, section 4.1.2.2): two of the same issuer with the
/// same number are refused by browsers.
pub(super) fn serial_number() -> Result<SerialNumber, StartError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| StartError::NoRandomness)?;
    // Positive, and as long as it looks.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

fn read_or_make_key(folder: &Path) -> Result<KeyPair, StartError> {
    let file = folder.join(KEY_FILE);
    let Some(pem) = files::read_private(&file)? else {
        if let Some(other) = [CERTIFICATE_FILE, SERVER_FILE].into_iter().find(|other| {
            // One that can't be looked at is there, as far as we know.
            folder.join(other).try_exists().unwrap_or(true)
        }) {
            let text = format!(
                "it is missing, though {other} beside it was made with it. Restore it from a backup. {}",
                way_out(folder)
            );
            return Err(problem(&file, text));
        }
        let key = generate()?;
        // Before the certificate: what has no key in the folder has been shown to nobody.
        keep(folder, &file, files::key_to_pem(key.serialized_der()).as_bytes())?;
        tracing::info!(file = %file.display(), "made a certificate authority for this server");
        return Ok(key);
    };
    files::private_key(&pem).and_then(|key| KeyPair::try_from(&*key).ok()).ok_or_else(|| {
        let text = format!(
            "it holds no private key, or half of one. Restore it from a backup. {}",
            way_out(folder)
        );
        problem(&file, text)
    })
}

fn way_out(folder: &Path) -> String {
    format!(
        "If there is none, move the folder {} away: a new authority is made then, and every client stops and asks its user about the new key",
        folder.display()
    )
}

/// Writes a file that must never be lost again, nor the folder that it is in.
fn keep(folder: &Path, file: &Path, bytes: &[u8]) -> Result<(), StartError> {
    platform::replace_private_file(file, bytes)
        .and_then(|()| folder.parent().map_or(Ok(()), platform::sync_folder))
        .map_err(|error| StartError::Folder { folder: folder.to_owned(), error })
}

fn certify_itself(key: &KeyPair, here: &Surroundings) -> Result<rcgen::Certificate, StartError> {
    let mut params = CertificateParams::default();
    // Days that don't depend on the clock: it may be wrong at the first start, and this can't be
    // renewed. Before 1970 some libraries see no time at all; after 2049 dates are written in another
    // way (RFC 5280, section 4.1.2.5), which all can read.
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.serial_number = Some(serial_number()?);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let host = names::host(here).unwrap_or_else(|| "this computer".to_owned());
    let host: String = host.chars().take(HOST_CHARS_MAX).collect();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, format!("Hubbub on {host}"));
    // Whoever adds it to a browser sees what the clients show; and two servers on one host differ.
    let words = Fingerprint::of_key(&key.subject_public_key_info()).words().join(" ");
    params.distinguished_name.push(DnType::OrganizationalUnitName, words);
    params.self_signed(key).map_err(|error| not_made(CERTIFICATE_FILE, &error))
}
