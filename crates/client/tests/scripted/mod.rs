//! A server that says what a test tells it to, over TCP or TLS. Waiting is by fence: a frame, an event.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod authority;

use hubbub_client::{ClientEvent, CoreConfig, Events};
use hubbub_protocol::frame::{ClientFrame, Request};
use hubbub_protocol::{Instance, RoomAddress, RoomName, UserName};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

pub const WELCOME: &str = r#"{"ev":"welcome","id":ID,"version":1,"server":"test","user":{"id":1,"name":"ann"},"resume":"01010101010101010101010101010101","resumed":false,"account":false,"epoch":1,"lobby":"lobby","rooms":[],"privates":[],"limits":{"frame_bytes":65536,"text_bytes":4096,"text_lines":100,"sends_in_flight":32,"page":100},"time":1}"#;
pub const JOINED: &str = r#"{"ev":"joined","id":ID,"room":"lobby","room_id":9,"epoch":1,"seq":4,"catch_up":"live","retention":"forever","members":1,"created":false}"#;
pub const SENT: &str =
    r#"{"ev":"sent","id":ID,"room_id":9,"epoch":1,"seq":5,"time":7,"repeated":false}"#;
pub const MESSAGE: &str = r#"{"ev":"message","room":"lobby","room_id":9,"epoch":1,"seq":6,"time":8,"from":{"id":2,"name":"bob"},"kind":"text","text":"hé"}"#;
pub const BYE: &str = r#"{"ev":"close","code":"bye","next":"stop","text":"Goodbye."}"#;

/// The server's side of one connection.
pub struct Peer {
    stream: BufReader<Box<dyn Wire>>,
}

impl Peer {
    pub async fn accept(listener: &TcpListener) -> Self {
        Self::over(listener.accept().await.unwrap().0)
    }
    pub fn over(stream: impl Wire + 'static) -> Self {
        Self { stream: BufReader::new(Box::new(stream)) }
    }
    /// `None`: the client does not like what it is shown, and said nothing.
    pub async fn accept_tls(listener: &TcpListener, acceptor: &TlsAcceptor) -> Option<Self> {
        let socket = listener.accept().await.unwrap().0;
        let mut peer = Self::over(acceptor.accept(socket).await.ok()?);
        // With TLS 1.3 the server is done before the client has looked at its certificate.
        let first = peer.stream.fill_buf().await;
        first.is_ok_and(|bytes| !bytes.is_empty()).then_some(peer)
    }
    /// What the client says until it hangs up.
    pub async fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
        String::from_utf8_lossy(&rest).into_owned()
    }
    pub async fn get(&mut self) -> (u64, Request) {
        let mut line = String::new();
        self.stream.read_line(&mut line).await.unwrap();
        let frame: ClientFrame = serde_json::from_str(&line).unwrap();
        (frame.id.unwrap_or(0), frame.request)
    }
    pub async fn put(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
        self.stream.flush().await.unwrap();
    }
    pub async fn answer(&mut self, id: u64, line: &str) {
        self.put((line.replace("ID", &id.to_string()) + "\n").as_bytes()).await;
    }
    /// Takes hello and the join of the lobby.
    pub async fn log_in(&mut self) {
        let (id, hello) = self.get().await;
        assert!(matches!(hello, Request::Hello { .. }));
        self.answer(id, WELCOME).await;
        let (id, join) = self.get().await;
        assert!(matches!(join, Request::Join { .. }));
        self.answer(id, JOINED).await;
    }
}

pub fn lobby() -> RoomAddress {
    RoomAddress::Room(RoomName::parse("lobby").unwrap())
}

pub fn config() -> CoreConfig {
    let mut config = CoreConfig::new(UserName::parse("ann").unwrap(), Instance([7; 16]));
    config.conversations = vec![lobby()];
    config
}

pub fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let limit = std::time::Duration::from_secs(30);
    runtime.block_on(async { tokio::time::timeout(limit, test).await.expect("the test hangs") });
}

pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

pub async fn until<T>(events: &mut Events, wanted: impl Fn(&ClientEvent) -> Option<T>) -> T {
    loop {
        let event = events.next().await.expect("the client ended");
        if let Some(found) = wanted(&event) {
            return found;
        }
    }
}
