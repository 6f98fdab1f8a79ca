//! Plays a transcript against a real server: sends what it sends, and compares what comes.

use crate::document::{Step, What};
use crate::schema::{CLIENT, SERVER, Schema};
use hubbub_protocol::Registration;
use hubbub_server::admin::{AdminAnswer, AdminRequest, ask};
use hubbub_server::{Handle, HubConfig, ServerConfig};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Far longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// The field that stands for those that are left out.
const MORE: &str = "...";
/// The id of the ping that shows that nothing else comes.
const FENCE: u64 = 1 << 40;

/// A server on a free port, with a folder of its own.
pub(crate) struct Server {
    handle: Option<Handle>,
    folder: tempfile::TempDir,
    hub: HubConfig,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self { handle: None, folder, hub: HubConfig::default() };
        server.restart();
        server
    }

    fn stop(&mut self) {
        if let Some(handle) = self.handle.take() {
            handle.stop();
        }
    }

    /// Starts it again with an invite, without which nobody can register.
    fn restart_with_invite(&mut self) -> Result<String, String> {
        self.hub.registration = Registration::Invite;
        self.stop();
        let request = AdminRequest::InviteMake { for_ms: None, uses: 1, note: String::new() };
        let answer = ask(self.folder.path(), &request);
        self.restart();
        match answer {
            Ok(AdminAnswer::InviteMade { code, .. }) => Ok(code),
            other => Err(format!("no invite: {other:?}")),
        }
    }

    /// Stops it and starts it again on the same folder.
    fn restart(&mut self) {
        self.stop();
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut config = ServerConfig::new(vec![anywhere], self.folder.path().to_owned());
        config.lanes = 2;
        config.hub = self.hub.clone();
        self.handle = Some(hubbub_server::Server::start(config).expect("the server starts"));
    }

    pub(crate) fn connect(&self) -> Client {
        let handle = self.handle.as_ref().expect("it runs");
        let stream = TcpStream::connect(handle.addresses()[0]).expect("the server listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        stream.set_nodelay(true).expect("a socket option");
        Client(BufReader::new(stream))
    }
}

/// One connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn send(&mut self, line: &[u8]) {
        // A connection that the server has ended shows it at the next receive.
        let _ = self.0.get_mut().write_all(&[line, b"\n"].concat());
    }

    pub(crate) fn receive(&mut self) -> Result<Value, String> {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => Err("the connection has ended".into()),
            Ok(_) => serde_json::from_str(&line).map_err(|error| format!("{line:?}: {error}")),
            Err(error) => Err(format!("nothing comes: {error}")),
        }
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.fill_buf().is_ok_and(<[u8]>::is_empty)
    }
}

type Values = BTreeMap<String, Value>;

/// Plays one transcript to its end, and makes sure that nothing comes that it doesn't show.
pub(crate) fn replay(steps: &[Step], schema: &Schema) -> Result<(), String> {
    let mut server = Server::start();
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    let mut values = Values::new();
    for (at, step) in steps.iter().enumerate() {
        let failed = |error: String| format!("docs/protocol.md:{}: {error}", step.number);
        match &step.what {
            What::Happens(what) => {
                happens(&mut server, &mut clients, &mut values, &step.who, what).map_err(failed)?;
            }
            What::Sends(text) => {
                let line = outgoing(text, &values).map_err(failed)?;
                check_request(schema, &line, is_refused_frame(&steps[at..])).map_err(failed)?;
                let client = clients.entry(step.who.clone()).or_insert_with(|| server.connect());
                client.send(line.as_bytes());
            }
            What::Receives(text) => {
                let wanted = template(text).map_err(failed)?;
                let client = clients.get_mut(&step.who).ok_or("nobody was connected".into());
                let got = client.and_then(Client::receive).map_err(failed)?;
                schema.check(SERVER, &got).map_err(failed)?;
                compare(&wanted, &got, &mut values)
                    .map_err(|error| failed(format!("{error}\n  it came: {got}")))?;
            }
        }
    }
    let last = steps.last().map_or(0, |step| step.number);
    for (who, client) in &mut clients {
        nothing_else(client)
            .map_err(|error| format!("docs/protocol.md:{last}: behind it, {who:?}: {error}"))?;
    }
    Ok(())
}

fn happens(
    server: &mut Server,
    clients: &mut BTreeMap<String, Client>,
    values: &mut Values,
    who: &str,
    what: &str,
) -> Result<(), String> {
    match (who, what) {
        ("server", "restarts") => server.restart(),
        ("server", "has no guests") => {
            server.hub.guests = false;
            server.restart();
        }
        ("server", "shows the token $SETUP") => {
            let token = server.handle.as_ref().and_then(Handle::setup_token);
            values.insert("SETUP".into(), token.ok_or("there is an admin")?.into());
        }
        ("server", "registers who has the invite $INVITE") => {
            values.insert("INVITE".into(), server.restart_with_invite()?.into());
        }
        (_, happening) if happening.starts_with("can find ") => {
            let words = happening.trim_start_matches("can find ");
            let client = clients.get_mut(who).ok_or("nobody was connected")?;
            ask_until(client, serde_json::json!({"cmd": "search", "query": words}), |found| {
                found["hits"] != serde_json::json!([]) && found["behind"].is_null()
            })?;
        }
        (_, happening) if happening.starts_with("sees ") => {
            let words: Vec<&str> = happening.split(' ').collect();
            let ["sees", room, "begin", "at", seq] = words[..] else {
                return Err(format!("what is {what:?}?"));
            };
            let client = clients.get_mut(who).ok_or("nobody was connected")?;
            let oldest = serde_json::json!(
                {"cmd": "history", "room": room, "page": {"after": 0}, "limit": 1}
            );
            let seq: u64 = seq.parse().map_err(|_| format!("what is {seq:?}?"))?;
            ask_until(client, oldest, |page| page["events"][0]["seq"] == seq)?;
        }
        (_, "lost") => {
            let mut client = clients.remove(who).ok_or("nobody was connected")?;
            nothing_else(&mut client)?;
        }
        (_, "ended by the server") => {
            let mut client = clients.remove(who).ok_or("nobody was connected")?;
            if !client.has_ended() {
                return Err("the connection goes on".into());
            }
        }
        _ => return Err(format!("what is {what:?}?")),
    }
    Ok(())
}

/// Asks the same again and again until it is answered so: for what takes its time, and no frame tells of.
fn ask_until(
    client: &mut Client,
    mut request: Value,
    is_so: impl Fn(&Value) -> bool,
) -> Result<(), String> {
    request["id"] = FENCE.into();
    let deadline = Instant::now() + PATIENCE;
    loop {
        client.send(request.to_string().as_bytes());
        let got = client.receive()?;
        if got["id"] != FENCE || got["ev"] == "error" {
            return Err(format!("this came: {got}"));
        }
        if is_so(&got) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("still: {got}"));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A ping is a fence: what should have come before its answer has come.
fn nothing_else(client: &mut Client) -> Result<(), String> {
    client.send(format!(r#"{{"cmd":"ping","id":{FENCE}}}"#).as_bytes());
    let got = client.receive()?;
    if got["id"] == FENCE { Ok(()) } else { Err(format!("this came too: {got}")) }
}

/// Whether the next answer to the sender of the first step is `bad_frame`.
fn is_refused_frame(steps: &[Step]) -> bool {
    let answer = steps.iter().find_map(|step| match &step.what {
        What::Receives(text) if step.who == steps[0].who => Some(text),
        _ => None,
    });
    answer.is_some_and(|text| text.contains(r#""code":"bad_frame""#))
}

fn check_request(schema: &Schema, line: &str, is_refused: bool) -> Result<(), String> {
    let frame: Value = serde_json::from_str(line).unwrap_or_default();
    match (schema.check(CLIENT, &frame), is_refused) {
        (Err(error), false) => Err(error),
        (Ok(()), true) => Err("the schema allows what the server refuses".into()),
        _ => Ok(()),
    }
}

/// The line that is sent for a line of the transcript.
fn outgoing(text: &str, values: &Values) -> Result<String, String> {
    if !text.starts_with('{') {
        return Ok(text.to_owned());
    }
    let mut frame = template(text)?;
    fill_in(&mut frame, values)?;
    Ok(frame.to_string())
}

/// Reads a frame of the transcript: `$NAME` becomes a string, `...` a field.
fn template(text: &str) -> Result<Value, String> {
    let (mut json, mut quoted, mut escaped) = (String::new(), false, false);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '$' if !quoted => {
                json.push_str("\"$");
                while let Some(c) = rest.next_if(|c| c.is_ascii_uppercase() || c.is_ascii_digit()) {
                    json.push(c);
                }
                json.push('"');
                continue;
            }
            '.' if !quoted => {
                rest.next_if_eq(&'.');
                rest.next_if_eq(&'.');
                json.push_str(&format!("\"{MORE}\":true"));
                continue;
            }
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        json.push(c);
    }
    serde_json::from_str(&json).map_err(|error| format!("not JSON: {error}"))
}

fn placeholder(value: &Value) -> Option<&str> {
    value.as_str()?.strip_prefix('$').filter(|name| !name.is_empty())
}

fn fill_in(value: &mut Value, values: &Values) -> Result<(), String> {
    if let Some(name) = placeholder(value) {
        *value = values.get(name).ok_or(format!("${name} is not known yet"))?.clone();
        return Ok(());
    }
    match value {
        Value::Object(fields) => fields.values_mut().try_for_each(|v| fill_in(v, values)),
        Value::Array(items) => items.iter_mut().try_for_each(|v| fill_in(v, values)),
        _ => Ok(()),
    }
}

fn compare(wanted: &Value, got: &Value, values: &mut Values) -> Result<(), String> {
    if let Some(name) = placeholder(wanted) {
        let known = values.entry(name.to_owned()).or_insert_with(|| got.clone());
        return if known == got {
            Ok(())
        } else {
            Err(format!("${name} is {known} and not {got}"))
        };
    }
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => compare_objects(wanted, got, values),
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            wanted.iter().zip(got).try_for_each(|(wanted, got)| compare(wanted, got, values))
        }
        _ if wanted == got => Ok(()),
        _ => Err(format!("{wanted} is written, and {got} came")),
    }
}

fn compare_objects(
    wanted: &Map<String, Value>,
    got: &Map<String, Value>,
    values: &mut Values,
) -> Result<(), String> {
    for (field, wanted) in wanted.iter().filter(|(field, _)| *field != MORE) {
        let got = got.get(field).ok_or(format!("{field:?} did not come"))?;
        compare(wanted, got, values).map_err(|error| format!("{field}: {error}"))?;
    }
    match got.keys().find(|field| !wanted.contains_key(*field)) {
        Some(field) if !wanted.contains_key(MORE) => Err(format!("{field:?} is not written")),
        None if wanted.contains_key(MORE) => Err("\"...\" stands for nothing".into()),
        _ => Ok(()),
    }
}
