//! A blocking client of TLS that trusts everybody: what is tested here is how the server speaks, and
//! not its certificates.

use super::PATIENCE;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, SignatureScheme,
    SupportedProtocolVersion,
};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

/// A TLS connection, below any door.
pub(crate) struct TlsWire {
    pub(crate) tls: ClientConnection,
    pub(crate) socket: TcpStream,
    /// Decrypted, and not given out yet.
    came: Vec<u8>,
}

impl TlsWire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect_timeout(&address, PATIENCE).expect("the server listens");
        Self::over(socket, rustls::DEFAULT_VERSIONS)
    }

    /// Begins TLS on a connection, and returns when the two agree.
    pub(crate) fn over(socket: TcpStream, versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut wire = Self::begun(socket, versions);
        while wire.tls.is_handshaking() {
            wire.tls.complete_io(&mut wire.socket).expect("the two agree");
        }
        wire
    }

    /// The same, with nothing sent yet.
    pub(crate) fn begun(socket: TcpStream, versions: &[&'static SupportedProtocolVersion]) -> Self {
        socket.set_nodelay(true).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions that ring knows")
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").expect("a name");
        let tls = ClientConnection::new(Arc::new(config), name).expect("a connection");
        Self { tls, socket, came: Vec::new() }
    }

    pub(crate) fn version(&self) -> ProtocolVersion {
        self.tls.protocol_version().expect("the two agree")
    }

    pub(crate) fn write(&mut self, bytes: impl AsRef<[u8]>) {
        let mut bytes = bytes.as_ref();
        while !bytes.is_empty() {
            let taken = self.tls.writer().write(bytes).expect("TLS takes it");
            bytes = &bytes[taken..];
            self.send();
        }
    }

    /// Sends what TLS has to say.
    pub(crate) fn send(&mut self) {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut self.socket).expect("the server reads");
        }
    }

    /// What TLS would send for these bytes.
    pub(crate) fn sealed(&mut self, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.tls.writer().write_all(bytes.as_ref()).expect("TLS takes it");
        while self.tls.wants_write() {
            self.tls.write_tls(&mut sealed).expect("memory");
        }
        sealed
    }

    /// Gets more. False: the server has said in TLS that it is done.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.tls.reader().read(&mut buffer) {
                Ok(0) => return false,
                Ok(bytes) => {
                    self.came.extend_from_slice(&buffer[..bytes]);
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => panic!("the server ended without a goodbye of TLS: {error}"),
            }
            let read = self.tls.read_tls(&mut self.socket);
            read.unwrap_or_else(|error| panic!("{error}, after {:?}", self.said()));
            self.tls.process_new_packets().expect("sound TLS");
            self.send();
        }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&self.came).into_owned()
    }

    /// The next line without its end; `None` when the server has closed, as TLS does it.
    pub(crate) fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.came.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.came.drain(..=end).collect();
                let line = String::from_utf8(line).expect("the server writes UTF-8");
                return Some(line.trim_end_matches(['\r', '\n']).to_owned());
            }
            if !self.receive() {
                assert!(self.came.is_empty(), "half a line: {:?}", self.said());
                return None;
            }
        }
    }

    /// The next line that begins so. Others before it are passed over.
    pub(crate) fn line_with(&mut self, beginning: &str) -> String {
        let mut passed = Vec::new();
        loop {
            match self.line() {
                Some(line) if line.starts_with(beginning) => return line,
                Some(line) => passed.push(line),
                None => panic!("no {beginning:?} in {passed:?}"),
            }
        }
    }

    /// Everything until the server closes, as TLS does it.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.receive() {}
        std::mem::take(&mut self.came)
    }

    /// All lines until the server closes.
    pub(crate) fn until_end(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.line()).collect()
    }

    /// Says in TLS that nothing more comes from here.
    pub(crate) fn close_our_side(&mut self) {
        self.tls.send_close_notify();
        self.send();
    }

    /// Ends the connection below TLS, as somebody on the way could.
    pub(crate) fn cut_our_side(&mut self) {
        self.socket.shutdown(Shutdown::Write).expect("connected");
    }
}

#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
