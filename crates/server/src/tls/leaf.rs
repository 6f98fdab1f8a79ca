//! The server's certificate: made by its own authority, for its names and addresses, and made again
//! when these change or it ends. Nobody keeps it, so nothing is lost with it.

use super::authority::{Authority, generate, serial_number};
use super::facts::{Facts, is_signed_by};
use super::files::{self, not_made};
use super::names::{self, Subject, Surroundings};
use crate::config::StartError;
use crate::platform;
use hubbub_protocol::WallMs;
use rcgen::string::Ia5String;
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use zeroize::{Zeroize, Zeroizing};

/// The certificate and its key, in one file, so that a crash can't leave two that don't fit.
pub(super) const SERVER_FILE: &str = "server.pem";
/// Seconds of a day.
pub(super) const DAY_S: u64 = 24 * 60 * 60;
/// How long it is valid, in days. Browsers refuse what is valid for longer than 398.
pub(super) const VALID_DAYS: u64 = 397;
/// It is renewed when it ends within so many days.
const RENEWED_DAYS: u64 = 30;
/// The last moment that a certificate can begin at and still end within the calendar, in seconds since
/// 1970: the year 9999 less two.
const NOW_S_MAX: u64 = 253_402_300_799 - 2 * 366 * DAY_S;

/// The server's certificate with its key, ready for use.
pub(super) struct Leaf {
    /// What is shown: itself, then the authority, whose key native clients look for.
    pub(super) key: Arc<CertifiedKey>,
    pub(super) facts: Facts,
}

impl Leaf {
    /// What the folder keeps, if it is of this authority.
    ///
    /// # Errors
    /// Why it can't be used, for people.
    pub(super) fn read(folder: &Path, authority: &Authority) -> Result<Self, &'static str> {
        let pem = files::read_private(&folder.join(SERVER_FILE))
            .map_err(|_| "the one before can't be read")?
            .ok_or("there was none")?;
        let certificate = files::certificates(&pem).into_iter().next();
        let (Some(certificate), Some(key)) = (certificate, files::private_key(&pem)) else {
            return Err("the one before is damaged");
        };
        if !is_signed_by(&certificate, authority.certificate()) {
            return Err("the one before is not of this server's authority");
        }
        Self::of(certificate, &key, authority).ok_or("the one before is damaged")
    }

    /// Makes one, with a fresh key: that costs nothing, nobody keeps it, and one that was stolen is of
    /// no use for longer than its certificate. Kept in the folder if that works; if not (a full disk),
    /// it serves all the same, and the next start makes another.
    pub(super) fn make(
        folder: Option<&Path>,
        authority: &Authority,
        here: &Surroundings,
        wanted: &[Subject],
    ) -> Result<Self, StartError> {
        let mut pair = Zeroizing::new(generate()?);
        let certificate = params(here, wanted)?
            .signed_by(&*pair, authority.issuer())
            .map_err(|error| not_made(SERVER_FILE, &error))?;
        if let Some(folder) = folder {
            let mut pem = files::key_to_pem(pair.serialized_der());
            pem.insert_str(0, &certificate.pem());
            let file = folder.join(SERVER_FILE);
            if let Err(error) = platform::replace_private_file(&file, pem.as_bytes()) {
                tracing::warn!(file = %file.display(), %error, "can't keep the server's new certificate; it is in use, and the next start makes another");
            }
        }
        let key = PrivatePkcs8KeyDer::from(pair.serialize_der());
        pair.zeroize();
        let key = Zeroizing::new(PrivateKeyDer::from(key));
        Self::of(certificate.der().clone(), &key, authority)
            .ok_or_else(|| not_made(SERVER_FILE, &"what was made can't be read"))
    }

    fn of(
        certificate: CertificateDer<'static>,
        key: &PrivateKeyDer<'_>,
        authority: &Authority,
    ) -> Option<Self> {
        let facts = Facts::of(&certificate)?;
        let chain = vec![certificate, authority.certificate().clone()];
        let key = CertifiedKey::new(chain, any_supported_type(key).ok()?);
        key.keys_match().ok()?;
        Some(Self { key: Arc::new(key), facts })
    }

    /// Why another one is needed, for people; `None` while this one does.
    pub(super) fn why_renew(&self, now: WallMs, wanted: &[Subject]) -> Option<String> {
        let now_s = seconds(now);
        let is_before = |second: i64| u64::try_from(second).is_ok_and(|second| now_s < second);
        if is_before(self.facts.from_s) {
            // The clock was ahead when it was made.
            return Some("the one before is not valid yet".to_owned());
        }
        let renewed_s = self.facts.until_s.saturating_sub_unsigned(RENEWED_DAYS * DAY_S);
        if !is_before(renewed_s) {
            return Some(format!("the one before ends on {}", self.facts.until()));
        }
        let lacking = names::lacking(wanted, &self.facts);
        let lacking: Vec<String> = lacking.iter().map(ToString::to_string).collect();
        (!lacking.is_empty()).then(|| format!("the one before lacks {}", lacking.join(", ")))
    }
}

/// Seconds since 1970, as far as certificates can tell them.
pub(super) fn seconds(now: WallMs) -> u64 {
    (now.0 / 1000).min(NOW_S_MAX)
}

fn params(here: &Surroundings, wanted: &[Subject]) -> Result<CertificateParams, StartError> {
    let mut params = CertificateParams::default();
    // Clocks of others may be behind ours. Before 1970 some libraries see no time at all.
    let from_s = seconds(here.now).saturating_sub(DAY_S);
    params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(from_s);
    params.not_after = params.not_before + Duration::from_secs(VALID_DAYS * DAY_S);
    params.serial_number = Some(serial_number()?);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params.distinguished_name = rcgen::DistinguishedName::new();
    // Names count by what follows (RFC 9525, section 2); this one is for people who look.
    params.distinguished_name.push(DnType::CommonName, "Hubbub");
    for subject in wanted {
        params.subject_alt_names.push(match subject {
            Subject::Dns(name) => {
                let name = Ia5String::try_from(name.as_str());
                SanType::DnsName(name.map_err(|error| not_made(SERVER_FILE, &error))?)
            }
            Subject::Address(address) => SanType::IpAddress(*address),
        });
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_can_not_be_made_says_why_and_the_way_out() {
        let here = Surroundings { now: WallMs(0), host: "box".into(), addresses: Vec::new() };
        let authority = Authority::open(None, &here).unwrap();
        let odd = [Subject::Dns("b\u{fc}ro".into())];
        let Err(error) = Leaf::make(None, &authority, &here, &odd) else { panic!("it was made") };
        let text = error.to_string();
        assert!(text.contains("server.pem") && text.contains("IA5String"), "{text}");
        assert!(text.contains("name"), "{text}");
    }
}
