//! Whether a server has the key that it should have.
//!
//! A server has a certificate authority of its own, and a certificate that this authority signed. The
//! authority's key is what a client keeps. Neither names nor dates are checked, and no list of public
//! authorities is asked:
//!
//! - Addresses change (another network, another name in the DNS), and the key says better who it is.
//! - Clocks of machines without internet are wrong, and a client that locks itself out because its
//!   battery was empty protects nobody. So a certificate does not end; who has lost a server's keys
//!   makes new ones, and the clients are told.
//!
//! The authority must have signed the certificate itself, and has to be its own issuer. So what a
//! public authority signed is never taken at first use: who keeps such an authority's key would trust
//! everybody who can buy a certificate there.

use crate::security::Trust;
use hubbub_protocol::Fingerprint;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::fmt;
use std::sync::{Arc, OnceLock};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

/// Certificates that a server may show. Ours have two.
const CHAIN_MAX: usize = 8;

/// Why a server's certificates are not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Distrust {
    /// The known key is not among them.
    OtherKey { expected: Fingerprint, shown: Fingerprint },
    /// They prove nothing. For people.
    Unproven(String),
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Distrust::OtherKey { .. } => f.write_str("the key of its authority is another one"),
            Distrust::Unproven(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Distrust {}

/// Checks one server. It remembers by which key that came out well.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    trust: Trust,
    authority: OnceLock<Fingerprint>,
}

impl Verifier {
    pub(super) fn new(provider: Arc<CryptoProvider>, trust: Trust) -> Self {
        Self { provider, trust, authority: OnceLock::new() }
    }

    /// The key of the authority, after a handshake that succeeded.
    pub(super) fn authority(&self) -> Option<Fingerprint> {
        self.authority.get().copied()
    }

    fn check(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Fingerprint, Distrust> {
        let unreadable = || unproven("its certificate can't be read");
        if others.len() >= CHAIN_MAX {
            return Err(unproven("it shows too many certificates"));
        }
        let leaf = EndEntityCert::try_from(leaf).map_err(|_| unreadable())?;
        let own = key_of(&leaf);
        let Some(last) = others.last() else {
            // Its own key would be as good a proof; but it is gone with the next certificate, and the
            // client would cry wolf.
            return Err(match self.trust {
                Trust::FirstUse => unproven("it shows no certificate authority"),
                Trust::Key(expected) => Distrust::OtherKey { expected, shown: own },
            });
        };
        let certificates: Vec<_> =
            others.iter().map(|der| (der, EndEntityCert::try_from(der).ok())).collect();
        let (der, authority) = match self.trust {
            Trust::FirstUse => {
                let authority = EndEntityCert::try_from(last).map_err(|_| unreadable())?;
                if authority.issuer() != authority.subject() {
                    return Err(unproven(
                        "the last certificate that it shows is no authority's own",
                    ));
                }
                (last, key_of(&authority))
            }
            Trust::Key(expected) => {
                let known = certificates.iter().find_map(|(der, certificate)| {
                    let key = key_of(certificate.as_ref()?);
                    (key == expected).then_some((*der, key))
                });
                known.ok_or_else(|| {
                    let shown = certificates.last().and_then(|(_, last)| last.as_ref().map(key_of));
                    Distrust::OtherKey { expected, shown: shown.unwrap_or(own) }
                })?
            }
        };
        if authority == own {
            return Err(unproven("its certificate is signed by nobody but itself"));
        }
        self.check_signature(&leaf, der, now).map_err(|error| {
            unproven(&format!(
                "its certificate is not signed by the authority that it shows ({error})"
            ))
        })?;
        Ok(authority)
    }

    /// Whether the authority signed the leaf itself, at whatever time.
    fn check_signature(
        &self,
        leaf: &EndEntityCert<'_>,
        authority: &CertificateDer<'_>,
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let anchors = [anchor_from_trusted_cert(authority)?];
        let algorithms = self.provider.signature_verification_algorithms.all;
        let at = |time| {
            let usage = KeyUsage::server_auth();
            leaf.verify_for_usage(algorithms, &anchors, &[], time, usage, None, None).map(drop)
        };
        match at(now) {
            Err(webpki::Error::CertExpired { not_after, .. }) => at(not_after),
            Err(webpki::Error::CertNotValidYet { not_before, .. }) => at(not_before),
            result => result,
        }
    }
}

fn unproven(text: &str) -> Distrust {
    Distrust::Unproven(text.to_owned())
}

fn key_of(certificate: &EndEntityCert<'_>) -> Fingerprint {
    Fingerprint::of_key(&certificate.subject_public_key_info())
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.check(leaf, others, now) {
            Ok(authority) => {
                let _ = self.authority.set(authority);
                Ok(ServerCertVerified::assertion())
            }
            Err(distrust) => {
                Err(rustls::Error::from(CertificateError::Other(OtherError(Arc::new(distrust)))))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
