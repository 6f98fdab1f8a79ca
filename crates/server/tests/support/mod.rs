//! A real server on a free port, and blocking clients of the native and the plain door. Whoever
//! waits for something that never comes fails after [`PATIENCE`], and says what had come.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod tls;

use hubbub_hub::{Limited, Limits};
use hubbub_server::verbs::Manager;
use hubbub_server::{Figures, Handle, Server, ServerConfig};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long something may take on a busy machine before it counts as never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The password of accounts.
pub(crate) const PASSWORD: &str = "correct horse";

/// A server with a folder of its own. Stops when dropped.
pub(crate) struct TestServer {
    pub(crate) config: ServerConfig,
    handle: Option<Handle>,
    folder: TempDir,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// Starts with settings that `change` makes.
    pub(crate) fn with(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let listen = vec!["127.0.0.1:0".parse().expect("an address")];
        let mut config = ServerConfig::new(listen, folder.path().join("data"));
        // Two, so that deliveries cross lanes whatever machine this is.
        config.lanes = 2;
        config.hub.limits = roomy();
        change(&mut config);
        let mut server = Self { config, handle: None, folder };
        server.run();
        server
    }

    fn run(&mut self) {
        let handle = Server::start(self.config.clone()).expect("the server starts");
        // From now on on this port, also after a restart.
        let clear = handle.addresses().len() - handle.tls_addresses().len();
        self.config.listen = handle.addresses()[..clear].to_vec();
        self.config.listen_tls = handle.tls_addresses().to_vec();
        self.handle = Some(handle);
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.config.listen[0]
    }

    pub(crate) fn data(&self) -> &Path {
        &self.config.data
    }

    pub(crate) fn figures(&self) -> Figures {
        self.handle.as_ref().expect("it runs").figures()
    }

    /// The running server.
    pub(crate) fn handle(&self) -> &Handle {
        self.handle.as_ref().expect("it runs")
    }

    /// Tells it what its operator wants. Not where a runtime runs.
    pub(crate) fn manager(&self) -> Manager {
        self.handle.as_ref().expect("it runs").manager()
    }

    /// The token that makes the first admin.
    pub(crate) fn setup_token(&self) -> Option<String> {
        self.handle.as_ref().expect("it runs").setup_token()
    }

    /// Bytes that wait in the outboxes of all connections.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.handle.as_ref().expect("it runs").queued_bytes()
    }

    /// Waits until the hub counts so many connections and users.
    pub(crate) fn wait_for(&self, sessions: usize, users: usize) {
        eventually(
            || format!("{sessions} sessions and {users} users: {:?}", self.figures()),
            || self.figures().sessions == sessions && self.figures().users == users,
        );
    }

    /// It reads its settings again.
    pub(crate) fn reload(&self) -> Result<hubbub_server::Reloaded, String> {
        self.handle.as_ref().expect("it runs").reload()
    }

    /// Stops it, and says how long that took.
    pub(crate) fn stop(&mut self) -> Duration {
        let began = Instant::now();
        self.handle.take().expect("it runs").stop();
        began.elapsed()
    }

    /// Starts again on the same port and folder.
    pub(crate) fn start_again(&mut self) {
        assert!(self.handle.is_none(), "stop it first");
        self.run();
    }

    pub(crate) fn native(&self, name: &str) -> Native {
        Native::enter(self.address(), name)
    }

    /// A new account, in the lobby. Its password is [`PASSWORD`].
    pub(crate) fn account(&self, name: &str) -> Native {
        let register = json!({"name": name, "password": PASSWORD, "register": true});
        let mut native = Native::welcomed(self.wire(), register);
        native.join("lobby");
        native
    }

    /// A further login of an account, in no room.
    pub(crate) fn login(&self, name: &str) -> Native {
        Native::welcomed(self.wire(), json!({"name": name, "password": PASSWORD}))
    }

    pub(crate) fn plain(&self, name: &str) -> Plain {
        Plain::enter(self.address(), name)
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::connect(self.address())
    }
}

/// As much of everything as anybody likes, but tries of PINs: tests are in a hurry. The limits are tested in
/// `limits.rs`.
fn roomy() -> Limits {
    let (usual, mut limits) = (Limits::default(), Limits::free());
    limits.user[Limited::Pins] = usual.user[Limited::Pins];
    limits.address[Limited::Pins] = usual.address[Limited::Pins];
    limits
}

/// Waits until something is so that no fence tells of.
pub(crate) fn eventually(what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "never came: {}", what());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A connection, below any door.
pub(crate) struct Wire {
    reader: BufReader<TcpStream>,
}

impl Wire {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect_timeout(&address, PATIENCE).expect("the server listens"))
    }

    /// One whose system takes little from the server while nobody reads.
    pub(crate) fn narrow(address: SocketAddr) -> Self {
        use socket2::{Domain, Protocol, Socket, Type};
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        socket.connect(&address.into()).expect("the server listens");
        Self::over(socket.into())
    }

    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
        Self { reader: BufReader::new(stream) }
    }

    fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub(crate) fn write(&self, bytes: impl AsRef<[u8]>) {
        self.stream().write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Writes though the server may have closed already.
    pub(crate) fn try_write(&self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream().write_all(bytes.as_ref());
    }

    /// Each byte in a packet of its own.
    pub(crate) fn write_byte_by_byte(&self, bytes: impl AsRef<[u8]>) {
        for byte in bytes.as_ref() {
            self.write([*byte]);
        }
    }

    /// The next line as it came, with its end; `None` when the server has closed.
    pub(crate) fn raw_line(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(line),
            Err(error) => panic!("no line: {error}, after {:?}", String::from_utf8_lossy(&line)),
        }
    }

    /// The next line of a connection that may be cut off.
    pub(crate) fn raw_line_if_any(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match self.reader.read_until(b'\n', &mut line) {
            Ok(bytes) => (bytes > 0).then_some(line),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => None,
            Err(error) => panic!("neither a line nor an end: {error}"),
        }
    }

    /// The next line without its end.
    pub(crate) fn line(&mut self) -> Option<String> {
        let line = String::from_utf8(self.raw_line()?).expect("the server writes UTF-8");
        Some(line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// So many bytes.
    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    /// Everything until the server closes.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.reader.read_to_end(&mut rest).expect("the server closes");
        rest
    }

    /// Everything below lines.
    pub(crate) fn raw(&self) -> &TcpStream {
        self.stream()
    }

    /// Whether anything has come that was not read.
    pub(crate) fn has_more(&self) -> bool {
        let stream = self.stream();
        stream.set_nonblocking(true).expect("a socket");
        let waits = !self.reader.buffer().is_empty() || stream.peek(&mut [0]).is_ok();
        stream.set_nonblocking(false).expect("a socket");
        waits
    }

    pub(crate) fn close_our_side(&self) {
        self.stream().shutdown(Shutdown::Write).expect("connected");
    }

    /// Breaks the connection without a goodbye: the server gets a reset.
    pub(crate) fn reset(self) {
        socket2::SockRef::from(self.stream()).set_linger(Some(Duration::ZERO)).expect("a socket");
    }
}

/// A peer of the plain door, with its name given.
pub(crate) struct Plain {
    pub(crate) wire: Wire,
    /// What came while something was told, and was not looked at yet.
    heard: VecDeque<String>,
}

impl Plain {
    pub(crate) fn enter(address: SocketAddr, name: &str) -> Self {
        Self::over(Wire::connect(address), name)
    }

    /// On a connection that is there already.
    pub(crate) fn over(wire: Wire, name: &str) -> Self {
        let mut plain = Self { wire, heard: VecDeque::new() };
        plain.say(name);
        assert_eq!(plain.line(), format!("-- Welcome, {name}! /help lists the commands."));
        plain.expect("-- You are in lobby: ");
        plain
    }

    pub(crate) fn say(&self, line: &str) {
        self.wire.write(format!("{line}\n"));
    }

    pub(crate) fn line(&mut self) -> String {
        let heard = self.heard.pop_front();
        heard.unwrap_or_else(|| self.wire.line().expect("the server goes on"))
    }

    /// The next line, which begins so.
    pub(crate) fn expect(&mut self, beginning: &str) -> String {
        let line = self.line();
        assert!(line.starts_with(beginning), "{line:?}, not {beginning:?}");
        line
    }

    /// Everything that came before the server had done all that was asked.
    pub(crate) fn fence(&mut self) -> Vec<String> {
        self.say("/sync");
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line == "-- In sync: the server has done everything before this." {
                return lines;
            }
            lines.push(line);
        }
    }

    /// What is answered to this, with whatever else came.
    pub(crate) fn ask(&mut self, line: &str) -> Vec<String> {
        self.say(line);
        self.fence()
    }

    /// Says it, and returns when it is out.
    pub(crate) fn tell(&mut self, line: &str) {
        let came = self.ask(line);
        assert!(!came.iter().any(|line| line.starts_with('!')), "{came:?}");
        self.heard.extend(came);
    }

    /// All lines until the server closes.
    pub(crate) fn until_end(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.wire.line()).collect()
    }
}

/// A peer of the native door.
pub(crate) struct Native {
    pub(crate) wire: Wire,
    /// What came unasked and was not looked at yet.
    pub(crate) heard: VecDeque<Value>,
    /// The answer to `hello`.
    pub(crate) welcome: Value,
    ids: u64,
}

impl Native {
    /// Connected, and nobody yet.
    pub(crate) fn over(wire: Wire) -> Self {
        Self { wire, heard: VecDeque::new(), welcome: Value::Null, ids: 0 }
    }

    /// Says hello with what `extra` adds. The answer is in `welcome`.
    pub(crate) fn hello(wire: Wire, extra: Value) -> Self {
        let mut native = Self::over(wire);
        let mut hello = json!({"cmd": "hello", "versions": [1]});
        merge(&mut hello, extra);
        native.welcome = native.ask(hello);
        native
    }

    /// With this name, in the lobby.
    pub(crate) fn enter(address: SocketAddr, name: &str) -> Self {
        let mut native = Self::welcomed(Wire::connect(address), json!({"name": name}));
        native.join("lobby");
        native
    }

    /// The same as [`Native::hello`], for whom is let in.
    pub(crate) fn welcomed(wire: Wire, extra: Value) -> Self {
        let native = Self::hello(wire, extra);
        assert_eq!(native.welcome["ev"], "welcome", "{}", native.welcome);
        native
    }

    pub(crate) fn put(&self, frame: &Value) {
        self.wire.write(format!("{frame}\n"));
    }

    /// The next frame; `None` when the server has closed.
    pub(crate) fn frame(&mut self) -> Option<Value> {
        let line = self.wire.line()?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
    }

    /// The next frame that answers this request; others go to `heard`.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let frame = self.frame().expect("the server goes on");
            if frame["id"] == id {
                return frame;
            }
            self.heard.push_back(frame);
        }
    }

    pub(crate) fn ask(&mut self, mut request: Value) -> Value {
        self.ids += 1;
        request["id"] = self.ids.into();
        self.put(&request);
        self.answer(self.ids)
    }

    /// Asks what is refused, and returns the code.
    pub(crate) fn refused(&mut self, request: Value) -> String {
        let answer = self.ask(request);
        assert_eq!(answer["ev"], "error", "{answer}");
        answer["code"].as_str().expect("a code").to_owned()
    }

    /// Asks what is answered with `done`.
    pub(crate) fn done(&mut self, request: Value) {
        let answer = self.ask(request.clone());
        assert_eq!(answer["ev"], "done", "{request}: {answer}");
    }

    /// Opens a private chat with another peer.
    pub(crate) fn befriend(&mut self, other: &mut Self) {
        self.done(json!({"cmd": "ask", "user": other.name()}));
        other.done(json!({"cmd": "accept", "user": self.name()}));
    }

    /// The name in the welcome.
    pub(crate) fn name(&self) -> String {
        self.welcome["user"]["name"].as_str().expect("a name").to_owned()
    }

    /// What came unasked up to now of these kinds, and was not looked at yet.
    pub(crate) fn told(&mut self, kinds: &[&str]) -> Vec<Value> {
        self.fence();
        let mut heard: Vec<Value> = self.heard.drain(..).collect();
        heard.retain(|frame| kinds.iter().any(|kind| frame["ev"] == *kind));
        heard
    }

    pub(crate) fn join(&mut self, room: &str) -> Value {
        let joined = self.ask(json!({"cmd": "join", "room": room}));
        assert_eq!(joined["ev"], "joined", "{joined}");
        joined
    }

    /// Says it, and returns when it is durable.
    pub(crate) fn tell(&mut self, room: &str, text: &str) -> Value {
        let sent = self.ask(json!({"cmd": "send", "room": room, "text": text}));
        assert_eq!(sent["ev"], "sent", "{sent}");
        sent
    }

    /// Says all of it in one go, and returns the answers.
    pub(crate) fn tell_all(
        &mut self,
        room: &str,
        texts: impl Iterator<Item = String>,
    ) -> Vec<Value> {
        let first = self.ids + 1;
        let mut lines = String::new();
        for text in texts {
            self.ids += 1;
            let frame = json!({"cmd": "send", "id": self.ids, "room": room, "text": text});
            lines.push_str(&format!("{frame}\n"));
        }
        self.wire.write(lines);
        (first..=self.ids).map(|id| self.answer(id)).collect()
    }

    /// Waits until the server has done everything before; what came meanwhile goes to `heard`.
    pub(crate) fn fence(&mut self) {
        let pong = self.ask(json!({"cmd": "ping"}));
        assert_eq!(pong["ev"], "pong", "{pong}");
    }

    /// All messages up to now that were not looked at yet.
    pub(crate) fn messages(&mut self) -> Vec<Value> {
        self.told(&["message"])
    }

    /// Their texts.
    pub(crate) fn texts(&mut self) -> Vec<String> {
        self.messages().iter().map(text_of).collect()
    }

    /// The last frame of the connection, which must be a close.
    pub(crate) fn close_code(&mut self) -> String {
        let mut last = None;
        while let Some(frame) = self.frame() {
            last = Some(frame.clone());
            self.heard.push_back(frame);
        }
        let last = last.expect("a last word");
        assert_eq!(last["ev"], "close", "{last}");
        last["code"].as_str().expect("a code").to_owned()
    }
}

/// The text of an event.
pub(crate) fn text_of(event: &Value) -> String {
    event["text"].as_str().expect("a text").to_owned()
}

/// The number of an event.
pub(crate) fn seq_of(event: &Value) -> u64 {
    event["seq"].as_u64().expect("a number")
}

/// Where an event, a head or a sent message stands.
pub(crate) fn position_of(event: &Value) -> Value {
    json!({"room_id": event["room_id"], "epoch": event["epoch"], "seq": event["seq"]})
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
