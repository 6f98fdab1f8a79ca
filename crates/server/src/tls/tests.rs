//! The certificates as clients see them: real files, real handshakes in memory, a clock of our own.

mod brought;
mod kept;
mod renewed;

use super::names::Surroundings;
use super::{ALPN_NATIVE, Tls};
use crate::config::{OwnCertificate, StartError, TlsConfig};
use hubbub_protocol::{Fingerprint, WallMs};
use rustls::client::danger::ServerCertVerifier;
use rustls::client::{ClientConfig, Resumption, WebPkiServerVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConnection, RootCertStore, ServerConnection};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const DAY_S: u64 = 24 * 60 * 60;
/// A day of the year 2027.
const TODAY: u64 = 20_900;

/// A computer called box, some days after 1970.
fn here(day: u64, addresses: &[&str]) -> Surroundings {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Surroundings { now: WallMs(day * DAY_S * 1000), host: "box".into(), addresses }
}

fn today() -> Surroundings {
    here(TODAY, &["127.0.0.1", "192.168.1.20"])
}

/// A data folder.
struct Home {
    data: TempDir,
}

impl Home {
    fn new() -> Self {
        Self { data: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.data.path().join("tls").join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.file(name)).unwrap()
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), bytes).unwrap();
    }

    fn start(&self, here: &Surroundings) -> Arc<Tls> {
        self.try_start(here).unwrap()
    }

    fn try_start(&self, here: &Surroundings) -> Result<Arc<Tls>, StartError> {
        Tls::open_in(Some(self.data.path()), &TlsConfig::default(), here)
    }

    fn start_with(&self, choice: &TlsConfig) -> Arc<Tls> {
        Tls::open_in(Some(self.data.path()), choice, &today()).unwrap()
    }

    /// The certificate that people can give to their browsers.
    fn authority(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(&self.bytes("authority.pem")).unwrap()
    }
}

/// A client: what it trusts, by what name it calls the server, and what it thinks of the time.
struct Visitor {
    trusts: CertificateDer<'static>,
    calls_it: String,
    day: u64,
    protocols: Vec<&'static [u8]>,
    versions: Vec<&'static rustls::SupportedProtocolVersion>,
}

/// What a client saw.
#[derive(Debug)]
struct Seen {
    chain: Vec<CertificateDer<'static>>,
    protocol: Option<Vec<u8>>,
    tickets: u32,
}

#[derive(Debug)]
struct Day(u64);

impl rustls::time_provider::TimeProvider for Day {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_secs(self.0 * DAY_S)))
    }
}

impl Visitor {
    fn trusting(authority: CertificateDer<'static>) -> Self {
        Self {
            trusts: authority,
            calls_it: "localhost".into(),
            day: TODAY,
            protocols: Vec::new(),
            versions: rustls::ALL_VERSIONS.to_vec(),
        }
    }

    fn calling_it(self, name: &str) -> Self {
        Self { calls_it: name.into(), ..self }
    }

    fn on_day(self, day: u64) -> Self {
        Self { day, ..self }
    }

    fn speaking(self, protocols: &[&'static [u8]]) -> Self {
        Self { protocols: protocols.to_vec(), ..self }
    }

    /// A whole handshake, and a byte each way after it.
    fn visit(&self, tls: &Tls) -> Result<Seen, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.trusts.clone()).unwrap();
        let verifier: Arc<dyn ServerCertVerifier> =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .unwrap();
        let mut config = ClientConfig::builder_with_details(provider, Arc::new(Day(self.day)))
            .with_protocol_versions(&self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        config.alpn_protocols = self.protocols.iter().map(|name| name.to_vec()).collect();
        config.resumption = Resumption::disabled();
        let name = ServerName::try_from(self.calls_it.clone()).unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut server = ServerConnection::new(tls.config()).unwrap();
        while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
            pass(&mut client, &mut server)?;
            pass(&mut server, &mut client)?;
        }
        pass(&mut server, &mut client)?;
        Ok(Seen {
            chain: client.peer_certificates().unwrap().to_vec(),
            protocol: client.alpn_protocol().map(<[u8]>::to_vec),
            tickets: client.tls13_tickets_received(),
        })
    }
}

/// Carries what one has to say to the other.
fn pass<A, B>(
    from: &mut rustls::ConnectionCommon<A>,
    to: &mut rustls::ConnectionCommon<B>,
) -> Result<(), rustls::Error> {
    let mut bytes = Vec::new();
    while from.wants_write() {
        from.write_tls(&mut bytes).unwrap();
    }
    let mut bytes = bytes.as_slice();
    while !bytes.is_empty() {
        to.read_tls(&mut bytes).unwrap();
        to.process_new_packets()?;
    }
    Ok(())
}

/// What somebody without wishes is shown first.
fn leaf(home: &Home, tls: &Tls, day: u64) -> CertificateDer<'static> {
    Visitor::trusting(home.authority()).on_day(day).visit(tls).unwrap().chain.remove(0)
}

fn key_of(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint::of_key(&super::facts::Facts::of(certificate).unwrap().key)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Why it doesn't start, having checked that the message names the file.
fn refusal(result: Result<Arc<Tls>, StartError>, named: &Path) -> String {
    let error = result.map(drop).expect_err("it can't start");
    let StartError::Certificate { file, .. } = &error else { panic!("{error:?}") };
    assert_eq!(file, named);
    let text = error.to_string();
    assert!(text.contains(&named.display().to_string()), "{text}");
    text
}
