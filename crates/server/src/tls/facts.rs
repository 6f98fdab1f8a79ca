//! What a certificate says about itself. Whether it is to be believed is asked elsewhere.

use super::leaf::{DAY_S, seconds};
use super::names::Subject;
use hubbub_protocol::WallMs;
use rustls_pki_types::CertificateDer;
use std::collections::BTreeSet;
use std::net::IpAddr;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// The operator hears of it when a certificate ends within so many days.
const WARNED_DAYS: u64 = 14;

/// The facts of one certificate (RFC 5280, section 4.1).
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The first second of its validity, since 1970.
    pub(super) from_s: i64,
    /// The last one.
    pub(super) until_s: i64,
    /// The names and addresses that it is for, as far as we know such.
    pub(super) subjects: BTreeSet<Subject>,
    /// Whether it may sign others.
    pub(super) is_authority: bool,
    /// Its key as DER (`SubjectPublicKeyInfo`).
    pub(super) key: Vec<u8>,
}

impl Facts {
    /// `None`: it is no certificate.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let parsed = parse(certificate)?;
        let names = parsed.subject_alternative_name().ok()?;
        let names = names.iter().flat_map(|names| &names.value.general_names);
        Some(Self {
            from_s: parsed.validity().not_before.timestamp(),
            until_s: parsed.validity().not_after.timestamp(),
            subjects: names.filter_map(subject).collect(),
            is_authority: parsed.is_ca(),
            key: parsed.public_key().raw.to_vec(),
        })
    }

    /// The day on which it ends, for people.
    pub(super) fn until(&self) -> String {
        day(self.until_s)
    }

    /// What an operator should know about its time, for people.
    pub(super) fn worry(&self, now: WallMs) -> Option<String> {
        // Years fit.
        let now_s = seconds(now).cast_signed();
        let warned_s = now_s.saturating_add_unsigned(WARNED_DAYS * DAY_S);
        if self.until_s < now_s {
            Some(format!("it has ended on {}: nobody trusts it any more", self.until()))
        } else if self.until_s < warned_s {
            Some(format!("it ends on {}", self.until()))
        } else if self.from_s > now_s {
            Some(format!("it is not valid before {}", day(self.from_s)))
        } else {
            None
        }
    }
}

/// Whether the authority has signed a certificate, and is named in it.
pub(super) fn is_signed_by(
    certificate: &CertificateDer<'_>,
    authority: &CertificateDer<'_>,
) -> bool {
    let (Some(certificate), Some(authority)) = (parse(certificate), parse(authority)) else {
        return false;
    };
    certificate.issuer().as_raw() == authority.subject().as_raw()
        && certificate.verify_signature(Some(authority.public_key())).is_ok()
}

/// A day of the calendar in UTC.
pub(super) fn day(second: i64) -> String {
    jiff::Timestamp::from_second(second)
        .map_or_else(|_| "the end of time".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
}

fn parse<'a>(certificate: &'a CertificateDer<'_>) -> Option<X509Certificate<'a>> {
    match X509Certificate::from_der(certificate.as_ref()) {
        Ok(([], parsed)) => Some(parsed),
        Ok(_) | Err(_) => None,
    }
}

fn subject(name: &GeneralName<'_>) -> Option<Subject> {
    match name {
        GeneralName::DNSName(name) => Some(Subject::Dns(name.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => {
            let address = <[u8; 4]>::try_from(*bytes)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from));
            address.ok().map(Subject::Address)
        }
        _ => None,
    }
}
