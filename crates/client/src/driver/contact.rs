//! From an address to a server that has proven who it is.

mod race;

use super::ClientError;
use super::greeting::{AfterGreeting, Skipped};
use super::verify::{Distrust, Verifier};
use crate::address::ServerAddress;
use crate::security::{ChangedKey, Security, Trust};
use hubbub_protocol::Fingerprint;
use rustls::{AlertDescription, CertificateError, OtherError};
use rustls_pki_types::ServerName;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::{fmt, io, time::Duration};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The longest wait for a connection and its handshake: three times there and back, on a link on which
/// that takes 4 s each time, and some more for what is lost on the way. It is shorter than the time that
/// programs have by default, so that they hear what was wrong.
const CONTACT_MAX: Duration = Duration::from_secs(25);
/// The protocol inside TLS (RFC 7301). A server with several certificates shows that of its own
/// authority to who says so.
const ALPN: &[u8] = b"hubbub";

/// A server that is reached and has proven its key, and was told nothing yet: the moment to look at
/// the key, and to keep it. [`Client::log_in`](super::Client::log_in) goes on. A server does not wait
/// for long; who asks a person first drops this, and comes again with [`Trust::Key`].
pub struct Contact {
    pub(super) address: ServerAddress,
    pub(super) security: Security,
    pub(super) stream: Stream,
}

impl fmt::Debug for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, security, stream: _ } = self;
        f.debug_struct("Contact").field("address", address).field("security", security).finish()
    }
}

impl Contact {
    /// Connects, and lets the server prove its key. The security is what the caller says, whatever
    /// fingerprint is in the address; [`ServerAddress::security`] goes by that.
    ///
    /// # Errors
    /// The server can't be reached within 25 s, or is not the one that it should be.
    pub async fn make(address: &ServerAddress, security: Security) -> Result<Self, ClientError> {
        Self::make_within(CONTACT_MAX, address, security).await
    }

    async fn make_within(
        limit: Duration,
        address: &ServerAddress,
        security: Security,
    ) -> Result<Self, ClientError> {
        let (skipped, is_connected) = (Skipped::default(), AtomicBool::new(false));
        let reaching = reach(address, security, &skipped, &is_connected);
        match tokio::time::timeout(limit, reaching).await {
            Ok(result) => result,
            // It talks, but something else.
            Err(_) if skipped.is_some() => Err(not_tls(address, security)),
            Err(_) if is_connected.load(Ordering::Relaxed) => {
                Err(ClientError::Silent { address: address.clone() })
            }
            Err(_) => Err(failed(address, &io::ErrorKind::TimedOut.into())),
        }
    }

    /// Where.
    #[must_use]
    pub fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// The key that the server has proven; `None` without TLS.
    #[must_use]
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        match self.security {
            Security::Tls(Trust::Key(key)) => Some(key),
            Security::Tls(Trust::FirstUse) | Security::Plaintext => None,
        }
    }
}

async fn reach(
    address: &ServerAddress,
    security: Security,
    skipped: &Skipped,
    is_connected: &AtomicBool,
) -> Result<Contact, ClientError> {
    let looked_up = lookup_host((address.host.as_str(), address.port)).await;
    let addresses: Vec<_> = looked_up
        .map_err(|error| ClientError::UnknownHost {
            host: address.host.clone(),
            text: error.to_string(),
        })?
        .collect();
    let socket = race::connect(&addresses).await.map_err(|error| failed(address, &error))?;
    is_connected.store(true, Ordering::Relaxed);
    // A frame is a whole thought; waiting for more would only delay it.
    socket.set_nodelay(true).map_err(|error| failed(address, &error))?;
    let Security::Tls(trust) = security else {
        let stream = Stream::Clear(socket);
        return Ok(Contact { address: address.clone(), security, stream });
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = Arc::new(Verifier::new(Arc::clone(&provider), trust));
    // Made for one connection: nothing of an earlier one stands for the proof of the key.
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        // Every server has it, and 1.2 would show the certificate to who listens.
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("the provider knows TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as _)
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    // It is for those who pass connections on by name; the server does not need it. A host that is no
    // name, such as an address with a zone, is not said.
    let nowhere = ServerName::from(std::net::IpAddr::from([0, 0, 0, 0]));
    let name = ServerName::try_from(address.host.clone()).unwrap_or(nowhere);
    let socket = AfterGreeting::new(socket, skipped.clone());
    match TlsConnector::from(Arc::new(config)).connect(name, socket).await {
        Ok(stream) => {
            let key = verifier.authority().ok_or_else(|| ClientError::BadCertificate {
                address: address.clone(),
                text: "it shows no certificate".into(),
            })?;
            let (address, security) = (address.clone(), Security::Tls(Trust::Key(key)));
            Ok(Contact { address, security, stream: Stream::Tls(Box::new(stream)) })
        }
        Err(error) => Err(explain(address, security, skipped, &error)),
    }
}

/// What a failed handshake means.
fn explain(
    address: &ServerAddress,
    security: Security,
    skipped: &Skipped,
    error: &io::Error,
) -> ClientError {
    let bad = |text: String| ClientError::BadCertificate { address: address.clone(), text };
    let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(why)))) => {
            match why.downcast_ref::<Distrust>() {
                Some(&Distrust::OtherKey { expected, shown }) => {
                    let address = address.clone();
                    ClientError::KeyChanged(Box::new(ChangedKey { address, expected, shown }))
                }
                _ => bad(why.to_string()),
            }
        }
        Some(rustls::Error::InvalidCertificate(_)) => {
            bad("it does not have the key of the certificate that it shows".into())
        }
        Some(rustls::Error::NoCertificatesPresented) => bad("it shows no certificate".into()),
        // A server of before TLS answers a hello with `handshake_failure`.
        Some(
            rustls::Error::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::NoApplicationProtocol,
            )
            | rustls::Error::InvalidMessage(_),
        ) => not_tls(address, security),
        Some(
            rustls::Error::AlertReceived(AlertDescription::ProtocolVersion)
            | rustls::Error::PeerIncompatible(_),
        ) => bad("it speaks TLS, but not version 1.3 as Hubbub does".into()),
        Some(_) => failed(address, error),
        None if skipped.is_some() => not_tls(address, security),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ClientError::NoWelcome { address: address.clone() },
            _ => failed(address, error),
        },
    }
}

fn not_tls(address: &ServerAddress, security: Security) -> ClientError {
    let is_known = matches!(security, Security::Tls(Trust::Key(_)));
    ClientError::NotTls { address: address.clone(), is_known }
}

fn failed(address: &ServerAddress, error: &io::Error) -> ClientError {
    let (kind, text) = (error.kind(), error.to_string());
    ClientError::Connect { address: address.clone(), kind, text }
}

/// The bytes of a connection: as they are, or inside TLS.
#[derive(Debug)]
pub(super) enum Stream {
    Clear(TcpStream),
    /// What is written stays here in part until it is flushed.
    Tls(Box<TlsStream<AfterGreeting<TcpStream>>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Clear(socket) => Pin::new(socket).poll_read(context, into),
            Stream::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Clear(socket) => Pin::new(socket).poll_write(context, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Clear(socket) => Pin::new(socket).poll_flush(context),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Clear(socket) => Pin::new(socket).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[test]
    fn who_takes_a_connection_and_is_silent_is_not_behind_a_firewall() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = silent.local_addr().unwrap().to_string().parse().unwrap();
            let limit = Duration::from_millis(50);
            let security = Security::Tls(Trust::FirstUse);
            let error = Contact::make_within(limit, &address, security).await.unwrap_err();
            assert_eq!(error, ClientError::Silent { address });
            let text = error.to_string();
            assert!(text.contains("says nothing") && !text.contains("firewall"), "{text}");
        });
    }
}
