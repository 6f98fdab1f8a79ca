//! Certificate authorities and certificates for servers of tests, right and wrong ones.

use hubbub_protocol::Fingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PublicKeyData,
    date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// One with a fresh key.
pub struct Authority {
    pub certificate: CertificateDer<'static>,
    pub fingerprint: Fingerprint,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub struct Leaf {
    pub certificate: CertificateDer<'static>,
    key: Vec<u8>,
}

impl Leaf {
    /// As somebody would show it who has copied the certificate.
    pub fn with_key_of(&self, other: &Leaf) -> Leaf {
        Leaf { certificate: self.certificate.clone(), key: other.key.clone() }
    }
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let params = named("Hubbub", IsCa::Ca(BasicConstraints::Constrained(0)));
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let fingerprint = Fingerprint::of_key(&key.subject_public_key_info());
        Self { certificate, fingerprint, issuer: Issuer::new(params, key) }
    }

    /// One whose own certificate this one has signed.
    pub fn below(&self) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = named("Below", IsCa::Ca(BasicConstraints::Unconstrained));
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let fingerprint = Fingerprint::of_key(&key.subject_public_key_info());
        Self { certificate, fingerprint, issuer: Issuer::new(params, key) }
    }

    /// For a name that no test connects to, valid in these years.
    pub fn leaf(&self, years: std::ops::Range<i32>) -> Leaf {
        let key = KeyPair::generate().unwrap();
        let mut params = named("server", IsCa::NoCa);
        params.not_before = date_time_ymd(years.start, 1, 1);
        params.not_after = date_time_ymd(years.end, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        Leaf { certificate, key: key.serialize_der() }
    }

    /// A server with a certificate of this one.
    pub fn server(&self) -> TlsAcceptor {
        acceptor(&self.leaf(2020..2090), &[&self.certificate])
    }
}

/// Signed by itself alone.
pub fn lonely() -> Leaf {
    let key = KeyPair::generate().unwrap();
    let certificate = named("server", IsCa::NoCa).self_signed(&key).unwrap().der().clone();
    Leaf { certificate, key: key.serialize_der() }
}

fn named(name: &str, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["elsewhere.example".to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = is_ca;
    params
}

/// A server that shows the leaf and these others, in this order.
pub fn acceptor(leaf: &Leaf, others: &[&CertificateDer<'static>]) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(leaf.key.clone()));
    let signing = provider.key_provider.load_private_key(key).unwrap();
    let mut chain = vec![leaf.certificate.clone()];
    chain.extend(others.iter().map(|&other| other.clone()));
    // Not checked against each other here: some are wrong on purpose.
    let certified = rustls::sign::CertifiedKey::new(chain, signing);
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"hubbub".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
